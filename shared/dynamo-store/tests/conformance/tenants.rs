//! Who uses a tenant, and who may.

use contact_sync_domain::id::TenantId;
use contact_sync_engine::port::{
    AccountStore, Granted, TenantClaim, TenantGrant, TenantStore, TenantTaken,
};

use crate::samples::{account, account_id, at, connection_id};
use crate::tables::{STATE, Tables};

fn tenant() -> TenantId {
    TenantId::from_u128(9)
}

fn claim(account: u128, connection: u128) -> TenantClaim {
    TenantClaim {
        tenant_id: tenant(),
        account_id: account_id(account),
        connection_id: connection_id(connection),
    }
}

fn grant(accounts: impl IntoIterator<Item = u128>, version: u64) -> TenantGrant {
    TenantGrant {
        tenant_id: tenant(),
        accounts: accounts.into_iter().map(account_id).collect(),
        version,
        granted_by: Some("sub".into()),
        granted_at: at(1),
    }
}

#[tokio::test]
async fn a_tenant_is_one_accounts_until_that_connection_gives_it_up() {
    let tables = Tables::start().await;
    let store = &tables.store;
    tables.lose_next_answer();
    assert_eq!(store.claim_tenant(&claim(1, 1)).await.unwrap(), Ok(()));
    assert_eq!(store.claim_tenant(&claim(1, 1)).await.unwrap(), Ok(()));
    let taken = Err(TenantTaken::By(claim(1, 1)));
    assert_eq!(store.claim_tenant(&claim(2, 2)).await.unwrap(), taken);
    store.release_tenant(&claim(2, 2)).await.unwrap();
    assert_eq!(store.tenant_claims(&tenant()).await.unwrap(), [claim(1, 1)]);
    store.release_tenant(&claim(1, 1)).await.unwrap();
    assert_eq!(store.tenant_claims(&tenant()).await.unwrap(), []);
    assert_eq!(store.claim_tenant(&claim(2, 2)).await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_granted_tenant_is_shared_by_those_accounts_one_connection_each() {
    let tables = Tables::start().await;
    let store = &tables.store;
    assert_eq!(store.claim_tenant(&claim(1, 1)).await.unwrap(), Ok(()));
    let without_the_first = store.put_tenant_grant(&grant([2, 3], 1)).await.unwrap();
    assert_eq!(without_the_first, Granted::InUse(account_id(1)));
    tables.lose_next_answer();
    assert_eq!(store.put_tenant_grant(&grant([1, 2], 1)).await.unwrap(), Granted::Done);
    assert_eq!(
        store.tenant_claims(&tenant()).await.unwrap(),
        [claim(1, 1)],
        "it keeps what it has"
    );

    assert_eq!(store.claim_tenant(&claim(2, 2)).await.unwrap(), Ok(()));
    assert_eq!(store.claim_tenant(&claim(2, 2)).await.unwrap(), Ok(()));
    let twice = store.claim_tenant(&claim(1, 7)).await.unwrap();
    assert_eq!(twice, Err(TenantTaken::By(claim(1, 1))), "an account has one connection to it");
    let stranger = store.claim_tenant(&claim(3, 3)).await.unwrap();
    assert_eq!(stranger, Err(TenantTaken::GrantedToOthers));
    assert_eq!(store.tenant_claims(&tenant()).await.unwrap(), [claim(1, 1), claim(2, 2)]);

    store.release_tenant(&claim(1, 1)).await.unwrap();
    assert_eq!(store.tenant_claims(&tenant()).await.unwrap(), [claim(2, 2)]);
    let stranger = store.claim_tenant(&claim(3, 3)).await.unwrap();
    assert_eq!(
        stranger,
        Err(TenantTaken::GrantedToOthers),
        "a grant is no first come, first served"
    );
}

#[tokio::test]
async fn nobody_loses_a_tenant_by_a_grant_that_was_made_while_they_claimed_it() {
    let tables = Tables::start().await;
    let store = &tables.store;
    assert_eq!(store.put_tenant_grant(&grant([1, 2], 1)).await.unwrap(), Granted::Done);
    assert_eq!(store.claim_tenant(&claim(2, 2)).await.unwrap(), Ok(()));
    // Whoever read version 1 did not see that claim.
    assert_eq!(store.put_tenant_grant(&grant([1, 2, 3], 2)).await.unwrap(), Granted::Moved);
    let version = store.tenant_grant(&tenant()).await.unwrap().unwrap().version;
    let next = grant([2, 3], version + 1);
    assert_eq!(store.put_tenant_grant(&next).await.unwrap(), Granted::Done);
    assert_eq!(store.tenant_grant(&tenant()).await.unwrap(), Some(next));

    let none = grant([], version + 2);
    assert_eq!(store.put_tenant_grant(&none).await.unwrap(), Granted::InUse(account_id(2)));
    store.release_tenant(&claim(2, 2)).await.unwrap();
    assert_eq!(store.put_tenant_grant(&none).await.unwrap(), Granted::Done);
    assert_eq!(store.tenant_grant(&tenant()).await.unwrap(), None);
    assert_eq!(tables.count(STATE).await, 0, "nothing is left of it");
    assert_eq!(store.claim_tenant(&claim(5, 5)).await.unwrap(), Ok(()), "first come again");
}

#[tokio::test]
async fn an_erased_account_is_in_no_grant_any_more() {
    let tables = Tables::start().await;
    let store = &tables.store;
    for number in [1, 2] {
        assert!(store.create_account(&account(number)).await.unwrap());
    }
    assert_eq!(store.put_tenant_grant(&grant([1, 2], 1)).await.unwrap(), Granted::Done);
    store.erase_account_state(&account(1)).await.unwrap();
    let left = store.tenant_grant(&tenant()).await.unwrap().unwrap();
    assert_eq!(left.accounts, [account_id(2)]);
    store.erase_account_state(&account(2)).await.unwrap();
    assert_eq!(store.tenant_grant(&tenant()).await.unwrap(), None);
}

#[tokio::test]
async fn a_tenant_is_passed_to_another_account_and_is_never_free_between() {
    let tables = Tables::start().await;
    let store = &tables.store;
    assert_eq!(store.claim_tenant(&claim(1, 1)).await.unwrap(), Ok(()));
    for _ in 0..2 {
        tables.lose_next_answer();
        assert_eq!(store.pass_tenant(&claim(1, 1), &account_id(2)).await.unwrap(), Ok(()));
        assert_eq!(store.tenant_claims(&tenant()).await.unwrap(), [claim(2, 1)]);
    }
    let taken = Err(TenantTaken::By(claim(2, 1)));
    assert_eq!(store.pass_tenant(&claim(3, 3), &account_id(4)).await.unwrap(), taken);

    assert_eq!(store.put_tenant_grant(&grant([2, 3], 1)).await.unwrap(), Granted::Done);
    let stranger = store.pass_tenant(&claim(2, 1), &account_id(4)).await.unwrap();
    assert_eq!(stranger, Err(TenantTaken::GrantedToOthers));
    assert_eq!(store.tenant_claims(&tenant()).await.unwrap(), [claim(2, 1)], "nothing is lost");
    for _ in 0..2 {
        tables.lose_next_answer();
        assert_eq!(store.pass_tenant(&claim(2, 1), &account_id(3)).await.unwrap(), Ok(()));
        assert_eq!(store.tenant_claims(&tenant()).await.unwrap(), [claim(3, 1)]);
    }
}
