//! When syncs happen by themselves, and every way to stop and go on.

use std::time::Duration;

use contact_sync_flows::{Customer, Scene};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// The connection's schedule: expression, zone, whether it fires.
fn schedule(scene: &Scene, connection: &str) -> Option<(String, String, bool)> {
    let all = scene.stack.schedules().all().into_iter();
    let mut own = all.filter(|schedule| schedule.name.contains(connection));
    let found = own.next();
    assert!(own.next().is_none(), "one schedule for each connection");
    found.map(|schedule| {
        let document = serde_json::to_value(&schedule).unwrap();
        (
            schedule.schedule_expression,
            schedule.schedule_expression_timezone.unwrap_or_default(),
            document["State"] == "ENABLED",
        )
    })
}

fn next_due(scene: &Scene, connection: &str) -> Option<Timestamp> {
    let all = scene.stack.schedules().all();
    let own = all.iter().find(|schedule| schedule.name.contains(connection))?;
    scene.stack.schedules().next_due_at(&own.group_name, &own.name)
}

/// Lets the stack's clock run to the next time the schedule fires.
fn pass_to_next(scene: &Scene, connection: &str) {
    let due = next_due(scene, connection).unwrap();
    let wait = due.duration_since(scene.stack.clock().now());
    scene.pass_time(Duration::try_from(wait).unwrap() + Duration::from_millis(10));
}

async fn scheduled_runs(customer: &Customer<'_>) -> Vec<Value> {
    let mut runs = customer.runs().await;
    runs.retain(|run| run["trigger"] == "schedule");
    runs
}

