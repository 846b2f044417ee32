//! Subscriptions, the handshake and deliveries.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::Client;

/// An endpoint that notes what it is sent.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    pub(crate) shared: Arc<Mutex<Received>>,
}

#[derive(Default)]
pub(crate) struct Received {
    handshakes: usize,
    pub(crate) posts: Vec<Value>,
    /// Statuses to answer notifications with, before 202.
    answers: Vec<u16>,
    /// Echoes the token without decoding it.
    sloppy: bool,
    /// How long notifications are kept waiting.
    slow: Duration,
}

impl Receiver {
    pub(crate) async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("address");
        let app = Router::new().fallback(receive).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}/hook?s=1")
    }

    pub(crate) fn items(&self) -> Vec<Value> {
        let received = self.shared.lock().expect("lock");
        received
            .posts
            .iter()
            .flat_map(|post| post["value"].as_array().expect("value").clone())
            .collect()
    }
}

async fn receive(State(receiver): State<Receiver>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    if let Some((_, raw)) = query.split_once("validationToken=") {
        let mut received = receiver.shared.lock().expect("lock");
        received.handshakes += 1;
        let token: String = url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "validationToken")
            .map(|(_, value)| value.into_owned())
            .expect("token");
        let body = if received.sloppy { raw.to_owned() } else { token };
        return ([("content-type", "text/plain")], body).into_response();
    }
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.expect("body");
    let slow = receiver.shared.lock().expect("lock").slow;
    tokio::time::sleep(slow).await;
    let mut received = receiver.shared.lock().expect("lock");
    received.posts.push(serde_json::from_slice(&body).expect("JSON"));
    let status = received.answers.pop().unwrap_or(202);
    StatusCode::from_u16(status).expect("status").into_response()
}

fn wanted(client: &Client, url: &str, days: i64) -> Value {
    let expires = client.sim.clock().now() + jiff::SignedDuration::from_hours(24 * days);
    json!({"changeType": "updated,deleted", "notificationUrl": url, "lifecycleNotificationUrl": url,
           "resource": "users", "expirationDateTime": expires, "clientState": "secret"})
}

pub(crate) async fn subscribed(client: &Client, receiver: &Receiver, days: i64) -> Value {
    let url = receiver.start().await;
    let (status, body) = client.post("/subscriptions", &wanted(client, &url, days)).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    body
}

pub(crate) async fn settled(client: &Client) {
    assert!(client.sim.deliveries_settled(Duration::from_secs(5)).await, "deliveries settle");
}

#[tokio::test]
async fn a_change_is_told_within_moments() {
    let client = Client::with_users(40).await;
    let receiver = Receiver::default();
    let subscription = subscribed(&client, &receiver, 20).await;
    assert_eq!(receiver.shared.lock().expect("lock").handshakes, 2, "one for each URL");
    let user = client.tenant.member.as_ref().expect("member").id;
    client.sim.update_user(client.tenant.id, user, json!({"jobTitle": "Chair"})).expect("updated");
    client.sim.purge_user(client.tenant.id, user).expect("purged");
    settled(&client).await;
    let items = receiver.items();
    assert_eq!(items.len(), 2);
    let item = &items[0];
    assert_eq!(item["changeType"], "updated");
    assert_eq!(item["clientState"], "secret");
    assert_eq!(item["subscriptionId"], subscription["id"]);
    assert_eq!(item["tenantId"], json!(client.tenant.id));
    assert_eq!(item["resource"], format!("Users/{user}"));
    assert_eq!(item["resourceData"]["@odata.type"], "#Microsoft.Graph.User");
    assert!(item["resourceData"]["sequenceNumber"].as_u64().expect("integer") > 1 << 53);
    assert_eq!(items[1]["changeType"], "deleted", "only a purge is told as deleted");
}

