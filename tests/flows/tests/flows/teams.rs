//! Teams that follow groups, and the people whom somebody put there.

mod made;

use contact_sync_flows::{Customer, Person, Scene, SceneOptions};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// An app that may also subscribe to groups (Graph asks for more than reading their members).
async fn scene_with_group_notifications(users: u32) -> Scene {
    let further_roles = vec!["Group.Read.All"];
    Scene::start(SceneOptions { further_roles, ..SceneOptions::with_users(users) }).await
}

pub(crate) fn group(scene: &Scene, name: &str, members: &[&Person]) -> Uuid {
    let group = scene.sim.create_group(scene.tenant, name).unwrap();
    for member in members {
        scene.sim.add_member(scene.tenant, group, member.id()).unwrap();
    }
    group
}

pub(crate) async fn team(scene: &Scene, customer: &Customer<'_>, name: &str) -> String {
    let path = customer.account_path("/teams");
    let made = scene.rest().post(&path, &json!({"name": name})).await.expect(201).json();
    made["id"].as_str().unwrap().to_owned()
}

/// The object ids of a team's members, with what holds them.
pub(crate) async fn members(
    scene: &Scene,
    customer: &Customer<'_>,
    team: &str,
) -> Vec<(String, String)> {
    let contacts = customer.contacts_by_user().await;
    let user = |contact: &Value| {
        let of = contacts.iter().find(|(_, one)| one["id"] == *contact);
        of.map_or_else(|| "nobody".to_owned(), |(user, _)| user.clone())
    };
    let listed = scene.rest().list(&customer.account_path(&format!("/teams/{team}/members"))).await;
    let mut found: Vec<(String, String)> = listed
        .iter()
        .map(|one| (user(&one["contactId"]), one["origin"].as_str().unwrap().to_owned()))
        .collect();
    found.sort();
    found
}

pub(crate) fn held(people: &[(&Person, &str)]) -> Vec<(String, String)> {
    let mut held: Vec<(String, String)> = people
        .iter()
        .map(|(person, origin)| (person.id().to_owned(), (*origin).to_owned()))
        .collect();
    held.sort();
    held
}

pub(crate) async fn put_by_hand(
    scene: &Scene,
    customer: &Customer<'_>,
    team: &str,
    person: &Person,
) -> String {
    let contact = customer.linked_contact(person.id()).await;
    let path = format!("/teams/{team}/members/{}", contact["id"].as_str().unwrap());
    let path = customer.account_path(&path);
    scene.rest().send(Method::PUT, &path, &[], None).await.expect(200);
    path
}

/// GH-12.
#[tokio::test(flavor = "multi_thread")]
async fn gh_12_at_least_one_group_mapping_must_exist_before_a_sync_can_start() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    customer.change_settings(json!({"requires": ["teams"]})).await;
    assert_eq!(customer.enable_for(scene.tenant).await.expect(409).problem(), "requirement-unmet");

    let north = team(&scene, &customer, "North").await;
    let of_north = group(&scene, "North", &[&people[0]]);
    customer.change_settings(json!({"teams": [{"group": of_north, "team": north}]})).await;
    let run = customer.enable().await;
    let run = customer.wait_for_run(&run).await;
    assert_eq!(run["status"], "succeeded", "{run}\n{}", scene.story());
    scene.settle().await;
    assert_eq!(members(&scene, &customer, &north).await, held(&[(&people[0], "entra")]));
    let outside = customer.linked_contact(people[1].id()).await;
    assert_eq!(outside["teams"], json!([]), "people outside mapped groups are synced too");

    customer.change_settings(json!({"teams": []})).await;
    let refused = scene.rest().post(&customer.path("/runs"), &json!({"kind": "full"})).await;
    assert_eq!(refused.expect(409).problem(), "requirement-unmet");
}

