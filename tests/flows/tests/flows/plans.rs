//! Seeing what a sync would do before anything is written.

use std::collections::BTreeSet;

use contact_sync_flows::Scene;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_organisation_is_seen_in_the_preview_before_any_contact_is_written() {
    let scene = Scene::with_users(60).await;
    let customer = scene.connected().await;
    assert_eq!(customer.status().await, "ready");
    let asked = scene.rest().post(&customer.path("/previews"), &json!({})).await.expect(202);
    assert_eq!(asked.json()["kind"], "preview");
    let run = asked.json()["id"].as_str().unwrap().to_owned();
    customer.wait_for_run_status(&run, "planned").await;
    let shown = customer.run(&run).await;
    let plan = &shown["plan"];
    assert_eq!(shown["planHash"].as_str().unwrap().len(), 64);
    assert_eq!(shown["requestedBy"]["role"], "admin");
    assert!(plan["expiresAt"].as_str() > plan["madeAt"].as_str(), "{plan}");

    // Whose people these are stands in every change that would be made.
    let changes = scene.rest().list(&customer.path(&format!("/runs/{run}/changes"))).await;
    let emails = |kind: &str| -> BTreeSet<String> {
        let of_kind =
            changes.iter().filter(|change| change["kind"] == kind && change["result"] == "success");
        let fields = of_kind.flat_map(|change| change["fields"].as_array().unwrap());
        let emails = fields.filter(|field| field["field"] == "email");
        emails.map(|field| field["new"].as_str().unwrap().to_owned()).collect()
    };
    let planned = emails("create");
    assert_eq!(json!(planned.len()), plan["summary"]["byKind"]["created"], "{plan}");
    assert!(!planned.is_empty());
    scene.settle().await;
    assert_eq!(customer.contacts().await, Vec::<Value>::new(), "nothing is written");
    assert_eq!(customer.events().await, Vec::<Value>::new());
    assert_eq!(customer.status().await, "ready");

    // Enabled all the same, the first sync makes exactly the contacts that were shown.
    let first = customer.enable().await;
    let first = customer.wait_for_run(&first).await;
    assert_eq!(first["counts"], shown["counts"]);
    let contacts = customer.contacts().await;
    let made = contacts.iter().map(|contact| contact["fields"]["email"].as_str().unwrap());
    assert_eq!(made.map(str::to_owned).collect::<BTreeSet<_>>(), planned);
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_tenant_nobody_proved_shows_nothing() {
    let scene = Scene::with_users(5).await;
    let customer = scene.customer("acme").await;
    let path = customer.path("/previews");
    let refused = scene.rest().post(&path, &json!({})).await.expect(409);
    assert_eq!(refused.problem(), "wrong-state");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_enabled_with_the_plan_that_was_seen_and_who_changed_since_is_left() {
    let scene = Scene::with_users(60).await;
    let customer = scene.connected().await;
    let asked = scene.rest().post(&customer.path("/previews"), &json!({})).await.expect(202);
    let run = asked.json()["id"].as_str().unwrap().to_owned();
    let path = customer.path(&format!("/runs/{run}/apply"));
    customer.wait_for_run_status(&run, "planned").await;
    let shown = customer.run(&run).await;
    let hash = shown["planHash"].clone();
    let refused = async |body: Value, status: u16| {
        scene.rest().post(&path, &body).await.expect(status).problem()
    };
    assert_eq!(refused(json!({"planHash": "00"}), 409).await, "plan-differs");
    assert_eq!(refused(json!({"planHash": hash}), 422).await, "wrong-tenant");

    let person = customer.people_in_scope().into_iter().next().unwrap();
    customer.edit(person.id(), json!({"jobTitle": "Somebody else"}));
    let right = json!({"planHash": hash, "tenantId": scene.tenant});
    scene.rest().post(&path, &right).await.expect(202);
    scene.rest().post(&path, &right).await.expect(202);
    let applied = customer.wait_for_run(&run).await;
    let failed = &shown["counts"]["failed"];
    assert_eq!(&applied["counts"]["failed"], failed, "who shares an address fails as was shown");
    assert_eq!(applied["status"], if failed == 0 { "succeeded" } else { "partial" }, "{applied}");
    let changes = scene.rest().list(&customer.path(&format!("/runs/{run}/changes"))).await;
    let left: Vec<&Value> =
        changes.iter().filter(|change| change["objectId"] == person.id()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["result"], "skipped");
    assert!(left[0]["reason"].as_str().unwrap().contains("changed in Entra"), "{left:?}");
    assert_eq!(refused(json!({"planHash": "00"}), 409).await, "plan-not-ready");

    // The full run behind it finds whoever was left.
    scene.settle().await;
    assert_eq!(customer.status().await, "enabled");
    let full = customer.runs_of("full").await;
    customer.wait_for_run(full[0]["id"].as_str().unwrap()).await;
    assert!(customer.contact_of(person.id()).await.is_some());
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}
