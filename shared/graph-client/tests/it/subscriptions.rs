//! Subscriptions on the wire.

use contact_sync_domain::subscription::SubscribedResource;
use contact_sync_engine::port::{
    DirectoryError, NewSubscription, SubscriptionError, Subscriptions,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::stub::{Reply, Stub, tenant};

const ID: &str = "7f105c7d-2dc5-4530-97cd-4e7ae6534c07";

/// Whether an error is the expected one.
type Test = fn(&SubscriptionError) -> bool;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn new() -> NewSubscription {
    NewSubscription {
        resource: SubscribedResource::Users,
        notification_url: "https://hooks.example/webhooks/graph?s=sub_1".into(),
        lifecycle_url: "https://hooks.example/webhooks/graph/lifecycle?s=sub_1".into(),
        client_state: "c-1".into(),
        expires_at: at("2026-12-18T10:00:00Z"),
    }
}

fn remote(expires: &str) -> Value {
    json!({"@odata.context": "x", "id": ID, "resource": "users", "changeType": "updated,deleted",
        "clientState": null, "notificationUrl": "https://hooks.example/webhooks/graph?s=sub_1",
        "expirationDateTime": expires, "creatorId": "x"})
}

#[tokio::test]
async fn creating_says_everything_graph_needs() {
    let created = Reply::json(&remote("2026-12-18T10:00:00.0000000Z"));
    let stub = Stub::of(vec![created]).await;
    let made = stub.client.create(&tenant(), &new()).await.unwrap();
    assert_eq!((made.id.as_str(), made.expires_at), (ID, at("2026-12-18T10:00:00Z")));
    let asked = &stub.graph_requests()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/v1.0/subscriptions"));
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(
        body,
        json!({"changeType": "updated,deleted", "resource": "users", "clientState": "c-1",
            "notificationUrl": "https://hooks.example/webhooks/graph?s=sub_1",
            "lifecycleNotificationUrl": "https://hooks.example/webhooks/graph/lifecycle?s=sub_1",
            "expirationDateTime": "2026-12-18T10:00:00Z"})
    );
}

#[tokio::test]
async fn what_subscribing_is_refused_for_is_told_apart() {
    let cases: [(Reply, Test); 6] = [
        (Reply::refusal(409, "Conflict", "Subscription Id <x> already exists"), |error| {
            matches!(error, SubscriptionError::AlreadyExists)
        }),
        (
            Reply::refusal(400, "ValidationError", "Subscription validation request timed out."),
            |error| matches!(error, SubscriptionError::ValidationFailed { .. }),
        ),
        (
            Reply::refusal(
                400,
                "InvalidRequest",
                "Notification endpoint must respond with 200 OK to validation request.",
            ),
            |error| matches!(error, SubscriptionError::ValidationFailed { .. }),
        ),
        (
            Reply::refusal(
                403,
                "ExtensionError",
                "Forbidden; Reason: Maximum number of subscriptions has been reached",
            ),
            |error| matches!(error, SubscriptionError::QuotaReached { .. }),
        ),
        (Reply::refusal(403, "Authorization_RequestDenied", "Insufficient"), |error| {
            matches!(error, SubscriptionError::Directory(DirectoryError::Forbidden { .. }))
        }),
        (
            Reply::refusal(
                400,
                "ExtensionError",
                "Subscription expiration can only be 41760 minutes in the future.",
            ),
            |error| matches!(error, SubscriptionError::Directory(DirectoryError::Refused { .. })),
        ),
    ];
    for (reply, expected) in cases {
        let shown = format!("{reply:?}");
        let stub = Stub::of(vec![reply]).await;
        let error = stub.client.create(&tenant(), &new()).await.unwrap_err();
        assert!(expected(&error), "{shown}: {error:?}");
    }
}

#[tokio::test]
async fn a_creation_without_an_answer_is_not_sent_twice_but_a_refused_one_may_be() {
    let stub = Stub::of(vec![Reply::new(504, "")]).await;
    let error = stub.client.create(&tenant(), &new()).await.unwrap_err();
    assert!(matches!(error, SubscriptionError::Directory(DirectoryError::Unavailable { .. })));
    assert_eq!(stub.graph_requests().len(), 1, "it may exist: list before creating again");

    let busy = Reply::refusal(429, "TooManyRequests", "").header("retry-after", "1");
    let stub = Stub::of(vec![busy, Reply::json(&remote("2026-12-18T10:00:00Z"))]).await;
    assert!(stub.client.create(&tenant(), &new()).await.is_ok());
}

#[tokio::test]
async fn renewing_and_deleting_what_graph_forgot_is_no_error() {
    let gone = Reply::refusal(404, "ResourceNotFound", "");
    let stub = Stub::of(vec![gone]).await;
    assert_eq!(stub.client.renew(&tenant(), ID, new().expires_at).await.unwrap(), None);
    stub.client.delete(&tenant(), ID).await.unwrap();

    let stub =
        Stub::of(vec![Reply::json(&remote("2026-12-19T10:00:00Z")), Reply::new(204, "")]).await;
    let renewed = stub.client.renew(&tenant(), ID, new().expires_at).await.unwrap().unwrap();
    assert_eq!(renewed.expires_at, at("2026-12-19T10:00:00Z"));
    stub.client.delete(&tenant(), ID).await.unwrap();
    let asked = stub.graph_requests();
    assert_eq!(asked[0].method, "PATCH");
    assert_eq!(asked[0].body, r#"{"expirationDateTime":"2026-12-18T10:00:00Z"}"#);
    assert_eq!(
        (asked[1].method.as_str(), asked[1].path.as_str()),
        ("DELETE", "/v1.0/subscriptions/7f105c7d-2dc5-4530-97cd-4e7ae6534c07")
    );
}

#[tokio::test]
async fn the_list_is_read_to_its_end() {
    let stub = Stub::new(|received| {
        let link = format!("http://{}/v1.0/subscriptions?$skiptoken=2", received.header("host"));
        (!received.is_token()).then(|| match received.nth {
            0 => Reply::json(
                &json!({"value": [remote("2026-12-18T10:00:00Z")], "@odata.nextLink": link}),
            ),
            _ => Reply::json(&json!({"value": [remote("2026-12-19T10:00:00Z")]})),
        })
    })
    .await;
    assert_eq!(stub.client.list(&tenant()).await.unwrap().len(), 2);
}
