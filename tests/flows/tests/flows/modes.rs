//! What each mode of creating and updating does, and what it counts.

use contact_sync_flows::{Customer, Scene};
use serde_json::{Value, json};

use crate::reviews::{about, decide};

async fn first_sync(scene: &Scene, customer: &Customer<'_>) -> Value {
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    run
}

async fn modes(customer: &Customer<'_>, policies: Value) {
    customer.change_settings(json!({"policies": policies})).await;
}

/// One person's row of a run's extended report: what happened, and why.
async fn told(customer: &Customer<'_>, run: &Value, user: &str) -> (String, String) {
    let rows = customer.extended_report(run["id"].as_str().unwrap()).await;
    let row = rows.iter().find(|row| row.cell("Object Id") == user);
    let row = row.unwrap_or_else(|| panic!("{user} is not in the report: {rows:?}"));
    (row.cell("What Happened").to_owned(), row.cell("Reason").to_owned())
}

/// D10: who only wants the contacts that exist kept up to date is not flooded with new ones.
#[tokio::test(flavor = "multi_thread")]
async fn create_off_makes_nobody_and_keeps_whoever_is_there_up_to_date() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let own = customer.create_contact(json!({"email": people[0].address()})).await;
    modes(&customer, json!({"create": "off"})).await;
    let run = first_sync(&scene, &customer).await;
    assert_eq!(run["status"], "succeeded", "who is not to be made is no failure: {run}");
    let counts = &run["counts"];
    assert_eq!((&counts["created"], &counts["awaitingReview"]), (&json!(0), &json!(0)), "{run}");
    assert_eq!((&counts["updated"], &counts["seen"]), (&json!(1), &json!(12)), "{run}");
    assert_eq!(counts["skipped"], 11, "{run}");
    let contacts = customer.contacts().await;
    assert_eq!((contacts.len(), &contacts[0]["id"]), (1, &own["id"]));
    let (happened, why) = told(&customer, &run, people[1].id()).await;
    assert_eq!(happened, "skipped");
    assert!(why.contains("Creating contacts is switched off"), "{why}");
    assert!(scene.rest().list(&customer.path("/reviews?list=available")).await.is_empty());

    customer.edit(people[0].id(), json!({"jobTitle": "Followed"}));
    customer.edit(people[1].id(), json!({"jobTitle": "Not followed"}));
    scene.settle().await;
    assert_eq!(customer.linked_contact(people[0].id()).await["fields"]["jobTitle"], "Followed");
    assert_eq!(customer.contacts().await.len(), 1, "nor does a change make anybody");

    modes(&customer, json!({"create": "auto"})).await;
    let run = customer.sync_now().await;
    assert!(run["counts"]["created"].as_u64().unwrap() > 3, "switched on, they come: {run}");
    assert_eq!(customer.linked_contact(people[1].id()).await["fields"]["jobTitle"], "Not followed");
}

/// D10: what was filled once belongs to the customer; new people come all the same.
#[tokio::test(flavor = "multi_thread")]
async fn update_off_writes_no_contact_again_and_newcomers_come() {
    let scene = Scene::with_users(12).await;
    let customer = scene.synced().await;
    modes(&customer, json!({"update": "off"})).await;
    let before = customer.contacts().await;
    let people = customer.people_in_scope();
    customer.edit(people[0].id(), json!({"jobTitle": "Unheard"}));
    let newcomer = json!({
        "userPrincipalName": "new@contoso.example", "mail": "new@contoso.example",
        "displayName": "New", "userType": "Member", "accountEnabled": true,
    });
    let newcomer = scene.sim.create_user(scene.tenant, newcomer).unwrap().to_string();
    scene.settle().await;
    let run = customer.sync_now().await;
    let counts = &run["counts"];
    assert_eq!((&counts["updated"], &counts["awaitingReview"]), (&json!(0), &json!(0)), "{run}");
    assert_eq!(counts["unchanged"], before.len() + 1, "{run}");
    let (happened, why) = told(&customer, &run, people[0].id()).await;
    assert_eq!(happened, "unchanged");
    assert!(why.contains("Updating contacts is switched off"), "{why}");
    let mut now = customer.contacts().await;
    now.retain(|contact| contact["link"]["objectId"] != newcomer.as_str());
    assert_eq!(now, before);
    assert!(customer.contact_of(&newcomer).await.is_some(), "{}", scene.story());

    modes(&customer, json!({"update": "auto"})).await;
    let run = customer.sync_now().await;
    assert_eq!(run["counts"]["updated"], 1, "switched on, what was missed is made good: {run}");
    assert_eq!(customer.linked_contact(people[0].id()).await["fields"]["jobTitle"], "Unheard");
}

