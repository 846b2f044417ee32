//! The state machine of delta queries.

use std::time::Duration;

use entra_sim::{DirectoryCommand, Effect, Fault};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::Client;

const SELECT: &str = "$select=displayName,mail,jobTitle,department";

#[tokio::test]
async fn a_first_round_tells_everything_and_the_next_only_changes() {
    let client = Client::with_users(50).await;
    client.set(|settings| settings.delta.page_size = 20);
    let first = client.drain(&format!("/users/delta?{SELECT}"), &[]).await;
    assert_eq!((first.ids().len(), first.pages), (50, 3));
    let quiet = client.drain(&first.delta_link, &[]).await;
    assert_eq!((quiet.entries.len(), quiet.pages), (0, 1));
    assert_ne!(quiet.delta_link, first.delta_link, "every round returns a new link");
    let user = client.tenant.member.as_ref().expect("member").id;
    let tenant = client.tenant.id;
    client
        .sim
        .update_user(tenant, user, json!({"jobTitle": null, "city": "Bern"}))
        .expect("updated");
    let made = client
        .sim
        .create_user(tenant, json!({"userPrincipalName": "n@contoso.example", "displayName": "N"}))
        .expect("created");
    let round = client.drain(&quiet.delta_link, &[]).await;
    assert_eq!(round.entries.len(), 2);
    let created = round.entry(&made.to_string()).expect("told");
    assert_eq!(created, &json!({"id": made, "displayName": "N"}), "never set means omitted");
}

#[tokio::test]
async fn cleared_is_null_never_set_is_omitted_and_minimal_tells_only_what_changed() {
    let client = Client::with_users(50).await;
    let tenant = client.tenant.id;
    let properties =
        json!({"userPrincipalName": "n@contoso.example", "displayName": "N", "jobTitle": "T"});
    let user = client.sim.create_user(tenant, properties).expect("created");
    let base = client.drain(&format!("/users/delta?{SELECT}&$deltatoken=latest"), &[]).await;
    assert!(base.entries.is_empty(), "latest tells no data");
    client.sim.update_user(tenant, user, json!({"jobTitle": null, "mail": null})).expect("updated");
    let full = client.drain(&base.delta_link, &[]).await;
    assert_eq!(full.entries, [json!({"id": user, "displayName": "N", "jobTitle": null})]);
    let minimal = client.drain(&base.delta_link, &[("Prefer", "return=minimal")]).await;
    assert_eq!(minimal.entries, [json!({"id": user, "jobTitle": null})]);
    client.sim.update_user(tenant, user, json!({"city": "Bern"})).expect("updated");
    let untracked = client.drain(&full.delta_link, &[]).await;
    assert!(untracked.entries.is_empty(), "an unselected property is not tracked");
}

#[tokio::test]
async fn removals_have_two_reasons_and_a_restored_person_looks_new() {
    let client = Client::with_users(50).await;
    let tenant = client.tenant.id;
    let user = client.tenant.member.as_ref().expect("member").id;
    let removed = |reason: &str| vec![json!({"id": user, "@removed": {"reason": reason}})];
    let base = client.drain(&format!("/users/delta?{SELECT}&$deltatoken=latest"), &[]).await;
    client.sim.delete_user(tenant, user).expect("deleted");
    let soft = client.drain(&base.delta_link, &[]).await;
    assert_eq!(soft.entries, removed("changed"));
    let first = client.drain(&format!("/users/delta?{SELECT}"), &[]).await;
    assert!(first.entries.contains(&removed("changed")[0]), "may come in a first round");
    client.sim.restore_user(tenant, user).expect("restored");
    let back = client.drain(&soft.delta_link, &[]).await;
    assert!(
        back.entries[0]["displayName"].is_string() && back.entries[0].get("@removed").is_none()
    );
    client.sim.purge_user(tenant, user).expect("purged");
    assert_eq!(client.drain(&back.delta_link, &[]).await.entries, removed("deleted"));
}

