//! Conflicts, whole lists, and decisions that come twice or too late.

use contact_sync_flows::{Customer, Person, Scene};
use serde_json::{Value, json};

use crate::reviews::{about, decide, decide_all};

async fn first_sync(scene: &Scene, customer: &Customer<'_>) -> Value {
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    run
}

async fn list(scene: &Scene, customer: &Customer<'_>, name: &str) -> Vec<Value> {
    scene.rest().list(&customer.path(&format!("/reviews?list={name}"))).await
}

/// A connection that matches by staff number, too, and these many people of whom two contacts each have
/// theirs: conflicts.
async fn with_twins(scene: &Scene, people: usize) -> (Customer<'_>, Vec<Person>, Vec<[Value; 2]>) {
    let customer = scene.connected().await;
    let all = customer.people_in_scope();
    customer.change_mapping("employeeId", json!({"source": "[employeeId]"})).await;
    customer.change_settings(json!({"matching": ["email", "employeeId"]})).await;
    let mut twins = Vec::new();
    for (number, person) in all[..people].iter().enumerate() {
        customer.edit(person.id(), json!({"employeeId": format!("E-{number}")}));
        let mut pair = Vec::new();
        for letter in ["a", "b"] {
            let email = format!("{letter}{number}@by.hand");
            let fields = json!({"email": email, "employeeId": format!("E-{number}")});
            pair.push(customer.create_contact(fields).await);
        }
        twins.push(pair.try_into().unwrap());
    }
    let run = first_sync(scene, &customer).await;
    assert_eq!(run["counts"]["awaitingReview"], people, "{run}");
    (customer, all, twins)
}

/// D13: of whom two contacts could be, one keeps both as they are, one is ignored, one gets a contact of
/// his own; none of it is undone by the next run, and nobody is asked again.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_kept_ignored_or_ended_with_a_contact_of_its_own_and_that_holds() {
    let scene = Scene::with_users(12).await;
    let (customer, people, twins) = with_twins(&scene, 3).await;
    let as_made = async |pair: &[Value; 2]| {
        for one in pair {
            let path = format!("/contacts/{}", one["id"].as_str().unwrap());
            let now = scene.rest().get(&customer.account_path(&path)).await.expect(200).json();
            assert_eq!(now, *one, "a contact in question is untouched");
        }
    };
    for person in &people[..3] {
        let item = about(&scene, &customer, "conflicts", person.id()).await;
        assert_eq!(item["candidates"].as_array().unwrap().len(), 2, "{item}");
    }
    let kept = about(&scene, &customer, "conflicts", people[0].id()).await;
    let told = decide(&scene, &customer, &kept, json!({"action": "keep"})).await.expect(202).json();
    assert_eq!(told["contact"], Value::Null, "{told}");
    let item = about(&scene, &customer, "conflicts", people[1].id()).await;
    decide(&scene, &customer, &item, json!({"action": "ignore"})).await.expect(202);
    let item = about(&scene, &customer, "conflicts", people[2].id()).await;
    let made =
        decide(&scene, &customer, &item, json!({"action": "create"})).await.expect(202).json();
    let own = made["contact"]["id"].clone();
    assert!(twins[2].iter().all(|twin| twin["id"] != own), "a contact of its own: {made}");
    assert!(list(&scene, &customer, "conflicts").await.is_empty());
    about(&scene, &customer, "ignored", people[1].id()).await;

    // Deciding once more what was decided changes nothing and answers the same.
    let decided = scene.rest().list(&customer.path("/reviews/decisions")).await.len();
    for (item, action, answer) in [(&kept, "keep", &told), (&item, "create", &made)] {
        let again = decide(&scene, &customer, item, json!({"action": action})).await.expect(202);
        assert_eq!(again.json(), *answer, "{action}");
    }
    let decisions = scene.rest().list(&customer.path("/reviews/decisions")).await;
    assert_eq!(decisions.len(), decided, "one decision is one decision: {decisions:?}");
    assert_eq!(decisions.iter().filter(|one| one["list"] == "conflicts").count(), 3);

    for time in ["the next run", "and the one after"] {
        let run = customer.sync_now().await;
        assert_ne!(run["status"], "failed", "{time}: {run}");
        assert!(list(&scene, &customer, "conflicts").await.is_empty(), "{time} asks nobody again");
        for pair in &twins {
            as_made(pair).await;
        }
        assert_eq!(customer.linked_contact(people[2].id()).await["id"], own, "{time}");
        for person in &people[..2] {
            assert_eq!(customer.contact_of(person.id()).await, None, "{time}");
        }
    }
}

