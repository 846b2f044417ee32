use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::event::Event;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::settings::{AllOr, GroupScope, Settings};
use contact_sync_domain::subscription::{
    LIFETIME, SubscribedResource, Subscription, SubscriptionState,
};

use super::fake::{account, at, connection, connection_id, tenant};
use super::fake_graph::{FakeGraph, Fault};
use super::{Renewal, RenewalError, Tended};
use crate::memory::{Counter, HeldClock, MemoryBus, MemoryStore};
use crate::port::Clock;
use crate::readiness::Readiness;

pub(super) type FakeRenewal = Renewal<MemoryStore, FakeGraph, MemoryBus, HeldClock, Counter>;

pub(super) const START: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

/// Connection 1, enabled, of tenant 1.
pub(super) fn renewal() -> FakeRenewal {
    Renewal {
        stores: MemoryStore::default().with_connection(connection(1, ConnectionStatus::Enabled)),
        graph: FakeGraph::default(),
        bus: MemoryBus::default(),
        clock: HeldClock::at(at(START)),
        randomness: Counter::default(),
        webhook_base_url: "https://hooks.example".into(),
    }
}

pub(super) async fn ensure(renewal: &FakeRenewal) -> Result<Vec<Tended>, RenewalError> {
    renewal.ensure_connection(&account(1), &connection_id(1)).await
}

/// A connection whose subscription was made at the start.
pub(super) async fn subscribed() -> FakeRenewal {
    let renewal = renewal();
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Made]);
    renewal.graph.drain_calls();
    renewal
}

pub(super) fn record(renewal: &FakeRenewal) -> Subscription {
    let records = renewal.stores.records();
    assert_eq!(records.len(), 1, "{records:?}");
    records[0].clone()
}

pub(super) fn types(renewal: &FakeRenewal) -> Vec<&'static str> {
    renewal.bus.drain().iter().map(Event::detail_type).collect()
}

pub(super) fn set_status(renewal: &FakeRenewal, status: ConnectionStatus) {
    renewal.stores.edit_connection(1, |connection| connection.status = status);
}

fn scope_by_groups(renewal: &FakeRenewal) {
    let mut settings = Settings::default();
    settings.scope.groups =
        AllOr::Any(GroupScope { any: vec![ObjectId::from_u128(1)], include_nested: true });
    renewal.stores.save(1, settings);
}

#[tokio::test]
async fn a_connection_gets_one_subscription_whose_address_and_secret_are_its_own() {
    let renewal = subscribed().await;
    let (record, remotes) = (record(&renewal), renewal.graph.all());
    assert_eq!(record.state, SubscriptionState::Active);
    assert_eq!(record.graph_id.as_deref(), Some("graph-1"));
    assert_eq!(record.expires_at, at(START).checked_add(LIFETIME).ok());
    assert_eq!(remotes.len(), 1);
    assert_eq!(remotes[0].subscription.resource, "users");
    let key = &record.key;
    assert_eq!(
        remotes[0].subscription.notification_url,
        format!("https://hooks.example/webhooks/graph?s={key}")
    );
    assert_eq!(
        remotes[0].lifecycle_url,
        format!("https://hooks.example/webhooks/graph/lifecycle?s={key}")
    );
    assert_eq!(remotes[0].client_state, record.client_state);
    assert_eq!(types(&renewal), Vec::<&str>::new(), "the first full run reads everything");
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Kept]);
    assert_eq!(renewal.graph.drain_calls(), Vec::<&str>::new(), "nothing is asked in vain");
}

#[tokio::test]
async fn the_record_stands_before_graph_is_asked() {
    let renewal = renewal();
    renewal.graph.creation_faults.lock().unwrap().push(Fault::Handshake);
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Refused]);
    let record = record(&renewal);
    assert_eq!(record.state, SubscriptionState::Failed);
    let problem = record.problem.unwrap();
    assert!(problem.contains("validation request timed out"), "{problem}");
}

