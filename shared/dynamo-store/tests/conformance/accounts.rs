//! Accounts.

use contact_sync_domain::account::Account;
use contact_sync_domain::id::TenantId;
use contact_sync_domain::subscription::SubscribedResource;
use contact_sync_engine::port::{
    AccountStore, ConnectionStore, EventLog, RunStore, SubscriptionStore, SyncStateStore,
    TenantClaim, TenantStore,
};

use crate::samples::{account, account_id, connection, connection_id, event, run, subscription};
use crate::tables::{STATE, Tables};

#[tokio::test]
async fn an_external_id_belongs_to_one_account() {
    let tables = Tables::start().await;
    let first = account(1);
    assert!(tables.store.create_account(&first).await.unwrap());
    assert_eq!(tables.store.account(&first.id).await.unwrap(), Some(first.clone()));
    let second = Account { external_id: first.external_id.clone(), ..account(2) };
    assert!(!tables.store.create_account(&second).await.unwrap());
    assert_eq!(tables.store.account(&second.id).await.unwrap(), None);
    assert!(tables.store.create_account(&first).await.unwrap(), "the very same is fine");
}

#[tokio::test]
async fn a_change_counts_only_from_the_version_before_it() {
    let tables = Tables::start().await;
    tables.store.create_account(&account(1)).await.unwrap();
    let renamed = Account { name: "Contoso Ltd".into(), version: 2, ..account(1) };
    tables.lose_next_answer();
    assert!(tables.store.update_account(&renamed).await.unwrap());
    let stale = Account { name: "Stale".into(), version: 2, ..account(1) };
    assert!(!tables.store.update_account(&stale).await.unwrap());
    assert!(!tables.store.update_account(&account(3)).await.unwrap(), "there is none");
    assert_eq!(tables.store.account(&account_id(1)).await.unwrap(), Some(renamed));
}

#[tokio::test]
async fn the_list_holds_every_account_once_and_refuses_foreign_cursors() {
    let tables = Tables::start().await;
    for number in 1..=45 {
        assert!(tables.store.create_account(&account(number)).await.unwrap());
    }
    for limit in [1, 10, 45, 100] {
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let (accounts, next) =
                tables.store.accounts(cursor.as_deref(), limit).await.unwrap().unwrap();
            assert!(accounts.len() <= usize::from(limit));
            found.extend(accounts.into_iter().map(|account| account.id));
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        found.sort();
        let expected: Vec<_> = (1..=45).map(account_id).collect();
        assert_eq!(found, expected, "{limit} a page");
    }
    assert_eq!(tables.store.accounts(Some("nonsense"), 10).await.unwrap(), None);
}

#[tokio::test]
async fn erasing_an_account_leaves_nothing_of_it_and_all_of_the_others() {
    let tables = Tables::start().await;
    let store = &tables.store;
    for number in [1, 2] {
        store.create_account(&account(number)).await.unwrap();
        let connection = connection(number, number);
        store.create_connection(&connection).await.unwrap();
        let claim = TenantClaim {
            tenant_id: TenantId::from_u128(number),
            account_id: account_id(number),
            connection_id: connection_id(number),
        };
        store.claim_tenant(&claim).await.unwrap().unwrap();
        let mut subscription = subscription(number, number);
        subscription.connections[0].account_id = account_id(number);
        store.put_subscription(&subscription).await.unwrap();
        store.enqueue(&run(number, number, number)).await.unwrap();
        store.append(&account_id(number), &[event(number, 1)]).await.unwrap();
    }
    let others = tables.count(STATE).await;
    store.erase_account_state(&account(1)).await.unwrap();
    assert_eq!(store.account(&account_id(1)).await.unwrap(), None);
    assert_eq!(store.connections(&account_id(1)).await.unwrap(), []);
    assert_eq!(store.tenant_claims(&TenantId::from_u128(1)).await.unwrap(), []);
    assert_eq!(store.read(Some(&account_id(1)), None, 10).await.unwrap().unwrap().events, []);
    assert!(store.create_account(&account(1)).await.unwrap(), "its external id is free again");
    store.erase_account_state(&account(1)).await.unwrap();

    let tenant = TenantId::from_u128(2);
    assert!(store.account(&account_id(2)).await.unwrap().is_some());
    assert!(store.sync_state(&account_id(2), &connection_id(2)).await.unwrap().is_some());
    assert!(
        store.run(&account_id(2), &connection_id(2), &run(2, 2, 2).id).await.unwrap().is_some()
    );
    assert_eq!(store.tenant_claims(&tenant).await.unwrap().len(), 1);
    let subscribed = store.tenant_subscription(&tenant, SubscribedResource::Users).await.unwrap();
    assert!(subscribed.is_some());
    let all = store.read(None, None, 10).await.unwrap().unwrap();
    assert_eq!(all.events, [event(2, 1)]);
    // Of two accounts' equal shares one is gone, but for where the common log led to it.
    assert_eq!(tables.count(STATE).await, (others - 3) / 2 + 3);
}