/// GH-16, GH-17, GH-18: groups are teams, and who joins one is in the team and has what it has.
#[tokio::test(flavor = "multi_thread")]
async fn gh_16_to_18_groups_are_mapped_to_teams_and_who_is_added_lands_there_at_the_next_sync() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let (north, south) =
        (team(&scene, &customer, "North").await, team(&scene, &customer, "South").await);
    let nested = group(&scene, "Crew", &[&people[1]]);
    let crew = group(&scene, "Field", &[&people[0]]);
    scene.sim.add_member(scene.tenant, crew, nested).unwrap();
    let office = group(&scene, "Office", &[&people[1], &people[2]]);
    let rows = json!([
        {"group": crew, "team": north, "onLeave": "remove"},
        {"group": office, "team": north, "onLeave": "remove"},
        {"group": office, "team": south, "onLeave": "keep"},
    ]);
    customer.change_settings(json!({"teams": rows})).await;
    let run = customer.enable().await;
    assert_eq!(customer.wait_for_run(&run).await["status"], "succeeded", "{}", scene.story());
    scene.settle().await;
    let by_group = [(&people[0], "entra"), (&people[1], "entra"), (&people[2], "entra")];
    assert_eq!(members(&scene, &customer, &north).await, held(&by_group));
    assert_eq!(members(&scene, &customer, &south).await, held(&by_group[1..]));
    let shown = customer.linked_contact(people[1].id()).await;
    assert_eq!(
        shown["teams"],
        json!([
            {"id": north, "name": "North", "origin": "entra"},
            {"id": south, "name": "South", "origin": "entra"},
        ])
    );

    let by_hand = put_by_hand(&scene, &customer, &north, &people[4]).await;
    scene.sim.add_member(scene.tenant, nested, people[3].id()).unwrap();
    scene.sim.remove_member(scene.tenant, office, people[2].id()).unwrap();
    scene.settle().await;
    assert_eq!(
        members(&scene, &customer, &south).await,
        held(&by_group[1..]),
        "GH-28: without notifications of groups the next sync shows it"
    );
    let run = customer.sync_now().await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let (lines, _) = customer.json_lines(run["id"].as_str().unwrap()).await;
    let moves = |person: &Person| {
        let line = lines.iter().find(|line| line["objectId"] == person.id());
        line.map(|line| line["memberships"].clone()).unwrap_or_default()
    };
    assert_eq!(moves(&people[3]), json!([{"team": north, "change": "joined", "role": null}]));
    assert!(moves(&people[2]).to_string().contains("\"left\""), "{}", moves(&people[2]));
    assert_eq!(moves(&people[0]), json!([]), "whom nothing moved");
    assert_eq!(
        members(&scene, &customer, &north).await,
        held(&[by_group[0], by_group[1], (&people[3], "entra"), (&people[4], "manual")])
    );
    assert_eq!(
        members(&scene, &customer, &south).await,
        held(&[by_group[1], (&people[2], "manual")]),
        "who left stays where the mapping says keep"
    );
    let of_group = customer.account_path(&format!(
        "/teams/{north}/members/{}",
        customer.linked_contact(people[0].id()).await["id"].as_str().unwrap()
    ));
    let refused = scene.rest().delete(&of_group).await.expect(409);
    assert_eq!(refused.problem(), "held-by-group");
    assert!(refused.json()["detail"].as_str().unwrap().contains(&crew.to_string()));
    scene.rest().delete(&by_hand).await.expect(204);
    assert_eq!(customer.sync_now().await["status"], "succeeded");
    assert_eq!(
        members(&scene, &customer, &north).await,
        held(&[by_group[0], by_group[1], (&people[3], "entra")])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_a_mapped_group_is_in_the_team_at_once_and_costs_no_reading_of_its_members() {
    let scene = scene_with_group_notifications(120).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let north = team(&scene, &customer, "North").await;
    let large = group(&scene, "Large", &people.iter().skip(1).collect::<Vec<_>>());
    customer.change_settings(json!({"teams": [{"group": large, "team": north}]})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(members(&scene, &customer, &north).await.len(), people.len() - 1);

    scene.sim.reset_requests();
    scene.sim.add_member(scene.tenant, large, people[0].id()).unwrap();
    scene.settle().await;
    assert_eq!(members(&scene, &customer, &north).await.len(), people.len());
    let counts = scene.sim.request_counts();
    let member_reads: u64 = counts
        .endpoints
        .iter()
        .filter(|(endpoint, _)| endpoint.to_lowercase().contains("members"))
        .map(|(_, counts)| counts.requests)
        .sum();
    assert_eq!(member_reads, 0, "{:?}", counts.endpoints);

    scene.sim.remove_member(scene.tenant, large, people[0].id()).unwrap();
    scene.settle().await;
    assert_eq!(members(&scene, &customer, &north).await.len(), people.len() - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_mapped_group_takes_nobody_out_of_the_team_and_stops_nobodys_sync() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let north = team(&scene, &customer, "North").await;
    let crew = group(&scene, "Crew", &[&people[0], &people[1]]);
    customer.change_settings(json!({"teams": [{"group": crew, "team": north}]})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    scene.sim.delete_group(scene.tenant, crew).unwrap();
    customer.edit(people[2].id(), json!({"jobTitle": "Diver"}));
    let run = customer.sync_now().await;
    assert_eq!(run["status"], "partial", "{run}");
    assert!(run["reason"].as_str().unwrap().contains(&crew.to_string()), "{run}");
    assert_eq!(
        members(&scene, &customer, &north).await,
        held(&[(&people[0], "entra"), (&people[1], "entra")])
    );
    assert_eq!(customer.linked_contact(people[2].id()).await["fields"]["jobTitle"], "Diver");
    assert_eq!(customer.status().await, "enabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_deleted_and_restored_is_in_the_same_teams_again() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let north = team(&scene, &customer, "North").await;
    let crew = group(&scene, "Crew", &[&people[0], &people[1]]);
    let policies = json!({"removal": {"softDeleted": "delete", "hardDeleted": "delete"}});
    let teams = json!([{"group": crew, "team": north}]);
    customer.change_settings(json!({"teams": teams, "policies": policies})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    let before = customer.linked_contact(people[0].id()).await;
    scene.sim.delete_user(scene.tenant, people[0].id()).unwrap();
    scene.settle().await;
    assert!(customer.contact_of(people[0].id()).await.is_none(), "{}", scene.story());
    assert_eq!(members(&scene, &customer, &north).await, held(&[(&people[1], "entra")]));
    scene.sim.restore_user(scene.tenant, people[0].id()).unwrap();
    scene.settle().await;
    let after = customer.linked_contact(people[0].id()).await;
    assert_eq!((&after["id"], &after["teams"]), (&before["id"], &before["teams"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_person_takes_in_or_lets_go_joins_and_leaves_the_mapped_teams_at_once() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let north = team(&scene, &customer, "North").await;
    let of_north = group(&scene, "North", &[&people[0], &people[1]]);
    let rows = json!([{"group": of_north, "team": north, "onLeave": "remove"}]);
    let removal = json!({"outOfScope": "review"});
    let policies = json!({"create": "review", "removal": removal});
    customer.change_settings(json!({"teams": rows, "policies": policies})).await;
    let run = customer.enable().await;
    customer.wait_for_run(&run).await;
    scene.settle().await;
    assert_eq!(members(&scene, &customer, &north).await, [], "nobody has a contact yet");

    let rest = scene.rest();
    let decide = async |list: &str, user: &str, action: &str| {
        let items = rest.list(&customer.path(&format!("/reviews?list={list}"))).await;
        let item = items.iter().find(|item| item["user"]["objectId"] == user).cloned();
        let item = item.unwrap_or_else(|| panic!("nothing about {user} in {list}: {items:?}"));
        let path = customer.path(&format!("/reviews/{}", item["id"].as_str().unwrap()));
        let body = json!({"action": action, "version": item["version"]});
        rest.post(&path, &body).await.expect(202).json()
    };
    let made = decide("available", people[0].id(), "create").await;
    assert_eq!(members(&scene, &customer, &north).await, held(&[(&people[0], "entra")]));
    decide("available", people[2].id(), "create").await;
    assert_eq!(members(&scene, &customer, &north).await, held(&[(&people[0], "entra")]));

    let scope = json!({"scope": {"departments": {"any": ["Nobody's"]}}});
    customer.change_settings(scope).await;
    customer.sync_now().await;
    decide("removals", people[0].id(), "unlink").await;
    let path = customer.account_path(&format!("/teams/{north}/members"));
    assert_eq!(rest.list(&path).await, [json!(null); 0], "the group holds him no more");
    let contact = made["contact"]["id"].as_str().unwrap();
    let contact = customer.account_path(&format!("/contacts/{contact}"));
    assert_eq!(rest.get(&contact).await.expect(200).json()["teams"], json!([]));
}

async fn why(scene: &Scene, customer: &Customer<'_>, team: &str, person: &str) -> Value {
    let path = customer.account_path(&format!("/teams/{team}/explain?person={person}"));
    scene.rest().get(&path).await.expect(200).json()
}

fn path_names(path: &Value) -> Vec<&str> {
    path.as_array().unwrap().iter().filter_map(|one| one["displayName"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn gh_27_why_somebody_is_or_is_not_in_a_team_is_told_with_the_way_through_the_groups() {
    let scene = Scene::with_users(12).await;
    let customer = scene.connected().await;
    let people = customer.people_in_scope();
    let north = team(&scene, &customer, "North").await;
    let crew = group(&scene, "Crew", &[&people[0]]);
    let field = group(&scene, "Field", &[&people[1]]);
    // The two contain each other.
    scene.sim.add_member(scene.tenant, field, crew).unwrap();
    scene.sim.add_member(scene.tenant, crew, field).unwrap();
    let office = group(&scene, "Office", &[&people[0], &people[2]]);
    let everybody = scene.rest().get(&customer.path("/directory/groups?query=All%20Members")).await;
    let everybody = everybody.expect(200).json()["items"][0]["objectId"].clone();
    let south = team(&scene, &customer, "South").await;
    let rows = json!([
        {"group": field, "team": north, "onLeave": "remove"},
        {"group": office, "team": north, "onLeave": "remove"},
        {"group": everybody, "team": south, "onLeave": "keep"},
    ]);
    customer.change_settings(json!({"teams": rows})).await;
    let run = customer.enable().await;
    assert_eq!(customer.wait_for_run(&run).await["status"], "succeeded", "{}", scene.story());
    scene.settle().await;

    let told = why(&scene, &customer, &north, people[0].id()).await;
    assert_eq!(told["isMember"], true, "{told}");
    let mut ways: Vec<Vec<&str>> =
        told["heldBy"].as_array().unwrap().iter().map(|one| path_names(&one["path"])).collect();
    ways.sort();
    assert_eq!(ways, [vec!["Field", "Crew"], vec!["Office"]], "{told}");
    assert_eq!(told["connections"][0]["why"], "holds", "{told}");
    let dynamic = why(&scene, &customer, &south, people[3].id()).await;
    assert_eq!(path_names(&dynamic["heldBy"][0]["path"]), ["All Members"], "{dynamic}");

    let by_hand = put_by_hand(&scene, &customer, &north, &people[4]).await;
    let contact = by_hand.rsplit('/').next().unwrap();
    let told = why(&scene, &customer, &north, contact).await;
    assert_eq!(told["heldBy"][0]["by"], "manual", "{told}");
    assert!(told["heldBy"][0]["who"]["at"].is_string(), "{told}");
    assert_eq!(told["connections"][0]["why"], "inNoGroup", "{told}");

    // What moved in Entra is told before the next look sees it, and what comes of it.
    scene.sim.remove_member(scene.tenant, office, people[2].id()).unwrap();
    scene.sim.add_member(scene.tenant, crew, people[3].id()).unwrap();
    let leaves = why(&scene, &customer, &north, people[2].id()).await;
    assert_eq!(
        (&leaves["isMember"], &leaves["connections"][0]["why"]),
        (&json!(true), &json!("leaves"))
    );
    let joins = why(&scene, &customer, &north, people[3].id()).await;
    assert_eq!(
        (&joins["isMember"], &joins["connections"][0]["why"]),
        (&json!(false), &json!("joins"))
    );
    assert!(joins["connections"][0]["because"].as_str().unwrap().contains("Field through Crew"));
    assert_eq!(customer.sync_now().await["status"], "succeeded");
    let left = why(&scene, &customer, &north, people[2].id()).await;
    assert_eq!(
        (&left["isMember"], &left["left"]["by"]),
        (&json!(false), &json!("group")),
        "{left}"
    );
    assert_eq!(left["left"]["groupId"], office.to_string());
    let joined = why(&scene, &customer, &north, people[3].id()).await;
    assert_eq!(
        (&joined["isMember"], &joined["connections"][0]["why"]),
        (&json!(true), &json!("holds"))
    );

    let guest = scene.rest().get(&customer.path("/directory/users?limit=200")).await.expect(200);
    let people_of_tenant = guest.json();
    let synced = customer.contacts_by_user().await;
    let stranger = people_of_tenant["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["objectId"].as_str())
        .find(|id| !synced.contains_key(*id))
        .expect("somebody is out of scope");
    let told = why(&scene, &customer, &north, stranger).await;
    let through = &told["connections"][0];
    assert_eq!((&told["contact"], &through["why"]), (&json!(null), &json!("notSynced")), "{told}");
    assert_ne!(through["refusedBy"], json!([]), "{told}");
}
