//! Lists of decisions that wait for a person, and deciding them.

use contact_sync_flows::{Customer, Reply, Scene};
use entra_sim::DirectoryCommand;
use serde_json::{Value, json};

use crate::settings_product::assert_same_numbers;

/// The items of a list.
async fn list(scene: &Scene, customer: &Customer<'_>, name: &str) -> Vec<Value> {
    scene.rest().list(&customer.path(&format!("/reviews?list={name}"))).await
}

/// The item about a user.
pub(crate) async fn about(scene: &Scene, customer: &Customer<'_>, name: &str, user: &str) -> Value {
    let items = list(scene, customer, name).await;
    let found = items.iter().find(|item| item["user"]["objectId"] == user).cloned();
    assert!(found.is_some(), "nothing about {user} in {name}: {items:?}");
    found.unwrap()
}

pub(crate) async fn decide(
    scene: &Scene,
    customer: &Customer<'_>,
    item: &Value,
    body: Value,
) -> Reply {
    let path = customer.path(&format!("/reviews/{}", item["id"].as_str().unwrap()));
    let mut body = body;
    body["version"] = item["version"].clone();
    scene.rest().post(&path, &body).await
}

/// Decides all of a list as it stands.
pub(crate) async fn decide_all(
    scene: &Scene,
    customer: &Customer<'_>,
    name: &str,
    action: &str,
) -> Value {
    let shown =
        scene.rest().get(&customer.path(&format!("/reviews?list={name}"))).await.expect(200);
    let shown = shown.json();
    let count = shown["items"].as_array().unwrap().len();
    let body = json!({"list": name, "action": action, "asOf": shown["asOf"], "count": count});
    scene.rest().post(&customer.path("/reviews"), &body).await.expect(202).json()
}

async fn first_sync(scene: &Scene, customer: &Customer<'_>) -> Value {
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    run
}

/// LY-22…31: nobody is made by itself; matched people are linked one by one or all at once, others
/// linked by hand, made from the directory, or ignored.
#[tokio::test(flavor = "multi_thread")]
async fn users_are_linked_made_and_ignored_by_people() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let (one, two, other) = (&people[0], &people[1], &people[2]);
    for person in [one, two] {
        customer.create_contact(json!({"email": person.address(), "city": "Rome"})).await;
    }
    let by_hand = customer.create_contact(json!({"email": "other@by.hand"})).await;
    customer.change_settings(json!({"policies": {"create": "review", "link": "review"}})).await;
    let run = first_sync(&scene, &customer).await;
    assert_eq!(run["counts"]["created"], 0, "LY-22: nobody is made by itself: {run}");

    // LY-23, LY-25: one of the matched.
    let matched = list(&scene, &customer, "matched").await;
    assert_eq!(matched.len(), 2, "{matched:?}");
    let item = about(&scene, &customer, "matched", one.id()).await;
    assert!(item["evidence"].as_str().unwrap().starts_with("email equal"), "{item}");
    assert_eq!(item["contact"]["fields"]["city"], "Rome", "{item}");
    let linked = decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
    assert_eq!(linked.json()["contact"]["link"]["objectId"], one.id());
    let again = decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
    assert_eq!(again.json(), linked.json(), "an answer that got lost is given again");

    // LY-26: all of them.
    let all = decide_all(&scene, &customer, "matched", "accept").await;
    assert_eq!((&all["done"], &all["failed"]), (&json!(1), &json!([])), "{all}");
    assert!(list(&scene, &customer, "matched").await.is_empty());

    // LY-24, LY-27: an available one by hand.
    let item = about(&scene, &customer, "available", other.id()).await;
    let chosen = json!({"action": "link", "contact": by_hand["id"]});
    let linked = decide(&scene, &customer, &item, chosen).await.expect(202).json();
    assert_eq!(linked["contact"]["id"], by_hand["id"]);
    assert_eq!(linked["contact"]["fields"]["email"], other.address());

    // LY-28, LY-29: made from the directory, what comes from there is locked.
    let item = about(&scene, &customer, "available", people[3].id()).await;
    let made = decide(&scene, &customer, &item, json!({"action": "create"})).await.expect(202);
    let made = made.json()["contact"].clone();
    let path = customer.account_path(&format!("/contacts/{}", made["id"].as_str().unwrap()));
    let edit = json!({"fields": {"email": "mine@by.hand"}});
    assert_eq!(scene.rest().patch(&path, &edit).await.expect(409).problem(), "managed-field");

    // LY-30, LY-31: ignored, and looked at again.
    let item = about(&scene, &customer, "available", people[4].id()).await;
    decide(&scene, &customer, &item, json!({"action": "ignore"})).await.expect(202);
    let ignored = about(&scene, &customer, "ignored", people[4].id()).await;
    assert_eq!(ignored["user"]["userPrincipalName"], people[4].upn());
    customer.sync_now().await;
    let available = list(&scene, &customer, "available").await;
    assert!(available.iter().all(|item| item["user"]["objectId"] != people[4].id()));
    decide(&scene, &customer, &ignored, json!({"action": "unignore"})).await.expect(202);
    assert!(list(&scene, &customer, "ignored").await.is_empty());
    let run = customer.sync_now().await;
    assert_eq!(run["counts"]["created"], 0, "{run}");
    about(&scene, &customer, "available", people[4].id()).await;

    // What was linked by people stays as it is.
    let before = customer.contacts().await;
    customer.sync_now().await;
    assert_eq!(customer.contacts().await, before);
    let decisions = scene.rest().list(&customer.path("/reviews/decisions")).await;
    assert!(decisions.len() >= 6, "{decisions:?}");
}

