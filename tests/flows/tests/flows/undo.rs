//! Taking back what a sync did: seen first, then done, and left alone where somebody was faster.

use std::collections::BTreeMap;

use contact_sync_flows::{Customer, Scene};
use reqwest::Method;
use serde_json::{Value, json};

use crate::reviews::{about, decide};

/// The whole of a field, by contact.
pub(crate) fn by_contact(contacts: &[Value], field: &str) -> BTreeMap<String, Value> {
    let told = contacts.iter().map(|contact| {
        (contact["id"].as_str().unwrap().to_owned(), contact["fields"][field].clone())
    });
    told.collect()
}

/// Asks for an undo and waits for its plan.
pub(crate) async fn planned(
    scene: &Scene,
    customer: &Customer<'_>,
    path: &str,
    body: Value,
) -> Value {
    let asked = scene.rest().post(&customer.path(path), &body).await.expect(202).json();
    let run = asked["id"].as_str().unwrap();
    customer.wait_for_run_status(run, "planned").await;
    customer.run(run).await
}

/// Has a plan applied and waits for its end.
pub(crate) async fn applied(scene: &Scene, customer: &Customer<'_>, plan: &Value) -> Value {
    let run = plan["id"].as_str().unwrap();
    let guard = &plan["plan"]["summary"]["guard"];
    let path = customer.path(&format!("/runs/{run}/apply"));
    let mut body = json!({"planHash": plan["planHash"]});
    if guard["holds"] == true {
        let refused = scene.rest().post(&path, &body).await.expect(422);
        assert_eq!(refused.problem(), "removals-unconfirmed");
        body["removals"] = guard["count"].clone();
    }
    scene.rest().post(&path, &body).await.expect(202);
    let done = customer.wait_for_run(run).await;
    scene.settle().await;
    done
}

pub(crate) async fn changes(scene: &Scene, customer: &Customer<'_>, run: &Value) -> Vec<Value> {
    let run = run["id"].as_str().unwrap();
    scene.rest().list(&customer.path(&format!("/runs/{run}/changes"))).await
}

/// G13: a wrong mapping ran over everybody. Without undo somebody types the old values in again.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_mapping_is_taken_back_but_for_who_was_edited_since() {
    let scene = Scene::with_users(30).await;
    let customer = scene.synced().await;
    let before = by_contact(&customer.contacts().await, "jobTitle");
    customer.change_settings(json!({"policies": {"lockManaged": false}})).await;
    customer.change_mapping("jobTitle", json!({"source": "[displayName]"})).await;
    let wrong = customer.sync_now().await;
    let wrong = wrong["id"].as_str().unwrap();
    let spoiled = customer.contacts().await;
    assert_ne!(by_contact(&spoiled, "jobTitle"), before);
    let edited = spoiled[0]["id"].as_str().unwrap();
    let by_hand = json!({"fields": {"jobTitle": "By hand"}});
    scene.rest().patch(&customer.account_path(&format!("/contacts/{edited}")), &by_hand).await;

    let plan = planned(&scene, &customer, &format!("/runs/{wrong}/undo"), json!({})).await;
    assert_eq!(plan["undoes"]["runs"], json!([wrong]), "{plan}");
    let told = changes(&scene, &customer, &plan).await;
    let left: Vec<&Value> = told.iter().filter(|change| change["result"] == "skipped").collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["contactId"], edited);
    let reason = left[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("jobTitle was changed since, by "), "{reason}");
    assert_eq!(customer.contacts().await.len(), spoiled.len(), "nothing is done yet");
    assert_eq!(customer.status().await, "enabled");

    let done = applied(&scene, &customer, &plan).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    let mut now = by_contact(&customer.contacts().await, "jobTitle");
    assert_eq!(now.insert(edited.to_owned(), before[edited].clone()), Some(json!("By hand")));
    assert_eq!(now, before);
    let shown = customer.show().await;
    assert_eq!((&shown["status"], &shown["pausedFor"]), (&json!("paused"), &json!("undone")));

    // What changes in Entra meanwhile is not written; the mapping set right goes on with it.
    let person = customer.people_in_scope().into_iter().next().unwrap();
    customer.edit(person.id(), json!({"jobTitle": "Gardener"}));
    scene.settle().await;
    let title = async || customer.linked_contact(person.id()).await["fields"]["jobTitle"].clone();
    assert_ne!(title().await, "Gardener");
    customer.change_mapping("jobTitle", json!({"source": "[jobTitle]"})).await;
    scene.settle().await;
    assert_eq!(customer.status().await, "enabled");
    assert_eq!(customer.show().await["pausedFor"], Value::Null);
    assert_eq!(title().await, "Gardener");
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}

