//! What happens in the directory reaches the contacts by notification and delta.

use contact_sync_flows::{Customer, Person, Scene, assert_gapless, of_contact, wanted_fields};
use serde_json::{Value, json};

/// Somebody with a job title.
fn somebody(customer: &Customer<'_>) -> Person {
    let mut people = customer.people_in_scope().into_iter();
    people.find(|person| person.text("jobTitle").is_some()).unwrap()
}

#[track_caller]
fn assert_follows(contact: &Value, person: &Person) {
    let fields = serde_json::to_value(wanted_fields(person)).unwrap();
    assert_eq!(contact["fields"], fields, "the contact of {}", person.id());
    assert_eq!(contact["link"]["userPrincipalName"], person.upn());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_the_directory_reaches_the_contact_without_anybody_asking() {
    let scene = Scene::with_users(20).await;
    let customer = scene.connected().await;
    customer.change_mapping("jobTitle", json!({"whenEmpty": "clear"})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let person = somebody(&customer);
    let id = person.id();
    let contact = customer.linked_contact(id).await;
    assert_eq!(customer.show().await["latency"], Value::Null, "nothing was notified yet");

    for (number, change) in [
        json!({"displayName": "Renamed Person", "givenName": "Renamed"}),
        json!({"mail": "renamed@contoso.example"}),
        json!({"jobTitle": null}),
        json!({"userPrincipalName": "renamed.person@contoso.example"}),
    ]
    .into_iter()
    .enumerate()
    {
        customer.edit(id, change);
        scene.settle().await;
        let changed = customer.linked_contact(id).await;
        assert_follows(&changed, &customer.person(id));
        assert_eq!(changed["id"], contact["id"], "it stays the same contact");
        assert_eq!(changed["version"], number + 2);
    }

    let events = customer.events().await;
    assert_gapless(&events);
    let contact_id = contact["id"].as_str().unwrap();
    assert_eq!(of_contact(&events, contact_id).len(), 5);
    let last = events.iter().rfind(|event| event["contactId"] == contact_id).unwrap();
    let mut shown = customer.linked_contact(id).await;
    // Who joins a team is told by events of its own.
    assert_eq!(shown.as_object_mut().unwrap().remove("teams"), Some(json!([])));
    assert_eq!(last["contact"], shown, "the event holds the contact");
    let latency = customer.show().await["latency"].clone();
    let seconds = |part: &str| latency[part].as_f64().unwrap();
    assert!(seconds("p50") <= seconds("p95") && seconds("p95") <= seconds("p99"), "{latency}");
    assert!((0.0..300.0).contains(&seconds("p99")), "from notification to contact: {latency}");
    let deltas = customer.runs_of("delta").await;
    assert!(deltas.iter().all(|run| run["trigger"] == "notification"), "{deltas:?}");
    let rows = customer.report(deltas[0]["id"].as_str().unwrap()).await;
    assert_eq!(rows.len(), 1, "a delta's report lists what changed");
    assert_eq!(
        (rows[0].email(), rows[0].verdict()),
        ("renamed@contoso.example", ("Existing", "Success"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_address_is_free_again_for_somebody_else() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let people = customer.people_in_scope();
    let (leaver, heir) = (&people[2], &people[3]);
    let address = leaver.address().to_owned();
    customer.edit(leaver.id(), json!({"mail": "elsewhere@contoso.example"}));
    scene.settle().await;
    customer.edit(heir.id(), json!({"mail": address}));
    scene.settle().await;
    assert_eq!(customer.linked_contact(heir.id()).await["fields"]["email"], address.as_str());
    let contact = customer.linked_contact(leaver.id()).await;
    assert_eq!(contact["fields"]["email"], "elsewhere@contoso.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_person_gets_a_contact_and_a_guest_does_not() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let before = customer.contacts().await.len();
    let new = |name: &str, kind: &str| {
        let properties = json!({
            "userPrincipalName": format!("{name}@contoso.example"),
            "mail": format!("{name}@contoso.example"),
            "displayName": name,
            "accountEnabled": true,
            "userType": kind,
            "department": "Sales",
        });
        scene.sim.create_user(scene.tenant, properties).unwrap().to_string()
    };
    let (member, guest) = (new("newcomer", "Member"), new("visitor", "Guest"));
    scene.settle().await;
    assert_follows(&customer.linked_contact(&member).await, &customer.person(&member));
    assert_eq!(customer.contact_of(&guest).await, None);
    assert_eq!(customer.contacts().await.len(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_sign_in_any_more_keeps_a_contact_that_is_no_longer_updated() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let person = somebody(&customer);
    let id = person.id();
    let fields = customer.linked_contact(id).await["fields"].clone();

    customer.edit(id, json!({"accountEnabled": false}));
    scene.settle().await;
    let contact = customer.linked_contact(id).await;
    assert_eq!(contact["link"]["state"], "outOfScope");
    customer.edit(id, json!({"displayName": "Unseen"}));
    scene.settle().await;
    assert_eq!(customer.linked_contact(id).await["fields"], fields, "the contact stays as it was");

    customer.edit(id, json!({"accountEnabled": true}));
    scene.settle().await;
    let contact = customer.linked_contact(id).await;
    assert_eq!(contact["link"]["state"], "linked");
    assert_follows(&contact, &customer.person(id));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_deleted_keeps_the_contact_for_review_and_finds_it_again_when_restored() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let person = somebody(&customer);
    let id = person.id();
    let before = customer.linked_contact(id).await;

    scene.sim.delete_user(scene.tenant, id).unwrap();
    scene.settle().await;
    let contact = customer.linked_contact(id).await;
    assert_eq!(contact["link"]["state"], "removed");
    assert_eq!(contact["fields"], before["fields"], "nobody's data is taken away");
    assert_eq!(contact["status"], "active");
    let delta = &customer.runs_of("delta").await[0];
    assert_eq!(delta["counts"]["awaitingReview"], 1, "{delta}");

    scene.sim.restore_user(scene.tenant, id).unwrap();
    scene.settle().await;
    let contact = customer.linked_contact(id).await;
    assert_eq!((&contact["id"], &contact["link"]["state"]), (&before["id"], &json!("linked")));

    scene.sim.delete_user(scene.tenant, id).unwrap();
    scene.sim.purge_user(scene.tenant, id).unwrap();
    scene.settle().await;
    let contact = customer.linked_contact(id).await;
    assert_eq!(contact["link"]["state"], "removed");
    assert_eq!(contact["fields"], before["fields"]);
    assert_gapless(&customer.events().await);

    // Whoever is gone stays told once: a full run finds nothing new.
    let version = contact["version"].clone();
    customer.sync_now().await;
    assert_eq!(customer.linked_contact(id).await["version"], version);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_removals_than_the_guard_allows_remove_nobody() {
    let scene = Scene::with_users(30).await;
    let customer = scene.connected().await;
    let removal = json!({"softDeleted": "delete", "hardDeleted": "delete"});
    customer.change_settings(json!({"policies": {"removal": removal}})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let people = customer.people_in_scope();
    let contacts = customer.contacts().await.len();

    for person in &people[2..8] {
        scene.sim.delete_user(scene.tenant, person.id()).unwrap();
    }
    scene.settle().await;
    assert_eq!(customer.contacts().await.len(), contacts, "six at once are too many");
    let blocked = customer.runs_of("delta").await;
    let blocked = blocked.iter().find(|run| run["status"] == "blocked");
    assert!(blocked.is_some_and(|run| run["reason"].as_str().unwrap().contains("guard")));

    // Four of them come back; two removals are within the guard.
    for person in &people[2..6] {
        scene.sim.restore_user(scene.tenant, person.id()).unwrap();
    }
    scene.settle().await;
    customer.sync_now().await;
    assert_eq!(customer.contacts().await.len(), contacts - 2);
    let events = customer.events().await;
    assert_gapless(&events);
    let removed = events.iter().filter(|event| event["type"] == "ContactRemoved");
    assert_eq!(removed.count(), 2);

    // Back from the recycle bin, the contact goes on counting where it was.
    scene.sim.restore_user(scene.tenant, people[6].id()).unwrap();
    scene.settle().await;
    assert_follows(
        &customer.linked_contact(people[6].id()).await,
        &customer.person(people[6].id()),
    );
    assert_gapless(&customer.events().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_changes_to_one_person_needs_few_runs() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let person = somebody(&customer);
    for number in 0..40 {
        customer.edit(person.id(), json!({"jobTitle": format!("Title {number}")}));
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    scene.settle().await;
    let contact = customer.linked_contact(person.id()).await;
    assert_eq!(contact["fields"]["jobTitle"], "Title 39");
    let runs = customer.runs_of("delta").await.len();
    assert!(runs <= 8, "{runs} runs for 40 changes");
    assert_gapless(&customer.events().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_who_swap_addresses_and_a_chain_of_three_all_keep_theirs() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let people = customer.people_in_scope();
    let address = |index: usize| people[index].address().to_owned();
    let mail =
        |index: usize, mail: String| customer.edit(people[index].id(), json!({"mail": mail}));
    mail(1, address(2));
    mail(2, address(1));
    mail(3, address(4));
    mail(4, address(5));
    mail(5, "end.of.chain@contoso.example".to_owned());
    scene.settle().await;
    for (index, wanted) in [(1, address(2)), (2, address(1)), (3, address(4)), (4, address(5))] {
        let contact = customer.linked_contact(people[index].id()).await;
        assert_eq!(contact["fields"]["email"], wanted.as_str(), "person {index}");
    }
    let last = customer.linked_contact(people[5].id()).await;
    assert_eq!(last["fields"]["email"], "end.of.chain@contoso.example");
    assert_gapless(&customer.events().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_of_addresses_asks_no_more_than_any_other_change() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    scene.sim.merge_settings(&json!({"notifications": {"enabled": false}})).unwrap();
    let people = customer.people_in_scope();
    let (one, other) = (&people[1], &people[2]);
    let (address_of_one, address_of_other) = (one.address().to_owned(), other.address().to_owned());

    customer.edit(one.id(), json!({"jobTitle": "Same for both"}));
    customer.edit(other.id(), json!({"jobTitle": "Same for both"}));
    let plain = customer.wait_for_run(&customer.start_run("delta").await).await;
    customer.edit(one.id(), json!({"mail": address_of_other}));
    customer.edit(other.id(), json!({"mail": address_of_one}));
    let swap = customer.wait_for_run(&customer.start_run("delta").await).await;

    assert_eq!(plain["counts"]["updated"], 2, "{plain}");
    assert_eq!(swap["counts"]["updated"], 2, "{swap}");
    assert_eq!(swap["graph"]["requests"], plain["graph"]["requests"], "{swap}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_no_notification_told_are_found_and_the_gap_is_reported() {
    let scene = Scene::with_users(20).await;
    let customer = scene.synced().await;
    let person = somebody(&customer);
    scene.sim.merge_settings(&json!({"notifications": {"enabled": false}})).unwrap();
    customer.edit(person.id(), json!({"jobTitle": "Untold"}));
    scene.settle().await;
    assert_ne!(customer.linked_contact(person.id()).await["fields"]["jobTitle"], "Untold");

    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;

    assert_eq!(customer.linked_contact(person.id()).await["fields"]["jobTitle"], "Untold");
    let found = &customer.runs_of("delta").await[0];
    assert_eq!(found["trigger"], "sweep");
    let gap = found["gapSeconds"].as_u64();
    assert!(gap.is_some_and(|seconds| seconds >= 3_600), "the gap is told: {found}");

    // A look that finds nothing leaves no run and no report.
    let runs = customer.runs().await.len();
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    let before = customer.show().await["lastCheckedAt"].clone();
    scene.sweep().await;
    assert_eq!(customer.runs().await.len(), runs);
    assert_ne!(customer.show().await["lastCheckedAt"], before, "but it was looked at");
}
