//! Graph at its worst: dead tokens, expired pages, throttling, broken answers. Nobody is ever
//! removed by them, and the sync finds its way back by itself.

use contact_sync_flows::{Customer, Scene, SceneOptions, assert_gapless};
use entra_sim::{BodyKind, Effect, Fault};
use serde_json::{Value, json};

/// The pages of the listing.
pub(crate) const LISTING: &str = "/v1.0/users?*";

/// Calls of a stored delta link.
pub(crate) const STORED_DELTA: &str = "*/users/delta*deltatoken=*";

/// A Contoso in pages of ten.
pub(crate) async fn in_small_pages() -> Scene {
    let mut options = SceneOptions::with_users(40);
    options.settings.graph.max_page_size = 10;
    options.settings.delta.page_size = 4;
    Scene::start(options).await
}

async fn states(customer: &Customer<'_>) -> Vec<(String, Value)> {
    let contacts = customer.contacts_by_user().await.into_iter();
    contacts.map(|(user, contact)| (user, contact["link"]["state"].clone())).collect()
}

/// Everybody whom the directory has is linked, nobody else is there, and nothing was told twice.
pub(crate) async fn assert_in_step(scene: &Scene, customer: &Customer<'_>) {
    let states = states(customer).await;
    assert!(states.iter().all(|(_, state)| state == "linked"), "{states:?}\n{}", scene.story());
    for (user, contact) in customer.contacts_by_user().await {
        let wanted = contact_sync_flows::wanted_fields(&customer.person(&user));
        assert_eq!(contact["fields"], json!(wanted), "the contact of {user}");
    }
    assert_gapless(&customer.events().await);
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}

