//! The runs that are counted.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a broken measurement may panic")]
#![expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]

use std::collections::BTreeMap;
use std::time::Duration;

use contact_sync_flows::{Customer, Scene, SceneOptions};
use entra_contact_sync_local::aws::CallCount;
use serde_json::{Value, json};

use crate::phase::{Mark, Phase};
use crate::table::Row;

/// How long the largest run may take, in seconds.
const PATIENCE: u64 = 3_000;

/// Of so many people on, what a run costs by itself, whatever its size, is no matter; of fewer it
/// would be counted a thousand times over.
const MANY: u32 = 10_000;

/// How long a process keeps what it was granted of Graph's limits, and a second.
const SHARE_KEPT: Duration = Duration::from_secs(21);

/// Whose work is not a run's own: one tells the world, two tell people afterwards.
const PUBLISHER: &str = "event-publisher";
const REPORTER: &str = "sync-report";
const TELLER: &str = "notify";

/// Measures everything on a directory of `users`.
pub(crate) async fn measure(users: u32) -> (Vec<Row>, Vec<Phase>) {
    let mut options = SceneOptions::with_users(users);
    // A run's bookkeeping is paid for once an invocation: of one, whatever the machine takes for it,
    // the figures are exact. Each further one adds what is told as the price of an invocation.
    let limit = u32::try_from(PATIENCE).expect("a few thousand seconds");
    options.timeouts = BTreeMap::from([("full-sync", limit), ("delta-sync", limit)]);
    // The sweep is measured by itself.
    options.runs_schedules = false;
    let scene = Scene::start(options).await;
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
    phases.push(sweep(&scene).await);
    phases.extend(calls_of_the_api(&scene, &customer).await);
    rows.extend(phases.iter().flat_map(Phase::exact));
    for function in ["delta-sync", PUBLISHER, REPORTER, "admin-api"] {
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
    let mark = begin(scene).await;
    let run = customer.enable().await;
    let (phase, run) = ended(scene, customer, "first load", mark, &run).await;
    let made = count(&run, "created");
    let phase = phase.per(made);
    let pages = f64::from(users.div_ceil(999));
    let asked = run["graph"]["requests"].as_f64().unwrap_or(f64::MAX);
    rows.push(row("first load: Graph requests", asked, "requests", pages + 5.0, pages + 2.0));
    let written = phase.work["full-sync"].write_units / made as f64;
    rows.push(row("first load: write units per new contact", written, "units", 2.2, 2.05));
    let pool = scene.stack.function("full-sync").expect("full-sync is in the template");
    let peak = pool.peak_memory_kilobytes() as f64 / 1024.0;
    rows.push(row("full-sync: peak resident memory", peak, "MiB", 128.0, 48.0));
    let bill = phase.bill(|function| function != PUBLISHER);
    rows.push(dollars(
        "first load: dollars a million, events apart",
        bill.counted(),
        users,
        1.45,
        1.3,
    ));
    rows.push(told("first load: and the functions' time, here", bill.time()));
    phase
}

async fn unchanged(
    scene: &Scene,
    customer: &Customer<'_>,
    users: u32,
    rows: &mut Vec<Row>,
) -> Phase {
    // A run like any other night's: what the first load left of its share of Graph's limits is not
    // kept so long.
    tokio::time::sleep(SHARE_KEPT).await;
    let mark = begin(scene).await;
    let run = customer.start_run("full").await;
    let (phase, run) = ended(scene, customer, "unchanged full", mark, &run).await;
    let phase = phase.per(count(&run, "unchanged"));
    let contacts = calls(scene, "full-sync", "Contacts");
    rows.push(row("unchanged full: contact writes", contacts.write_units, "units", 0.0, 0.0));
    let read = phase.work["full-sync"].read_units;
    let (must, aim) = (f64::from(users) / 10.0, f64::from(users) / 120.0);
    rows.push(row("unchanged full: read units", read, "units", must, aim));
    let bill = phase.bill(|function| ![PUBLISHER, REPORTER, TELLER].contains(&function));
    rows.push(dollars("unchanged full: dollars a million", bill.counted(), users, 0.02, 0.005));
    rows.push(told("unchanged full: and the functions' time, here", bill.time()));
    let report = phase.bill(|function| function == REPORTER);
    rows.push(told("unchanged full: its report, dollars a million", report.counted()));
    let notices = phase.bill(|function| function == TELLER);
    rows.push(told("unchanged full: telling people, dollars a million", notices.counted()));
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
    let mark = begin(scene).await;
    let run = customer.start_run("delta").await;
    let what = format!("delta of {changes}");
    let (phase, run) = ended(scene, customer, &what, mark, &run).await;
    let updated = count(&run, "updated");
    let phase = phase.per(updated);
    let pages = f64::from(changes.div_ceil(200).max(1));
    let asked = run["graph"]["requests"].as_f64().unwrap_or(f64::MAX);
    rows.push(row(format!("{what}: Graph requests"), asked, "requests", pages + 1.0, pages));
    // A small delta's own bookkeeping is not shared by many: the figure is for many changes.
    let written = phase.work["delta-sync"].write_units / updated as f64;
    if changes >= 100 {
        rows.push(row("delta: write units per changed contact", written, "units", 1.5, 1.1));
    }
    phase
}

async fn idle(scene: &Scene, customer: &Customer<'_>, rows: &mut Vec<Row>) -> Phase {
    let mark = begin(scene).await;
    let detail = json!({
        "schemaVersion": 1, "accountId": customer.account, "connectionId": customer.connection,
        "kind": "delta", "trigger": "sweep",
    });
    let event =
        json!({"detail-type": "SyncRequested", "source": "entra-contact-sync", "detail": detail});
    let outcome = scene.stack.invoke("delta-sync", &event).await;
    outcome.expect("delta-sync is in the template").expect("the look ends");
    let phase = ending(scene, "idle look", mark).await;
    let asked = scene.sim.request_counts().graph_requests as f64;
    rows.push(row("idle look: Graph requests", asked, "requests", 2.0, 1.0));
    let store = calls(scene, "delta-sync", "").requests as f64;
    rows.push(row("idle look: DynamoDB requests", store, "requests", 4.0, 2.0));
    phase
}

/// What keeps everything going, every five minutes, with nothing to do.
async fn sweep(scene: &Scene) -> Phase {
    let mark = begin(scene).await;
    let outcome = scene.stack.invoke("subscription-renewal", &json!({"task": "sweep"})).await;
    outcome.expect("subscription-renewal is in the template").expect("the sweep ends");
    ending(scene, "a sweep", mark).await.fired()
}

/// What a portal and a host product ask for most.
async fn calls_of_the_api(scene: &Scene, customer: &Customer<'_>) -> Vec<Phase> {
    let mut phases = Vec::new();
    for (what, path) in [
        ("API: a connection", customer.path("")),
        ("API: its runs", customer.path("/runs")),
        ("API: its settings", customer.path("/settings")),
        ("API: a page of contacts", customer.account_path("/contacts")),
    ] {
        let mark = begin(scene).await;
        scene.rest().get(&path).await.expect(200);
        phases.push(ending(scene, what, mark).await);
    }
    let mark = begin(scene).await;
    customer.create_contact(json!({"email": "counted@by.hand"})).await;
    phases.push(ending(scene, "API: a contact made", mark).await);
    phases
}

/// Lets everything settle and begins to count anew.
async fn begin(scene: &Scene) -> Mark {
    scene.stack.until_quiet(Duration::from_secs(PATIENCE)).await;
    Mark::now(scene)
}

/// What a phase cost once everything that follows from it is done.
async fn ending(scene: &Scene, what: &str, mark: Mark) -> Phase {
    let is_quiet = scene.stack.until_quiet(Duration::from_secs(PATIENCE)).await;
    assert!(is_quiet, "{what} did not end in {PATIENCE} seconds");
    Phase::since(scene, what, mark)
}

/// What a run cost, and the run: asked for afterwards, since asking costs.
async fn ended(
    scene: &Scene,
    customer: &Customer<'_>,
    what: &str,
    mark: Mark,
    run: &str,
) -> (Phase, Value) {
    let phase = ending(scene, what, mark).await;
    let run = customer.run(run).await;
    let status = run["status"].as_str().unwrap_or_default();
    assert!(["succeeded", "partial"].contains(&status), "the run ended {status}: {run}");
    (phase, run)
}

fn count(run: &Value, name: &str) -> u64 {
    run["counts"][name].as_u64().unwrap_or_default()
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

/// Dollars, held to what they may be where a run is of many people.
fn dollars(what: &str, counted: f64, users: u32, must: f64, aim: f64) -> Row {
    if users < MANY {
        return told(what, counted);
    }
    row(what, counted, "dollars", must, aim)
}

fn told(what: &str, counted: f64) -> Row {
    Row { what: what.to_owned(), counted, unit: "dollars", must: None, aim: None }
}
