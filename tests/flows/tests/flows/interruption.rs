//! Processes that die, and runs that are longer than one invocation.

use std::collections::BTreeMap;

use contact_sync_flows::{
    CallsOf, Customer, Scene, SceneOptions, assert_gapless, in_default_scope, wanted_fields,
};
use entra_sim::{Effect, Fault};
use serde_json::{Value, json};

/// Everybody in scope has one contact with the right fields, told once; the report is whole.
async fn assert_converged(scene: &Scene, customer: &Customer<'_>, run: &Value) {
    let people = customer.directory();
    let in_scope: Vec<_> = people.iter().filter(|person| in_default_scope(person)).collect();
    let mut addresses = BTreeMap::new();
    for person in &in_scope {
        addresses.entry(person.address().to_lowercase()).or_insert(person.id());
    }
    let contacts = customer.contacts_by_user().await;
    assert_eq!(contacts.len(), addresses.len(), "{}", scene.story());
    for (user, contact) in &contacts {
        assert_eq!(contact["fields"], json!(wanted_fields(&customer.person(user))), "{user}");
        assert_eq!(contact["version"], 1, "written once: {contact}");
    }
    let events = customer.events().await;
    assert_gapless(&events);
    assert_eq!(events.len(), contacts.len(), "no event twice, none missing");
    let counts = &run["counts"];
    assert_eq!(counts["seen"], people.len(), "{run}");
    let count = |name: &str| counts[name].as_u64().unwrap();
    assert_eq!(count("seen"), count("inScope") + count("skipped"), "{run}");
    assert_eq!(count("created"), contacts.len() as u64, "{run}");
    let rows = customer.report(run["id"].as_str().unwrap()).await;
    assert_eq!(rows.len(), in_scope.len(), "the report is complete");
    let made = rows.iter().filter(|row| row.verdict() == ("New", "Success")).count();
    assert_eq!(made, contacts.len());
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}

/// Contoso in pages of ten.
async fn in_small_pages(users: u32) -> Scene {
    let mut options = SceneOptions::with_users(users);
    options.settings.graph.max_page_size = 10;
    Scene::start(options).await
}

/// Makes Graph take a moment for the answers to a path; the number of the fault.
fn slow_down(scene: &Scene, path: &str, ms: u64) -> u64 {
    scene.sim.add_fault(Fault::once(path, Effect::Delay { ms }).times(0))
}

/// Whether a fault has begun to strike.
fn struck(scene: &Scene, id: u64) -> impl Fn() -> bool + '_ {
    move || scene.sim.faults().iter().any(|fault| fault.id == id && fault.struck > 0)
}

const LISTING: &str = "/v1.0/users?*";
const CLOSING_DRAIN: &str = "*/users/delta*deltatoken=*";

async fn kill_when(scene: &Scene, customer: &Customer<'_>, moment: impl Fn() -> bool) {
    contact_sync_flows::eventually("the moment to kill", async || moment().then_some(())).await;
    scene.kill("full-sync", &customer.connection).await;
}