/// D10: a change waits with its old and new value, is counted, and is written when a person accepts.
#[tokio::test(flavor = "multi_thread")]
async fn update_review_shows_each_change_and_writes_it_when_a_person_accepts() {
    let scene = Scene::with_users(12).await;
    let customer = scene.synced().await;
    scene.stop_notifications();
    modes(&customer, json!({"update": "review"})).await;
    let people = customer.people_in_scope();
    let before = customer.contacts().await;
    let old = customer.linked_contact(people[0].id()).await["fields"]["jobTitle"].clone();
    for person in &people[..2] {
        customer.edit(person.id(), json!({"jobTitle": "Asked"}));
    }
    for time in ["first", "again"] {
        let run = customer.sync_now().await;
        let counts = &run["counts"];
        assert_eq!(
            (&counts["awaitingReview"], &counts["updated"]),
            (&json!(2), &json!(0)),
            "{time}: {run}"
        );
        let (happened, why) = told(&customer, &run, people[0].id()).await;
        assert_eq!(happened, "waiting for review", "{time}");
        assert!(!why.is_empty(), "{time}");
        assert_eq!(customer.contacts().await, before, "{time}");
        let waiting = scene.rest().list(&customer.path("/reviews?list=changes")).await;
        assert_eq!(waiting.len(), 2, "nobody is asked twice: {waiting:?}");
    }
    let item = about(&scene, &customer, "changes", people[0].id()).await;
    let change = &item["changes"][0];
    assert_eq!((&change["old"], &change["new"]), (&old, &json!("Asked")), "{item}");
    decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
    assert_eq!(customer.linked_contact(people[0].id()).await["fields"]["jobTitle"], "Asked");
    let run = customer.sync_now().await;
    assert_eq!(run["counts"]["awaitingReview"], 1, "{run}");
}

/// D10: nobody is made before a person says so; who is there already is linked and updated meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn create_review_asks_about_everybody_new_and_makes_whom_a_person_accepts() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let own = customer.create_contact(json!({"email": people[0].address()})).await;
    modes(&customer, json!({"create": "review"})).await;
    let run = first_sync(&scene, &customer).await;
    let counts = &run["counts"];
    assert_eq!((&counts["created"], &counts["updated"]), (&json!(0), &json!(1)), "{run}");
    let waiting = scene.rest().list(&customer.path("/reviews?list=available")).await;
    assert_eq!(counts["awaitingReview"], waiting.len(), "{run}");
    assert_eq!(customer.linked_contact(people[0].id()).await["id"], own["id"]);
    let (happened, _) = told(&customer, &run, people[1].id()).await;
    assert_eq!(happened, "waiting for review");

    let item = about(&scene, &customer, "available", people[1].id()).await;
    decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
    let made = customer.linked_contact(people[1].id()).await;
    assert_eq!(made["fields"]["email"], people[1].address());
    let run = customer.sync_now().await;
    assert_eq!(run["counts"]["awaitingReview"], waiting.len() - 1, "{run}");
    assert_eq!(customer.contacts().await.len(), 2, "nobody else was made");
}