async fn set_schedule(customer: &Customer<'_>, changes: Value) {
    let mut members = json!({
        "frequency": "daily", "timeOfDay": "00:00", "timeZone": null,
        "dayOfWeek": null, "dayOfMonth": null, "cron": null,
    });
    for (member, value) in changes.as_object().unwrap() {
        members[member] = value.clone();
    }
    customer.change_settings(json!({"schedule": members})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frequency_is_kept_in_the_zone_of_the_account() {
    let scene = Scene::with_users(10).await;
    let customer = scene.synced().await;
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let connection = customer.connection.as_str();
    let (expression, name, fires) = schedule(&scene, connection).unwrap();
    assert_eq!(
        (expression.as_str(), name.as_str(), fires),
        ("cron(0 0 * * ? *)", "Europe/Berlin", true)
    );
    for (changes, expression) in [
        (json!({"frequency": "hourly", "timeOfDay": "00:20"}), "cron(20 * * * ? *)"),
        (json!({"frequency": "daily", "timeOfDay": "02:30"}), "cron(30 2 * * ? *)"),
        (
            json!({"frequency": "weekly", "dayOfWeek": "sunday", "timeOfDay": "18:05"}),
            "cron(5 18 ? * SUN *)",
        ),
        (
            json!({"frequency": "monthly", "dayOfMonth": 31, "timeOfDay": "06:00"}),
            "cron(0 6 L * ? *)",
        ),
        (json!({"frequency": "cron", "cron": "0 2 ? * MON-FRI *"}), "cron(0 2 ? * MON-FRI *)"),
    ] {
        set_schedule(&customer, changes.clone()).await;
        let (found, name, fires) = schedule(&scene, connection).unwrap();
        assert_eq!((found.as_str(), name.as_str(), fires), (expression, "Europe/Berlin", true));
        let due = next_due(&scene, connection).unwrap();
        let shown = customer.show().await["nextRunAt"].as_str().unwrap().to_owned();
        assert_eq!(shown.parse::<Timestamp>().unwrap(), due, "{changes}");
        let local = due.to_zoned(zone.clone()).time();
        if let (Some(time), "daily" | "weekly" | "monthly") =
            (changes["timeOfDay"].as_str(), changes["frequency"].as_str().unwrap())
        {
            assert_eq!(local.strftime("%H:%M").to_string(), time, "{changes}");
        }
    }
    // A zone of its own, and a move of the account.
    set_schedule(&customer, json!({"timeOfDay": "09:00", "timeZone": "Asia/Tokyo"})).await;
    assert_eq!(schedule(&scene, connection).unwrap().1, "Asia/Tokyo");
    set_schedule(&customer, json!({"timeOfDay": "09:00"})).await;
    let path = customer.account_path("");
    scene.rest().patch(&path, &json!({"timeZone": "America/New_York"})).await.expect(200);
    assert_eq!(schedule(&scene, connection).unwrap().1, "America/New_York");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_comes_due_syncs_and_a_repeated_delivery_does_not_sync_twice() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    set_schedule(&customer, json!({"frequency": "hourly", "timeOfDay": "00:10"})).await;
    scene.sim.merge_settings(&json!({"notifications": {"enabled": false}})).unwrap();
    let user = customer.contacts_by_user().await.into_keys().next().unwrap();
    customer.edit(&user, json!({"jobTitle": "By schedule"}));

    pass_to_next(&scene, &customer.connection);
    let what = "the schedule starts a run";
    contact_sync_flows::eventually(what, async || scheduled_runs(&customer).await.pop()).await;
    scene.settle().await;
    let runs = scheduled_runs(&customer).await;
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_ne!(runs[0]["status"], "failed", "{}", runs[0]);
    assert_eq!(runs[0]["kind"], "full");
    assert_eq!(customer.linked_contact(&user).await["fields"]["jobTitle"], "By schedule");

    let fired = scene
        .stack
        .published_events()
        .into_iter()
        .find(|event| event.envelope["detail"]["trigger"] == "schedule");
    let event = fired.expect("the schedule asked over the bus").envelope;
    assert!(event["detail"]["slot"].is_string(), "{event}");
    scene.invoke("full-sync", &event).await;
    scene.settle().await;
    assert_eq!(scheduled_runs(&customer).await.len(), 1, "the same slot is the same run");
}

/// LY-19 by hand or by the schedule, as chosen.
#[tokio::test(flavor = "multi_thread")]
async fn in_manual_mode_only_sync_now_syncs() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    customer.change_settings(json!({"mode": "manual"})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let (_, _, fires) = schedule(&scene, &customer.connection).expect("the schedule is kept");
    assert!(!fires);
    assert_eq!(customer.show().await["nextRunAt"], Value::Null);
    scene.pass_time(Duration::from_hours(48));
    scene.settle().await;
    assert_eq!(scheduled_runs(&customer).await, Vec::<Value>::new());
    let run = customer.sync_now().await;
    assert_eq!(run["trigger"], "manual");
    customer.change_settings(json!({"mode": "automatic"})).await;
    assert!(schedule(&scene, &customer.connection).unwrap().2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_writes_nothing_and_resuming_catches_up() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let before = customer.contacts().await;
    let paused = customer.act("pause").await.expect(202).json();
    assert_eq!(paused["status"], "paused");
    assert!(!schedule(&scene, &customer.connection).unwrap().2, "the schedule rests");
    let user = customer.contacts_by_user().await.into_keys().next().unwrap();
    customer.edit(&user, json!({"jobTitle": "During the pause"}));
    scene.settle().await;
    scene.pass_time(Duration::from_hours(48));
    scene.settle().await;
    assert_eq!(customer.contacts().await, before);
    let refused = scene.rest().post(&customer.path("/runs"), &json!({"kind": "full"})).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (409, "wrong-state"));

    let run = customer.act("resume").await.expect(202).run_id();
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(run["trigger"], "resume");
    assert_eq!(customer.linked_contact(&user).await["fields"]["jobTitle"], "During the pause");
    assert!(schedule(&scene, &customer.connection).unwrap().2);
    contact_sync_flows::assert_gapless(&customer.events().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_and_coming_back_keeps_every_contact_with_its_link() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let before = customer.contacts().await;

    customer.act("disable").await.expect(202);
    scene.settle().await;
    assert_eq!(customer.status().await, "disabled");
    assert_eq!(schedule(&scene, &customer.connection), None);
    assert!(scene.sim.subscriptions().is_empty());
    assert_eq!(customer.contacts().await, before);
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(run["counts"]["unchanged"], before.len(), "{run}");
    assert_eq!(customer.contacts().await, before, "nothing had changed meanwhile");

    customer.act("disconnect").await.expect(202);
    scene.settle().await;
    assert_eq!(customer.status().await, "disconnected");
    assert_eq!(customer.contacts().await, before);
    assert!(scene.sim.subscriptions().is_empty());
    let refused = customer.enable_for(scene.tenant).await;
    assert_eq!(refused.status.as_u16(), 409, "{}", refused.text);

    let again = customer.with_new_link().await;
    again.connect_tenant().await;
    let run = again.enable().await;
    let run = again.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(run["counts"]["created"], 0, "everybody is found again: {run}");
    let after = again.contacts_by_user().await;
    for contact in &before {
        let user = contact["link"]["objectId"].as_str().unwrap();
        assert_eq!(after[user]["id"], contact["id"]);
        assert_eq!(after[user]["fields"], contact["fields"]);
    }
    contact_sync_flows::assert_gapless(&again.events().await);
}
