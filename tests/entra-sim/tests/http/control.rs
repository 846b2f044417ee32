//! The control API over HTTP, as the README shows it.

use entra_sim::DEFAULT_APP_ID;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::Client;

async fn control(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let mut request = client.http.request(method, format!("{}/_sim{path}", client.base()));
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.expect("answered");
    let status = response.status();
    (status, response.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_directory_can_be_changed_by_hand() {
    let client = Client::with_users(30).await;
    let at = |path: &str| format!("/tenants/contoso.example{path}");
    let person = json!({"userPrincipalName": "newcomer@contoso.example", "displayName": "N"});
    let (status, made) = control(&client, Method::POST, &at("/users"), Some(person.clone())).await;
    assert_eq!(status, StatusCode::CREATED);
    let id = made["id"].as_str().expect("id").to_owned();
    let (status, _) = control(&client, Method::POST, &at("/users"), Some(person)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let path = at(&format!("/users/{id}"));
    let patch = |body: Value| control(&client, Method::PATCH, &path, Some(body));
    assert_eq!(patch(json!({"mail": "n@contoso.example"})).await.0, StatusCode::OK);
    assert_eq!(patch(json!({"mail": 7})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(patch(json!({"shoeSize": 43})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let (_, shown) = control(&client, Method::GET, &path, None).await;
    assert_eq!(shown["proxyAddresses"], json!(["SMTP:n@contoso.example"]));
    let (_, found) = control(&client, Method::GET, &at("/users?query=newcomer"), None).await;
    assert_eq!(found["users"].as_array().map(Vec::len), Some(1));
    let member = at(&format!("/groups/Sales/members/{id}"));
    assert_eq!(control(&client, Method::PUT, &member, None).await.1["changed"], true);
    assert_eq!(control(&client, Method::DELETE, &member, None).await.1["changed"], true);
    let manager = json!({"manager": "admin@contoso.example"});
    control(&client, Method::PUT, &format!("{path}/manager"), Some(manager)).await;
    assert_eq!(control(&client, Method::DELETE, &path, None).await.0, StatusCode::OK);
    let restored = control(&client, Method::POST, &format!("{path}/restore"), None).await;
    assert_eq!(restored.0, StatusCode::OK);
    let purge = format!("{path}?permanent=true");
    assert_eq!(control(&client, Method::DELETE, &purge, None).await.0, StatusCode::OK);
    assert_eq!(control(&client, Method::DELETE, &purge, None).await.0, StatusCode::NOT_FOUND);
    let group = json!({"displayName": "Crew", "groupTypes": ["Unified"]});
    let (status, made) = control(&client, Method::POST, &at("/groups"), Some(group)).await;
    assert_eq!(status, StatusCode::CREATED);
    let path = at(&format!("/groups/{}", made["id"].as_str().expect("id")));
    let renamed = json!({"displayName": "Crew 2"});
    assert_eq!(control(&client, Method::PATCH, &path, Some(renamed)).await.0, StatusCode::OK);
    assert_eq!(control(&client, Method::DELETE, &path, None).await.0, StatusCode::OK);
    let restored = control(&client, Method::POST, &format!("{path}/restore"), None).await;
    assert_eq!(restored.0, StatusCode::OK);
    let (_, groups) = control(&client, Method::GET, &at("/groups"), None).await;
    let crew =
        groups["groups"].as_array().expect("groups").iter().find(|g| g["displayName"] == "Crew 2");
    assert_eq!(crew.expect("listed")["_memberCount"], 0);
    let commands = json!([
        {"op": "updateUser", "user": "admin@contoso.example", "properties": {"city": "Bern"}},
        {"op": "deleteUser", "user": "admin@contoso.example"},
    ]);
    let (status, _) = control(&client, Method::POST, &at("/commands"), Some(commands)).await;
    assert_eq!(status, StatusCode::OK);
    let unknown = control(&client, Method::GET, "/tenants/nowhere.example", None).await;
    assert_eq!(unknown.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn consents_keys_clock_and_settings_have_their_levers() {
    let client = Client::with_users(30).await;
    let consent = format!("/tenants/{}/consents/{DEFAULT_APP_ID}", client.tenant.id);
    let done = StatusCode::NO_CONTENT;
    assert_eq!(control(&client, Method::DELETE, &consent, None).await.0, done);
    assert_eq!(client.get("/users").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(control(&client, Method::PUT, &consent, None).await.0, done);
    assert_eq!(client.get("/users").await.0, StatusCode::OK);
    let role = format!("{consent}/roles/User.Read.All");
    assert_eq!(control(&client, Method::DELETE, &role, None).await.0, done);
    for action in ["revoke-tokens", "expire-delta-tokens", "expire-page-tokens"] {
        let path = format!("/tenants/contoso.example/{action}");
        assert_eq!(control(&client, Method::POST, &path, None).await.0, done, "{action}");
    }
    assert_eq!(client.get("/users").await.0, StatusCode::UNAUTHORIZED);
    let mut client = client;
    client.token = client.fresh_token().await;
    assert_eq!(client.get("/users").await.0, StatusCode::FORBIDDEN, "one role was removed");
    assert_eq!(control(&client, Method::POST, "/keys/roll", Some(json!({}))).await.0, done);
    let before = control(&client, Method::GET, "/clock", None).await.1["offsetMs"].as_i64();
    let moved = control(&client, Method::POST, "/clock", Some(json!({"advance": "8d"}))).await.1;
    let gained = moved["offsetMs"].as_i64().zip(before).map(|(after, before)| after - before);
    assert!(gained.is_some_and(|ms| (691_199_000..691_201_000).contains(&ms)), "{moved}");
    let wrong = control(&client, Method::POST, "/clock", Some(json!({"advance": "soon"}))).await;
    assert_eq!(wrong.0, StatusCode::UNPROCESSABLE_ENTITY);
    let change = json!({"delta": {"pageSize": 3}});
    let (_, settings) = control(&client, Method::PATCH, "/settings", Some(change)).await;
    assert_eq!(
        (&settings["delta"]["pageSize"], &settings["delta"]["memberSlice"]),
        (&json!(3), &json!(500))
    );
    let typo = json!({"delta": {"pagesize": 3}});
    let (status, refused) = control(&client, Method::PATCH, "/settings", Some(typo)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused["error"].as_str().expect("text").contains("pagesize"));
}

#[tokio::test]
async fn faults_and_sign_ins_are_scripted_over_http() {
    let client = Client::with_users(30).await;
    let faults = json!([
        {"match": {"path": "/v1.0/users*", "request": 2}, "effect": {"kind": "respond", "status": 503, "body": "empty"}},
        {"match": {"method": "GET", "tenant": "contoso.example"}, "times": 0, "effect": {"kind": "delay", "ms": 1}},
    ]);
    let (status, added) = control(&client, Method::POST, "/faults", Some(faults)).await;
    assert_eq!((status, &added["ids"]), (StatusCode::CREATED, &json!([1, 2])));
    assert_eq!(client.get("/users").await.0, StatusCode::OK);
    assert_eq!(client.get("/users").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let (_, list) = control(&client, Method::GET, "/faults", None).await;
    assert_eq!(list["faults"][0]["struck"], 1);
    assert_eq!(list["faults"][1]["struck"], 2);
    let removed = control(&client, Method::DELETE, "/faults/2", None).await;
    assert_eq!(removed.0, StatusCode::NO_CONTENT);
    let wrong = json!({"effect": {"kind": "explode"}});
    let (status, _) = control(&client, Method::POST, "/faults", Some(wrong)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let sign_in = json!({"tenant": "contoso.example", "user": "member", "decision": "cancel"});
    let (status, _) = control(&client, Method::POST, "/next-sign-in", Some(sign_in)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let nowhere = json!({"tenant": "nowhere.example"});
    let (status, _) = control(&client, Method::POST, "/next-sign-in", Some(nowhere)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, log) = control(&client, Method::GET, "/requests?last=2", None).await;
    assert_eq!(log["counts"]["endpoints"]["GET /users"]["requests"], 2);
    assert_eq!(log["requests"].as_array().map(Vec::len), Some(2));
    control(&client, Method::DELETE, "/requests", None).await;
    assert_eq!(client.sim.request_counts().requests, 0);
}

#[tokio::test]
async fn the_page_is_there_and_large_answers_are_compressed() {
    let client = Client::with_users(200).await;
    let page = client.http.get(format!("{}/_sim/", client.base())).send().await.expect("answered");
    assert!(page.text().await.expect("text").contains("<title>Simulated Entra</title>"));
    let response = client.send(Method::GET, "/users", &[], None).await;
    // The client decodes by itself and drops the header; the log knows the true size.
    let body = response.bytes().await.expect("body");
    assert_eq!(client.sim.requests(1)[0].bytes, body.len());
    let plain =
        client.send(Method::GET, "/users?$top=1", &[("client-request-id", "mine")], None).await;
    assert_eq!(plain.headers()["client-request-id"], "mine");
    assert!(plain.headers().contains_key("request-id"));
    assert!(
        plain.headers()["content-type"].to_str().expect("text").contains("odata.metadata=minimal")
    );
}
