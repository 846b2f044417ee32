//! The Runtime API: what a function is given, and what ends it.

use std::time::Duration;

use entra_contact_sync_local::runtime::FunctionErrorKind;
use serde_json::{Value, json};

use crate::harness::{eventually, start};

fn value(outcome: &[u8]) -> Value {
    serde_json::from_slice(outcome).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_given_its_event_its_context_and_its_environment() {
    let stack = start().await;
    let answer = stack.invoke("probe", &json!({"hello": "world"})).await.unwrap().unwrap();
    let answer = value(&answer);
    assert_eq!(answer["event"], json!({"hello": "world"}));
    assert_eq!(answer["arn"], "arn:aws:lambda:us-east-1:000000000000:function:probe");
    let environment = &answer["environment"];
    assert_eq!(environment["TABLE"], "local-Table");
    assert_eq!(environment["BASE"], stack.url());
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "probe");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
    assert_eq!(environment["AWS_LAMBDA_LOG_LEVEL"], "INFO");
    assert_eq!(environment["AWS_REGION"], "us-east-1");
    assert_eq!(environment["AWS_ENDPOINT_URL"], stack.aws_url());
    assert_eq!(environment["HOME"], Value::Null, "the machine's environment stays outside");
    let now = stack.clock().now().as_millisecond();
    let deadline = answer["deadline"].as_i64().unwrap();
    assert!((now..now + 2_001).contains(&deadline), "{deadline} is within two seconds of {now}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_serves_one_event_after_another() {
    let stack = start().await;
    for _ in 0..5 {
        stack.invoke("probe", &json!({})).await.unwrap().unwrap();
    }
    let records = stack.invocations("probe");
    assert_eq!(records.len(), 5);
    assert!(records.iter().all(|record| record.error.is_none()));
    let ids: std::collections::BTreeSet<_> = records.iter().map(|r| &r.request_id).collect();
    assert_eq!(ids.len(), 5, "each event has its own id");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_and_a_panic_are_reported_and_the_process_lives() {
    let stack = start().await;
    for what in ["fail", "panic"] {
        let error = stack.invoke("probe", &json!({"do": what})).await.unwrap().unwrap_err();
        assert_eq!(error.kind, FunctionErrorKind::Reported);
        let message = error.payload["errorMessage"].as_str().unwrap();
        assert!(message.contains(&format!("told to {what}")), "{message}");
    }
    stack.invoke("probe", &json!({})).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_overruns_its_timeout_is_killed() {
    let stack = start().await;
    let error =
        stack.invoke("probe", &json!({"do": "sleep", "seconds": 30})).await.unwrap().unwrap_err();
    assert_eq!(error.kind, FunctionErrorKind::TimedOut);
    assert!(error.payload["errorMessage"].as_str().unwrap().contains("timed out after 2.00"));
    stack.invoke("probe", &json!({})).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_outgrows_its_memory_is_killed() {
    let stack = start().await;
    let event = json!({"do": "allocate", "megabytes": 300});
    let error = stack.invoke("probe", &event).await.unwrap().unwrap_err();
    assert_eq!(error.kind, FunctionErrorKind::OutOfMemory);
    let peak = stack.function("probe").unwrap().peak_memory_kilobytes();
    assert!(peak > 128 * 1024, "the peak of {peak} KB is remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_exits_or_is_killed_fails_its_event() {
    let stack = start().await;
    let error = stack.invoke("probe", &json!({"do": "exit"})).await.unwrap().unwrap_err();
    assert_eq!(error.kind, FunctionErrorKind::Exited);
    let event = json!({"do": "sleep", "seconds": 1.5});
    let sleeping = stack.invoke("probe", &event);
    let killing = async {
        eventually(|| (stack.function("probe").unwrap().running() == 1).then_some(())).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(stack.kill_running("probe"), 1);
    };
    let (outcome, ()) = tokio::join!(sleeping, killing);
    assert_eq!(outcome.unwrap().unwrap_err().kind, FunctionErrorKind::Exited);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_missing_is_named() {
    let stack = start().await;
    std::fs::remove_file(stack.binaries.path().join("probe")).unwrap();
    let error = stack.invoke("probe", &json!({})).await.unwrap().unwrap_err();
    assert_eq!(error.kind, FunctionErrorKind::InitFailed);
    assert!(error.payload["errorMessage"].as_str().unwrap().contains("/probe"));
}