#[tokio::test]
async fn links_are_bound_to_tenant_and_selection_and_take_no_additions() {
    let client = Client::with_users(50).await;
    let base = client.drain(&format!("/users/delta?{SELECT}&$deltatoken=latest"), &[]).await;
    let added = format!("{}&$select=id", base.delta_link);
    assert_eq!(client.get(&added).await.0, StatusCode::BAD_REQUEST);
    let groups = base.delta_link.replace("/users/", "/groups/");
    assert_eq!(client.get(&groups).await.0, StatusCode::BAD_REQUEST);
    let damaged = format!("{}x", base.delta_link);
    assert_eq!(client.get(&damaged).await.1["error"]["code"], "BadRequest");
    for refused in [
        "$orderby=mail",
        "$search=x",
        "$count=true",
        "$select=signInActivity",
        "$filter=mail eq 'x'",
    ] {
        let (status, _) = client.get(&format!("/users/delta?{refused}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
    }
    let ignored = client.get("/users/delta?$top=1&$expand=manager&$select=id").await;
    assert_eq!(ignored.1["value"].as_array().map(Vec::len), Some(50), "silently ignored");
    let ids: Vec<String> = client
        .sim
        .users(client.tenant.id)
        .expect("read")
        .iter()
        .take(2)
        .map(|user| format!("id eq '{}'", user["id"].as_str().expect("id")))
        .collect();
    let filtered = client.drain(&format!("/users/delta?$filter={}", ids.join(" or ")), &[]).await;
    assert_eq!(filtered.entries.len(), 2);
}

#[tokio::test]
async fn a_dead_link_is_410_with_a_location_that_starts_over() {
    let client = Client::with_users(50).await;
    let base = client.drain(&format!("/users/delta?{SELECT}&$deltatoken=latest"), &[]).await;
    client.sim.advance_clock(Duration::from_hours(6 * 24));
    let mut client = client;
    client.token = client.fresh_token().await;
    assert_eq!(client.get(&base.delta_link).await.0, StatusCode::OK);
    client.sim.advance_clock(Duration::from_hours(2 * 24));
    client.token = client.fresh_token().await;
    let gone = client.send(Method::GET, &base.delta_link, &[], None).await;
    assert_eq!(gone.status(), StatusCode::GONE);
    let location = gone.headers()["location"].to_str().expect("text").to_owned();
    assert!(location.ends_with("$deltatoken="), "{location}");
    let body: Value = gone.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], "syncStateNotFound");
    assert_eq!(client.drain(&location, &[]).await.ids().len(), 50);
    client.set(|settings| {
        settings.delta.expired_answer.status = 400;
        settings.delta.expired_answer.code = "resyncRequired".to_owned();
        settings.delta.expired_answer.location = false;
    });
    let fresh = client.drain(&format!("/users/delta?{SELECT}"), &[]).await;
    client.sim.expire_delta_tokens(client.tenant.id).expect("expired");
    let variant = client.send(Method::GET, &fresh.delta_link, &[], None).await;
    assert_eq!(variant.status(), StatusCode::BAD_REQUEST);
    assert!(!variant.headers().contains_key("location"));
}

#[tokio::test]
async fn a_lost_round_leaves_the_delta_link_alive() {
    let client = Client::with_users(50).await;
    client.set(|settings| settings.delta.page_size = 10);
    let base = client.drain(&format!("/users/delta?{SELECT}&$deltatoken=latest"), &[]).await;
    for user in client.sim.users(client.tenant.id).expect("read") {
        let id = user["id"].as_str().expect("id");
        client.sim.update_user(client.tenant.id, id, json!({"jobTitle": "New"})).expect("updated");
    }
    let (_, page) = client.get(&base.delta_link).await;
    let next = page["@odata.nextLink"].as_str().expect("link").to_owned();
    client.sim.expire_page_tokens(client.tenant.id).expect("expired");
    assert_eq!(client.get(&next).await.1["error"]["code"], "Directory_ExpiredPageToken");
    assert_eq!(client.drain(&base.delta_link, &[]).await.ids().len(), 50);
}

#[tokio::test]
async fn rough_pages_still_tell_everything() {
    let client = Client::with_users(80).await;
    client.set(|settings| {
        settings.delta.page_size = 7;
        settings.delta.duplicate_percent = 40.0;
        settings.delta.empty_page_percent = 30.0;
    });
    let rough = client.drain(&format!("/users/delta?{SELECT}"), &[]).await;
    assert_eq!(rough.ids().len(), 80);
    assert!(rough.entries.len() > 80, "some came twice");
    assert!(rough.pages > 12, "some pages were empty");
}

