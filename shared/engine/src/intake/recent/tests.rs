use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::event::Event;
use contact_sync_domain::subscription::{LIFETIME, SubscribedResource, Subscriber};

use super::*;
use crate::intake::{Acceptance, Delivery, LifecycleEvent, Notification, accept_delivery};
use crate::memory::{HeldClock, MemoryBus, MemoryStore};
use crate::renewal::fake::{account, at, connection, connection_id, tenant};

const NOW: i64 = 1_800_000_000;

fn key(bits: u128) -> SubscriptionKey {
    SubscriptionKey::from_bits(bits)
}

fn record(bits: u128) -> Subscription {
    Subscription {
        key: key(bits),
        tenant_id: tenant(1),
        resource: SubscribedResource::Users,
        client_state: "secret".into(),
        graph_id: Some("graph-id".into()),
        expires_at: at(NOW).checked_add(LIFETIME).ok(),
        renewed_at: at(NOW),
        state: SubscriptionState::Active,
        connections: vec![Subscriber { account_id: account(1), connection_id: connection_id(1) }],
        problem: None,
        version: 1,
    }
}

fn notification() -> Notification {
    Notification {
        subscription_id: "graph-id".into(),
        client_state: "secret".into(),
        tenant_id: tenant(1),
        lifecycle: None,
        event_time: None,
    }
}

/// One process of the webhook that has just believed a notification.
struct Process {
    store: MemoryStore,
    recent: RecentSubscriptions,
    bus: MemoryBus,
    clock: HeldClock,
}

impl Process {
    async fn warm() -> Self {
        let process = Self {
            store: MemoryStore::default()
                .with_connection(connection(1, ConnectionStatus::Enabled))
                .with_subscription(record(9)),
            recent: RecentSubscriptions::default(),
            bus: MemoryBus::default(),
            clock: HeldClock::at(at(NOW)),
        };
        assert_eq!(process.take(notification()).await.accepted, 1);
        process.bus.drain();
        process
    }

    async fn take(&self, notification: Notification) -> Acceptance {
        let delivery = Delivery { notifications: vec![notification], incomplete: 0 };
        let Self { store, recent, bus, clock } = self;
        accept_delivery(store, recent, bus, clock, Some(&key(9)), &delivery).await.unwrap()
    }

    /// Somebody else changes the record.
    fn change(&self, change: impl FnOnce(&mut Subscription)) {
        change(self.store.world().subscriptions.get_mut(&key(9)).unwrap());
    }

    fn wait(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }
}

#[tokio::test]
async fn a_burst_reads_the_record_once_and_each_delivery_of_it_still_counts() {
    let process = Process::warm().await;
    process.store.world().subscriptions.clear();
    for _ in 0..20 {
        assert_eq!(process.take(notification()).await.hinted, 1, "believed without reading");
    }
    assert_eq!(process.store.state_of(1).wanted, 21);
}

#[tokio::test]
async fn a_withdrawn_subscription_is_not_believed_for_longer_than_a_moment() {
    let process = Process::warm().await;
    process.store.world().subscriptions.clear();
    process.wait(9);
    assert_eq!(process.take(notification()).await.accepted, 1);
    process.wait(1);
    assert_eq!(process.take(notification()).await.rejected.unknown, 1, "use prolongs nothing");
    assert_eq!(process.take(notification()).await.rejected.unknown, 1);
}

#[tokio::test]
async fn an_old_secret_is_not_believed_for_longer_than_a_moment() {
    let process = Process::warm().await;
    process.change(|record| "fresh".clone_into(&mut record.client_state));
    process.wait(10);
    assert_eq!(process.take(notification()).await.rejected.client_state, 1);
}

#[tokio::test]
async fn a_subscription_that_was_made_again_is_believed_at_once() {
    let process = Process::warm().await;
    process.change(|record| {
        "fresh".clone_into(&mut record.client_state);
        record.graph_id = Some("another".into());
    });
    let first = Notification {
        client_state: "fresh".into(),
        subscription_id: "another".into(),
        ..notification()
    };
    assert_eq!(process.take(first).await.accepted, 1, "no notification is lost meanwhile");
    assert_eq!(process.take(notification()).await.rejected.client_state, 1, "the old one is gone");
}

#[tokio::test]
async fn news_of_the_subscription_itself_is_held_against_the_record_as_it_is() {
    let process = Process::warm().await;
    process.change(|record| "fresh".clone_into(&mut record.client_state));
    let forged =
        Notification { lifecycle: Some(LifecycleEvent::SubscriptionRemoved), ..notification() };
    assert_eq!(process.take(forged).await.rejected.client_state, 1);
    assert_eq!(process.store.records()[0].state, SubscriptionState::Active);
    assert_eq!(process.bus.drain(), Vec::<Event>::new());
}

#[tokio::test]
async fn a_connection_that_joins_is_told_from_the_next_reading_on() {
    let process = Process::warm().await;
    let store = &process.store;
    store.world().states.insert(
        connection_id(2),
        contact_sync_domain::sync_state::SyncState::new(account(1), connection_id(2)),
    );
    process.change(|record| {
        let joined = Subscriber { account_id: account(1), connection_id: connection_id(2) };
        record.connections.push(joined);
    });
    process.wait(10);
    assert_eq!(process.take(notification()).await.hinted, 2);
}

#[test]
fn a_subscription_that_graph_has_not_confirmed_is_read_each_time() {
    let recent = RecentSubscriptions::default();
    for unconfirmed in [
        Subscription { graph_id: None, state: SubscriptionState::Pending, ..record(9) },
        Subscription { state: SubscriptionState::Failed, ..record(9) },
    ] {
        recent.keep(&key(9), Some(&Arc::new(record(9))), at(NOW));
        recent.keep(&key(9), Some(&Arc::new(unconfirmed)), at(NOW));
        assert_eq!(recent.get(&key(9), at(NOW)), None);
    }
}

#[test]
fn a_clock_that_was_set_back_makes_nothing_last_longer() {
    let recent = RecentSubscriptions::default();
    recent.keep(&key(9), Some(&Arc::new(record(9))), at(NOW));
    assert_eq!(recent.get(&key(9), at(NOW - 3_600)), None);
}

#[test]
fn a_process_keeps_only_so_many() {
    let recent = RecentSubscriptions::default();
    let kept = |now| (0..2_000).filter(|bits| recent.get(&key(*bits), now).is_some()).count();
    for bits in 0..1_000 {
        recent.keep(&key(bits), Some(&Arc::new(record(bits))), at(NOW));
    }
    assert_eq!(kept(at(NOW)), MOST);
    for bits in 1_000..2_000 {
        recent.keep(&key(bits), Some(&Arc::new(record(bits))), at(NOW + 10));
    }
    assert_eq!(kept(at(NOW + 10)), MOST, "the old ones make room");
}

#[test]
fn no_secret_is_printed() {
    let recent = RecentSubscriptions::default();
    recent.keep(&key(9), Some(&Arc::new(record(9))), at(NOW));
    assert!(!format!("{recent:?}").contains("secret"));
}
