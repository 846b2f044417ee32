use std::sync::Mutex;

use contact_sync_domain::event::Event as BusEvent;
use contact_sync_engine::memory::MemoryStore;
use contact_sync_engine::port::PublishError;
use lambda_runtime::Context;
use serde_json::{Value, json};

use super::*;

/// An event log and a bus that keep what they take.
#[derive(Default)]
struct Outside {
    log: MemoryStore,
    published: Mutex<Vec<Value>>,
    /// The bus takes nothing after so many.
    full_at: Option<usize>,
}

impl EventPublisher for Outside {
    async fn publish(&self, events: &[BusEvent]) -> Result<Vec<Result<(), String>>, PublishError> {
        let mut published = self.published.lock().unwrap();
        let full_at = self.full_at.unwrap_or(usize::MAX);
        let answers = events.iter().map(|event| {
            if published.len() >= full_at {
                return Err("ThrottlingException".to_owned());
            }
            let detail = serde_json::to_value(event).unwrap();
            published.push(json!({"type": event.detail_type(), "detail": detail}));
            Ok(())
        });
        Ok(answers.collect())
    }
}

fn batch(case: &str) -> Value {
    let path = format!("{}/../../events/event-publisher/{case}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What a batch was answered with: the sequence numbers to deliver again, or that it failed.
async fn answer(outside: &Outside, batch: &Value) -> Result<Vec<String>, Failure> {
    let payload: Event = serde_json::from_value(batch.clone()).unwrap();
    let response =
        handle(&outside.log, outside, LambdaEvent::new(payload, Context::default())).await?;
    Ok(response
        .batch_item_failures
        .into_iter()
        .map(|failure| failure.item_identifier.unwrap())
        .collect())
}

async fn published(case: &str) -> Vec<Value> {
    let outside = Outside::default();
    assert_eq!(answer(&outside, &batch(case)).await.unwrap(), Vec::<String>::new(), "{case}");
    outside.published.into_inner().unwrap()
}

fn number(batch: &Value, index: usize) -> String {
    batch["Records"][index]["dynamodb"]["SequenceNumber"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_change_of_a_contact_reaches_the_log_and_the_bus_once_and_in_order() {
    let outside = Outside::default();
    answer(&outside, &batch("contacts")).await.unwrap();
    let told: Vec<(String, String)> = outside
        .published
        .lock()
        .unwrap()
        .iter()
        .map(|event| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&event["type"]), text(&event["detail"]["eventId"]))
        })
        .collect();
    let expected = [
        ("ContactCreated", "ctc_00000000000000000000000000000001:1"),
        ("ContactUpdated", "ctc_00000000000000000000000000000002:5"),
        ("ContactUnlinked", "ctc_00000000000000000000000000000003:3"),
        ("ContactRemoved", "ctc_00000000000000000000000000000004:7"),
        ("ContactCreated", "ctc_00000000000000000000000000000006:4"),
    ];
    assert_eq!(told, expected.map(|(kind, id)| (kind.to_owned(), id.to_owned())));
    let log = outside.log.world();
    let logged: Vec<&str> = log.events.iter().map(|event| event.event_id.as_str()).collect();
    assert_eq!(logged, expected.map(|(_, id)| id));
}

#[tokio::test]
async fn a_contact_is_published_whole_and_without_what_sync_keeps_for_itself() {
    let events = published("contacts").await;
    let detail = &events[1]["detail"];
    assert_eq!(detail["schemaVersion"], 1);
    assert_eq!(detail["accountId"], "acc_00000000000000000000000000000001");
    assert_eq!(detail["connectionId"], "con_00000000000000000000000000000002");
    assert_eq!(detail["sequence"], 5);
    assert_eq!(detail["contact"]["fields"]["jobTitle"], "Lead");
    assert_eq!(detail["contact"]["link"]["state"], "linked");
    assert_eq!(detail["contact"].get("sync"), None);
    let unlinked = &events[2]["detail"];
    assert_eq!(unlinked["connectionId"], "con_00000000000000000000000000000002");
    assert_eq!(events[3]["detail"]["contact"], Value::Null);
}

#[tokio::test]
async fn what_happens_to_runs_and_connections_is_told() {
    let cases = [
        ("run-finished", "SyncRunFinished"),
        ("report-ready", "ReportReady"),
        ("connection-authorized", "ConnectionAuthorized"),
        ("connection-attention", "ConnectionAttention"),
        ("run-queued", "SyncRequested"),
        ("handover", "SyncRequested"),
    ];
    for (case, expected) in cases {
        let events = published(case).await;
        assert_eq!(events.len(), 1, "{case}");
        assert_eq!(events[0]["type"], expected, "{case}");
        assert_eq!(events[0]["detail"]["schemaVersion"], 1, "{case}");
        assert_eq!(
            events[0]["detail"]["connectionId"], "con_00000000000000000000000000000002",
            "{case}"
        );
    }
    for case in ["run-queued-at-work", "untold"] {
        assert_eq!(published(case).await, Vec::<Value>::new(), "{case}");
    }
}

#[tokio::test]
async fn details_say_what_their_readers_need() {
    let run = "run_0198c1f0a4c07e1b9d3f6a5b4c3d2e1f";
    let queued = &published("run-queued").await[0]["detail"];
    assert_eq!((&queued["trigger"], &queued["kind"]), (&json!("enable"), &json!("full")));
    assert_eq!(queued["runId"], run);
    let handover = &published("handover").await[0]["detail"];
    assert_eq!(
        (&handover["trigger"], &handover["checkpoint"]),
        (&json!("continuation"), &json!(12))
    );
    let finished = &published("run-finished").await[0]["detail"];
    assert_eq!(
        (&finished["status"], &finished["counts"]["created"]),
        (&json!("partial"), &json!(3))
    );
    let attention = &published("connection-attention").await[0]["detail"];
    assert_eq!(attention["reason"], "consent-lost");
    let authorized = &published("connection-authorized").await[0]["detail"];
    assert_eq!(authorized["tenantId"], "84bd8158-6d4d-4958-8b9f-9d6445542f95");
}

#[tokio::test]
async fn a_bus_that_stops_in_the_middle_gets_the_rest_again_from_there() {
    let batch = batch("contacts");
    let outside = Outside { full_at: Some(2), ..Outside::default() };
    // The second event came of the third record, the third of the fourth.
    assert_eq!(answer(&outside, &batch).await.unwrap(), [number(&batch, 3)]);
}

#[tokio::test]
async fn a_record_that_nobody_can_read_stands_alone_in_the_end_and_holds_nothing_else_up() {
    let batch = batch("undecodable");
    let outside = Outside::default();
    assert_eq!(answer(&outside, &batch).await.unwrap(), [number(&batch, 1)]);
    assert_eq!(outside.published.lock().unwrap().len(), 1, "what came before it is out");

    let from = |start: usize, end: usize| json!({"Records": batch["Records"].as_array().unwrap()[start..end].to_vec()});
    let rest = answer(&outside, &from(1, 3)).await;
    assert!(matches!(rest, Err(Failure::Unreadable(_))), "Lambda halves it");
    let alone = answer(&outside, &from(1, 2)).await;
    assert!(matches!(alone, Err(Failure::Unreadable(_))), "the dead letters take it");
    assert_eq!(answer(&outside, &from(2, 3)).await.unwrap(), Vec::<String>::new());
    assert_eq!(outside.published.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_bus_that_is_down_fails_the_batch() {
    let outside = Outside { full_at: Some(0), ..Outside::default() };
    assert!(matches!(answer(&outside, &batch("contacts")).await, Err(Failure::NotTaken(_))));
}
