//! Rules, asynchronous retries, dead letters, schedules.

use std::time::Duration;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_scheduler::types::{
    DeadLetterConfig, EventBridgeParameters, FlexibleTimeWindow, FlexibleTimeWindowMode, Target,
};
use entra_contact_sync_local::runtime::FunctionErrorKind;
use serde_json::json;

use crate::aws_services::{operator_config, plan_arn};
use crate::harness::{TestStack, eventually, start, start_with};

async fn publish(stack: &TestStack, source: &str, detail: serde_json::Value) {
    let client = aws_sdk_eventbridge::Client::new(&operator_config(stack));
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name("test-bus")
        .source(source)
        .detail_type("Test")
        .detail(detail.to_string())
        .build();
    let answer = client.put_events().entries(entry).send().await.unwrap();
    assert_eq!(answer.failed_entry_count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_starts_the_functions_whose_rules_match() {
    let stack = start().await;
    publish(&stack, "shop", json!({"do": "nothing"})).await;
    publish(&stack, "elsewhere", json!({"do": "nothing"})).await;
    publish(&stack, "shop", json!({"other": 1})).await;
    eventually(|| (stack.invocations("probe").len() == 1).then_some(())).await;
    assert!(stack.until_quiet(Duration::from_secs(10)).await);
    assert_eq!(stack.invocations("probe").len(), 1);
    let published = stack.published_events();
    assert_eq!(published[0].matched, ["Ordered"]);
    assert_eq!(published[0].envelope["detail-type"], "Test");
    assert!(published[1].matched.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_event_is_tried_three_times_and_then_lies_in_the_queue() {
    let stack = start().await;
    publish(&stack, "shop", json!({"do": "fail"})).await;
    for (attempts, wait) in [(1, 60), (2, 120)] {
        eventually(|| (stack.invocations("probe").len() == attempts).then_some(())).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(stack.invocations("probe").len(), attempts, "the next waits its turn");
        stack.clock().advance(Duration::from_secs(wait));
    }
    let letters = eventually(|| Some(stack.dead_letters()).filter(|l| !l.is_empty())).await;
    assert_eq!(stack.invocations("probe").len(), 3);
    let body = &letters[0].body;
    assert_eq!(body["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(body["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(body["requestPayload"]["detail"], json!({"do": "fail"}));
    assert_eq!(body["responsePayload"]["errorMessage"], "told to fail");
    let ids: std::collections::BTreeSet<_> =
        stack.invocations("probe").into_iter().map(|record| record.request_id).collect();
    assert_eq!(ids.len(), 1, "a retry keeps the request id");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_has_grown_too_old_is_not_tried_again() {
    let stack = start().await;
    publish(&stack, "shop", json!({"do": "fail"})).await;
    eventually(|| (stack.invocations("probe").len() == 1).then_some(())).await;
    stack.clock().advance(Duration::from_hours(2));
    let letters = eventually(|| Some(stack.dead_letters()).filter(|l| !l.is_empty())).await;
    assert_eq!(letters[0].body["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(stack.invocations("probe").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_process_is_killed_is_tried_again() {
    let stack = start().await;
    publish(&stack, "shop", json!({"do": "sleep", "seconds": 1})).await;
    eventually(|| (stack.kill_running("probe") == 1).then_some(())).await;
    eventually(|| (stack.invocations("probe").len() == 1).then_some(())).await;
    stack.clock().advance(Duration::from_mins(1));
    eventually(|| (stack.invocations("probe").len() == 2).then_some(())).await;
    let records = stack.invocations("probe");
    assert_eq!(records[0].error, Some(FunctionErrorKind::Exited));
    assert_eq!(records[1].error, None);
    assert!(stack.dead_letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_templates_schedules_fire_on_the_local_clock() {
    let stack = start_with(|options| options.runs_schedules = true).await;
    let due = stack.schedules().next_due_at("default", "probe-Tick").unwrap();
    assert!(stack.invocations("probe").is_empty());
    let wait = due.duration_since(stack.clock().now()).unsigned_abs() + Duration::from_secs(1);
    stack.clock().advance(wait);
    eventually(|| (stack.invocations("probe").len() == 1).then_some(())).await;
    let next = stack.schedules().next_due_at("default", "probe-Tick").unwrap();
    assert!(next > due);
}

fn connection_target(stack: &TestStack) -> Target {
    Target::builder()
        .arn(plan_arn(stack, "bus"))
        .role_arn("arn:aws:iam::000000000000:role/local-Role")
        .input(r#"{"do":"nothing","slot":"<aws.scheduler.scheduled-time>"}"#)
        .event_bridge_parameters(
            EventBridgeParameters::builder().detail_type("Due").source("shop").build().unwrap(),
        )
        .dead_letter_config(DeadLetterConfig::builder().arn(plan_arn(stack, "queue")).build())
        .build()
        .unwrap()
}

fn no_window() -> FlexibleTimeWindow {
    FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_made_through_the_api_puts_its_event_on_the_bus_and_can_be_changed() {
    let stack = start_with(|options| options.runs_schedules = true).await;
    let client = aws_sdk_scheduler::Client::new(&operator_config(&stack));
    client
        .create_schedule()
        .name("c-1")
        .group_name("test-group")
        .schedule_expression("cron(0 2 * * ? *)")
        .schedule_expression_timezone("America/New_York")
        .flexible_time_window(no_window())
        .target(connection_target(&stack))
        .send()
        .await
        .unwrap();
    let due = stack.schedules().next_due_at("test-group", "c-1").unwrap();
    let wait = due.duration_since(stack.clock().now()).unsigned_abs() + Duration::from_secs(1);
    stack.clock().advance(wait);
    let event = eventually(|| {
        stack.published_events().into_iter().find(|e| e.envelope["detail-type"] == "Due")
    })
    .await;
    assert_eq!(event.envelope["detail"]["slot"], due.to_string());

    let existing = client.create_schedule().name("c-1").group_name("test-group");
    let conflict = existing
        .schedule_expression("rate(1 hour)")
        .flexible_time_window(no_window())
        .target(connection_target(&stack))
        .send()
        .await
        .unwrap_err();
    assert!(conflict.into_service_error().is_conflict_exception());

    client
        .update_schedule()
        .name("c-1")
        .group_name("test-group")
        .schedule_expression("at(2040-01-01T00:00:00)")
        .flexible_time_window(no_window())
        .target(connection_target(&stack))
        .send()
        .await
        .unwrap();
    let got = client.get_schedule().name("c-1").group_name("test-group").send().await.unwrap();
    assert_eq!(got.schedule_expression(), Some("at(2040-01-01T00:00:00)"));
    let listed = client.list_schedules().group_name("test-group").send().await.unwrap();
    assert_eq!(listed.schedules().len(), 1);
    client.delete_schedule().name("c-1").group_name("test-group").send().await.unwrap();
    let gone = client.get_schedule().name("c-1").group_name("test-group").send().await;
    assert!(gone.unwrap_err().into_service_error().is_resource_not_found_exception());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_can_do_what_its_role_may_and_leaves_a_letter_where_that_is_not_enough() {
    let stack = start_with(|options| options.runs_schedules = true).await;
    let client = aws_sdk_scheduler::Client::new(&operator_config(&stack));
    let mut target = connection_target(&stack);
    target.role_arn = "arn:aws:iam::000000000000:role/local-LettersOnly".to_owned();
    client
        .create_schedule()
        .name("c-3")
        .group_name("test-group")
        .schedule_expression("at(2040-01-01T00:00:00)")
        .flexible_time_window(no_window())
        .target(target)
        .send()
        .await
        .unwrap();
    let due = stack.schedules().next_due_at("test-group", "c-3").unwrap();
    stack.clock().advance(due.duration_since(stack.clock().now()).unsigned_abs());
    let letter = eventually(|| stack.dead_letters().pop()).await;
    assert_eq!(letter.attributes["ERROR_CODE"], "AccessDeniedException");
    let published = stack.published_events();
    assert!(!published.iter().any(|event| event.envelope["detail-type"] == "Due"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_could_never_work_is_refused() {
    let stack = start().await;
    let client = aws_sdk_scheduler::Client::new(&operator_config(&stack));
    let create = |expression: &str, zone: &str, target: Target| {
        client
            .create_schedule()
            .name("c-2")
            .group_name("test-group")
            .schedule_expression(expression)
            .schedule_expression_timezone(zone)
            .flexible_time_window(no_window())
            .target(target)
            .send()
    };
    let mut stranger = connection_target(&stack);
    stranger.arn = "arn:aws:events:us-east-1:000000000000:event-bus/other".to_owned();
    for (expression, zone, target) in [
        ("cron(99 2 * * ? *)", "UTC", connection_target(&stack)),
        ("cron(0 2 * * * *)", "UTC", connection_target(&stack)),
        ("rate(1 hour)", "Europe/Atlantis", connection_target(&stack)),
        ("rate(1 hour)", "UTC", stranger),
    ] {
        let error = create(expression, zone, target).await.unwrap_err().into_service_error();
        assert!(error.is_validation_exception(), "{expression} {zone}: {error:?}");
    }
}
