//! What runs tell of their end, while they work and while everything is paused.

use contact_sync_domain::connection::ConnectionStatus as S;
use contact_sync_domain::id::RunId;
use contact_sync_domain::run::{Progress, RunStatus};
use contact_sync_engine::port::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::harness::{App, Ask, of_connection};

/// Whoever paused everything would wait for an end that nobody works towards.
#[tokio::test]
async fn a_run_says_when_it_ends_while_it_works_and_not_while_everything_is_paused() {
    let app = App::with_connection(S::Enabled);
    let full = Ask::post(of_connection("/runs"), &json!({"kind": "full"}));
    let run = app.ask(full).await.expect(202).json();
    let id = RunId::parse(run["id"].as_str().unwrap()).unwrap();
    let now = app.outside.clock.now();
    let works = |at| {
        let progress =
            Progress { done: 100, total: Some(200), at: Some(at), pace: Some(1_000), step: None };
        let mut world = app.outside.store.world();
        let stored = world.runs.get_mut(&id).unwrap();
        (stored.status, stored.progress) = (RunStatus::Running, progress);
    };
    let told = async || {
        let one = app.ask(Ask::get(of_connection(&format!("/runs/{id}")))).await.expect(200).json();
        let listed = app.ask(Ask::get(of_connection("/runs"))).await.expect(200).json();
        assert_eq!(listed["items"][0]["progress"], one["progress"]);
        one["progress"].clone()
    };
    works(now);
    assert_eq!(told().await["endsAt"], json!(now + SignedDuration::from_secs(100)));
    assert_eq!(told().await["perSecond"], json!(1.0));
    app.ask(Ask::post("/v1/pause", &json!({}))).await.expect(202);
    let paused = told().await;
    assert_eq!((&paused["endsAt"], &paused["perSecond"]), (&Value::Null, &Value::Null));
    assert_eq!((&paused["done"], &paused["total"]), (&json!(100), &json!(200)));
    app.ask(Ask::post("/v1/resume", &json!({}))).await.expect(202);
    assert!(told().await["endsAt"].is_string());
    // Nobody wrote for longer than the rest would have taken.
    works(now - SignedDuration::from_secs(101));
    assert_eq!(told().await["endsAt"], Value::Null);
}
