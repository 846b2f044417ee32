//! Schedules fire. Nobody waits for a quarter past five: a copy of the schedule that is due at once
//! goes to the stand-in's Scheduler, with the same target.

use std::time::Duration;

use entra_contact_sync_local::job::{Installation as _, Problem, Rest, text};
use entra_contact_sync_local::schedules::{ActionAfterCompletion, Schedule};
use entra_sim::Controls;
use reqwest::Method;
use serde_json::{Value, json};

use crate::aws::{AwsError, list};
use crate::installation::Deployed;

/// Scheduler looks every ten seconds.
const LIMIT: Duration = Duration::from_mins(3);
const INTERVAL: Duration = Duration::from_millis(500);

fn outside(error: AwsError) -> Problem {
    Problem::Outside(Box::new(error))
}

/// The template's own schedule of the daily audit finds a subscription that was lost.
pub(crate) async fn audit(deployed: &Deployed, sim: &Controls) -> Result<String, Problem> {
    let name = format!("{}-audit", deployed.stack.name);
    let schedule = deployed.schedule("default", &name).await?;
    let lost = sim.subscriptions();
    for subscription in &lost {
        sim.remove_subscription(subscription.id);
    }
    fire(deployed, &schedule).await?;
    until("a new subscription after the audit", || async {
        let subscriptions = sim.subscriptions();
        Ok((subscriptions.len() == lost.len()).then_some(()))
    })
    .await?;
    Ok(format!("{} lost subscriptions made anew", lost.len()))
}

/// The connection's own schedule asks for a sync on the bus.
pub(crate) async fn connection(deployed: &Deployed, rest: &Rest) -> Result<String, Problem> {
    let schedules = deployed.connection_schedules().await?;
    let schedule =
        schedules.first().ok_or_else(|| Problem::wrong("the connection has no schedule"))?;
    hand_on_parameters(deployed, schedule).await?;
    fire(deployed, schedule).await?;
    let connection = connection_path(rest).await?;
    let run = until("a run that the schedule asked for", || async {
        let runs = rest.list(&format!("{connection}/runs")).await?;
        Ok(runs.into_iter().find(|run| {
            text(run, "/trigger") == "schedule"
                && !matches!(text(run, "/status"), "queued" | "running")
        }))
    })
    .await?;
    let status = text(&run, "/status");
    if !matches!(status, "succeeded" | "partial") {
        return Err(Problem::wrong(format!("the scheduled run ended {status}")));
    }
    Ok(format!("{} run {status}", text(&run, "/kind")))
}

/// The path of the one connection.
pub(crate) async fn connection_path(rest: &Rest) -> Result<String, Problem> {
    let accounts = rest.list("/v1/accounts").await?;
    let account = accounts.first().map(|account| text(account, "/id")).unwrap_or_default();
    let path = format!("/v1/accounts/{account}/connections");
    let connections = rest.list(&path).await?;
    let connection = connections.first().map(|found| text(found, "/id")).unwrap_or_default();
    Ok(format!("{path}/{connection}"))
}

/// Lets Scheduler fire `schedule` now, once.
async fn fire(deployed: &Deployed, schedule: &Schedule) -> Result<(), Problem> {
    let now = deployed.now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let mut once = schedule.clone();
    once.name = format!("{}-now", schedule.name);
    once.schedule_expression = format!("at({now})");
    once.schedule_expression_timezone = Some("UTC".to_owned());
    once.action_after_completion = ActionAfterCompletion::Delete;
    // The stand-in leaves Scheduler's own placeholders as they are.
    once.target.input = once
        .target
        .input
        .map(|input| input.replace("<aws.scheduler.scheduled-time>", &format!("{now}Z")));
    let body = serde_json::to_value(&once).map_err(|error| Problem::wrong(error.to_string()))?;
    let path = format!("/schedules/{}", once.name);
    deployed.aws.rest("scheduler", Method::POST, &path, Some(&body)).await.map_err(outside)?;
    Ok(())
}

/// The stand-in's Scheduler puts a target's input on the bus, but not with the source and type that
/// its `EventBridgeParameters` say. For events that it puts there, each rule that would have
/// matched gets a second one, which starts the same target with the event as it should have been.
async fn hand_on_parameters(deployed: &Deployed, schedule: &Schedule) -> Result<(), Problem> {
    let parameters = schedule.target.event_bridge_parameters.as_ref().ok_or_else(|| {
        Problem::wrong("the schedule does not say which event it puts on the bus")
    })?;
    let input = schedule.target.input.clone().unwrap_or_default();
    let detail: Value = serde_json::from_str(&input).unwrap_or_default();
    let event = json!({
        "version": "0", "id": "1", "account": "000000000000", "region": "us-east-1",
        "time": "2026-01-01T00:00:00Z", "resources": [],
        "source": parameters.source, "detail-type": parameters.detail_type, "detail": detail,
    });
    let events = async |operation: &str, body: Value| {
        let target = format!("AWSEvents.{operation}");
        deployed.aws.json("events", &target, &body).await.map_err(outside)
    };
    let arn = &schedule.target.arn;
    let bus = arn.rsplit('/').next().unwrap_or_default();
    let rules = events("ListRules", json!({"EventBusName": bus})).await?;
    let mut handed_on = 0;
    for rule in list(&rules, "/Rules") {
        let question =
            json!({"EventPattern": text(rule, "/EventPattern"), "Event": event.to_string()});
        let answer = events("TestEventPattern", question).await?;
        if answer.get("Result").and_then(Value::as_bool) != Some(true) {
            continue;
        }
        let name = text(rule, "/Name");
        let shown = events("ListTargetsByRule", json!({"Rule": name, "EventBusName": bus})).await?;
        for target in list(&shown, "/Targets").filter(|it| text(it, "/Arn").contains(":lambda:")) {
            let copy = format!("scheduled-{handed_on}");
            handed_on += 1;
            let pattern = json!({"source": ["aws.scheduler"]}).to_string();
            let rule = json!({"Name": copy, "EventBusName": bus, "EventPattern": pattern});
            events("PutRule", rule).await?;
            let target = json!({
                "Id": "1",
                "Arn": text(target, "/Arn"),
                "InputTransformer": {
                    "InputPathsMap": {"id": "$.id", "time": "$.time", "detail": "$.detail"},
                    "InputTemplate": format!(
                        r#"{{"version":"0","id":<id>,"time":<time>,"account":"000000000000","region":"us-east-1","resources":[],"source":"{}","detail-type":"{}","detail":<detail>}}"#,
                        parameters.source, parameters.detail_type
                    ),
                },
            });
            let targets = json!({"Rule": copy, "EventBusName": bus, "Targets": [target]});
            events("PutTargets", targets).await?;
        }
    }
    if handed_on == 0 {
        return Err(Problem::wrong("no rule waits for what the schedule asks"));
    }
    Ok(())
}

/// Asks `look` until it answers something.
pub(crate) async fn until<T, F, Fut>(what: &str, look: F) -> Result<T, Problem>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<Option<T>, Problem>>,
{
    let waiting = async {
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting)
        .await
        .unwrap_or_else(|_| Err(Problem::Late(what.to_owned())))
}
