use contact_sync_domain::event::Event;
use contact_sync_domain::id::{AccountId, ConnectionId, TenantId};
use contact_sync_domain::subscription::{
    LIFETIME, SubscribedResource, Subscriber, Subscription, SubscriptionState,
};
use contact_sync_domain::sync_state::SyncState;
use contact_sync_engine::intake::{MAX_BODY_BYTES, MAX_ITEMS};
use contact_sync_engine::memory::{HeldClock, MemoryBus, MemoryStore};
use jiff::Timestamp;

use super::*;

/// Two subscriptions of one connection, and what was counted and published.
struct World {
    store: MemoryStore,
    recent: RecentSubscriptions,
    bus: MemoryBus,
    clock: HeldClock,
}

/// Two seconds after the captured changes.
fn now() -> Timestamp {
    "2026-11-22T01:47:02Z".parse().unwrap()
}

impl World {
    fn new() -> Self {
        let subscription = |bits, resource, graph_id: &str, client_state: &str| Subscription {
            key: SubscriptionKey::from_bits(bits),
            tenant_id: TenantId::parse("84bd8158-6d4d-4958-8b9f-9d6445542f95").unwrap(),
            resource,
            client_state: client_state.to_owned(),
            graph_id: Some(graph_id.to_owned()),
            expires_at: now().checked_add(LIFETIME).ok(),
            renewed_at: now(),
            state: SubscriptionState::Active,
            connections: vec![Subscriber {
                account_id: AccountId::from_bits(1),
                connection_id: ConnectionId::from_bits(2),
            }],
            problem: None,
            version: 1,
        };
        let world = Self {
            store: MemoryStore::default(),
            recent: RecentSubscriptions::default(),
            bus: MemoryBus::default(),
            clock: HeldClock::at(now()),
        };
        for record in [
            subscription(
                10,
                SubscribedResource::Users,
                "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
                "Q2xpZW50U3RhdGVPZlRoZVN1YnNjcmlwdGlvbkEwMDA",
            ),
            subscription(
                11,
                SubscribedResource::Groups,
                "e15cf73e-4e3c-4b2a-9f5f-7a5f1d6f0b0b",
                "Q2xpZW50U3RhdGVPZlRoZVN1YnNjcmlwdGlvbkIwMDA",
            ),
        ] {
            world.store.world().subscriptions.insert(record.key.clone(), record);
        }
        let state = SyncState::new(AccountId::from_bits(1), ConnectionId::from_bits(2));
        world.store.world().states.insert(state.connection_id.clone(), state);
        world
    }

    /// The status, body and headers that a captured event is answered with.
    async fn answer(&self, case: &str) -> (u16, String, http::HeaderMap) {
        let path = format!("{}/../../events/graph-webhook/{case}.json", env!("CARGO_MANIFEST_DIR"));
        let event = std::fs::read_to_string(path).unwrap();
        self.answer_to(lambda_http::request::from_str(&event).unwrap()).await
    }

    async fn post(&self, query: &str, body: Vec<u8>) -> u16 {
        let uri = format!("https://hooks.example.com/webhooks/graph?{query}");
        let request = http::Request::post(uri).body(Body::Binary(body)).unwrap();
        self.answer_to(request).await.0
    }

    async fn answer_to(&self, request: Request) -> (u16, String, http::HeaderMap) {
        let Ok(response) = handle(&self.store, &self.recent, &self.bus, &self.clock, request).await;
        let status = response.status().as_u16();
        let (parts, body) = response.into_parts();
        (status, String::from_utf8(body.to_vec()).unwrap(), parts.headers)
    }

    fn published(&self) -> Vec<&'static str> {
        self.bus.drain().iter().map(Event::detail_type).collect()
    }

    fn hints(&self) -> u64 {
        self.store.world().states[&ConnectionId::from_bits(2)].wanted
    }

    /// The record of the subscription on users.
    fn users(&self) -> Subscription {
        self.store.world().subscriptions[&SubscriptionKey::from_bits(10)].clone()
    }

    fn set_down(&self, is_down: bool) {
        self.store.world().is_down = is_down;
    }
}

#[tokio::test]
async fn graph_gets_its_token_back_on_both_paths_as_text_that_no_browser_runs() {
    for case in ["validation-handshake", "lifecycle-validation-handshake"] {
        let world = World::new();
        world.set_down(true);
        let (status, body, headers) = world.answer(case).await;
        assert_eq!(status, 200, "{case}");
        assert_eq!(
            body,
            "Validation: Testing client application reachability for subscription \
             Request-Id: 877cb92e-3f0a-4a53-bb5c-6f9a8a2d1c11"
        );
        assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["content-security-policy"], "default-src 'none'; sandbox");
    }
}

#[tokio::test]
async fn a_token_that_graph_would_not_send_is_refused() {
    let world = World::new();
    assert_eq!(world.post("validationToken=a%0ab", Vec::new()).await, 400);
}

#[tokio::test]
async fn a_delivery_is_one_hint_and_one_announcement() {
    for case in ["notification", "notification-base64", "notification-group"] {
        let world = World::new();
        let (status, body, _) = world.answer(case).await;
        assert_eq!((status, body.as_str()), (202, ""), "{case}");
        assert_eq!(world.hints(), 1, "{case}");
        assert_eq!(world.published(), ["DirectoryChanged"], "{case}");
    }
}

#[tokio::test]
async fn another_tenants_notification_in_the_same_delivery_counts_for_nothing() {
    let world = World::new();
    assert_eq!(world.answer("notification-several-tenants").await.0, 202);
    assert_eq!(world.hints(), 1);
}

#[tokio::test]
async fn a_forged_delivery_is_answered_like_a_true_one_and_changes_nothing() {
    let world = World::new();
    let (status, body, headers) = world.answer("notification-forged").await;
    assert_eq!((status, body.as_str()), (202, ""));
    let (_, _, believed) = World::new().answer("notification").await;
    assert_eq!(headers, believed);
    assert_eq!(world.hints(), 0);
    assert_eq!(world.published(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_subscription_to_be_reauthorised_is_renewed_at_the_next_sweep() {
    let world = World::new();
    assert_eq!(world.answer("lifecycle-reauthorization").await.0, 202);
    assert!(world.users().is_due(now()));
    assert_eq!(world.published(), ["SyncRequested"]);
}

#[tokio::test]
async fn a_subscription_that_missed_something_is_made_again() {
    let world = World::new();
    assert_eq!(world.answer("lifecycle-missed").await.0, 202);
    assert_eq!(world.users().state, SubscriptionState::Failed);
    assert_eq!(world.published(), ["DirectoryChanged"]);
}

#[tokio::test]
async fn what_is_no_delivery_is_refused_and_what_is_too_large_too() {
    let world = World::new();
    assert_eq!(world.answer("notification-malformed").await.0, 400);
    assert_eq!(world.post("s=x", Vec::new()).await, 400);
    assert_eq!(world.post("s=x", vec![b' '; MAX_BODY_BYTES + 1]).await, 413);
    let many = format!("{{\"value\":[{}0]}}", "0,".repeat(MAX_ITEMS));
    assert_eq!(world.post("s=x", many.into_bytes()).await, 413);
    assert_eq!(world.post("s=nobody", br#"{"value":[]}"#.to_vec()).await, 202);
}

#[tokio::test]
async fn graph_is_asked_to_come_again_while_the_store_is_down() {
    let world = World::new();
    world.set_down(true);
    assert_eq!(world.answer("notification").await.0, 503);
    world.set_down(false);
    assert_eq!(world.answer("notification").await.0, 202);
    assert_eq!(world.hints(), 1);
}
