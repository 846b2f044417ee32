//! Who comes back, and what a contact tells of its own past.

use contact_sync_flows::{Customer, Scene};
use serde_json::{Value, json};

use crate::teams::{group, put_by_hand, team};
use crate::undo::{applied, planned};

async fn timeline(scene: &Scene, customer: &Customer<'_>, contact: &str) -> Vec<Value> {
    scene.rest().list(&customer.account_path(&format!("/contacts/{contact}/timeline"))).await
}

async fn provenance(scene: &Scene, customer: &Customer<'_>, contact: &str, field: &str) -> Value {
    let path = customer.account_path(&format!("/contacts/{contact}/provenance"));
    scene.rest().get(&path).await.expect(200).json()["fields"][field].clone()
}

/// G8: an intern is deleted in Entra, the policy deletes the contact, and the next morning the intern is
/// restored. Else notes, numbers and teams that people kept by hand are gone for good.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_restored_in_entra_has_the_same_contact_with_what_people_wrote_and_their_teams() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    customer.set_custom_fields(json!([{"key": "locker", "label": "Locker", "type": "text"}])).await;
    let people = customer.people_in_scope();
    let person = &people[1];
    let (north, south) =
        (team(&scene, &customer, "North").await, team(&scene, &customer, "South").await);
    let crew = group(&scene, "Crew", &[person, &people[2]]);
    let removal = json!({"softDeleted": "delete", "hardDeleted": "delete"});
    let teams = json!([{"group": crew, "team": north}]);
    customer.change_settings(json!({"teams": teams, "policies": {"removal": removal}})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    put_by_hand(&scene, &customer, &south, person).await;
    let contact = customer.linked_contact(person.id()).await;
    assert_eq!(contact["source"], "entra");
    let path = customer.account_path(&format!("/contacts/{}", contact["id"].as_str().unwrap()));
    let by_hand = json!({"fields": {"city": "Rome"}, "custom": {"locker": "17"}});
    let before = scene.rest().patch(&path, &by_hand).await.expect(200).json();
    assert_eq!(
        (&before["fields"]["city"], &before["custom"]["locker"]),
        (&json!("Rome"), &json!("17"))
    );
    assert_eq!(before["teams"].as_array().unwrap().len(), 2, "{before}");

    scene.sim.delete_user(scene.tenant, person.id()).unwrap();
    scene.settle().await;
    scene.rest().get(&path).await.expect(404);
    let members = customer.account_path(&format!("/teams/{south}/members"));
    assert_eq!(scene.rest().list(&members).await, Vec::<Value>::new(), "nobody stands in for them");

    scene.sim.restore_user(scene.tenant, person.id()).unwrap();
    scene.settle().await;
    let after = customer.linked_contact(person.id()).await;
    assert_eq!(after["id"], before["id"], "{}", scene.story());
    assert_eq!(after["fields"], before["fields"], "with the city that somebody wrote");
    assert_eq!(after["custom"], before["custom"]);
    assert_eq!(after["teams"], before["teams"], "the group's team and the one by hand");
    assert_eq!((&after["status"], &after["link"]["state"]), (&json!("active"), &json!("linked")));
    assert_eq!(scene.stack.dead_letters().len(), 0, "{}", scene.story());
}

