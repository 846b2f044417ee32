//! Connections, tenants, settings, subscriptions.

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::id::{RunId, SubscriptionKey, TenantId};
use contact_sync_domain::run::{Run, RunKind};
use contact_sync_domain::settings::{Mode, Settings};
use contact_sync_domain::subscription::{SubscribedResource, Subscription, SubscriptionState};
use contact_sync_domain::sync_state::Lane;
use contact_sync_engine::port::{
    ConnectionStore, PendingItem, PendingKind, PendingStore, RunStore, SHARDS, SegmentRef,
    SegmentStore, SettingsCause, SettingsStore, SettingsVersion, SubscriptionStore, SyncStateStore,
};
use serde_json::json;

use crate::samples::{account_id, at, connection, connection_id, run, subscription};
use crate::tables::{STATE, Tables};

#[tokio::test]
async fn a_connection_is_found_in_its_account_only_and_changes_version_by_version() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let made = connection(1, 1);
    tables.lose_next_answer();
    store.create_connection(&made).await.unwrap();
    store.create_connection(&made).await.unwrap();
    let other = Connection { created_at: at(9), ..made.clone() };
    assert!(store.create_connection(&other).await.is_err(), "the id is taken");
    assert_eq!(store.connection(&account_id(1), &made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(store.connection(&account_id(2), &made.id).await.unwrap(), None);
    let ready = Connection { status: ConnectionStatus::Ready, version: 2, ..made.clone() };
    tables.lose_next_answer();
    assert!(store.update_connection(&ready).await.unwrap());
    let stale = Connection { status: ConnectionStatus::Disabled, version: 2, ..made };
    assert!(!store.update_connection(&stale).await.unwrap());
    assert!(!store.update_connection(&connection(1, 9)).await.unwrap(), "there is none");
    assert_eq!(store.connection(&account_id(1), &ready.id).await.unwrap(), Some(ready));
}

#[tokio::test]
async fn an_accounts_connections_come_oldest_first() {
    let tables = Tables::start().await;
    for (number, second) in [(3, 30), (1, 20), (2, 10)] {
        let made = Connection { created_at: at(second), ..connection(1, number) };
        tables.store.create_connection(&made).await.unwrap();
    }
    tables.store.create_connection(&connection(2, 4)).await.unwrap();
    let found = tables.store.connections(&account_id(1)).await.unwrap();
    let ids: Vec<_> = found.into_iter().map(|connection| connection.id).collect();
    assert_eq!(ids, [connection_id(2), connection_id(1), connection_id(3)]);
}

#[tokio::test]
async fn a_deleted_connection_leaves_nothing_behind() {
    let tables = Tables::start().await;
    let store = &tables.store;
    store.create_connection(&connection(1, 1)).await.unwrap();
    store.create_connection(&connection(1, 2)).await.unwrap();
    let before = tables.count(STATE).await;
    let (account, id) = (account_id(1), connection_id(1));
    for number in 1..=30 {
        let run = run(1, 1, number);
        store.enqueue(&run).await.unwrap();
        store.put_segment(&id, (&run.id, run.kept), 0, SegmentRef::Inline(vec![1])).await.unwrap();
        store.put_deviations(&id, (&run.id, run.kept), 0, &[]).await.unwrap();
    }
    let preview = Run { kind: RunKind::Preview, ..run(1, 1, 31) };
    store.enqueue(&preview).await.unwrap();
    let pending = [PendingItem { key: "u".into(), expires_at: None, body: json!({}) }];
    store.put_pending(&id, PendingKind::Removal, &pending).await.unwrap();
    let plans = store.of_lane(Lane::Plan);
    plans.put_pending(&id, PendingKind::Removal, &pending).await.unwrap();
    store.save_settings(&account, &id, &saved(1)).await.unwrap();
    store.delete_connection(&account, &id).await.unwrap();
    assert_eq!(tables.count(STATE).await, before - 2);
    assert_eq!(store.connection(&account, &id).await.unwrap(), None);
    assert!(store.connection(&account, &connection_id(2)).await.unwrap().is_some());
    store.delete_connection(&account, &id).await.unwrap();
}

#[tokio::test]
async fn a_moved_connection_takes_its_settings_along_and_leaves_its_runs() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let made = connection(1, 1);
    store.create_connection(&made).await.unwrap();
    for number in 1..=3 {
        store.enqueue(&run(1, 1, number)).await.unwrap();
    }
    assert!(store.save_settings(&account_id(1), &made.id, &saved(1)).await.unwrap());
    let worked_at = store
        .take(&account_id(1), &made.id, "holder", at(1), at(2))
        .await
        .unwrap()
        .expect("a free state")
        .state
        .fence;
    let there = Connection { account_id: account_id(2), ..made.clone() };
    let stale = Connection { version: 9, ..made.clone() };
    assert!(!store.move_connection(&stale, &there).await.unwrap());
    tables.lose_next_answer();
    assert!(store.move_connection(&made, &there).await.unwrap());
    assert_eq!(store.connection(&account_id(1), &made.id).await.unwrap(), None);
    assert_eq!(store.connection(&account_id(2), &made.id).await.unwrap(), Some(there));
    let carried = store.settings(&account_id(2), &made.id).await.unwrap();
    assert_eq!(carried, saved(1).carried(), "who saved them stays behind");
    assert!(store.sync_state(&account_id(1), &made.id).await.unwrap().is_none());
    let state = store.sync_state(&account_id(2), &made.id).await.unwrap().unwrap();
    assert!(state.queue.is_empty() && state.lease.is_none());
    assert!(state.fence > worked_at, "what it removed keeps numbers up to that one");
    let runs = store.runs(&account_id(2), &made.id, None, 9).await.unwrap().unwrap();
    assert!(runs.runs.is_empty());
}