/// What somebody decides who looked at it an hour ago is not done to what stands there now.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_about_a_conflict_that_changed_since_is_refused_and_says_what_stands_there_now()
{
    let scene = Scene::with_users(12).await;
    let (customer, people, twins) = with_twins(&scene, 2).await;
    let shown = about(&scene, &customer, "conflicts", people[0].id()).await;
    let as_of = scene.rest().get(&customer.path("/reviews?list=conflicts")).await.expect(200);
    let as_of = as_of.json()["asOf"].clone();
    let third = customer.create_contact(json!({"email": "c0@by.hand", "employeeId": "E-0"})).await;
    customer.sync_now().await;

    let body = json!({"action": "link", "contact": twins[0][0]["id"]});
    let refused = decide(&scene, &customer, &shown, body.clone()).await.expect(409);
    assert_eq!(refused.problem(), "version-moved");
    let now = about(&scene, &customer, "conflicts", people[0].id()).await;
    assert!(now["version"].as_u64() > shown["version"].as_u64(), "{now}");
    let candidates: Vec<&Value> =
        now["candidates"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert!(candidates.contains(&&third["id"]) && candidates.len() == 3, "{now}");
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    let version = format!("version {} by now", now["version"]);
    assert!(detail.contains("`conflicts`") && detail.contains(&version), "{detail}");

    // Of the list as it was shown, only what stands as it was shown is decided.
    let all = json!({"list": "conflicts", "action": "keep", "asOf": as_of});
    let done = scene.rest().post(&customer.path("/reviews"), &all).await.expect(202).json();
    assert_eq!(done["done"], 1, "{done}");
    assert_eq!(done["failed"][0]["id"], now["id"], "{done}");
    let left = list(&scene, &customer, "conflicts").await;
    assert_eq!(left.len(), 1, "{left:?}");
    decide(&scene, &customer, &now, body).await.expect(202);
    assert_eq!(customer.linked_contact(people[0].id()).await["id"], twins[0][0]["id"]);
}

/// LY-30, LY-31: two thousand new people are taken in, let be and looked at again by one request each,
/// not by two thousand; the same request once more does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn whole_lists_of_available_ignored_and_conflicting_people_are_decided_at_once_and_once() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    for person in &people[..2] {
        customer.create_contact(json!({"email": person.address(), "city": "Rome"})).await;
    }
    customer.change_settings(json!({"policies": {"create": "review", "link": "fail"}})).await;
    first_sync(&scene, &customer).await;
    let available = list(&scene, &customer, "available").await;
    assert!(available.len() > 3, "{available:?}");
    let wrong = json!({"list": "conflicts", "action": "unignore", "asOf": 1});
    let refused = scene.rest().post(&customer.path("/reviews"), &wrong).await.expect(422);
    assert_eq!(refused.pointers(), ["/action"]);

    // All are ignored, and all are looked at again.
    let ignored = decide_all(&scene, &customer, "available", "ignore").await;
    assert_eq!((&ignored["done"], &ignored["failed"]), (&json!(available.len()), &json!([])));
    assert!(list(&scene, &customer, "available").await.is_empty());
    assert_eq!(list(&scene, &customer, "ignored").await.len(), available.len());
    let named = customer.settings().await["scope"]["ignoredUsers"].as_array().unwrap().len();
    assert_eq!(named, available.len(), "the settings say so, too");
    let back = decide_all(&scene, &customer, "ignored", "unignore").await;
    assert_eq!((&back["done"], &back["failed"]), (&json!(available.len()), &json!([])));
    assert!(list(&scene, &customer, "ignored").await.is_empty());
    assert_eq!(customer.settings().await["scope"]["ignoredUsers"], json!([]));
    customer.sync_now().await;

    // All are taken in; whoever sends the same again takes nobody in twice.
    let shown = scene.rest().get(&customer.path("/reviews?list=available")).await.expect(200);
    let accept = json!({"list": "available", "action": "accept", "asOf": shown.json()["asOf"]});
    let before = list(&scene, &customer, "available").await.len();
    let taken = scene.rest().post(&customer.path("/reviews"), &accept).await.expect(202).json();
    assert_eq!((&taken["done"], &taken["failed"]), (&json!(before), &json!([])), "{taken}");
    assert_eq!(customer.contacts_by_user().await.len(), before);
    let again = scene.rest().post(&customer.path("/reviews"), &accept).await.expect(202).json();
    assert_eq!((&again["done"], &again["failed"]), (&json!(0), &json!([])), "{again}");
    assert_eq!(customer.contacts_by_user().await.len(), before);

    // Both conflicts are linked to the only contact that each could be.
    assert_eq!(list(&scene, &customer, "conflicts").await.len(), 2);
    let linked = decide_all(&scene, &customer, "conflicts", "link").await;
    assert_eq!((&linked["done"], &linked["failed"]), (&json!(2), &json!([])), "{linked}");
    for person in &people[..2] {
        assert_eq!(customer.linked_contact(person.id()).await["fields"]["city"], "Rome");
    }
    let run = customer.sync_now().await;
    assert_eq!(run["counts"]["created"], 0, "{run}");
    assert_eq!(customer.contacts_by_user().await.len(), before + 2);
}
