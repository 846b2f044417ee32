use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::TenantId;
use contact_sync_domain::subscription::{LIFETIME, SubscribedResource};
use contact_sync_domain::sync_state::Lease;

use super::*;
use crate::memory::{HeldClock, MemoryBus, MemoryStore};
use crate::renewal::fake::{account, at, connection, connection_id, tenant};

const NOW: i64 = 1_800_000_000;
const GRAPH_ID: &str = "7f105c7d-2dc5-4530-97cd-4e7ae6534c07";
const SECRET: &str = "dGhlIHNlY3JldCBvZiB0aGUgc3Vic2NyaXB0aW9u";

fn key() -> SubscriptionKey {
    SubscriptionKey::from_bits(9)
}

fn subscriber(number: u128) -> Subscriber {
    Subscriber { account_id: account(number), connection_id: connection_id(number) }
}

fn record() -> Subscription {
    Subscription {
        key: key(),
        tenant_id: tenant(1),
        resource: SubscribedResource::Users,
        client_state: SECRET.into(),
        graph_id: Some(GRAPH_ID.into()),
        expires_at: at(NOW - 10).checked_add(LIFETIME).ok(),
        renewed_at: at(NOW - 10),
        state: SubscriptionState::Active,
        connections: vec![subscriber(1)],
        problem: None,
        version: 1,
    }
}

fn notification() -> Notification {
    Notification {
        subscription_id: GRAPH_ID.into(),
        client_state: SECRET.into(),
        tenant_id: tenant(1),
        lifecycle: None,
        event_time: None,
    }
}

fn lifecycle(event: LifecycleEvent) -> Notification {
    Notification { lifecycle: Some(event), ..notification() }
}

fn store() -> MemoryStore {
    MemoryStore::default()
        .with_connection(connection(1, ConnectionStatus::Enabled))
        .with_subscription(record())
}

async fn accept(
    store: &MemoryStore,
    bus: &MemoryBus,
    notifications: Vec<Notification>,
) -> Result<Acceptance, IntakeError> {
    let delivery = Delivery { notifications, incomplete: 0 };
    let recent = RecentSubscriptions::default();
    accept_delivery(store, &recent, bus, &HeldClock::at(at(NOW)), Some(&key()), &delivery).await
}

fn types(bus: &MemoryBus) -> Vec<&'static str> {
    bus.drain().iter().map(Event::detail_type).collect()
}

#[tokio::test]
async fn many_notifications_of_one_directory_are_one_hint() {
    let (store, bus) = (store(), MemoryBus::default());
    let many = (0..500).map(|_| notification()).collect();
    let acceptance = accept(&store, &bus, many).await.unwrap();
    assert_eq!((acceptance.accepted, acceptance.hinted, acceptance.announced), (500, 1, 1));
    assert_eq!(store.state_of(1).wanted, 1);
    let expected = Event::DirectoryChanged(DirectoryChanged {
        schema_version: 1,
        account_id: account(1),
        connection_id: connection_id(1),
        wanted: 1,
    });
    assert_eq!(bus.drain(), [expected]);
}

#[tokio::test]
async fn a_hint_is_counted_but_not_announced_while_somebody_works() {
    let (store, bus) = (store(), MemoryBus::default());
    store.edit_state(1, |state| {
        state.lease = Some(Lease { holder: "somebody".into(), expires_at: at(NOW + 60) });
        state.last_hint_at = Some(at(NOW - 1));
    });
    let acceptance = accept(&store, &bus, vec![notification()]).await.unwrap();
    assert_eq!((acceptance.hinted, acceptance.announced), (1, 0));
    assert_eq!(store.state_of(1).wanted, 1, "the holder finds it");
}

#[tokio::test]
async fn every_connection_of_the_tenant_is_told() {
    let (store, bus) = (store(), MemoryBus::default());
    let store = store.with_connection(connection(2, ConnectionStatus::Enabled));
    store.world().subscriptions.get_mut(&key()).unwrap().connections.push(subscriber(2));
    let acceptance = accept(&store, &bus, vec![notification()]).await.unwrap();
    assert_eq!(acceptance.announced, 2);
    assert_eq!((store.state_of(1).wanted, store.state_of(2).wanted), (1, 1));
}

#[tokio::test]
async fn what_does_not_match_has_no_effect_and_is_counted_by_reason() {
    let (store, bus) = (store(), MemoryBus::default());
    let acceptance = accept(
        &store,
        &bus,
        vec![
            Notification { client_state: "guessed".into(), ..notification() },
            Notification { client_state: String::new(), ..notification() },
            Notification { client_state: SECRET[1..].into(), ..notification() },
            Notification { tenant_id: TenantId::from_u128(66), ..notification() },
            Notification { subscription_id: "other".into(), ..notification() },
            Notification {
                client_state: "guessed".into(),
                ..lifecycle(LifecycleEvent::SubscriptionRemoved)
            },
        ],
    )
    .await
    .unwrap();
    let expected =
        Rejections { client_state: 4, tenant: 1, subscription_id: 1, ..Rejections::default() };
    assert_eq!(acceptance.rejected, expected);
    assert_eq!(acceptance.accepted, 0);
    assert_eq!(store.state_of(1).wanted, 0);
    assert_eq!(store.records(), [record()]);
    assert_eq!(types(&bus), Vec::<&str>::new());
}

