//! The runs that are counted.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken measurement may panic"
)]
#![expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]

use std::time::Duration;

use contact_sync_flows::{Customer, Scene};
use entra_contact_sync_local::aws::CallCount;
use serde_json::{Value, json};

use crate::phase::Phase;
use crate::table::Row;

/// How long the largest run may take, in seconds.
const PATIENCE: u64 = 3_000;

/// Measures everything on a directory of `users`.
pub(crate) async fn measure(users: u32) -> (Vec<Row>, Vec<Phase>) {
    let scene = Scene::with_users(users).await;
    let customer = Customer::invited(&scene, "bench", "Europe/Berlin").await;
    customer.connect_tenant().await;
    let mut rows = Vec::new();
    let mut phases = Vec::new();
    phases.push(first_load(&scene, &customer, users, &mut rows).await);
    phases.push(unchanged(&scene, &customer, users, &mut rows).await);
    for changes in [1, 10, 1_000] {
        phases.push(delta(&scene, &customer, changes.min(users / 4), &mut rows).await);
    }
    phases.push(idle(&scene, &customer, &mut rows).await);
    rows.extend(phases.iter().flat_map(Phase::exact));
    for function in ["delta-sync", "event-publisher", "sync-report"] {
        let pool = scene.stack.function(function).expect("the function is in the template");
        rows.push(Row {
            what: format!("{function}: peak resident memory"),
            counted: pool.peak_memory_kilobytes() as f64 / 1024.0,
            unit: "MiB",
            must: None,
            aim: None,
        });
    }
    (rows, phases)
}

async fn first_load(
    scene: &Scene,
    customer: &Customer<'_>,
    users: u32,
    rows: &mut Vec<Row>,
) -> Phase {
    let events = begin(scene).await;
    let run = customer.enable().await;
    let run = ended(customer, &run).await;
    let made = count(&run, "created") as f64;
    let pages = f64::from(users.div_ceil(999));
    let asked = run["graph"]["requests"].as_f64().unwrap_or(f64::MAX);
    rows.push(row("first load: Graph requests", asked, "requests", pages + 5.0, pages + 2.0));
    let written = written_by(scene, "full-sync");
    rows.push(row("first load: write units per new contact", written / made, "units", 2.2, 2.05));
    let pool = scene.stack.function("full-sync").expect("full-sync is in the template");
    let peak = pool.peak_memory_kilobytes() as f64 / 1024.0;
    rows.push(row("full-sync: peak resident memory", peak, "MiB", 128.0, 48.0));
    let phase = ending(scene, "first load", count(&run, "created"), events).await;
    rows.push(row("first load: dollars a million", phase.sync_dollars(), "dollars", 1.45, 1.3));
    phase
}

async fn unchanged(
    scene: &Scene,
    customer: &Customer<'_>,
    users: u32,
    rows: &mut Vec<Row>,
) -> Phase {
    let events = begin(scene).await;
    let run = customer.start_run("full").await;
    let run = ended(customer, &run).await;
    let contacts = calls(scene, "full-sync", "Contacts");
    rows.push(row("unchanged full: contact writes", contacts.write_units, "units", 0.0, 0.0));
    let read = calls(scene, "full-sync", "").read_units;
    let (must, aim) = (f64::from(users) / 10.0, f64::from(users) / 120.0);
    rows.push(row("unchanged full: read units", read, "units", must, aim));
    let phase = ending(scene, "unchanged full", count(&run, "unchanged"), events).await;
    // What a run costs by itself, whatever its size, would be counted a thousand times over.
    let (must, aim) = if users < 10_000 { (None, None) } else { (Some(0.02), Some(0.005)) };
    rows.push(Row {
        what: "unchanged full: dollars a million".to_owned(),
        counted: phase.sync_dollars(),
        unit: "dollars",
        must,
        aim,
    });
    phase
}

