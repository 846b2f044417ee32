//! Faults by request number: levers, answers rewritten, deliveries spoiled.

use entra_sim::{Action, DEFAULT_APP_ID, Effect, Fault};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::notifications::{Receiver, settled, subscribed};

fn acting(path: &str, action: Action) -> Fault {
    Fault::once(path, Effect::Act { actions: vec![action] })
}

#[tokio::test]
async fn a_lever_is_pulled_just_before_the_request_it_names() {
    let client = Client::with_users(250).await;
    let tenant = client.tenant.id.to_string();
    let revoke = Action::RevokeConsent { tenant: tenant.clone(), app: DEFAULT_APP_ID };
    client.sim.add_fault(acting("*/v1.0/users*", revoke).at_request(3));
    for status in [StatusCode::OK, StatusCode::OK, StatusCode::UNAUTHORIZED] {
        assert_eq!(client.get("/users?$top=10").await.0, status);
    }
    client.sim.grant_consent(&tenant, DEFAULT_APP_ID, None).expect("granted");
    let role = "User.Read.All".to_owned();
    let remove = Action::RemoveRole { tenant: tenant.clone(), role, app: DEFAULT_APP_ID };
    client.sim.add_fault(acting("*/oauth2/v2.0/token", remove));
    let token = client.fresh_token().await;
    let client = Client { token, ..client };
    assert_eq!(client.get("/users").await.0, StatusCode::FORBIDDEN);
    let gone = Action::DeleteTenant { tenant: tenant.clone(), deleted: true };
    client.sim.add_fault(acting("*/groups*", gone));
    assert_eq!(client.get("/groups").await.0, StatusCode::UNAUTHORIZED);
    let (_, body) = client.ask_token(&[("grant_type", "client_credentials")]).await;
    assert_eq!(body["error_codes"], json!([90002]));
}

#[tokio::test]
async fn keys_roll_between_two_requests_and_discovery_can_lie() {
    let client = Client::with_users(10).await;
    let keys = format!("{}/{}/discovery/v2.0/keys", client.base(), client.tenant.id);
    let kids = async || -> Vec<Value> {
        let set: Value =
            client.http.get(&keys).send().await.expect("sent").json().await.expect("JSON");
        set["keys"].as_array().expect("keys").iter().map(|key| key["kid"].clone()).collect()
    };
    let before = kids().await;
    client.sim.add_fault(acting("*/discovery/*", Action::RollKeys { retire_old: true }));
    let after = kids().await;
    assert!(after.iter().all(|kid| !before.contains(kid)) && after.len() == 1);
    let wrong = json!({ "issuer": "https://login.evil.example/v2.0" });
    client.sim.add_fault(Fault::once("*openid-configuration", Effect::Edit { merge: wrong }));
    let path = format!("{}/organizations/v2.0/.well-known/openid-configuration", client.base());
    let lied: Value =
        client.http.get(&path).send().await.expect("sent").json().await.expect("JSON");
    assert_eq!(lied["issuer"], "https://login.evil.example/v2.0");
}

#[tokio::test]
async fn deliveries_are_doubled_lost_and_reversed_by_number() {
    let client = Client::with_users(40).await;
    let receiver = Receiver::default();
    subscribed(&client, &receiver, 20).await;
    let user = client.tenant.member.as_ref().expect("member").id;
    let change = async |title: &str| {
        client
            .sim
            .update_user(client.tenant.id, user, json!({"jobTitle": title}))
            .expect("changed");
        settled(&client).await;
    };
    client.sim.add_fault(Fault::on_delivery(Effect::Drop).at_request(1));
    client.sim.add_fault(Fault::on_delivery(Effect::Duplicate { times: 2 }).at_request(2));
    change("One").await;
    assert_eq!(receiver.items().len(), 0, "lost");
    assert_eq!(client.sim.deliveries().lost, 1);
    change("Two").await;
    assert_eq!(receiver.items().len(), 3, "three times the same");
    client.sim.clear_faults();
    client.sim.add_fault(Fault::on_delivery(Effect::Reorder));
    receiver.shared.lock().expect("lock").posts.clear();
    let other = client.tenant.admin.as_ref().expect("admin").id;
    client.set(|settings| settings.notifications.delay_ms = 300);
    client.sim.update_user(client.tenant.id, user, json!({"jobTitle": "3"})).expect("changed");
    client.sim.update_user(client.tenant.id, other, json!({"jobTitle": "3"})).expect("changed");
    settled(&client).await;
    let ids: Vec<Value> =
        receiver.items().iter().map(|item| item["resourceData"]["id"].clone()).collect();
    if receiver.shared.lock().expect("lock").posts.len() == 1 {
        assert_eq!(ids, [json!(other), json!(user)]);
    }
}