/// LY-32 changes wait in the list between runs; LY-33 with what they change; LY-34 one is accepted, one
/// refused for good, the rest is applied by the run.
#[tokio::test(flavor = "multi_thread")]
async fn changes_between_runs_wait_in_the_list() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    customer.change_settings(json!({"schedule": {"betweenRuns": "list"}})).await;
    first_sync(&scene, &customer).await;
    let people = customer.people_in_scope();
    let before = customer.contacts().await;
    for person in &people[..3] {
        customer.edit(person.id(), json!({"jobTitle": "Countess"}));
    }
    scene.settle().await;
    assert_eq!(customer.contacts().await, before, "changes wait for the run");
    assert_eq!(list(&scene, &customer, "changes").await.len(), 3);

    let item = about(&scene, &customer, "changes", people[0].id()).await;
    assert_eq!(item["changes"][0]["new"], "Countess", "{item}");
    let version = item["contact"]["version"].as_u64().unwrap();
    let other = json!({"action": "accept", "contactVersion": version + 1});
    let moved = decide(&scene, &customer, &item, other).await.expect(409);
    assert_eq!(moved.problem(), "version-moved", "another contact than was seen");
    let seen = json!({"action": "accept", "contactVersion": version});
    decide(&scene, &customer, &item, seen).await.expect(202);
    let title = customer.linked_contact(people[0].id()).await["fields"]["jobTitle"].clone();
    assert_eq!(title, "Countess");
    let item = about(&scene, &customer, "changes", people[1].id()).await;
    decide(&scene, &customer, &item, json!({"action": "reject"})).await.expect(202);

    // The person changes once more: who decides by what he saw is told.
    let stale = about(&scene, &customer, "changes", people[2].id()).await;
    customer.edit(people[1].id(), json!({"department": "Court"}));
    customer.edit(people[2].id(), json!({"department": "Court"}));
    scene.settle().await;
    let moved = decide(&scene, &customer, &stale, json!({"action": "accept"})).await.expect(409);
    assert_eq!(moved.problem(), "version-moved");
    assert!(moved.json()["detail"].as_str().unwrap().contains("department"), "{}", moved.text);

    // What was refused of somebody keeps nothing that follows from being accepted.
    let item = about(&scene, &customer, "changes", people[1].id()).await;
    decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
    let fields = customer.linked_contact(people[1].id()).await["fields"].clone();
    assert_eq!(fields["department"], "Court");
    assert_ne!(fields["jobTitle"], "Countess", "it was refused");

    customer.sync_now().await;
    assert!(list(&scene, &customer, "changes").await.is_empty(), "the run applied the rest");
    let fields = customer.linked_contact(people[2].id()).await["fields"].clone();
    assert_eq!((&fields["jobTitle"], &fields["department"]), (&json!("Countess"), &json!("Court")));
    let fields = customer.linked_contact(people[1].id()).await["fields"].clone();
    assert_ne!(fields["jobTitle"], "Countess", "what was refused is not asked again");
}