/// SY-36: the wrong tenant's people are gone by one undo, and their addresses are free again.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_whom_a_first_sync_made_is_gone_again_by_one_undo() {
    let scene = Scene::with_users(30).await;
    let customer = scene.connected().await;
    let since = customer.show().await["updatedAt"].clone();
    let first = customer.enable().await;
    let first = customer.wait_for_run(&first).await;
    scene.settle().await;
    let made = customer.contacts().await;
    assert_eq!(json!(made.len()), first["counts"]["created"]);
    let refused = scene.rest().post(&customer.path("/undo"), &json!({"since": "soon"})).await;
    assert_eq!(refused.expect(422).problem(), "invalid-fields");
    let plan = planned(&scene, &customer, "/undo", json!({"since": since})).await;
    assert_eq!(plan["plan"]["summary"]["guard"]["count"], json!(made.len()), "{plan}");
    let done = applied(&scene, &customer, &plan).await;
    assert_eq!(done["counts"]["removed"], json!(made.len()), "{done}");
    assert_eq!(customer.contacts().await, Vec::<Value>::new());
    let email = made[0]["fields"]["email"].clone();
    customer.create_contact(json!({"email": email})).await;
}

/// What people decided in a bad hour is taken back with one request, also where somebody disabled the
/// connection in panic first, and nothing is enabled by it.
#[tokio::test(flavor = "multi_thread")]
async fn what_people_decided_since_is_taken_back_while_the_connection_is_disabled() {
    let scene = Scene::with_users(15).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let [one, two, made, ignored, leaver] = &people[..5] else { panic!("{people:?}") };
    customer.edit(two.id(), json!({"jobTitle": "Clerk"}));
    for person in [one, two] {
        customer.create_contact(json!({"email": person.address(), "city": "Rome"})).await;
    }
    let by_hand = customer.create_contact(json!({"email": "other@by.hand"})).await;
    let review = json!({
        "policies": {"create": "review", "link": "review", "lockManaged": false,
                     "removal": {"softDeleted": "review", "hardDeleted": "review"}},
    });
    customer.change_settings(review).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let item = about(&scene, &customer, "available", leaver.id()).await;
    decide(&scene, &customer, &item, json!({"action": "create"})).await.expect(202);
    scene.sim.delete_user(scene.tenant, leaver.id()).unwrap();
    scene.settle().await;
    let before = customer.contacts().await;
    let since = customer.sync_now().await["endedAt"].clone();

    let item = about(&scene, &customer, "removals", leaver.id()).await;
    decide(&scene, &customer, &item, json!({"action": "delete"})).await.expect(202);
    for person in [one, two] {
        let item = about(&scene, &customer, "matched", person.id()).await;
        decide(&scene, &customer, &item, json!({"action": "accept"})).await.expect(202);
    }
    let item = about(&scene, &customer, "available", made.id()).await;
    decide(&scene, &customer, &item, json!({"action": "create"})).await.expect(202);
    let item = about(&scene, &customer, "available", people[5].id()).await;
    let chosen = json!({"action": "link", "contact": by_hand["id"]});
    decide(&scene, &customer, &item, chosen).await.expect(202);
    let item = about(&scene, &customer, "available", ignored.id()).await;
    decide(&scene, &customer, &item, json!({"action": "ignore"})).await.expect(202);
    let edited = customer.linked_contact(two.id()).await["id"].clone();
    let path = customer.account_path(&format!("/contacts/{}", edited.as_str().unwrap()));
    scene.rest().patch(&path, &json!({"fields": {"jobTitle": "By hand"}})).await.expect(200);
    assert_ne!(customer.contacts().await.len(), before.len() + 1);
    customer.act("disable").await.expect(202);

    let refused = scene.rest().post(&customer.path("/runs"), &json!({"kind": "undo"})).await;
    assert!(refused.expect(422).json().to_string().contains("/undo"), "it names the route");
    let plan = planned(&scene, &customer, "/undo", json!({"since": since})).await;
    let told = changes(&scene, &customer, &plan).await;
    let left: Vec<&Value> = told.iter().filter(|change| change["result"] == "skipped").collect();
    assert_eq!(left.len(), 2, "{left:#?}");
    let reasons: Vec<&str> = left.iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert!(reasons.iter().any(|one| one.starts_with("jobTitle was changed since, by ")));
    assert!(reasons.iter().any(|one| one.starts_with("`ignore` in `available`, decided by ")));
    let done = applied(&scene, &customer, &plan).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    assert_eq!(customer.status().await, "disabled");
    let without = |contacts: &[Value], field: &str| {
        let mut told = by_contact(contacts, field);
        told.remove(edited.as_str().unwrap());
        told
    };
    let now = customer.contacts().await;
    for field in ["email", "city", "displayName", "jobTitle"] {
        assert_eq!(without(&now, field), without(&before, field), "{field}");
    }
    let linked = |contacts: &[Value]| {
        let linked = contacts.iter().filter(|one| one["link"] != Value::Null);
        linked.map(|one| one["link"]["objectId"].clone()).collect::<Vec<Value>>()
    };
    assert_eq!(linked(&before), [json!(leaver.id())]);
    assert_eq!(linked(&now).len(), 2, "the leaver's, and whose was edited: {now:#?}");
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}