async fn delta(scene: &Scene, customer: &Customer<'_>, changes: u32, rows: &mut Vec<Row>) -> Phase {
    let people: Vec<String> = customer
        .directory()
        .iter()
        .filter(|person| person.is_live() && person.text("userType") == Some("Member"))
        .filter(|person| person.attribute("accountEnabled") == &Value::Bool(true))
        .take(changes as usize)
        .map(|person| person.id().to_owned())
        .collect();
    // Notified, the changes would be applied before they are counted.
    scene
        .sim
        .merge_settings(&json!({"notifications": {"enabled": false}}))
        .expect("the settings are known");
    for person in &people {
        customer.edit(person, json!({"jobTitle": format!("Counted {changes}")}));
    }
    let events = begin(scene).await;
    let run = customer.start_run("delta").await;
    let run = ended(customer, &run).await;
    let updated = count(&run, "updated") as f64;
    let pages = f64::from(changes.div_ceil(200).max(1));
    let asked = run["graph"]["requests"].as_f64().unwrap_or(f64::MAX);
    rows.push(row(
        format!("delta of {changes}: Graph requests"),
        asked,
        "requests",
        pages + 1.0,
        pages,
    ));
    // A small delta's own bookkeeping is not shared by many: the figure is for many changes.
    let written = written_by(scene, "delta-sync") / updated;
    let figure = "delta: write units per changed contact";
    if changes >= 100 {
        rows.push(row(figure, written, "units", 1.5, 1.1));
    }
    ending(scene, format!("delta of {changes}"), count(&run, "updated"), events).await
}

async fn idle(scene: &Scene, customer: &Customer<'_>, rows: &mut Vec<Row>) -> Phase {
    let events = begin(scene).await;
    let detail = json!({
        "schemaVersion": 1, "accountId": customer.account, "connectionId": customer.connection,
        "kind": "delta", "trigger": "sweep",
    });
    let event =
        json!({"detail-type": "SyncRequested", "source": "entra-contact-sync", "detail": detail});
    let outcome = scene.stack.invoke("delta-sync", &event).await;
    outcome.expect("delta-sync is in the template").expect("the look ends");
    let asked = scene.sim.request_counts().graph_requests as f64;
    rows.push(row("idle look: Graph requests", asked, "requests", 2.0, 1.0));
    let store = calls(scene, "delta-sync", "").requests as f64;
    rows.push(row("idle look: DynamoDB requests", store, "requests", 4.0, 2.0));
    Phase::since(scene, "idle look", 1, events)
}

/// Lets everything settle and begins to count anew; answers how many events there were.
async fn begin(scene: &Scene) -> usize {
    scene.stack.until_quiet(Duration::from_secs(PATIENCE)).await;
    scene.stack.counters().reset();
    scene.sim.reset_requests();
    scene.stack.buses().count()
}

/// What a phase cost once everything that follows from it is done.
async fn ending(scene: &Scene, what: impl Into<String>, people: u64, events: usize) -> Phase {
    scene.stack.until_quiet(Duration::from_secs(PATIENCE)).await;
    Phase::since(scene, what, people, events)
}

async fn ended(customer: &Customer<'_>, run: &str) -> Value {
    for _ in 0..PATIENCE {
        let shown = customer.run(run).await;
        let status = shown["status"].as_str().unwrap_or_default();
        if ["succeeded", "partial", "failed", "blocked", "cancelled"].contains(&status) {
            assert!(["succeeded", "partial"].contains(&status), "the run ended {status}: {shown}");
            return shown;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("the run did not end in {PATIENCE} seconds");
}

fn count(run: &Value, name: &str) -> u64 {
    run["counts"][name].as_u64().unwrap_or_default()
}

fn written_by(scene: &Scene, function: &str) -> f64 {
    calls(scene, function, "").write_units
}

/// What a function asked of DynamoDB, of tables whose name holds `table`.
fn calls(scene: &Scene, function: &str, table: &str) -> CallCount {
    scene.stack.counters().sum(|key| {
        key.caller == function
            && key.operation.starts_with("dynamodb:")
            && key.resource.contains(table)
    })
}

fn row(what: impl Into<String>, counted: f64, unit: &'static str, must: f64, aim: f64) -> Row {
    Row { what: what.into(), counted, unit, must: Some(must), aim: Some(aim) }
}