pub(crate) fn struck(scene: &Scene) -> u64 {
    scene.sim.faults().iter().map(|fault| fault.struck).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_delta_token_leads_to_a_full_run_and_removes_nobody() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let before = states(&customer).await;
    let person = customer.contacts_by_user().await.into_keys().next().unwrap();
    for (number, (status, code, location)) in [
        (410, "syncStateNotFound", true),
        (410, "SyncStateNotFound", false),
        (400, "resyncRequired", false),
        (404, "syncStateNotFound", false),
    ]
    .into_iter()
    .enumerate()
    {
        let fulls = customer.runs_of("full").await.len();
        let answer = json!({"status": status, "code": code, "location": location});
        scene.sim.merge_settings(&json!({"delta": {"expiredAnswer": answer}})).unwrap();
        scene.sim.expire_delta_tokens(scene.tenant).unwrap();
        let title = format!("After death {number}");
        customer.edit(&person, json!({"jobTitle": title}));
        scene.settle().await;

        let runs = customer.runs_of("full").await;
        assert_eq!(runs.len(), fulls + 1, "{status} {code}: {runs:?}\n{}", scene.story());
        assert_eq!(runs[0]["counts"]["removed"], 0);
        let told = runs[0]["reason"].as_str().unwrap_or_default();
        assert!(told.contains("no longer valid (Graph 410)"), "{}", runs[0]);
        assert_eq!(runs[1]["reason"].as_str().filter(|_| number == 0), None, "of that run alone");
        assert_eq!(customer.linked_contact(&person).await["fields"]["jobTitle"], title.as_str());
        assert_eq!(states(&customer).await, before);
    }
    // The new link works: the next change needs no full run.
    let fulls = customer.runs_of("full").await.len();
    customer.edit(&person, json!({"jobTitle": "By delta"}));
    scene.settle().await;
    assert_eq!(customer.runs_of("full").await.len(), fulls);
    assert_eq!(customer.linked_contact(&person).await["fields"]["jobTitle"], "By delta");
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_delta_link_costs_one_full_run_and_a_hopeless_one_no_endless_loop() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let person = customer.contacts_by_user().await.into_keys().next().unwrap();
    // A look asks a second time before it gives a link up.
    scene.sim.add_fault(Fault::once(STORED_DELTA, Effect::status(400)).times(2));
    customer.edit(&person, json!({"jobTitle": "Repaired"}));
    scene.settle().await;
    assert_eq!(struck(&scene), 2);
    assert_eq!(customer.runs_of("full").await.len(), 2, "{}", scene.story());
    assert_eq!(customer.linked_contact(&person).await["fields"]["jobTitle"], "Repaired");

    scene.sim.add_fault(Fault::once(STORED_DELTA, Effect::status(400)).times(0));
    let requests = scene.sim.request_counts().graph_requests;
    customer.edit(&person, json!({"jobTitle": "Out of reach"}));
    scene.settle().await;
    let asked = scene.sim.request_counts().graph_requests - requests;
    assert!(asked < 60, "{asked} requests for a link that never works");
    let run = &customer.runs_of("full").await[0];
    assert_eq!(run["status"], "failed", "{run}");
    assert!(run["reason"].is_string(), "{run}");
    scene.sim.clear_faults();
    customer.sync_now().await;
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_that_expires_in_the_middle_starts_the_round_again() {
    let scene = in_small_pages().await;
    let customer = scene.connected().await;
    scene.sim.add_fault(Fault::once(LISTING, Effect::ExpiredPageToken).at_request(3));
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(struck(&scene), 1);
    assert_eq!(run["counts"]["seen"], 40, "everybody is counted once: {run}");
    assert_ne!(run["status"], "failed", "{run}");
    assert_in_step(&scene, &customer).await;

    scene.sim.clear_faults();
    scene.sim.add_fault(Fault::once("*/users/delta*skiptoken*", Effect::ExpiredPageToken));
    let users: Vec<String> = customer.contacts_by_user().await.into_keys().take(9).collect();
    for user in &users {
        customer.edit(user, json!({"jobTitle": "Nine at once"}));
    }
    scene.settle().await;
    assert_eq!(struck(&scene), 1, "{}", scene.story());
    for user in &users {
        assert_eq!(customer.linked_contact(user).await["fields"]["jobTitle"], "Nine at once");
    }
    assert_in_step(&scene, &customer).await;
}

/// An instant as HTTP writes dates.
fn http_date(scene: &Scene, seconds: i64) -> String {
    let at = scene.sim.clock().now() + jiff::SignedDuration::from_secs(seconds);
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_and_broken_answers_only_cost_time() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    let respond = |status: u16, body: BodyKind| Effect::Respond {
        status,
        body,
        code: None,
        message: None,
        retry_after: None,
    };
    let passing = |status: u16, wait: &str| Effect::Respond {
        status,
        body: BodyKind::Json,
        code: None,
        message: None,
        retry_after: Some(wait.to_owned()),
    };
    let date = http_date(&scene, 2);
    for (name, effect) in [
        ("429 for a whole second", Effect::throttled("1")),
        ("429 for a decimal", Effect::throttled("0.249")),
        ("429 until a date", Effect::throttled(&date)),
        ("429 for nobody knows how long", Effect::status(429)),
        ("500 with the time when it passes", passing(500, "1")),
        ("503 with the time when it passes", passing(503, "0.75")),
        ("503 as a proxy's page", respond(503, BodyKind::Html)),
        ("504 without a body", respond(504, BodyKind::Empty)),
        ("a connection that breaks in the middle", Effect::Reset { after_bytes: None }),
        ("half a page as if it were whole", Effect::Truncate),
        ("a page without its value", Effect::WithoutValue),
    ] {
        scene.sim.clear_faults();
        scene.sim.add_fault(Fault::once(LISTING, effect).at_request(2));
        let run = customer.sync_now().await;
        assert_eq!(struck(&scene), 1, "{name}");
        assert_ne!(run["status"], "failed", "{name}: {run}");
        assert_eq!(run["counts"]["seen"], 40, "{name}: {run}");
        assert_eq!(run["counts"]["removed"], 0, "{name}: {run}");
    }
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_pages_duplicates_and_disorder_lose_nobody() {
    let mut options = SceneOptions::with_users(40);
    options.settings.graph.max_page_size = 10;
    options.settings.delta.page_size = 3;
    options.settings.delta.empty_page_percent = 40.0;
    options.settings.delta.duplicate_percent = 50.0;
    options.settings.delta.replayed_changes = 5;
    let scene = Scene::start(options).await;
    let customer = scene.connected().await;
    scene.sim.add_fault(Fault::once(LISTING, Effect::EmptyPage));
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(run["counts"]["seen"], 40, "{run}");
    assert_in_step(&scene, &customer).await;
    let users: Vec<String> = customer.contacts_by_user().await.into_keys().take(12).collect();
    for (number, user) in users.iter().enumerate() {
        customer.edit(user, json!({"jobTitle": format!("Title {number}")}));
    }
    scene.settle().await;
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_any_people_never_removes_anyone() {
    let scene = Scene::with_users(20).await;
    let customer = scene.connected().await;
    let removal = json!({"softDeleted": "delete", "hardDeleted": "delete"});
    customer.change_settings(json!({"policies": {"removal": removal}})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let before = customer.contacts().await;
    scene.sim.add_fault(Fault::once(LISTING, Effect::NoObjects));
    let run = customer.sync_now().await;
    assert_eq!(struck(&scene), 1);
    assert_eq!(run["counts"]["removed"], 0, "{run}");
    assert_eq!(customer.contacts().await, before);
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_foreign_host_ends_the_run_before_the_token_is_sent_there() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    let before = customer.contacts().await;
    let origin = "https://graph.evil.example".to_owned();
    scene.sim.add_fault(Fault::once(LISTING, Effect::ForeignLink { origin }).at_request(2));
    let run = customer.sync_now().await;
    assert_eq!(run["status"], "failed", "{run}");
    assert!(run["reason"].is_string(), "{run}");
    assert_eq!(customer.contacts().await, before);
    let run = customer.sync_now().await;
    assert_ne!(run["status"], "failed", "{run}");
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_lead_in_a_circle_remove_nobody_and_the_run_ends_once_graph_recovers() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    let before = customer.contacts().await;
    scene.sim.add_fault(Fault::once(LISTING, Effect::RepeatNextLink).times(0));
    let requests = scene.sim.request_counts().graph_requests;
    let run = customer.start_run("full").await;
    scene.settle().await;
    let asked = scene.sim.request_counts().graph_requests - requests;
    assert!(asked < 40, "{asked} requests in a circle of one page");
    assert_eq!(customer.contacts().await, before);
    scene.sim.clear_faults();
    scene.sweep().await;
    let run = customer.wait_for_run(&run).await;
    assert_ne!(run["status"], "failed", "{run}");
    assert_eq!(run["counts"]["seen"], 40, "{run}");
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_was_withdrawn_asks_for_attention_and_a_new_one_mends_it() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let before = customer.contacts().await;
    scene.age_consent(&customer.connection, jiff::SignedDuration::from_hours(1)).await;
    scene.settle().await;
    scene.sim.revoke_consent(scene.tenant, entra_sim::DEFAULT_APP_ID).unwrap();
    scene.sim.revoke_tokens(scene.tenant).unwrap();
    let run = customer.start_run("full").await;
    let run = customer.wait_for_run(&run).await;
    assert_eq!(run["status"], "failed", "{run}");
    let connection = customer.show().await;
    assert_eq!(connection["status"], "attention", "{connection}");
    assert_eq!(connection["attention"]["reason"], "consent-lost");
    assert_eq!(customer.contacts().await, before, "nobody is removed");

    let again = customer.with_new_link().await;
    let page = again.consent_as(&entra_sim::SignIn::admin(scene.tenant)).await;
    assert_eq!(page.status.as_u16(), 200, "{}", page.text());
    customer.wait_for_status("enabled").await;
    scene.settle().await;
    let run = customer.sync_now().await;
    assert_ne!(run["status"], "failed", "{run}");
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_deleted_while_the_token_was_dead_is_found_by_absence_and_only_then() {
    let scene = in_small_pages().await;
    let customer = scene.synced().await;
    let before = customer.contacts_by_user().await;
    let users: Vec<&String> = before.keys().take(3).collect();
    let (binned, purged, stays) = (users[0], users[1], users[2]);
    scene.sim.merge_settings(&json!({"notifications": {"enabled": false}})).unwrap();
    scene.sim.delete_user(scene.tenant, binned).unwrap();
    scene.sim.delete_user(scene.tenant, purged).unwrap();
    scene.sim.purge_user(scene.tenant, purged).unwrap();
    scene.sim.expire_delta_tokens(scene.tenant).unwrap();
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;

    let run = &customer.runs_of("full").await[0];
    assert_eq!(run["counts"]["awaitingReview"], 2, "{run}\n{}", scene.story());
    for user in [binned, purged] {
        let contact = customer.linked_contact(user).await;
        assert_eq!(contact["link"]["state"], "removed", "{contact}");
        assert_eq!(contact["fields"], before[user]["fields"], "the contact itself is untouched");
    }
    assert_eq!(customer.linked_contact(stays).await, before[stays]);
    let removed = states(&customer).await;
    assert_eq!(removed.iter().filter(|(_, state)| state == "removed").count(), 2);
    assert_gapless(&customer.events().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_whom_graph_shows_late_is_not_lost() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let late = json!({"graph": {"replicationDelaySeconds": 600}});
    scene.sim.merge_settings(&late).unwrap();
    let newcomer = json!({
        "userPrincipalName": "late@contoso.example", "mail": "late@contoso.example",
        "displayName": "Late", "userType": "Member", "accountEnabled": true,
    });
    let user = scene.sim.create_user(scene.tenant, newcomer).unwrap().to_string();
    scene.settle().await;
    assert_eq!(customer.contact_of(&user).await, None, "nobody can see the person yet");
    scene.sim.advance_clock(std::time::Duration::from_mins(11));
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;
    assert_eq!(customer.linked_contact(&user).await["fields"]["displayName"], "Late");
    assert_in_step(&scene, &customer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_was_taken_away_is_named_with_its_fix() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let before = customer.contacts().await;
    scene.age_consent(&customer.connection, jiff::SignedDuration::from_hours(1)).await;
    scene.settle().await;
    scene.sim.remove_role(scene.tenant, entra_sim::DEFAULT_APP_ID, "User.Read.All").unwrap();
    scene.sim.revoke_tokens(scene.tenant).unwrap();
    let run = customer.start_run("full").await;
    let run = customer.wait_for_run(&run).await;
    assert_eq!(run["status"], "failed", "{run}");
    let connection = customer.show().await;
    assert_eq!(connection["attention"]["reason"], "permission-missing", "{connection}");
    assert!(connection["attention"]["fix"].as_str().unwrap().contains("User.Read.All"));
    assert_eq!(customer.contacts().await, before, "nobody is removed");
}