#[tokio::test]
async fn a_move_that_died_before_its_end_is_ended_without_what_people_did_there_meanwhile() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let made = connection(1, 1);
    store.create_connection(&made).await.unwrap();
    let there = Connection { account_id: account_id(2), ..made.clone() };
    // It stands in both: only its going from the old account is left to do.
    store.create_connection(&there).await.unwrap();
    let enabled = Connection { version: there.version + 1, ..there.clone() };
    assert!(store.update_connection(&enabled).await.unwrap());
    let began = run(2, 1, 1);
    store.enqueue(&began).await.unwrap();
    assert!(store.save_settings(&account_id(2), &made.id, &saved(1)).await.unwrap());

    assert!(store.move_connection(&made, &there).await.unwrap());
    assert_eq!(store.connection(&account_id(1), &made.id).await.unwrap(), None);
    assert_eq!(store.connection(&account_id(2), &made.id).await.unwrap(), Some(enabled));
    assert_eq!(store.settings(&account_id(2), &made.id).await.unwrap(), saved(1));
    let runs = store.runs(&account_id(2), &made.id, None, 9).await.unwrap().unwrap();
    assert_eq!(runs.runs.len(), 1);
}

fn saved(version: u64) -> SettingsVersion {
    SettingsVersion {
        version,
        settings: Settings { mode: Mode::Manual, ..Settings::default() },
        saved_by: Some("sub".into()),
        saved_at: Some(at(1)),
        saved_by_name: Some("Ada".into()),
        saved_by_role: Some("admin".into()),
        cause: SettingsCause::RolledBack { version: 1 },
    }
}

#[tokio::test]
async fn settings_are_the_defaults_until_saved_and_every_version_stays() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let (account, id) = (account_id(1), connection_id(1));
    let never = store.settings(&account, &id).await.unwrap();
    assert_eq!((never.version, &never.settings), (0, &Settings::default()));
    assert_eq!(store.settings_version(&account, &id, 0).await.unwrap(), Some(never));
    assert!(!store.save_settings(&account, &id, &saved(2)).await.unwrap(), "1 comes first");
    assert!(!store.save_settings(&account, &id, &saved(0)).await.unwrap());
    tables.lose_next_answer();
    assert!(store.save_settings(&account, &id, &saved(1)).await.unwrap());
    let other = SettingsVersion { saved_by: None, ..saved(1) };
    assert!(!store.save_settings(&account, &id, &other).await.unwrap());
    for version in 2..=11 {
        assert!(store.save_settings(&account, &id, &saved(version)).await.unwrap());
    }
    assert_eq!(store.settings(&account, &id).await.unwrap(), saved(11));
    assert_eq!(store.settings_version(&account, &id, 1).await.unwrap(), Some(saved(1)));
    assert_eq!(store.settings_version(&account, &id, 12).await.unwrap(), None);
}