#[tokio::test]
async fn groups_are_watched_exactly_while_the_scope_asks_for_them() {
    let renewal = subscribed().await;
    scope_by_groups(&renewal);
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Kept, Tended::Made]);
    let resources = |renewal: &FakeRenewal| {
        let remotes = renewal.graph.all();
        remotes.into_iter().map(|remote| remote.subscription.resource).collect::<Vec<_>>()
    };
    assert_eq!(resources(&renewal), ["users", "groups"]);
    renewal.stores.world().settings.clear();
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Kept, Tended::Released]);
    assert_eq!(resources(&renewal), ["users"]);
    assert_eq!(record(&renewal).resource, SubscribedResource::Users);
}

#[tokio::test]
async fn groups_that_the_scope_ignores_are_watched_too() {
    let renewal = subscribed().await;
    let mut settings = Settings::default();
    settings.scope.ignored_groups = vec![ObjectId::from_u128(1)];
    renewal.stores.save(1, settings);
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Kept, Tended::Made]);
    assert_eq!(renewal.graph.all().last().unwrap().subscription.resource, "groups");
}

#[tokio::test]
async fn an_answer_that_got_lost_does_not_make_a_second_subscription() {
    let renewal = renewal();
    renewal.graph.creation_faults.lock().unwrap().push(Fault::AnswerLost);
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Made]);
    assert_eq!(renewal.graph.all().len(), 1);
    assert_eq!(record(&renewal).graph_id.as_deref(), Some("graph-1"));
    assert_eq!(renewal.graph.drain_calls(), ["create", "list", "renew"]);
}

#[tokio::test]
async fn an_invocation_that_died_while_it_subscribed_is_taken_up_later() {
    let renewal = subscribed().await;
    let abandoned = Subscription {
        graph_id: None,
        expires_at: None,
        state: SubscriptionState::Pending,
        ..record(&renewal)
    };
    renewal.stores.world().subscriptions.insert(abandoned.key.clone(), abandoned);
    renewal.clock.move_to(at(START + 60));
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Waiting], "it may be at it still");
    renewal.clock.move_to(at(START + 121));
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Made]);
    assert_eq!(record(&renewal).graph_id.as_deref(), Some("graph-1"), "Graph's was taken over");
    assert_eq!(types(&renewal), ["DirectoryChanged"], "the gap is looked at");
}

#[tokio::test]
async fn a_subscription_that_leads_elsewhere_is_replaced() {
    let renewal = renewal();
    renewal.graph.plant(&tenant(1), "users", "https://old.example/webhooks/graph?s=sub_0");
    renewal.graph.plant(&tenant(2), "users", "https://old.example/webhooks/graph?s=sub_1");
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Made]);
    let remotes = renewal.graph.all();
    assert_eq!(remotes.len(), 2, "another tenant's stays");
    assert!(remotes[1].subscription.notification_url.starts_with("https://hooks.example/"));
    assert_eq!(record(&renewal).graph_id.as_deref(), Some(remotes[1].subscription.id.as_str()));
}

#[tokio::test]
async fn a_quota_is_recorded_for_the_connections_health_and_tried_again() {
    let renewal = renewal();
    renewal.graph.creation_faults.lock().unwrap().push(Fault::Quota);
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Refused]);
    let problem = record(&renewal).problem.unwrap();
    assert!(problem.contains("Maximum number of subscriptions"), "{problem}");
    assert_eq!(renewal.stores.connection_of(1).status, ConnectionStatus::Enabled);
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Made]);
    assert_eq!(record(&renewal).problem, None);
}

#[tokio::test]
async fn a_subscription_is_renewed_at_half_of_its_life_and_not_before() {
    let renewal = subscribed().await;
    renewal.clock.move_to(at(START + 14 * DAY - 1));
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Kept]);
    renewal.clock.move_to(at(START + 14 * DAY));
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Renewed]);
    assert_eq!(renewal.graph.drain_calls(), ["renew"]);
    let record = record(&renewal);
    assert_eq!(record.expires_at, at(START + 14 * DAY).checked_add(LIFETIME).ok());
    assert_eq!(Some(renewal.graph.all()[0].subscription.expires_at), record.expires_at);
    assert_eq!(types(&renewal), Vec::<&str>::new());
}