#[tokio::test]
async fn the_handshake_must_decode_the_token_and_answer_200() {
    let client = Client::with_users(40).await;
    let receiver = Receiver::default();
    receiver.shared.lock().expect("lock").sloppy = true;
    let url = receiver.start().await;
    let (status, body) = client.post("/subscriptions", &wanted(&client, &url, 1)).await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (400, &json!("ValidationError")));
    let message = body["error"]["message"].as_str().expect("text");
    assert!(message.contains("Response must exactly match validationToken query parameter."));
    let dead = wanted(&client, "http://127.0.0.1:9/hook", 1);
    assert_eq!(client.post("/subscriptions", &dead).await.0, StatusCode::BAD_REQUEST);
    let open = wanted(&client, "http://hooks.example.com/hook", 1);
    assert_eq!(client.post("/subscriptions", &open).await.1["error"]["code"], "InvalidRequest");
}

#[tokio::test]
async fn expiry_kinds_quota_and_duplicates_are_judged() {
    let client = Client::with_users(40).await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let (status, body) = client.post("/subscriptions", &wanted(&client, &url, 30)).await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (400, &json!("ExtensionError")));
    let created = json!({"changeType": "created,updated"});
    let mut wrong = wanted(&client, &url, 1);
    wrong["changeType"] = created["changeType"].clone();
    assert_eq!(client.post("/subscriptions", &wrong).await.0, StatusCode::BAD_REQUEST);
    let mut short = wanted(&client, &url, 0);
    short["resource"] = json!("/users");
    let (status, body) = client.post("/subscriptions", &short).await;
    assert_eq!(status, StatusCode::CREATED);
    let ends: jiff::Timestamp =
        body["expirationDateTime"].as_str().expect("text").parse().expect("instant");
    let life = ends.duration_since(client.sim.clock().now()).as_mins();
    assert!((44..=45).contains(&life), "raised to 45 minutes");
    let (status, again) = client.post("/subscriptions", &wanted(&client, &url, 1)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let id = body["id"].as_str().expect("id");
    assert!(again["error"]["message"].as_str().expect("text").contains(id));
    client.set(|settings| settings.notifications.max_per_app_and_tenant = 1);
    let mut other = wanted(&client, &url, 1);
    other["resource"] =
        json!(format!("users/{}", client.tenant.member.as_ref().expect("member").id));
    assert_eq!(client.post("/subscriptions", &other).await.0, StatusCode::FORBIDDEN);
    let mut groups = wanted(&client, &url, 1);
    groups["resource"] = json!("groups");
    let (status, body) = client.post("/subscriptions", &groups).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "Group.Read.All was not granted");
    assert_eq!(body["error"]["code"], "Authorization_RequestDenied");
}

#[tokio::test]
async fn a_subscription_is_renewed_reauthorised_deleted_and_ends_by_itself() {
    let client = Client::with_users(40).await;
    let receiver = Receiver::default();
    let subscription = subscribed(&client, &receiver, 2).await;
    let path = format!("/subscriptions/{}", subscription["id"].as_str().expect("id"));
    let later = client.sim.clock().now() + jiff::SignedDuration::from_hours(24 * 10);
    let renewal = json!({"expirationDateTime": later});
    let renewed = client.send(Method::PATCH, &path, &[], Some(&renewal)).await;
    assert_eq!(renewed.status(), StatusCode::OK);
    let reauthorised = client.send(Method::POST, &format!("{path}/reauthorize"), &[], None).await;
    assert_eq!(reauthorised.status(), StatusCode::NO_CONTENT);
    let (_, list) = client.get("/subscriptions").await;
    assert_eq!(list["value"].as_array().map(Vec::len), Some(1));
    client.sim.advance_clock(Duration::from_hours(11 * 24));
    let mut client = client;
    client.token = client.fresh_token().await;
    assert_eq!(client.get(&path).await.0, StatusCode::NOT_FOUND, "ended without notice");
    let receiver = Receiver::default();
    let subscription = subscribed(&client, &receiver, 2).await;
    let path = format!("/subscriptions/{}", subscription["id"].as_str().expect("id"));
    assert_eq!(
        client.send(Method::DELETE, &path, &[], None).await.status(),
        StatusCode::NO_CONTENT
    );
    assert!(client.sim.subscriptions().is_empty());
}

