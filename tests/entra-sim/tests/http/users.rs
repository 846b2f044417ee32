//! Lists and reads of people, errors, throttling, batches, faults.

use std::time::Duration;

use entra_sim::{BodyKind, DEFAULT_APP_ID, Effect, EntraSim, Fault, RetryAfterForm, SimOptions};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::Client;

const EVENTUAL: [(&str, &str); 1] = [("ConsistencyLevel", "eventual")];

#[tokio::test]
async fn a_list_pages_to_the_end_with_its_options_in_the_link() {
    let client = Client::with_users(250).await;
    let drained = client.drain("/users?$select=id,mail&$top=99", &[]).await;
    assert_eq!((drained.entries.len(), drained.pages), (250, 3));
    assert_eq!(drained.ids().len(), 250);
    let (_, page) = client.get("/users?$select=id,mail&$top=99").await;
    let link = page["@odata.nextLink"].as_str().expect("link");
    assert!(link.starts_with(&client.base()) && link.contains("$select=id,mail&$top=99"));
    assert!(page.get("@odata.count").is_none());
    assert_eq!(page["value"][0].as_object().expect("object").len(), 2);
    // Without $top a page has 100.
    assert_eq!(client.drain("/users", &[]).await.pages, 3);
}

#[tokio::test]
async fn only_selected_or_default_properties_come_and_unset_ones_are_null() {
    let client = Client::with_users(60).await;
    let (_, page) = client.get("/users?$top=60").await;
    let first = page["value"][0].as_object().expect("object");
    assert!(first.contains_key("displayName") && !first.contains_key("accountEnabled"));
    let (_, page) = client.get("/users?$select=id,mail,otherMails,accountEnabled&$top=60").await;
    let without_mail =
        page["value"].as_array().expect("value").iter().find(|u| u["mail"].is_null());
    let without_mail = without_mail.expect("somebody without mail");
    assert!(without_mail.get("mail").is_some());
    assert_eq!(without_mail["otherMails"], json!([]));
    let (status, body) = client.get("/users?$select=displayNam").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body["error"]["code"], "BadRequest");
    let message = body["error"]["message"].as_str().expect("text");
    assert!(message.contains("Could not find a property named 'displayNam'"));
    let (_, body) = client.get("/users?$select=extension_ab_x").await;
    assert!(body["error"]["message"].as_str().expect("text").starts_with("Term 'extension_ab_x'"));
}

