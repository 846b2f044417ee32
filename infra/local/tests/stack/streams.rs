//! Streams: order, partial failures, records that nobody can process.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{TestStack, eventually, start, start_with};

async fn put(stack: &TestStack, sort_key: &str) {
    let item =
        json!({"TableName": "local-Table", "Item": {"pk": {"S": "p"}, "sk": {"S": sort_key}}});
    stack.dynamodb("PutItem", &item).await.unwrap();
}

/// The sort keys in the order in which they were delivered, with repetitions.
fn delivered(stack: &TestStack) -> Vec<String> {
    let log = stack.function("stream-probe").unwrap().log().lines();
    log.iter()
        .filter_map(|line| line.strip_prefix("delivered "))
        .flat_map(|keys| keys.split(',').map(str::to_owned))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_arrive_in_order_with_their_images() {
    let stack = start().await;
    for number in 0..25 {
        put(&stack, &format!("{number:02}")).await;
    }
    let expected: Vec<String> = (0..25).map(|number| format!("{number:02}")).collect();
    eventually(|| (delivered(&stack) == expected).then_some(())).await;
    assert!(stack.until_quiet(Duration::from_secs(10)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_keeps_failing_is_given_up_and_the_rest_goes_on() {
    let stack = start().await;
    for key in ["a", "poison", "b"] {
        put(&stack, key).await;
    }
    let letters = eventually(|| {
        // The waits between the attempts are on the local clock.
        stack.clock().advance(Duration::from_mins(1));
        Some(stack.dead_letters()).filter(|letters| !letters.is_empty())
    })
    .await;
    let info = &letters[0].body["DDBStreamBatchInfo"];
    assert_eq!(letters[0].queue, "local-Letters");
    assert_eq!(letters[0].body["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert!(info["startSequenceNumber"].is_string());
    eventually(|| delivered(&stack).contains(&"b".to_owned()).then_some(())).await;
    let a = delivered(&stack).iter().filter(|key| *key == "a").count();
    assert_eq!(a, 1, "what came before the failure is not delivered again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_whole_batch_is_narrowed_down_to_its_record() {
    let stack = start().await;
    // A poisoned record first, so that the others arrive in one batch behind it.
    for key in ["c", "d", "panic", "e"] {
        put(&stack, key).await;
    }
    let letters = eventually(|| {
        stack.clock().advance(Duration::from_mins(1));
        Some(stack.dead_letters()).filter(|letters| !letters.is_empty())
    })
    .await;
    assert_eq!(letters[0].body["DDBStreamBatchInfo"]["batchSize"], 1);
    for key in ["c", "d", "e"] {
        eventually(|| {
            stack.clock().advance(Duration::from_mins(1));
            delivered(&stack).contains(&key.to_owned()).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_the_stream_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let stack = start_with(|options| options.data_dir = Some(data_dir.clone())).await;
    put(&stack, "before").await;
    eventually(|| (delivered(&stack) == ["before"]).then_some(())).await;
    assert!(stack.until_quiet(Duration::from_secs(10)).await);
    drop(stack);
    let stack = start_with(|options| options.data_dir = Some(data_dir.clone())).await;
    put(&stack, "after").await;
    eventually(|| (delivered(&stack) == ["after"]).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn items_expire_by_the_local_clock_and_their_removal_is_told() {
    let stack = start().await;
    let expires = stack.clock().unix_seconds() + 3_600;
    let item = json!({"TableName": "local-Table", "Item": {
        "pk": {"S": "p"}, "sk": {"S": "soon"}, "expiresAt": {"N": expires.to_string()}}});
    stack.dynamodb("PutItem", &item).await.unwrap();
    assert_eq!(stack.sweep_expired().unwrap(), 0);
    stack.clock().advance(Duration::from_hours(2));
    let scan = json!({"TableName": "local-Table"});
    let mut left: Value = json!(1);
    for _ in 0..200 {
        stack.sweep_expired().unwrap();
        left = stack.dynamodb("Scan", &scan).await.unwrap()["Count"].clone();
        if left == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(left, 0);
}