#[tokio::test]
async fn a_change_between_two_pages_is_never_lost() {
    let client = Client::with_users(40).await;
    client.set(|settings| settings.delta.page_size = 10);
    let late = client.sim.users(client.tenant.id).expect("read");
    let last = late.last().expect("people")["id"].as_str().expect("id").to_owned();
    let first = late[0]["id"].as_str().expect("id").to_owned();
    let mut properties = serde_json::Map::new();
    properties.insert("jobTitle".to_owned(), json!("Changed"));
    let update = |user: &str| DirectoryCommand::UpdateUser {
        user: user.to_owned(),
        properties: properties.clone(),
    };
    let effect = Effect::Mutate {
        tenant: "contoso.example".to_owned(),
        commands: vec![update(&first), update(&last)],
    };
    client.sim.add_fault(Fault::once("*/users/delta*skiptoken*", effect).at_request(2));
    let round = client.drain(&format!("/users/delta?{SELECT}"), &[]).await;
    let next = client.drain(&round.delta_link, &[]).await;
    for id in [first, last] {
        assert_eq!(next.entry(&id).expect("told in the next round")["jobTitle"], "Changed");
    }
}

#[tokio::test]
async fn groups_tell_members_in_slices_that_add_up() {
    let client = Client::with_users(60).await;
    client.set(|settings| {
        settings.delta.page_size = 5;
        settings.delta.member_slice = 8;
    });
    let round = client.drain("/groups/delta?$select=displayName,members", &[]).await;
    let groups = client.sim.groups(client.tenant.id).expect("read");
    let everyone = groups.iter().find(|group| group["displayName"] == "Everyone").expect("there");
    let slices: Vec<&Value> =
        round.entries.iter().filter(|entry| entry["id"] == everyone["id"]).collect();
    assert!(slices.len() > 3, "a large group comes in slices");
    let told: usize =
        slices.iter().map(|s| s["members@delta"].as_array().map_or(0, Vec::len)).sum();
    assert_eq!(told, everyone["_members"].as_array().expect("members").len());
    let member = everyone["_members"][0]["id"].as_str().expect("id").to_owned();
    client.sim.remove_member(client.tenant.id, "Everyone", &member).expect("removed");
    let changes = client.drain(&round.delta_link, &[]).await;
    assert_eq!(changes.entries.len(), 1);
    assert_eq!(
        changes.entries[0]["members@delta"],
        json!([{"@odata.type": "#microsoft.graph.user", "id": member, "@removed": {"reason": "deleted"}}])
    );
    client.sim.delete_group(client.tenant.id, "Sales").expect("deleted");
    let gone = client.drain(&changes.delta_link, &[]).await;
    assert!(gone.entries.iter().any(|entry| entry["@removed"]["reason"] == "deleted"));
}

#[tokio::test]
async fn a_manager_is_told_only_when_it_changes() {
    let client = Client::with_users(40).await;
    let tenant = client.tenant.id;
    let user = client.tenant.member.as_ref().expect("member").id;
    let admin = client.tenant.admin.as_ref().expect("admin").id;
    let base =
        client.drain("/users/delta?$select=displayName,manager&$deltatoken=latest", &[]).await;
    client.sim.update_user(tenant, user, json!({"displayName": "Else"})).expect("updated");
    let renamed = client.drain(&base.delta_link, &[]).await;
    assert!(renamed.entries[0].get("manager@delta").is_none());
    let manager = DirectoryCommand::SetManager { user: user.to_string(), manager: None };
    client.sim.apply(tenant, manager).expect("cleared");
    let manager =
        DirectoryCommand::SetManager { user: user.to_string(), manager: Some(admin.to_string()) };
    client.sim.apply(tenant, manager).expect("set");
    let managed = client.drain(&renamed.delta_link, &[]).await;
    assert_eq!(managed.entries[0]["manager@delta"][0]["id"], json!(admin));
}