fn written(scene: &Scene, contacts: u64) -> impl Fn() -> bool + '_ {
    move || CallsOf::writes(&scene.stack, "full-sync", "ContactsTable").writes >= contacts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_killed_before_and_within_its_first_page_ends_as_if_nothing_had_happened() {
    let scene = in_small_pages(60).await;
    let customer = scene.connected().await;
    let asked = slow_down(&scene, LISTING, 150);
    let run = customer.enable().await;
    kill_when(&scene, &customer, struck(&scene, asked)).await;
    kill_when(&scene, &customer, written(&scene, 7)).await;
    let ended = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_converged(&scene, &customer, &ended).await;

    // The cursor that the killed run left works.
    let user = customer.contacts_by_user().await.into_keys().next().unwrap();
    customer.edit(&user, json!({"jobTitle": "Afterwards"}));
    scene.settle().await;
    assert_eq!(customer.linked_contact(&user).await["fields"]["jobTitle"], "Afterwards");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_killed_in_the_middle_and_near_its_end_still_reports_everybody() {
    let scene = in_small_pages(60).await;
    let customer = scene.connected().await;
    slow_down(&scene, LISTING, 50);
    let run = customer.enable().await;
    kill_when(&scene, &customer, written(&scene, 50)).await;
    let drains = slow_down(&scene, CLOSING_DRAIN, 300);
    kill_when(&scene, &customer, struck(&scene, drains)).await;
    let ended = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_converged(&scene, &customer, &ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_longer_than_one_invocation_goes_on_by_event() {
    let mut options = SceneOptions::with_users(60);
    options.settings.graph.max_page_size = 10;
    // A slice stops beginning new pages 20 seconds before its end.
    options.timeouts = BTreeMap::from([("full-sync", 24)]);
    let scene = Scene::start(options).await;
    slow_down(&scene, LISTING, 1_000);
    let customer = scene.connected().await;
    let run = customer.enable().await;
    let ended = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_converged(&scene, &customer, &ended).await;
    let continuations: Vec<Value> = scene
        .stack
        .published_events()
        .into_iter()
        .map(|event| event.envelope["detail"].clone())
        .filter(|detail| detail["trigger"] == "continuation")
        .collect();
    assert!(!continuations.is_empty(), "one invocation was enough\n{}", scene.story());
    assert!(continuations.iter().all(|detail| detail["runId"] == run.as_str()));
    let slices = scene.stack.invocations("full-sync");
    assert!(slices.iter().all(|slice| slice.error.is_none()), "{}", scene.story());
    assert!(slices.len() > continuations.len());

    // A continuation that comes a second time is dropped.
    let event = scene
        .stack
        .published_events()
        .into_iter()
        .find(|event| event.envelope["detail"]["trigger"] == "continuation");
    let runs = customer.runs().await;
    scene.invoke("full-sync", &event.unwrap().envelope).await;
    scene.settle().await;
    assert_eq!(customer.runs().await, runs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_during_a_long_sync_does_not_wait_for_its_end_and_is_not_undone_by_it() {
    let mut options = SceneOptions::with_users(60);
    options.settings.graph.max_page_size = 10;
    let scene = Scene::start(options).await;
    let customer = scene.synced().await;
    slow_down(&scene, LISTING, 500);
    let users: Vec<String> = customer.contacts_by_user().await.into_keys().collect();
    let run = customer.start_run("full").await;
    customer.wait_for_run_status(&run, "running").await;
    for user in [&users[0], users.last().unwrap()] {
        customer.edit(user, json!({"jobTitle": "Meanwhile"}));
    }
    let ended = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_ne!(ended["status"], "failed", "{ended}");
    for user in [&users[0], users.last().unwrap()] {
        let contact = customer.linked_contact(user).await;
        assert_eq!(contact["fields"]["jobTitle"], "Meanwhile");
        assert_eq!(contact["version"], 2, "written once");
    }
    assert_gapless(&customer.events().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_that_is_killed_loses_no_change() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let user = customer.contacts_by_user().await.into_keys().next().unwrap();
    scene.sim.add_fault(Fault::once("*/users/delta*", Effect::Delay { ms: 1_500 }));
    customer.edit(&user, json!({"jobTitle": "Survived"}));
    contact_sync_flows::eventually("the delta is at work", async || {
        scene.sim.faults().iter().any(|fault| fault.struck > 0).then_some(())
    })
    .await;
    scene.settle_deliveries().await;
    scene.kill("delta-sync", &customer.connection).await;
    scene.settle().await;
    assert_eq!(customer.linked_contact(&user).await["fields"]["jobTitle"], "Survived");
    assert_eq!(scene.stack.dead_letters().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_dies_tells_everything_in_the_end() {
    let scene = in_small_pages(60).await;
    let customer = scene.connected().await;
    scene.settle().await;
    slow_down(&scene, LISTING, 30);
    let run = customer.enable().await;
    for _ in 0..3 {
        contact_sync_flows::eventually("the publisher is at work", async || {
            (scene.stack.kill_running("event-publisher") > 0).then_some(())
        })
        .await;
    }
    let ended = customer.wait_for_run(&run).await;
    scene.settle().await;
    let contacts = customer.contacts().await;
    let events = customer.events().await;
    let told: std::collections::BTreeSet<&str> =
        events.iter().filter_map(|event| event["eventId"].as_str()).collect();
    assert_eq!(told.len(), contacts.len(), "every contact is told; a repetition has the same id");
    assert_eq!(ended["counts"]["created"], contacts.len());
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pauses_or_disables_during_a_sync_stops_it_and_nothing_is_written_afterwards() {
    for (action, status) in [("pause", "paused"), ("disable", "disabled")] {
        let scene = in_small_pages(60).await;
        let customer = scene.connected().await;
        slow_down(&scene, LISTING, 1_000);
        let run = customer.enable().await;
        contact_sync_flows::eventually("the first page is written", async || {
            written(&scene, 5)().then_some(())
        })
        .await;
        customer.act(action).await.expect(202);
        let ended = customer.wait_for_run(&run).await;
        scene.settle_stack().await;
        assert_eq!(ended["status"], "cancelled", "{action}: {ended}");
        assert!(ended["reason"].as_str().unwrap().contains(status), "{ended}");
        let contacts = customer.contacts().await;
        assert!(contacts.len() < 40, "{action} acts in the middle: {} contacts", contacts.len());
        let user = customer.people_in_scope()[0].id().to_owned();
        customer.edit(&user, json!({"jobTitle": "Unseen"}));
        scene.settle().await;
        assert_eq!(customer.contacts().await, contacts, "{action}");

        // Going on brings everybody.
        scene.sim.clear_faults();
        let run = if action == "pause" {
            customer.act("resume").await.expect(202).run_id()
        } else {
            customer.enable().await
        };
        let ended = customer.wait_for_run(&run).await;
        scene.settle().await;
        assert_ne!(ended["status"], "failed", "{ended}");
        assert_eq!(customer.linked_contact(&user).await["fields"]["jobTitle"], "Unseen");
        assert_gapless(&customer.events().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_now_pressed_many_times_is_one_run_more_and_none_is_lost() {
    let scene = in_small_pages(40).await;
    let customer = scene.synced().await;
    slow_down(&scene, LISTING, 200);
    let first = customer.start_run("full").await;
    customer.wait_for_run_status(&first, "running").await;
    let mut further = std::collections::BTreeSet::new();
    for _ in 0..5 {
        further.insert(customer.start_run("full").await);
    }
    assert_eq!(further.len(), 1, "those who wait are one: {further:?}");
    for run in further.iter().chain([&first]) {
        let ended = customer.wait_for_run(run).await;
        assert_ne!(ended["status"], "failed", "{ended}");
    }
}
