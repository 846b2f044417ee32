//! Reports in every form, and runs and changes narrowed to what somebody looks for.

use std::collections::BTreeMap;

use contact_sync_flows::{Customer, Scene};
use serde_json::{Value, json};

/// How many people of a report for machines came out how.
fn folded(people: &[Value]) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    for person in people {
        *counts.entry(person["happened"].as_str().unwrap()).or_default() += 1;
    }
    counts
}

/// Notified, a change would be applied by a run of its own.
fn keep_quiet(scene: &Scene) {
    scene.sim.merge_settings(&json!({"notifications": {"enabled": false}})).unwrap();
}

/// All changes of a run, narrowed.
async fn changes(scene: &Scene, customer: &Customer<'_>, run: &str, narrowing: &str) -> Vec<Value> {
    scene.rest().list(&customer.path(&format!("/runs/{run}/changes?{narrowing}"))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_read_a_run_line_by_line_and_it_adds_up() {
    let scene = Scene::with_users(60).await;
    let customer = scene.connected().await;
    let first = customer.enable().await;
    let ended = customer.wait_for_run(&first).await;
    let counts = &ended["counts"];
    let (people, end) = customer.json_lines(&first).await;
    assert_eq!((&end["id"], &end["counts"]), (&json!(first), counts), "the last line is the run");
    assert_eq!(end["people"], people.len());
    let told = folded(&people);
    for (happened, count) in [("created", "created"), ("skipped", "skipped"), ("failed", "failed")]
    {
        let told = told.get(happened).copied().unwrap_or_default();
        assert_eq!(json!(told), counts[count], "{happened}");
    }
    assert_eq!(people.len(), customer.extended_report(&first).await.len());
    let contacts = customer.contacts_by_user().await;
    for person in people.iter().filter(|person| person["happened"] == "created") {
        let contact = &contacts[person["objectId"].as_str().unwrap()];
        assert_eq!(
            (&person["contactId"], &person["email"]),
            (&contact["id"], &contact["fields"]["email"])
        );
        let fields = person["fields"].as_array().unwrap();
        assert_eq!(fields.len(), contact["fields"].as_object().unwrap().len(), "{person}");
        for field in fields {
            let name = field["field"].as_str().unwrap();
            assert_eq!(field["new"], contact["fields"][name], "{name} of {person}");
        }
    }

    // A second look at one person: what it was, what it is, and what said so.
    keep_quiet(&scene);
    let renamed = customer.people_in_scope().remove(0);
    customer.edit(renamed.id(), json!({"jobTitle": "=HYPERLINK(\"//x\")"}));
    let delta = customer.start_run("delta").await;
    customer.wait_for_run(&delta).await;
    let (people, _) = customer.json_lines(&delta).await;
    let person = people.iter().find(|person| person["objectId"] == renamed.id()).unwrap();
    let title = person["fields"].as_array().unwrap().iter().find(|one| one["field"] == "jobTitle");
    assert_eq!(title.unwrap()["new"], "=HYPERLINK(\"//x\")", "machines get it as it is");
    assert_eq!((&person["happened"], &person["status"]), (&json!("updated"), &json!("Success")));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_for_something_finds_it_among_runs_and_changes() {
    let scene = Scene::with_users(40).await;
    let customer = scene.connected().await;
    let first = customer.enable().await;
    let first_run = customer.wait_for_run(&first).await;
    keep_quiet(&scene);
    let moved = customer.people_in_scope().remove(0);
    customer.edit(moved.id(), json!({"jobTitle": "Captain"}));
    let delta = customer.start_run("delta").await;
    let delta_run = customer.wait_for_run(&delta).await;

    let of_title = changes(&scene, &customer, &delta, "field=jobTitle").await;
    assert_eq!(of_title.len(), 1);
    assert_eq!(of_title[0]["objectId"], moved.id());
    assert_eq!(changes(&scene, &customer, &delta, "kind=create").await, Vec::<Value>::new());
    let user = format!("user={}", moved.id());
    assert_eq!(changes(&scene, &customer, &first, &user).await[0]["kind"], "create");
    let skipped = changes(&scene, &customer, &first, "kind=skipped").await;
    assert_eq!(json!(skipped.len()), first_run["counts"]["skipped"]);
    assert!(skipped.iter().all(|one| one["reason"].is_string()), "everybody with the reason");

    let ids = async |narrowing: &str| -> Vec<Value> {
        let runs = scene.rest().list(&customer.path(&format!("/runs?{narrowing}"))).await;
        runs.into_iter().map(|run| run["id"].clone()).collect()
    };
    assert_eq!(ids("kind=full").await, [json!(first)]);
    assert!(ids("kind=delta&status=succeeded").await.contains(&json!(delta)));
    let asked = delta_run["queuedAt"].as_str().unwrap();
    assert!(!ids(&format!("to={asked}")).await.contains(&json!(delta)));
    assert!(!ids(&format!("from={asked}")).await.contains(&json!(first)));
    assert!(ids(&format!("from={asked}")).await.contains(&json!(delta)));
}