#[tokio::test]
async fn a_subscription_that_graph_forgot_is_made_again_and_the_gap_is_looked_at() {
    let renewal = subscribed().await;
    renewal.graph.forget_all();
    renewal.clock.move_to(at(START + 14 * DAY));
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Made]);
    assert_eq!(renewal.graph.drain_calls(), ["renew", "list", "create"]);
    assert_eq!(record(&renewal).graph_id.as_deref(), Some("graph-2"));
    assert_eq!(renewal.stores.state_of(1).wanted, 1);
    assert_eq!(types(&renewal), ["DirectoryChanged"]);
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_the_subscription_alive_for_the_next_try() {
    let renewal = subscribed().await;
    renewal.clock.move_to(at(START + 14 * DAY));
    *renewal.graph.tenant_fault.lock().unwrap() = Some((tenant(1), Fault::Down));
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Refused]);
    assert_eq!(record(&renewal).state, SubscriptionState::Active);
    *renewal.graph.tenant_fault.lock().unwrap() = None;
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Renewed]);
}

#[tokio::test]
async fn consent_that_is_gone_calls_for_a_person_and_what_ran_before_is_remembered() {
    for (fault, reason) in
        [(Fault::ConsentLost, "consent-lost"), (Fault::Blocked, "blocked-by-policy")]
    {
        let renewal = subscribed().await;
        set_status(&renewal, ConnectionStatus::Paused);
        renewal.clock.move_to(at(START + 14 * DAY));
        *renewal.graph.tenant_fault.lock().unwrap() = Some((tenant(1), fault));
        assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Refused]);
        let connection = renewal.stores.connection_of(1);
        assert_eq!(connection.status, ConnectionStatus::Attention);
        let attention = connection.attention.unwrap();
        assert_eq!(
            (attention.reason.as_str(), attention.before),
            (reason, ConnectionStatus::Paused)
        );
        assert_eq!(ensure(&renewal).await.unwrap(), [], "nothing is tried until somebody acted");
    }
}

#[tokio::test]
async fn a_refusal_right_after_consent_is_replication_and_calls_nobody() {
    let renewal = renewal();
    renewal.stores.edit_connection(1, |one| one.authorized_at = Some(at(START - 60)));
    renewal.graph.creation_faults.lock().unwrap().push(Fault::ConsentLost);
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Refused]);
    assert_eq!(renewal.stores.connection_of(1).status, ConnectionStatus::Enabled);
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Made]);
}

#[tokio::test]
async fn a_permission_that_only_subscribing_lacks_calls_nobody() {
    let renewal = renewal();
    renewal.graph.creation_faults.lock().unwrap().push(Fault::Forbidden);
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Refused]);
    assert_eq!(renewal.stores.connection_of(1).status, ConnectionStatus::Enabled);
}

#[tokio::test]
async fn our_own_credential_is_no_tenants_fault() {
    let renewal = renewal();
    renewal.graph.creation_faults.lock().unwrap().push(Fault::Credential);
    assert!(matches!(ensure(&renewal).await, Err(RenewalError::Credential(_))));
    assert_eq!(renewal.stores.connection_of(1).status, ConnectionStatus::Enabled);
    assert_eq!(record(&renewal).state, SubscriptionState::Failed);
}

#[tokio::test]
async fn a_connection_that_stops_leaves_no_subscription_behind() {
    for status in [ConnectionStatus::Disabled, ConnectionStatus::Disconnected] {
        let renewal = subscribed().await;
        set_status(&renewal, status);
        assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Released], "{status:?}");
        assert_eq!(renewal.graph.all(), [], "{status:?}");
        assert_eq!(renewal.stores.records(), [], "{status:?}");
        assert_eq!(ensure(&renewal).await.unwrap(), [], "{status:?}");
    }
}

