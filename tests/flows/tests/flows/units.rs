//! Scopes by administrative unit, end to end.

use std::collections::BTreeSet;

use contact_sync_flows::{Customer, Person, Scene, SceneOptions};
use serde_json::{Value, json};
use uuid::Uuid;

const PERMISSION: &str = "AdministrativeUnit.Read.All";

/// An app whose customers consent to reading administrative units, too.
async fn scene(users: u32) -> Scene {
    let further_roles = vec![PERMISSION];
    Scene::start(SceneOptions { further_roles, ..SceneOptions::with_users(users) }).await
}

fn put_unit(scene: &Scene, name: &str, people: &[Person]) -> Uuid {
    let unit = scene.sim.create_unit(scene.tenant, name).unwrap();
    for person in people {
        scene.sim.add_to_unit(scene.tenant, unit, person.id()).unwrap();
    }
    unit
}

async fn linked(customer: &Customer<'_>) -> BTreeSet<String> {
    let contacts = customer.contacts_by_user().await.into_iter();
    let linked = contacts.filter(|(_, contact)| contact["link"]["state"] == "linked");
    linked.map(|(user, _)| user).collect()
}

fn ids(people: &[Person]) -> BTreeSet<String> {
    people.iter().map(|person| person.id().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_is_picked_previewed_planned_synced_and_followed() {
    let scene = scene(1_500).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let unit = put_unit(&scene, "Branch Bern", &people[..30]);
    // People of a group that is in a unit are not in the unit.
    scene.sim.add_to_unit(scene.tenant, unit, "Everyone").unwrap();

    let picker = customer.path("/directory/values?property=administrativeUnit");
    let picked = scene.rest().get(&picker).await.expect(200).json();
    let items = picked["items"].as_array().unwrap();
    let ours = items.iter().find(|item| item["name"] == "Branch Bern").unwrap();
    assert_eq!((&ours["value"], &ours["count"]), (&json!(unit), &json!(30)), "{picked}");
    assert_eq!(picked["complete"], true);
    let asked = scene.sim.requests(10_000).len();
    scene.rest().get(&format!("{picker}&query=bern")).await.expect(200);
    assert_eq!(scene.sim.requests(10_000).len(), asked, "what was read is kept");

    let scope = json!({"administrativeUnits": {"any": [unit]}});
    let mut document = customer.settings().await;
    document["scope"]["administrativeUnits"] = scope["administrativeUnits"].clone();
    let validate = customer.path("/settings/validate");
    let verdict = scene.rest().post(&validate, &document).await.expect(200).json();
    assert_eq!(verdict["people"]["inScope"], 30, "{verdict}");
    customer.change_settings(json!({ "scope": scope })).await;
    assert_eq!(customer.settings().await["scope"]["administrativeUnits"], json!({"any": [unit]}));
    let plan = scene.rest().get(&customer.path("/query-plan")).await.expect(200).json();
    assert_eq!((&plan["reading"], &plan["peopleInGroups"]), (&json!("members"), &json!(30)));

    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!((&run["status"], &run["reading"]), (&json!("succeeded"), &json!("members")));
    let asked = run["graph"]["requests"].as_u64().unwrap();
    assert!(asked <= plan["cost"]["requests"].as_u64().unwrap(), "{asked} and {plan}");
    assert_eq!(linked(&customer).await, ids(&people[..30]));

    // Who joins and who leaves is found within the hour; who left is not written any more.
    scene.sim.remove_from_unit(scene.tenant, unit, people[0].id()).unwrap();
    scene.sim.add_to_unit(scene.tenant, unit, people[30].id()).unwrap();
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;
    assert_eq!(linked(&customer).await, ids(&people[1..31]));
    customer.edit(people[0].id(), json!({"jobTitle": "Elsewhere"}));
    scene.settle().await;
    let left = customer.linked_contact(people[0].id()).await;
    assert_eq!(left["link"]["state"], "outOfScope");
    assert_ne!(left["fields"]["jobTitle"], "Elsewhere");

    // By id: another name changes nobody.
    let before = customer.contacts().await;
    let rename = entra_sim::DirectoryCommand::UpdateUnit {
        unit: unit.to_string(),
        properties: json!({"displayName": "Branch Berne"}).as_object().unwrap().clone(),
    };
    scene.sim.apply(scene.tenant, rename).unwrap();
    assert_eq!(customer.sync_now().await["status"], "succeeded");
    assert_eq!(customer.contacts().await, before);
}

fn clause(told: &Value) -> &Value {
    let clauses = told["scope"]["clauses"].as_array().unwrap();
    clauses.iter().find(|one| one["clause"] == "administrativeUnits").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn why_somebody_is_not_here_names_the_units() {
    let scene = scene(30).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let units = [put_unit(&scene, "Bern", &people[..1]), put_unit(&scene, "Basel", &people[..2])];
    customer.change_settings(json!({"scope": {"administrativeUnits": {"any": units}}})).await;
    let explain = |person: &Person| customer.path(&format!("/explain?user={}", person.upn()));
    let told = scene.rest().get(&explain(&people[3])).await.expect(200).json();
    assert_eq!(clause(&told)["verdict"], "out", "{told}");
    assert!(clause(&told)["because"].as_str().unwrap().contains("(Bern, Basel)"), "{told}");
    let told = scene.rest().get(&explain(&people[1])).await.expect(200).json();
    assert_eq!(clause(&told)["verdict"], "in");
    assert!(clause(&told)["because"].as_str().unwrap().ends_with("(Basel)"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_permission_the_connection_says_which_and_nobody_is_removed() {
    let scene = scene(30).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let unit = put_unit(&scene, "Bern", &people[..5]);
    customer.change_settings(json!({"scope": {"administrativeUnits": {"any": [unit]}}})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(linked(&customer).await.len(), 5);

    scene.age_consent(&customer.connection, jiff::SignedDuration::from_hours(1)).await;
    scene.settle().await;
    scene.sim.remove_role(scene.tenant, entra_sim::DEFAULT_APP_ID, PERMISSION).unwrap();
    scene.sim.revoke_tokens(scene.tenant).unwrap();
    let run = customer.sync_now().await;
    assert_eq!(run["status"], "failed", "{run}");
    scene.settle().await;
    assert_eq!(linked(&customer).await.len(), 5, "nobody is removed");
    let connection = customer.show().await;
    assert_eq!(connection["attention"]["reason"], "permission-missing", "{connection}");
    assert!(connection["attention"]["fix"].as_str().unwrap().contains(PERMISSION), "{connection}");

    // Settings without units need no such permission.
    let other = json!({"scope": {"administrativeUnits": "all"}});
    let mut document = customer.settings().await;
    document["scope"]["administrativeUnits"] = other["scope"]["administrativeUnits"].clone();
    let path = customer.path("/settings/validate");
    let verdict = scene.rest().post(&path, &document).await.expect(200).json();
    let needed = verdict["permissions"].as_array().unwrap();
    assert!(!needed.iter().any(|one| one["name"] == PERMISSION), "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_is_deleted_removes_nobody_and_asks_for_attention() {
    let scene = scene(30).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let unit = put_unit(&scene, "Bern", &people[..5]);
    let gone = put_unit(&scene, "Basel", &people[5..8]);
    customer
        .change_settings(json!({"scope": {"administrativeUnits": {"any": [unit, gone]}}}))
        .await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let before = customer.contacts().await;
    scene.sim.delete_unit(scene.tenant, gone).unwrap();
    let run = customer.sync_now().await;
    assert_eq!(run["status"], "failed", "{run}");
    scene.settle().await;
    assert_eq!(customer.contacts().await, before);
    let connection = customer.show().await;
    assert_eq!(connection["attention"]["reason"], "unit-missing", "{connection}");
    assert!(connection["attention"]["fix"].as_str().unwrap().contains(&gone.to_string()));

    // What it says helps.
    customer.change_settings(json!({"scope": {"administrativeUnits": {"any": [unit]}}})).await;
    let run = customer.act("resume").await.expect(202).run_id();
    assert_eq!(customer.wait_for_run(&run).await["status"], "succeeded");
    scene.settle().await;
    assert_eq!(linked(&customer).await, ids(&people[..5]));
}
