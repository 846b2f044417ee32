//! Taking back what a sync did: seen first, then done, and left alone where somebody was faster.

use std::collections::BTreeMap;

use contact_sync_flows::{Customer, Scene};
use serde_json::{Value, json};

/// The whole of a field, by contact.
fn by_contact(contacts: &[Value], field: &str) -> BTreeMap<String, Value> {
    let told = contacts.iter().map(|contact| {
        (contact["id"].as_str().unwrap().to_owned(), contact["fields"][field].clone())
    });
    told.collect()
}

/// Asks for an undo and waits for its plan.
async fn planned(scene: &Scene, customer: &Customer<'_>, path: &str, body: Value) -> Value {
    let asked = scene.rest().post(&customer.path(path), &body).await.expect(202).json();
    let run = asked["id"].as_str().unwrap();
    customer.wait_for_run_status(run, "planned").await;
    customer.run(run).await
}

/// Has a plan applied and waits for its end.
async fn applied(scene: &Scene, customer: &Customer<'_>, plan: &Value) -> Value {
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

async fn changes(scene: &Scene, customer: &Customer<'_>, run: &Value) -> Vec<Value> {
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