#[tokio::test]
async fn reauthorisation_is_asked_for_a_day_before_the_end() {
    let client = Client::with_users(40).await;
    let receiver = Receiver::default();
    let subscription = subscribed(&client, &receiver, 20).await;
    client.sim.advance_clock(Duration::from_hours(19 * 24 + 1));
    tokio::time::sleep(Duration::from_millis(300)).await;
    settled(&client).await;
    let items = receiver.items();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["lifecycleEvent"], "reauthorizationRequired");
    assert_eq!(items[0]["subscriptionId"], subscription["id"]);
    assert_eq!(items[0]["clientState"], "secret");
}

#[tokio::test]
async fn a_refused_delivery_comes_again_on_the_simulated_clock() {
    let client = Client::with_users(40).await;
    let receiver = Receiver::default();
    subscribed(&client, &receiver, 20).await;
    receiver.shared.lock().expect("lock").answers = vec![503];
    let user = client.tenant.member.as_ref().expect("member").id;
    client.sim.update_user(client.tenant.id, user, json!({"jobTitle": "Chair"})).expect("updated");
    for _ in 0..100 {
        if client.sim.deliveries().failed_attempts > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(receiver.items().len(), 1);
    assert_eq!(client.sim.deliveries().pending, 1);
    client.sim.advance_clock(Duration::from_secs(10));
    settled(&client).await;
    let items = receiver.items();
    assert_eq!((items.len(), &items[0]), (2, &items[1]));
    assert_eq!(client.sim.deliveries().delivered, 1);
}

#[tokio::test]
async fn deliveries_double_vanish_or_wait_as_set() {
    let client = Client::with_users(40).await;
    let receiver = Receiver::default();
    let subscription = subscribed(&client, &receiver, 20).await;
    let tenant = client.tenant.id;
    let user = client.tenant.member.as_ref().expect("member").id;
    let edit = |title: &str| {
        client.sim.update_user(tenant, user, json!({"jobTitle": title})).expect("updated");
    };
    client.set(|settings| settings.notifications.duplicate_percent = 100.0);
    edit("One");
    settled(&client).await;
    assert_eq!(receiver.items().len(), 2);
    client.set(|settings| settings.notifications.drop_percent = 100.0);
    edit("Two");
    settled(&client).await;
    assert_eq!(receiver.items().len(), 2);
    client.set(|settings| {
        settings.notifications.drop_percent = 0.0;
        settings.notifications.duplicate_percent = 0.0;
    });
    let id = subscription["id"].as_str().expect("id").parse().expect("guid");
    assert!(client.sim.send_lifecycle(id, "reauthorizationRequired", true));
    edit("Three");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(receiver.items().len(), 3, "the reminder passes, the change waits");
    let path = format!("/subscriptions/{id}/reauthorize");
    client.send(Method::POST, &path, &[], None).await;
    client.sim.advance_clock(Duration::from_secs(10));
    settled(&client).await;
    assert_eq!(receiver.items().len(), 4);
}

#[tokio::test]
async fn a_slow_receiver_is_given_longer_on_the_retry_and_then_delayed_for_ten_minutes() {
    let client = Client::with_users(40).await;
    let receiver = Receiver::default();
    subscribed(&client, &receiver, 20).await;
    client.set(|settings| {
        settings.notifications.first_timeout_ms = 100;
        settings.notifications.health_min_samples = 2;
    });
    receiver.shared.lock().expect("lock").slow = Duration::from_millis(200);
    let tenant = client.tenant.id;
    let user = client.tenant.member.as_ref().expect("member").id;
    let edit = |title: &str| {
        client.sim.update_user(tenant, user, json!({"jobTitle": title})).expect("updated");
    };
    edit("One");
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(client.sim.deliveries().failed_attempts, 1, "too slow for a first attempt");
    client.sim.advance_clock(Duration::from_secs(10));
    settled(&client).await;
    assert_eq!(client.sim.deliveries().delivered, 1, "the retry may take longer");
    receiver.shared.lock().expect("lock").slow = Duration::ZERO;
    edit("Two");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(client.sim.deliveries().pending, 1, "two slow answers of two: delayed");
    client.sim.advance_clock(Duration::from_mins(10));
    settled(&client).await;
    assert_eq!(client.sim.deliveries().delivered, 2);
}

#[tokio::test]
async fn one_post_may_hold_items_of_several_tenants() {
    let mut client = Client::with_users(40).await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let tenants = client.sim.tenants();
    for tenant in &tenants[..2] {
        client.sim.grant_consent(tenant.id, entra_sim::DEFAULT_APP_ID, None).expect("granted");
        client.tenant = tenant.clone();
        client.token = client.fresh_token().await;
        let (status, _) = client.post("/subscriptions", &wanted(&client, &url, 1)).await;
        assert_eq!(status, StatusCode::CREATED);
    }
    client.sim.clock().freeze();
    for tenant in &tenants[..2] {
        let user = tenant.member.as_ref().expect("member").id;
        client.sim.update_user(tenant.id, user, json!({"jobTitle": "X"})).expect("updated");
    }
    client.sim.advance_clock(Duration::from_secs(1));
    settled(&client).await;
    let received = receiver.shared.lock().expect("lock");
    assert_eq!(received.posts.len(), 1);
    let items = received.posts[0]["value"].as_array().expect("value");
    assert_eq!(items.len(), 2);
    assert_ne!(items[0]["tenantId"], items[1]["tenantId"]);
}

#[tokio::test]
async fn a_list_of_subscriptions_pages_and_renewals_may_validate_again() {
    let client = Client::with_users(40).await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let people = client.sim.users(client.tenant.id).expect("read");
    for person in &people[..3] {
        let mut subscription = wanted(&client, &url, 1);
        subscription["resource"] = json!(format!("users/{}", person["id"].as_str().expect("id")));
        assert_eq!(client.post("/subscriptions", &subscription).await.0, StatusCode::CREATED);
    }
    client.set(|settings| {
        settings.notifications.list_page_size = 2;
        settings.notifications.validate_on_renewal = true;
    });
    let listed = client.drain("/subscriptions", &[]).await;
    assert_eq!((listed.ids().len(), listed.pages), (3, 2));
    let before = receiver.shared.lock().expect("lock").handshakes;
    let id = listed.entries[0]["id"].as_str().expect("id");
    let renewal = json!({"expirationDateTime": wanted(&client, &url, 5)["expirationDateTime"]});
    client.send(Method::PATCH, &format!("/subscriptions/{id}"), &[], Some(&renewal)).await;
    assert_eq!(receiver.shared.lock().expect("lock").handshakes, before + 1);
}

#[tokio::test]
async fn subscriptions_and_delta_links_survive_a_restart() {
    let directory = tempfile::tempdir().expect("directory");
    let mut client = Client::kept_in(directory.path()).await;
    let receiver = Receiver::default();
    subscribed(&client, &receiver, 20).await;
    let base = client.drain("/users/delta?$select=jobTitle&$deltatoken=latest", &[]).await;
    let user = client.tenant.member.as_ref().expect("member").id;
    client.sim.update_user(client.tenant.id, user, json!({"jobTitle": "Chair"})).expect("updated");
    client.restart(directory.path()).await;
    let round = client.drain(&base.delta_link, &[]).await;
    assert_eq!(round.entries, [json!({"id": user, "jobTitle": "Chair"})], "token and link count");
    assert_eq!(client.sim.subscriptions().len(), 1);
}