#[tokio::test]
async fn counting_and_advanced_filters_need_the_eventual_header_on_every_page() {
    let client = Client::with_users(60).await;
    let (_, silent) = client.get("/users?$count=true&$top=10").await;
    assert!(silent.get("@odata.count").is_none(), "silently ignored");
    let (_, page) = client.get_with("/users?$count=true&$top=10", &EVENTUAL).await;
    assert_eq!(page["@odata.count"], 60);
    let next = page["@odata.nextLink"].as_str().expect("link").to_owned();
    assert!(client.get_with(&next, &EVENTUAL).await.1.get("@odata.count").is_none());
    assert_eq!(client.get("/users/$count").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(client.get_with("/users/$count", &EVENTUAL).await.1, json!(60));
    let advanced = "/users?$filter=endsWith(mail,'contoso.example')&$count=true&$top=5";
    let (status, body) = client.get(advanced).await;
    assert_eq!(
        (status.as_u16(), &body["error"]["code"]),
        (400, &json!("Request_UnsupportedQuery"))
    );
    let (_, page) = client.get_with(advanced, &EVENTUAL).await;
    let next = page["@odata.nextLink"].as_str().expect("link").to_owned();
    assert_eq!(client.get(&next).await.0, StatusCode::BAD_REQUEST, "headers are not remembered");
}

#[tokio::test]
async fn people_are_found_by_id_name_and_guest_name() {
    let client = Client::with_users(60).await;
    let people = client.sim.users(client.tenant.id).expect("read");
    let guest = people.iter().find(|user| user["userType"] == "Guest").expect("a guest");
    let upn = guest["userPrincipalName"].as_str().expect("text");
    let (status, found) = client.get(&format!("/users/{}", upn.replace('#', "%23"))).await;
    assert_eq!((status, &found["id"]), (StatusCode::OK, &guest["id"]));
    let (status, body) = client.get("/users/00000000-0000-4000-8000-000000000000").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(body["error"]["code"], "Request_ResourceNotFound");
    assert!(body["error"]["innerError"]["request-id"].is_string());
    let managed = people.iter().find(|user| !user["_manager"].is_null()).expect("a manager");
    let (_, manager) = client
        .get(&format!("/users/{}/manager?$select=id", managed["id"].as_str().expect("id")))
        .await;
    assert_eq!(manager["id"], managed["_manager"]);
    let admin = client.tenant.admin.as_ref().expect("admin").id;
    assert_eq!(client.get(&format!("/users/{admin}/manager")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_deleted_person_leaves_the_list_for_the_bin_and_comes_back() {
    let client = Client::with_users(30).await;
    let tenant = client.tenant.id;
    let user = client.tenant.member.clone().expect("member");
    client.sim.delete_user(tenant, user.id).expect("deleted");
    assert_eq!(client.get(&format!("/users/{}", user.id)).await.0, StatusCode::NOT_FOUND);
    let (_, bin) = client.get("/directory/deletedItems/microsoft.graph.user").await;
    assert_eq!(bin["value"][0]["id"], json!(user.id));
    assert!(bin["value"][0]["deletedDateTime"].is_string());
    let upn = bin["value"][0]["userPrincipalName"].as_str().expect("text");
    assert_eq!(upn, format!("{}{}", user.id.simple(), user.user_principal_name));
    let ids = json!({"ids": [user.id], "types": ["user"]});
    let (_, found) = client.post("/directoryObjects/getByIds", &ids).await;
    assert!(found["value"][0]["deletedDateTime"].is_string());
    client.set(|settings| settings.graph.get_by_ids_returns_deleted = false);
    assert_eq!(client.post("/directoryObjects/getByIds", &ids).await.1["value"], json!([]));
    client.sim.restore_user(tenant, user.id).expect("restored");
    assert_eq!(
        client.get(&format!("/users/{}", user.id)).await.1["userPrincipalName"],
        user.user_principal_name
    );
    client.sim.delete_user(tenant, user.id).expect("deleted");
    client.sim.advance_clock(Duration::from_hours(31 * 24));
    let mut client = client;
    client.token = client.fresh_token().await;
    let (_, bin) = client.get("/directory/deletedItems/microsoft.graph.user").await;
    assert_eq!(bin["value"], json!([]), "thirty days are over");
}

#[tokio::test]
async fn an_overspent_budget_answers_429_with_the_chosen_retry_after() {
    let client = Client::with_users(60).await;
    client.sim.clock().freeze();
    // Tenant M: 5,000 units in ten seconds, scaled to 5.
    client.set(|settings| settings.throttling.scale = 0.001);
    for _ in 0..2 {
        assert_eq!(client.get("/users").await.0, StatusCode::OK);
    }
    client.set(|settings| settings.throttling.retry_after = RetryAfterForm::Decimal);
    let throttled = client.send(Method::GET, "/users", &[], None).await;
    assert_eq!(throttled.status(), StatusCode::TOO_MANY_REQUESTS);
    // One unit is left of five; this asked for two, and the next try asks for two more.
    assert_eq!(throttled.headers()["retry-after"], "6.000");
    assert!(throttled.headers().contains_key("x-ms-throttle-scope"));
    let body: Value = throttled.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], "TooManyRequests");
    client.sim.advance_clock(Duration::from_secs(6));
    assert_eq!(client.get("/users").await.0, StatusCode::OK, "who waits as told is served");
    client.sim.advance_clock(Duration::from_secs(10));
    let served = client.send(Method::GET, "/users?$select=id", &[], None).await;
    assert_eq!(served.status(), StatusCode::OK);
    assert_eq!(served.headers()["x-ms-resource-unit"], "1");

    // Every form that was seen in the wild, and the one that leaves clients to themselves.
    let throttled = async |form| {
        client.set(|settings| settings.throttling.retry_after = form);
        client.sim.advance_clock(Duration::from_secs(20));
        for _ in 0..2 {
            assert_eq!(client.get("/users").await.0, StatusCode::OK);
        }
        let throttled = client.send(Method::GET, "/users", &[], None).await;
        assert_eq!(throttled.status(), StatusCode::TOO_MANY_REQUESTS);
        throttled.headers().get("retry-after").map(|wait| wait.to_str().expect("text").to_owned())
    };
    assert_eq!(throttled(RetryAfterForm::Integer).await.as_deref(), Some("6"));
    let date = throttled(RetryAfterForm::HttpDate).await.expect("a date");
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    assert_eq!(throttled(RetryAfterForm::Absent).await, None);
}

#[tokio::test]
async fn batch_items_answer_on_their_own() {
    let client = Client::with_users(30).await;
    let user = client.tenant.member.as_ref().expect("member").id;
    client.sim.add_fault(Fault::once("/v1.0/organization*", Effect::throttled("3")));
    let request = |id: &str, url: String| json!({"id": id, "method": "GET", "url": url});
    let batch = json!({"requests": [
        request("1", format!("/users/{user}?$select=id")),
        request("2", "/organization".to_owned()),
        request("3", "/users/nobody@contoso.example".to_owned()),
        {"id": "4", "method": "GET", "url": "/users", "dependsOn": ["2"]},
    ]});
    let (status, body) = client.post("/$batch", &batch).await;
    assert_eq!(status, StatusCode::OK);
    let item = |id: &str| {
        let responses = body["responses"].as_array().expect("responses");
        responses.iter().find(|item| item["id"] == id).expect("answered").clone()
    };
    assert_eq!(item("1")["body"]["id"], json!(user));
    assert_eq!(item("2")["status"], 429);
    assert_eq!(item("2")["headers"]["Retry-After"], "3");
    assert_eq!(
        (item("3")["status"].clone(), item("4")["status"].clone()),
        (json!(404), json!(424))
    );
    let many: Vec<Value> = (0..21).map(|n| request(&n.to_string(), "/users".to_owned())).collect();
    assert_eq!(client.post("/$batch", &json!({"requests": many})).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn faults_spoil_answers_as_scripted() {
    let client = Client::with_users(150).await;
    let html = Effect::Respond {
        status: 503,
        body: BodyKind::Html,
        code: None,
        message: None,
        retry_after: None,
    };
    client.sim.add_fault(Fault::once("/v1.0/users*", html));
    let response = client.send(Method::GET, "/users", &[], None).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.text().await.expect("text").starts_with("<!DOCTYPE html>"));
    client.sim.add_fault(Fault::once("/v1.0/users*", Effect::Reset { after_bytes: None }));
    let cut = client.send(Method::GET, "/users", &[], None).await;
    assert_eq!(cut.status(), StatusCode::OK);
    assert!(cut.bytes().await.is_err(), "the connection breaks in the middle");
    client.sim.add_fault(Fault::once("/v1.0/users*", Effect::Truncate));
    let cut = client.send(Method::GET, "/users", &[], None).await.bytes().await.expect("whole");
    assert!(serde_json::from_slice::<Value>(&cut).is_err());
    let spoiled = async |effect: Effect| {
        client.sim.add_fault(Fault::once("/v1.0/users*", effect));
        client.get("/users?$top=50").await.1
    };
    assert!(spoiled(Effect::WithoutValue).await.get("value").is_none());
    let empty = spoiled(Effect::EmptyPage).await;
    assert_eq!(empty["value"], json!([]));
    let link = empty["@odata.nextLink"].as_str().expect("link");
    assert_eq!(client.get(link).await.1["value"].as_array().map(Vec::len), Some(50));
    let none = spoiled(Effect::NoObjects).await;
    assert!(none["value"] == json!([]) && none.get("@odata.nextLink").is_none());
    let foreign = spoiled(Effect::ForeignLink { origin: "https://evil.example".to_owned() }).await;
    assert!(
        foreign["@odata.nextLink"]
            .as_str()
            .expect("link")
            .starts_with("https://evil.example/v1.0/")
    );
    assert_eq!(
        spoiled(Effect::ExpiredPageToken).await["error"]["code"],
        "Directory_ExpiredPageToken"
    );
}

#[tokio::test]
async fn page_links_die_with_time_and_on_command() {
    let client = Client::with_users(150).await;
    let link =
        client.get("/users?$top=50").await.1["@odata.nextLink"].as_str().expect("link").to_owned();
    assert_eq!(client.get(&link).await.0, StatusCode::OK);
    client.sim.expire_page_tokens(client.tenant.id).expect("expired");
    let (status, body) = client.get(&link).await;
    assert_eq!(
        (status.as_u16(), &body["error"]["code"]),
        (400, &json!("Directory_ExpiredPageToken"))
    );
    let damaged = link.replace("skiptoken=", "skiptoken=x");
    assert_eq!(client.get(&damaged).await.1["error"]["code"], "BadRequest");
}

#[tokio::test]
async fn requests_are_counted_by_endpoint() {
    let client = Client::with_users(150).await;
    client.sim.reset_requests();
    client.drain("/users?$select=id&$top=50", &[]).await;
    let counts = client.sim.request_counts();
    assert_eq!(counts.graph_requests, 3);
    assert_eq!(counts.endpoints["GET /users"].requests, 3);
    assert_eq!(counts.endpoints["GET /users"].statuses[&200], 3);
    assert!((counts.resource_units - 3.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn sign_in_activity_needs_its_permission_and_a_premium_tenant() {
    let client = Client::with_users(30).await;
    let path = "/users?$select=id,signInActivity";
    assert_eq!(client.get(path).await.0, StatusCode::FORBIDDEN);
    let roles = vec!["User.Read.All".to_owned(), "AuditLog.Read.All".to_owned()];
    let mut client = client;
    client.tenant = client.sim.tenants().remove(1);
    client.sim.grant_consent(client.tenant.id, DEFAULT_APP_ID, Some(roles)).expect("granted");
    client.token = client.fresh_token().await;
    let (status, body) = client.get(path).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(body["error"]["code"], "Authentication_RequestFromNonPremiumTenantOrB2CTenant");
}

#[tokio::test]
async fn state_survives_a_restart() {
    let directory = tempfile::tempdir().expect("directory");
    let options =
        || SimOptions { data_dir: Some(directory.path().to_owned()), ..SimOptions::with_users(30) };
    let first = EntraSim::start(options()).await.expect("started");
    let tenant = first.tenants().remove(0);
    let user = tenant.member.expect("member").id;
    first.grant_consent(tenant.id, DEFAULT_APP_ID, None).expect("granted");
    first.update_user(tenant.id, user, json!({"jobTitle": "Chair"})).expect("updated");
    let made = first
        .create_user(
            tenant.id,
            json!({"userPrincipalName": "n@contoso.example", "displayName": "N"}),
        )
        .expect("created");
    first.advance_clock(Duration::from_hours(24));
    let then = first.clock().now();
    first.shutdown().await;
    let second = EntraSim::start(options()).await.expect("started again");
    let title = second.user(tenant.id, user).expect("read").expect("there")["jobTitle"].clone();
    assert_eq!(title, "Chair");
    assert!(second.user(tenant.id, made).expect("read").is_some());
    assert_eq!(second.tenants().remove(0).consents.len(), 1);
    assert!(second.clock().now() >= then);
    let other = SimOptions { seed: 2, ..options() };
    assert!(EntraSim::start(other).await.is_err(), "another seed is another world");
}

#[tokio::test]
async fn people_can_be_searched_ordered_filtered_and_shown_with_their_manager() {
    let client = Client::with_users(120).await;
    let names = async |path: &str| -> Vec<String> {
        let drained = client.drain(path, &EVENTUAL).await;
        let name = |entry: &Value| entry["displayName"].as_str().expect("text").to_owned();
        drained.entries.iter().map(name).collect()
    };
    let ordered = names("/users?$select=displayName&$orderby=displayName&$top=50").await;
    let mut sorted = ordered.clone();
    sorted.sort_by_key(|name| name.to_lowercase());
    assert_eq!((ordered.len(), &ordered), (120, &sorted));
    let found = names("/users?$search=\"displayName:room\"&$select=displayName").await;
    assert!(!found.is_empty() && found.iter().all(|name| name.starts_with("Room")));
    assert_eq!(client.get("/users?$search=\"displayName:room\"").await.0, StatusCode::BAD_REQUEST);
    let disabled = client.drain("/users?$filter=accountEnabled eq false&$top=2", &[]).await;
    let people = client.sim.users(client.tenant.id).expect("read");
    assert_eq!(
        disabled.entries.len(),
        people.iter().filter(|u| u["accountEnabled"] == false).count()
    );
    let ids: Vec<&str> = people.iter().take(3).map(|u| u["id"].as_str().expect("id")).collect();
    let filter = format!("/users?$filter=id in ('{}')&$select=id", ids.join("','"));
    assert_eq!(client.drain(&filter, &[]).await.entries.len(), 3);
    let (_, page) = client.get("/users?$select=id&$expand=manager($select=id)&$top=100").await;
    let managed = people.iter().find(|u| !u["_manager"].is_null()).expect("a managed person");
    let shown = page["value"].as_array().expect("value").iter().find(|u| u["id"] == managed["id"]);
    if let Some(shown) = shown {
        assert_eq!(shown["manager"]["id"], managed["_manager"]);
    }
    for refused in
        ["$skip=5", "$top=1000", "$top=0", "$wrong=1", "$expand=photo", "$select=aboutMe"]
    {
        let (status, body) = client.get(&format!("/users?{refused}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}: {body}");
    }
}

#[tokio::test]
async fn a_new_person_can_take_time_to_be_found() {
    let client = Client::with_users(30).await;
    client.set(|settings| settings.graph.replication_delay_seconds = 60);
    let base = client.drain("/users/delta?$select=displayName&$deltatoken=latest", &[]).await;
    let new = json!({"userPrincipalName": "n@contoso.example", "displayName": "N"});
    let id = client.sim.create_user(client.tenant.id, new).expect("created");
    assert_eq!(client.get(&format!("/users/{id}")).await.0, StatusCode::NOT_FOUND);
    let early = client.drain(&base.delta_link, &[]).await;
    assert!(early.entries.is_empty(), "not there yet");
    client.sim.advance_clock(Duration::from_mins(2));
    assert_eq!(client.get(&format!("/users/{id}")).await.0, StatusCode::OK);
    let late = client.drain(&early.delta_link, &[]).await;
    assert_eq!(late.ids().len(), 1, "nothing is lost");
    client.set(|settings| settings.delta.replayed_changes = 5);
    let replayed = client.drain(&late.delta_link, &[]).await;
    assert_eq!(replayed.ids(), late.ids(), "told once more");
}

#[tokio::test]
async fn basic_read_shows_names_and_hides_the_rest() {
    let client = Client::with_roles(30, &["User.ReadBasic.All"]).await;
    let (status, page) = client.get("/users?$select=id,displayName,jobTitle&$top=30").await;
    assert_eq!(status, StatusCode::OK);
    let people = page["value"].as_array().expect("value");
    assert!(
        people.iter().all(|user| user["displayName"].is_string() && user["jobTitle"].is_null())
    );
    assert_eq!(client.get("/users/delta").await.0, StatusCode::FORBIDDEN);
    assert_eq!(client.get("/groups").await.0, StatusCode::FORBIDDEN);
    assert_eq!(client.get("/organization").await.0, StatusCode::FORBIDDEN);
}