#[tokio::test]
async fn a_forged_notification_does_not_spoil_a_true_one_beside_it() {
    let (store, bus) = (store(), MemoryBus::default());
    let forged = Notification { client_state: "guessed".into(), ..notification() };
    let acceptance = accept(&store, &bus, vec![forged, notification()]).await.unwrap();
    assert_eq!((acceptance.accepted, acceptance.rejected.total()), (1, 1));
    assert_eq!(types(&bus), ["DirectoryChanged"]);
}

#[tokio::test]
async fn an_address_we_never_gave_out_has_no_effect() {
    let (store, bus) = (store(), MemoryBus::default());
    let clock = HeldClock::at(at(NOW));
    let delivery = Delivery { notifications: vec![notification()], incomplete: 2 };
    for key in [None, Some(SubscriptionKey::from_bits(404))] {
        let recent = RecentSubscriptions::default();
        let acceptance =
            accept_delivery(&store, &recent, &bus, &clock, key.as_ref(), &delivery).await.unwrap();
        let expected = Rejections { incomplete: 2, unknown: 1, ..Rejections::default() };
        assert_eq!(acceptance.rejected, expected);
    }
    assert_eq!(types(&bus), Vec::<&str>::new());
}

#[tokio::test]
async fn a_notification_that_is_faster_than_graphs_own_answer_is_believed() {
    let (store, bus) = (store(), MemoryBus::default());
    let early = Subscription { graph_id: None, state: SubscriptionState::Pending, ..record() };
    store.world().subscriptions.insert(key(), early);
    assert_eq!(accept(&store, &bus, vec![notification()]).await.unwrap().accepted, 1);
}

#[tokio::test]
async fn a_subscription_to_be_reauthorised_is_due_at_once_and_the_directory_is_looked_at() {
    let (store, bus) = (store(), MemoryBus::default());
    let news = vec![lifecycle(LifecycleEvent::ReauthorizationRequired)];
    accept(&store, &bus, news).await.unwrap();
    let records = store.records();
    assert!(records[0].is_due(at(NOW)));
    assert_eq!(records[0].state, SubscriptionState::Active);
    assert_eq!(records[0].expires_at, record().expires_at);
    let events = bus.drain();
    let [Event::SyncRequested(request)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((request.kind, request.trigger), (RunKind::Delta, RequestTrigger::Sweep));

    let again = vec![lifecycle(LifecycleEvent::ReauthorizationRequired)];
    accept(&store, &bus, again).await.unwrap();
    assert_eq!(store.records()[0].version, 2, "a repeated one writes nothing");
}

#[tokio::test]
async fn a_subscription_that_no_longer_works_is_marked_and_the_gap_is_looked_at() {
    for event in
        [LifecycleEvent::SubscriptionRemoved, LifecycleEvent::Missed, LifecycleEvent::Unknown]
    {
        let (store, bus) = (store(), MemoryBus::default());
        accept(&store, &bus, vec![lifecycle(event)]).await.unwrap();
        assert_eq!(store.records()[0].state, SubscriptionState::Failed, "{event:?}");
        assert!(store.records()[0].is_due(at(NOW)), "{event:?}");
        assert_eq!(store.state_of(1).wanted, 1, "{event:?}");
        assert_eq!(types(&bus), ["DirectoryChanged"], "{event:?}");
    }
}

#[tokio::test]
async fn news_is_marked_although_somebody_renews_at_the_same_moment() {
    let (store, bus) = (store(), MemoryBus::default());
    store.world().races = 2;
    accept(&store, &bus, vec![lifecycle(LifecycleEvent::Missed)]).await.unwrap();
    assert_eq!(store.records()[0].state, SubscriptionState::Failed);
    store.world().races = 9;
    let news = vec![lifecycle(LifecycleEvent::ReauthorizationRequired), notification()];
    store.world().subscriptions.insert(key(), record());
    let refused = accept(&store, &bus, news).await;
    assert!(matches!(refused, Err(IntakeError::Contended)), "Graph delivers it again");
}

#[tokio::test]
async fn nothing_is_accepted_that_could_not_be_passed_on() {
    let (store, bus) = (store(), MemoryBus::default());
    bus.set_down(true);
    let refused = accept(&store, &bus, vec![notification()]).await;
    assert!(matches!(refused, Err(IntakeError::Announcement(_))));
    bus.set_down(false);
    store.world().is_down = true;
    let refused = accept(&store, &bus, vec![notification()]).await;
    assert!(matches!(refused, Err(IntakeError::Store(_))));
    store.world().is_down = false;
    assert_eq!(accept(&store, &bus, vec![notification()]).await.unwrap().announced, 1);
}

#[tokio::test]
async fn how_long_a_change_was_on_its_way_is_told() {
    let (store, bus) = (store(), MemoryBus::default());
    let told = |second| Notification { event_time: Some(at(second)), ..notification() };
    let news = vec![told(NOW - 3), notification(), told(NOW - 40)];
    let acceptance = accept(&store, &bus, news).await.unwrap();
    assert_eq!(acceptance.lag, Some(SignedDuration::from_secs(40)));
}