#[tokio::test]
async fn what_serves_another_connection_too_stays() {
    let renewal = subscribed().await;
    let key = record(&renewal).key;
    let another = super::fake::connection(2, ConnectionStatus::Enabled);
    let subscriber = contact_sync_domain::subscription::Subscriber {
        account_id: another.account_id.clone(),
        connection_id: another.id.clone(),
    };
    renewal.rewrite(&key, |record| record.connections.push(subscriber.clone())).await.unwrap();
    set_status(&renewal, ConnectionStatus::Disabled);
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Kept]);
    assert_eq!(record(&renewal).connections, [subscriber]);
    assert_eq!(renewal.graph.all().len(), 1);
}

#[tokio::test]
async fn a_tenant_that_lets_us_in_no_longer_does_not_keep_its_record_alive() {
    let renewal = subscribed().await;
    set_status(&renewal, ConnectionStatus::Disconnected);
    *renewal.graph.tenant_fault.lock().unwrap() = Some((tenant(1), Fault::Down));
    assert!(ensure(&renewal).await.is_err(), "it is deleted at the next sweep");
    assert_eq!(renewal.stores.records().len(), 1);
    *renewal.graph.tenant_fault.lock().unwrap() = Some((tenant(1), Fault::ConsentLost));
    let swept = renewal.sweep(at(START + 100)).await;
    assert_eq!((swept.released, swept.troubles.len()), (1, 0));
    assert_eq!(renewal.stores.records(), []);
}

#[tokio::test]
async fn a_record_that_moves_meanwhile_is_read_again() {
    let renewal = subscribed().await;
    renewal.clock.move_to(at(START + 14 * DAY));
    renewal.stores.world().races = 2;
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Renewed]);
    assert_eq!(record(&renewal).renewed_at, at(START + 14 * DAY));
}

#[tokio::test]
async fn who_comes_second_leaves_the_making_to_the_first() {
    let renewal = renewal();
    renewal.stores.world().races = 1;
    assert_eq!(ensure(&renewal).await.unwrap(), [Tended::Waiting]);
    assert_eq!(renewal.graph.drain_calls(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_consent_that_still_spreads_is_tried_until_it_works_or_time_is_up() {
    let renewal = renewal();
    set_status(&renewal, ConnectionStatus::Authorized);
    *renewal.graph.tenant_fault.lock().unwrap() = Some((tenant(1), Fault::Down));
    let (account, id) = (account(1), connection_id(1));
    let deadline = at(START + 300);
    let undecided = renewal.settle_authorized(&account, &id, deadline).await.unwrap();
    assert!(matches!(undecided, Readiness::Retry { .. }), "{undecided:?}");
    assert!(renewal.clock.now() > at(START) && renewal.clock.now() < deadline);
    *renewal.graph.tenant_fault.lock().unwrap() = None;
    let decided = renewal.settle_authorized(&account, &id, deadline).await.unwrap();
    assert_eq!(decided, Readiness::Works(ConnectionStatus::Ready));
}

#[tokio::test]
async fn a_connection_that_got_consent_again_gets_its_subscription_back_at_once() {
    let renewal = subscribed().await;
    renewal.clock.move_to(at(START + 20 * DAY));
    renewal.graph.forget_all();
    *renewal.graph.tenant_fault.lock().unwrap() = Some((tenant(1), Fault::ConsentLost));
    ensure(&renewal).await.unwrap();
    assert_eq!(renewal.stores.connection_of(1).status, ConnectionStatus::Attention);
    *renewal.graph.tenant_fault.lock().unwrap() = None;
    let (account, id) = (account(1), connection_id(1));
    renewal.settle_authorized(&account, &id, at(START + 21 * DAY)).await.unwrap();
    assert_eq!(renewal.stores.connection_of(1).status, ConnectionStatus::Enabled);
    assert_eq!(renewal.graph.all().len(), 1);
}