/// LY-36 who is deleted in Entra stays; LY-37 in the list of removals; LY-38 a person unlinks, LY-39 or
/// deletes.
#[tokio::test(flavor = "multi_thread")]
async fn who_left_waits_until_a_person_unlinks_or_deletes() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let people = customer.people_in_scope();
    for person in &people[..3] {
        scene.sim.delete_user(scene.tenant, person.id()).unwrap();
    }
    scene.settle().await;
    assert_eq!(list(&scene, &customer, "removals").await.len(), 3);
    let before = customer.contacts().await.len();

    let item = about(&scene, &customer, "removals", people[0].id()).await;
    let unlinked = decide(&scene, &customer, &item, json!({"action": "unlink"})).await.expect(202);
    assert_eq!(unlinked.json()["contact"]["link"], Value::Null, "LY-38");
    let item = about(&scene, &customer, "removals", people[1].id()).await;
    decide(&scene, &customer, &item, json!({"action": "delete"})).await.expect(202);
    assert_eq!(customer.contacts().await.len(), before - 1, "LY-39");
    let item = about(&scene, &customer, "removals", people[2].id()).await;
    decide(&scene, &customer, &item, json!({"action": "keep"})).await.expect(202);

    customer.sync_now().await;
    assert!(list(&scene, &customer, "removals").await.is_empty(), "nobody is asked twice");
    assert_eq!(customer.contacts().await.len(), before - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_approvers_decide_and_wrong_requests_say_what_is_wrong() {
    let scene = Scene::with_users(9).await;
    let customer = scene.connected().await;
    customer.change_settings(json!({"policies": {"create": "review"}})).await;
    first_sync(&scene, &customer).await;
    let item = list(&scene, &customer, "available").await.remove(0);
    let path = customer.path(&format!("/reviews/{}", item["id"].as_str().unwrap()));
    let body = json!({"action": "create", "version": item["version"]});
    let operator = scene.rest_as(&customer.account, "operator");
    operator.post(&path, &body).await.expect(403);
    let wrong = json!({"action": "unlink", "version": item["version"]});
    scene.rest().post(&path, &wrong).await.expect(422);
    let old = json!({"action": "create", "version": 0});
    assert_eq!(scene.rest().post(&path, &old).await.expect(409).problem(), "version-moved");
    scene.rest().get(&customer.path("/reviews?list=nothing")).await.expect(400);
    scene.rest_as(&customer.account, "approver").post(&path, &body).await.expect(202);
}

async fn validate(scene: &Scene, customer: &Customer<'_>) -> Value {
    let settings = customer.settings().await;
    scene.rest().post(&customer.path("/settings/validate"), &settings).await.expect(200).json()
}

/// A manager is another contact: whoever tells or decides about a person finds it as a run does.
#[tokio::test(flavor = "multi_thread")]
async fn people_with_managers_are_validated_explained_and_approved_as_the_run_would() {
    let scene = Scene::with_users(20).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let boss = &people[7];
    for report in people[..4].iter().chain([&people[9]]) {
        let (user, manager) = (report.id().to_owned(), Some(boss.id().to_owned()));
        scene.sim.apply(scene.tenant, DirectoryCommand::SetManager { user, manager }).unwrap();
    }
    customer.change_mapping("manager", json!({"source": "[manager]"})).await;
    customer.change_settings(json!({"policies": {"create": "review"}})).await;
    let verdict = validate(&scene, &customer).await;
    let run = first_sync(&scene, &customer).await;
    assert_same_numbers(&verdict, &run);

    let accept = async |user: &str| {
        let item = about(&scene, &customer, "available", user).await;
        let made = decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
        made.json()["contact"].clone()
    };
    let early = accept(people[0].id()).await;
    assert_eq!(early["fields"]["manager"], Value::Null, "the boss has no contact yet");
    let boss_contact = accept(boss.id()).await;
    let late = accept(people[1].id()).await;
    assert_eq!(late["fields"]["manager"], boss_contact["id"], "{late}");

    let path = customer.path("/settings/test");
    let tried = scene.rest().post(&path, &json!({"user": people[2].id()})).await.expect(200).json();
    let fields = tried["fields"].as_array().unwrap();
    let manager = fields.iter().find(|field| field["target"] == "manager").unwrap();
    assert_eq!((&manager["outcome"], &manager["value"]), (&json!("write"), &boss_contact["id"]));
    let path = customer.path(&format!("/explain?user={}", people[2].upn()));
    let told = scene.rest().get(&path).await.expect(200).json();
    assert_eq!(told["decision"]["outcome"], "awaitingReview", "{told}");
    let coverage = scene.rest().get(&customer.path("/settings/coverage")).await.expect(200).json();
    let filled = coverage["attributes"].as_array().unwrap();
    let filled = filled.iter().find(|one| one["attribute"] == "manager").unwrap();
    assert!(filled["filled"].as_u64().unwrap() >= 5, "whoever has a manager: {filled}");

    // From now on by themselves: who has a contact gets his manager, the others all at once.
    customer.change_settings(json!({"policies": {"create": "auto"}})).await;
    let verdict = validate(&scene, &customer).await;
    let updated = verdict["people"]["wouldUpdate"].as_u64().unwrap();
    assert!(updated >= 1, "who was accepted before his boss: {verdict}");
    let run = customer.sync_now().await;
    assert_same_numbers(&verdict, &run);
    for report in people[..4].iter().chain([&people[9]]) {
        let contact = customer.linked_contact(report.id()).await;
        assert_eq!(contact["fields"]["manager"], boss_contact["id"], "{contact}");
    }
}