/// D6: a contact that nobody asks about is unlinked by hand, stays unlinked, and that is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_tie_that_was_cut_by_hand_stays_cut_until_that_is_taken_back() {
    let scene = Scene::with_users(12).await;
    let customer = scene.synced().await;
    let person = customer.people_in_scope().remove(0);
    let before = customer.linked_contact(person.id()).await;
    let since = customer.sync_now().await["endedAt"].clone();
    let id = before["id"].as_str().unwrap();
    let path = customer.account_path(&format!("/contacts/{id}"));
    let unlink = format!("{path}/unlink");
    let operator = scene.rest_as(&customer.account, "operator");
    operator.post(&unlink, &json!({})).await.expect(403);
    let send = async |etag: &str| {
        scene.rest().send(Method::POST, &unlink, &[("if-match", etag)], Some(&json!({}))).await
    };
    assert_eq!(send("\"999\"").await.expect(412).problem(), "stale");
    let etag = format!("\"{}\"", before["version"]);
    let cut = send(&etag).await.expect(202).json();
    assert_eq!((&cut["link"], &cut["fields"]), (&Value::Null, &before["fields"]), "{cut}");
    assert_eq!(customer.settings().await["scope"]["ignoredUsers"], json!([person.id()]));
    customer.edit(person.id(), json!({"jobTitle": "Captain"}));
    customer.sync_now().await;
    assert_eq!(customer.contact_of(person.id()).await, None, "no run links him again");
    let decisions = scene.rest().list(&customer.path("/reviews/decisions")).await;
    assert_eq!(
        (&decisions[0]["action"], &decisions[0]["contactId"]),
        (&json!("unlink"), &json!(id))
    );
    let timeline = scene.rest().list(&format!("{path}/timeline")).await;
    assert!(timeline.iter().any(|entry| entry["kind"] == "decision"), "{timeline:?}");
    let events = customer.events().await;
    let is_told = |one: &&Value| one.to_string().contains("ContactUnlinked");
    assert_eq!(events.iter().filter(is_told).count(), 1, "{events:?}");
    // Sent once more it finds nothing to do.
    let again = scene.rest().post(&unlink, &json!({})).await.expect(202).json();
    assert_eq!(again["version"], cut["version"]);

    let plan = planned(&scene, &customer, "/undo", json!({"since": since})).await;
    let done = applied(&scene, &customer, &plan).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    let after = customer.linked_contact(person.id()).await;
    assert_eq!((&after["id"], &after["fields"]), (&before["id"], &before["fields"]));
}
