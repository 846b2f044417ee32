//! Drift: directory and contacts compared without a write, and mended one by one.

use contact_sync_flows::{CallsOf, Customer, Scene};
use serde_json::{Value, json};

/// Audits, and answers the run that shows what differs.
async fn audit(scene: &Scene, customer: &Customer<'_>) -> Value {
    let asked = scene.rest().post(&customer.path("/runs"), &json!({"kind": "drift"})).await;
    let run = asked.expect(202).json()["id"].as_str().unwrap().to_owned();
    customer.wait_for_run_status(&run, "planned").await;
    customer.run(&run).await
}

async fn differences(
    scene: &Scene,
    customer: &Customer<'_>,
    run: &Value,
    query: &str,
) -> Vec<Value> {
    let path = format!("/runs/{}/changes{query}", run["id"].as_str().unwrap());
    let listed = scene.rest().list(&customer.path(&path)).await;
    listed.into_iter().filter(|change| !change["moved"].is_null()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_behind_our_back_and_a_lost_notification_are_found_and_one_of_them_is_mended() {
    let scene = Scene::with_users(15).await;
    let customer = scene.synced().await;
    let people = customer.people_in_scope();
    let (tampered, unnoticed) = (people[1].id(), people[2].id());
    let title =
        async |user: &str| customer.linked_contact(user).await["fields"]["jobTitle"].clone();
    let (right, old) = (title(tampered).await, title(unnoticed).await);
    // Graph tells of nothing any more, and somebody changes a contact where it is stored.
    scene.stop_notifications();
    customer.edit(unnoticed, json!({"jobTitle": "Nobody was told"}));
    let contact = customer.linked_contact(tampered).await["id"].as_str().unwrap().to_owned();
    scene.tamper_with_title(&contact, "Changed in the table").await;
    scene.settle().await;
    assert_eq!(title(tampered).await, "Changed in the table");
    assert_eq!(title(unnoticed).await, old);

    let before = customer.contacts().await;
    let writes = || CallsOf::writes(&scene.stack, "full-sync", "ContactsTable").writes;
    let written = writes();
    let shown = audit(&scene, &customer).await;
    assert_eq!(writes(), written, "an audit writes no contact");
    assert_eq!(customer.contacts().await, before);
    let summary = &shown["plan"]["summary"];
    assert_eq!(summary["moved"], json!({"contact": 1, "entra": 1}), "{shown}");
    assert_eq!(summary["byField"], json!({"jobTitle": 2}), "{shown}");
    for (side, user, was, becomes) in [
        ("contact", tampered, json!("Changed in the table"), right.clone()),
        ("entra", unnoticed, old.clone(), json!("Nobody was told")),
    ] {
        let told = differences(&scene, &customer, &shown, &format!("?moved={side}")).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0]["objectId"], user);
        let field = &told[0]["fields"][0];
        assert_eq!((&field["old"], &field["new"]), (&was, &becomes), "{side}");
    }

    let path = customer.path(&format!("/runs/{}/fix", shown["id"].as_str().unwrap()));
    let fix = async |items: Value, status: u16| {
        let body = json!({"planHash": shown["planHash"], "items": items});
        scene.rest().post(&path, &body).await.expect(status)
    };
    let refused = fix(json!([people[3].id()]), 422).await;
    assert_eq!(refused.pointers(), ["/items"], "of somebody who is right there is nothing to mend");
    fix(json!([tampered]), 202).await;
    fix(json!([tampered]), 202).await;
    let done = customer.wait_for_run(shown["id"].as_str().unwrap()).await;
    assert_eq!((&done["status"], &done["counts"]["updated"]), (&json!("succeeded"), &json!(1)));
    assert_eq!(done["plan"]["approved"]["items"], json!([tampered]), "{done}");
    assert_eq!(title(tampered).await, right, "{}", scene.story());
    assert_eq!(title(unnoticed).await, old, "nobody chose that one");
    assert_eq!(fix(json!([unnoticed]), 409).await.problem(), "plan-not-ready");

    let again = audit(&scene, &customer).await;
    assert_eq!(again["plan"]["summary"]["moved"], json!({"entra": 1}), "{again}");
}