/// J9: "since when is she in that team, and who put her there?" is read off one list.
#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_tells_which_team_was_joined_and_left_when_and_by_whom() {
    let scene = Scene::with_users(12).await;
    let customer = scene.synced().await;
    let people = customer.people_in_scope();
    let person = &people[0];
    let (north, south) =
        (team(&scene, &customer, "North").await, team(&scene, &customer, "South").await);
    // A group that nobody is left in moves nobody.
    let crew = group(&scene, "Crew", &[person, &people[1]]);
    let rows = json!([{"group": crew, "team": north, "role": "diver"}]);
    customer.change_settings(json!({"teams": rows})).await;
    customer.sync_now().await;
    let contact = customer.linked_contact(person.id()).await["id"].as_str().unwrap().to_owned();
    let of_groups = |told: &[Value]| -> Vec<Value> {
        told.iter().filter(|entry| entry["kind"] == "membership").cloned().collect()
    };
    let joined = of_groups(&timeline(&scene, &customer, &contact).await);
    assert_eq!(joined.len(), 1, "{joined:#?}");
    assert_eq!((&joined[0]["change"], &joined[0]["team"]), (&json!("joined"), &json!(north)));
    assert_eq!(joined[0]["role"], "diver", "{joined:?}");
    let held_by = joined[0]["origins"].to_string();
    assert!(held_by.contains(&crew.to_string()), "by which group: {held_by}");

    let by_hand = put_by_hand(&scene, &customer, &south, person).await;
    scene.rest().delete(&by_hand).await.expect(204);
    scene.sim.remove_member(scene.tenant, crew, person.id()).unwrap();
    customer.sync_now().await;
    let told = timeline(&scene, &customer, &contact).await;
    let left = of_groups(&told);
    let entry = left.iter().find(|entry| entry["change"] == "left").unwrap();
    assert_eq!(entry["team"], json!(north), "{told:#?}");
    assert!(entry["ended"].to_string().contains(&crew.to_string()), "which group ended: {entry}");
    let changes: Vec<&str> = left.iter().filter_map(|entry| entry["change"].as_str()).collect();
    assert_eq!(changes, ["left", "joined"], "that she had joined is told on: {left:#?}");
    assert!(left[0]["run"].is_string(), "by which run: {left:#?}");
    let by_people: Vec<(&str, &str)> = told
        .iter()
        .filter(|entry| entry["team"] == south.as_str())
        .map(|entry| (entry["kind"].as_str().unwrap(), entry["did"].as_str().unwrap()))
        .collect();
    assert_eq!(by_people, [("person", "teamLeft"), ("person", "teamJoined")], "{told:#?}");
    let hand = told.iter().find(|entry| entry["did"] == "teamJoined").unwrap();
    assert_eq!(hand["actor"]["role"], "admin", "{hand}");
    let moments: Vec<jiff::Timestamp> =
        told.iter().filter_map(|entry| entry["at"].as_str()?.parse().ok()).collect();
    assert!(moments.is_sorted_by(|newer, older| newer >= older), "newest first: {moments:?}");
}

/// J10, G13: after a wrong mapping was taken back, a contact that still named the wrong rule as the
/// source of the right value would send support after a mapping that never gave it.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_undo_no_field_names_the_rule_that_was_taken_back_as_its_source() {
    let scene = Scene::with_users(12).await;
    let customer = scene.synced().await;
    let person = customer.people_in_scope().remove(0);
    let before = customer.linked_contact(person.id()).await;
    let contact = before["id"].as_str().unwrap();
    let first = provenance(&scene, &customer, contact, "department").await;
    assert_eq!(
        (&first["source"], &first["by"]),
        (&json!("[department]"), &json!("run")),
        "{first}"
    );
    customer.change_mapping("department", json!({"source": "[displayName]"})).await;
    let wrong = customer.sync_now().await;
    let spoiled = provenance(&scene, &customer, contact, "department").await;
    assert_eq!(spoiled["source"], "[displayName]", "{spoiled}");
    assert_eq!(spoiled["run"], wrong["id"]);

    let path = format!("/runs/{}/undo", wrong["id"].as_str().unwrap());
    let plan = planned(&scene, &customer, &path, json!({})).await;
    let done = applied(&scene, &customer, &plan).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    let now = customer.linked_contact(person.id()).await;
    assert_eq!(now["fields"], before["fields"]);
    let told = provenance(&scene, &customer, contact, "department").await;
    assert_eq!(told["value"], before["fields"]["department"], "{told}");
    assert_ne!(told["source"], "[displayName]", "that rule never gave this value: {told}");
    assert_ne!(told["run"], wrong["id"], "nor did that run: {told}");
}