#[tokio::test]
async fn forged_bodies_come_beside_the_true_one_or_within_it() {
    let client = Client::with_users(40).await;
    let receiver = Receiver::default();
    let subscription = subscribed(&client, &receiver, 20).await;
    let user = client.tenant.member.as_ref().expect("member").id;
    let item: Map<String, Value> =
        [("clientState".to_owned(), json!("guessed")), ("tenantId".to_owned(), Value::Null)]
            .into_iter()
            .collect();
    let forge = Effect::Forge { item: item.clone(), body: None, within: true };
    client.sim.add_fault(Fault::on_delivery(forge));
    client.sim.update_user(client.tenant.id, user, json!({"jobTitle": "Chair"})).expect("changed");
    settled(&client).await;
    let items = receiver.items();
    assert_eq!(items.len(), 2);
    assert_eq!(
        (&items[0]["clientState"], &items[1]["clientState"]),
        (&json!("secret"), &json!("guessed"))
    );
    assert!(items[1].get("tenantId").is_none(), "null removes a member");
    let id = subscription["id"].as_str().expect("id").parse().expect("guid");
    assert_eq!(client.sim.send_forged(id, &item, None).await, Some(202));
    assert_eq!(receiver.items().len(), 3);
}

#[tokio::test]
async fn a_new_person_is_not_there_yet_under_the_code_of_replication() {
    let client = Client::with_users(10).await;
    client.set(|settings| settings.graph.replication_delay_seconds = 60);
    let person = json!({"userPrincipalName": "new@contoso.example", "displayName": "New"});
    let id = client.sim.create_user(client.tenant.id, person).expect("created");
    let (status, body) = client.get(&format!("/users/{id}")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(body["error"]["code"], "Directory_ObjectNotFound");
    client.sim.advance_clock(std::time::Duration::from_mins(2));
    assert_eq!(client.get(&format!("/users/{id}")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn hosts_with_wrong_clocks_say_so_in_their_dates_and_judge_by_them() {
    let client = Client::with_users(10).await;
    client.sim.clock().freeze();
    for skew in [-300, 300] {
        client.set(|settings| settings.graph.clock_skew_seconds = skew);
        let answer = client.send(Method::GET, "/users?$top=1", &[], None).await;
        assert_eq!(answer.status(), StatusCode::OK, "five minutes are forgiven");
        let date = answer.headers()["date"].to_str().expect("text").to_owned();
        let at = jiff::SignedDuration::from_secs(skew)
            + client.sim.clock().now().duration_since(jiff::Timestamp::UNIX_EPOCH);
        let wanted =
            (jiff::Timestamp::UNIX_EPOCH + at).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        assert_eq!(date, wanted);
    }
    client.set(|settings| settings.graph.clock_skew_seconds = -3_600);
    assert_eq!(client.get("/users?$top=1").await.0, StatusCode::UNAUTHORIZED, "not valid yet");
}

#[test]
fn faults_are_written_as_the_readme_shows() {
    let written = [
        json!({"match": {"path": "*/users*", "request": 2}, "effect": {"kind": "act", "actions": [
            {"do": "removeRole", "tenant": "contoso.example", "role": "User.Read.All"},
            {"do": "advanceClock", "by": "8d"}, {"do": "rollKeys"}]}}),
        json!({"match": {"deliveries": true, "every": 3}, "times": 0, "effect": {"kind": "duplicate"}}),
        json!({"match": {"deliveries": true, "percent": 10.0, "seed": 4}, "effect": {"kind": "drop"}}),
        json!({"effect": {"kind": "edit", "merge": {"value": []}}}),
        json!({"effect": {"kind": "idToken", "claims": {"nonce": "other"}, "foreignKey": true}}),
        json!({"match": {"deliveries": true}, "effect": {"kind": "forge", "item": {"tenantId": "x"}}}),
    ];
    for fault in written {
        serde_json::from_value::<Fault>(fault.clone()).unwrap_or_else(|e| panic!("{fault}: {e}"));
    }
}