#[tokio::test]
async fn a_draft_lies_beside_the_settings_and_goes_with_the_connection() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let made = connection(1, 1);
    store.create_connection(&made).await.unwrap();
    assert!(store.save_settings(&account_id(1), &made.id, &saved(1)).await.unwrap());
    let (run, other) = (RunId::from_bits(1), RunId::from_bits(2));
    let draft = SettingsVersion { version: 1, ..saved(9) };
    store.put_draft(&made.id, &run, &draft, at(60)).await.unwrap();
    assert_eq!(store.draft(&made.id, &run).await.unwrap(), Some(draft));
    assert_eq!(store.draft(&made.id, &other).await.unwrap(), None);
    assert_eq!(store.settings(&account_id(1), &made.id).await.unwrap(), saved(1));
    store.delete_connection(&account_id(1), &made.id).await.unwrap();
    assert_eq!(store.draft(&made.id, &run).await.unwrap(), None);
}

#[tokio::test]
async fn a_tenant_has_one_subscription_for_each_resource() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let tenant = TenantId::from_u128(1);
    let first = subscription(1, 1);
    tables.lose_next_answer();
    assert!(store.put_subscription(&first).await.unwrap());
    assert!(!store.put_subscription(&subscription(1, 2)).await.unwrap(), "the tenant has another");
    assert_eq!(store.subscription(&SubscriptionKey::from_bits(2)).await.unwrap(), None);
    let groups = Subscription { resource: SubscribedResource::Groups, ..subscription(1, 3) };
    assert!(store.put_subscription(&groups).await.unwrap());
    let active = Subscription { state: SubscriptionState::Active, version: 2, ..first.clone() };
    assert!(store.put_subscription(&active).await.unwrap());
    let stale = Subscription { version: 2, ..first.clone() };
    assert!(!store.put_subscription(&stale).await.unwrap());
    let users = SubscribedResource::Users;
    assert_eq!(store.tenant_subscription(&tenant, users).await.unwrap(), Some(active.clone()));
    assert_eq!(store.subscription(&first.key).await.unwrap(), Some(active.clone()));
    store.delete_subscription(&active).await.unwrap();
    store.delete_subscription(&active).await.unwrap();
    assert_eq!(store.tenant_subscription(&tenant, users).await.unwrap(), None);
    assert!(store.put_subscription(&subscription(1, 2)).await.unwrap());
    store.delete_subscription(&active).await.unwrap();
    let kept = store.tenant_subscription(&tenant, users).await.unwrap();
    assert_eq!(kept, Some(subscription(1, 2)), "a late deletion does not take the new one along");
}

#[tokio::test]
async fn sixteen_queries_find_every_subscription() {
    let tables = Tables::start().await;
    for number in 1..=40 {
        assert!(tables.store.put_subscription(&subscription(number, number)).await.unwrap());
    }
    let mut found = 0;
    for shard in 0..16 {
        found += tables.store.subscriptions(shard, None).await.unwrap().items.len();
    }
    assert_eq!(found, 40);
}

#[tokio::test]
async fn a_subscription_that_cannot_be_read_keeps_nobody_else_from_renewal() {
    let tables = Tables::start().await;
    for number in 1..=40 {
        assert!(tables.store.put_subscription(&subscription(number, number)).await.unwrap());
    }
    let key = subscription(7, 7).key;
    let shard = key.shard(SHARDS);
    let before = tables.store.subscriptions(shard, None).await.unwrap().items.len();
    let partition = format!("SUBSCRIPTION#{shard}");
    tables.remove_attribute(&partition, key.as_str(), "doc").await;
    let page = tables.store.subscriptions(shard, None).await.unwrap();
    let readable = page.items.iter().filter(|item| item.is_ok()).count();
    assert_eq!((page.items.len(), readable), (before, before - 1));
}
