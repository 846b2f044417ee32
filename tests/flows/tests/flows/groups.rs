//! Scopes by group.

use contact_sync_flows::{Customer, Person, Scene, SceneOptions};
use serde_json::json;
use uuid::Uuid;

/// A group with a person in it and another in a group nested two levels below.
struct Groups {
    team: Uuid,
    squad: Uuid,
    people: Vec<Person>,
}

async fn synced_by_group(scene: &Scene) -> (Customer<'_>, Groups) {
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let group = |name: &str| scene.sim.create_group(scene.tenant, name).unwrap();
    let (team, crew, squad) = (group("Team"), group("Crew"), group("Squad"));
    let add = |to: Uuid, member: &str| scene.sim.add_member(scene.tenant, to, member).unwrap();
    add(team, &crew.to_string());
    add(crew, &squad.to_string());
    add(team, people[0].id());
    add(squad, people[1].id());
    let scope = json!({"groups": {"any": [team], "includeNested": true}});
    customer.change_settings(json!({"scope": scope})).await;
    let run = customer.enable().await;
    let ended = customer.wait_for_run(&run).await;
    assert_eq!(ended["status"], "succeeded", "{ended}\n{}", scene.story());
    scene.settle().await;
    (customer, Groups { team, squad, people })
}

/// An app that may also subscribe to groups (Graph asks for more than reading their members).
async fn scene_with_group_notifications() -> Scene {
    let further_roles = vec!["Group.Read.All"];
    Scene::start(SceneOptions { further_roles, ..SceneOptions::with_users(20) }).await
}

async fn linked(customer: &Customer<'_>) -> Vec<String> {
    let contacts = customer.contacts_by_user().await.into_iter();
    contacts
        .filter(|(_, contact)| contact["link"]["state"] == "linked")
        .map(|(user, _)| user)
        .collect()
}

fn sorted(people: &[&Person]) -> Vec<String> {
    let mut ids: Vec<String> = people.iter().map(|person| person.id().to_owned()).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_or_leaves_a_nested_group_is_followed_though_the_person_did_not_change() {
    let scene = scene_with_group_notifications().await;
    let (customer, groups) = synced_by_group(&scene).await;
    let people = &groups.people;
    assert_eq!(linked(&customer).await, sorted(&[&people[0], &people[1]]));

    scene.sim.add_member(scene.tenant, groups.squad, people[2].id()).unwrap();
    scene.settle().await;
    assert_eq!(linked(&customer).await, sorted(&[&people[0], &people[1], &people[2]]));

    scene.sim.remove_member(scene.tenant, groups.squad, people[1].id()).unwrap();
    scene.settle().await;
    assert_eq!(linked(&customer).await, sorted(&[&people[0], &people[2]]));
    let left = customer.linked_contact(people[1].id()).await;
    assert_eq!(left["link"]["state"], "outOfScope", "a leaver keeps the contact");
    assert_eq!(left["fields"]["email"], people[1].address());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_notifications_of_groups_a_joiner_is_found_within_the_hour() {
    let scene = Scene::with_users(20).await;
    let (customer, groups) = synced_by_group(&scene).await;
    let people = &groups.people;
    scene.sim.add_member(scene.tenant, groups.team, people[2].id()).unwrap();
    scene.settle().await;
    scene.let_an_hour_pass_unseen(&customer.connection).await;
    scene.sweep().await;
    assert_eq!(linked(&customer).await, sorted(&[&people[0], &people[1], &people[2]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_renamed_changes_nobody() {
    let scene = scene_with_group_notifications().await;
    let (customer, groups) = synced_by_group(&scene).await;
    let before = customer.contacts().await;
    let rename = entra_sim::DirectoryCommand::UpdateGroup {
        group: groups.team.to_string(),
        properties: json!({"displayName": "Another name"}).as_object().unwrap().clone(),
    };
    scene.sim.apply(scene.tenant, rename).unwrap();
    scene.settle().await;
    assert_eq!(customer.contacts().await, before);
    let run = customer.sync_now().await;
    assert_eq!(run["status"], "succeeded");
    assert_eq!(customer.contacts().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_deleted_removes_nobody_and_asks_for_attention() {
    let scene = scene_with_group_notifications().await;
    let (customer, groups) = synced_by_group(&scene).await;
    let before = customer.contacts().await;
    scene.sim.delete_group(scene.tenant, groups.team).unwrap();
    scene.settle().await;
    assert_eq!(customer.contacts().await, before, "an empty or missing group takes nobody away");
    let connection = customer.show().await;
    assert_eq!(connection["status"], "attention", "{connection}\n{}", scene.story());
    assert_eq!(connection["attention"]["reason"], "group-missing");
    assert!(connection["attention"]["fix"].as_str().unwrap().contains(&groups.team.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_fix_for_a_missing_group_says_helps() {
    let scene = scene_with_group_notifications().await;
    let (customer, groups) = synced_by_group(&scene).await;
    scene.sim.delete_group(scene.tenant, groups.team).unwrap();
    scene.settle().await;
    let connection = customer.show().await;
    assert_eq!(connection["status"], "attention", "{connection}\n{}", scene.story());
    let fix = connection["attention"]["fix"].as_str().unwrap();
    assert!(fix.contains("take it out of the scope in the settings, then resume"), "{fix}");

    customer.change_settings(json!({"scope": {"groups": {"any": [groups.squad]}}})).await;
    let run = customer.act("resume").await.expect(202).run_id();
    let run = customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(linked(&customer).await, sorted(&[&groups.people[1]]));
    assert_eq!(customer.show().await["attention"], serde_json::Value::Null);
}

/// Validation knows the members of groups that sync follows without asking for them again, however
/// large they are; its numbers are those of the next run.
#[tokio::test(flavor = "multi_thread")]
async fn validating_a_followed_group_reads_none_of_its_members() {
    let scene = scene_with_group_notifications().await;
    let (customer, groups) = synced_by_group(&scene).await;
    scene.sim.remove_member(scene.tenant, groups.squad, groups.people[1].id()).unwrap();
    scene.settle().await;
    let settings = customer.settings().await;
    scene.sim.reset_requests();
    let path = customer.path("/settings/validate");
    let verdict = scene.rest().post(&path, &settings).await.expect(200).json();
    let asked = scene.sim.requests(1_000);
    let members = asked.iter().filter(|request| request.url.contains("embers"));
    assert_eq!(members.count(), 0, "{verdict}");
    let people = &verdict["people"];
    assert_eq!((&people["inScope"], &people["unchanged"]), (&json!(1), &json!(1)), "{verdict}");
    assert_eq!(verdict["removals"]["guard"]["removals"], 0, "who left before is settled");

    // A group that nobody followed yet is read.
    let mut wider = settings;
    let other = scene.sim.create_group(scene.tenant, "Other").unwrap();
    scene.sim.add_member(scene.tenant, other, groups.people[4].id()).unwrap();
    wider["scope"]["groups"]["any"] = json!([groups.team, other]);
    let verdict = scene.rest().post(&path, &wider).await.expect(200).json();
    assert_eq!(verdict["people"]["wouldCreate"], 1, "{verdict}");
}
