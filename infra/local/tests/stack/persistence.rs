//! What survives a restart with a data folder.

use std::time::Duration;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
use serde_json::json;

use crate::aws_services::operator_config;
use crate::harness::{eventually, start_with};

#[tokio::test(flavor = "multi_thread")]
async fn items_objects_schedules_and_waiting_events_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let stack = start_with(|options| options.data_dir = Some(data_dir.clone())).await;
    let config = operator_config(&stack);
    let item = json!({"TableName": "local-Table", "Item": {"pk": {"S": "p"}, "sk": {"S": "s"}}});
    stack.dynamodb("PutItem", &item).await.unwrap();
    let s3 = aws_sdk_s3::Client::new(&config);
    let put = s3.put_object().bucket("local-bucket").key("k");
    put.body(ByteStream::from_static(b"kept")).send().await.unwrap();
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap();
    let target = Target::builder()
        .arn("arn:aws:lambda:us-east-1:000000000000:function:probe")
        .role_arn("arn:aws:iam::000000000000:role/local-Role")
        .build()
        .unwrap();
    aws_sdk_scheduler::Client::new(&config)
        .create_schedule()
        .name("kept")
        .group_name("test-group")
        .schedule_expression("cron(0 0 1 1 ? 2040)")
        .flexible_time_window(window)
        .target(target)
        .send()
        .await
        .unwrap();
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name("test-bus")
        .source("shop")
        .detail_type("Test")
        .detail(json!({"do": "fail"}).to_string())
        .build();
    let events = aws_sdk_eventbridge::Client::new(&config);
    events.put_events().entries(entry).send().await.unwrap();
    eventually(|| (stack.invocations("probe").len() == 1).then_some(())).await;
    drop(stack);

    let stack = start_with(|options| options.data_dir = Some(data_dir.clone())).await;
    let key = json!({"TableName": "local-Table", "Key": {"pk": {"S": "p"}, "sk": {"S": "s"}}});
    assert!(stack.dynamodb("GetItem", &key).await.unwrap()["Item"].is_object());
    let s3 = aws_sdk_s3::Client::new(&operator_config(&stack));
    let got = s3.get_object().bucket("local-bucket").key("k").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"kept");
    assert!(stack.schedules().next_due_at("test-group", "kept").is_some());
    for _ in 0..2 {
        eventually(|| (!stack.invocations("probe").is_empty()).then_some(())).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        stack.clock().advance(Duration::from_mins(2));
    }
    eventually(|| (!stack.dead_letters().is_empty()).then_some(())).await;
}
