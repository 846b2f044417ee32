//! Consent links and attempts.

use contact_sync_domain::id::TenantId;
use contact_sync_engine::port::{
    ConnectionStore, ConsentAttempt, ConsentInvitation, ConsentLeg, ConsentStore,
};

use crate::samples::{account_id, at, connection, connection_id};
use crate::tables::{STATE, Tables};

fn invitation() -> ConsentInvitation {
    ConsentInvitation {
        token_hash: "aa".into(),
        account_id: account_id(1),
        connection_id: connection_id(1),
        attempts: 0,
        expires_at: at(1_000),
    }
}

fn attempt(state: &str) -> ConsentAttempt {
    ConsentAttempt {
        state_hash: state.into(),
        token_hash: "aa".into(),
        account_id: account_id(1),
        connection_id: connection_id(1),
        cookie_hash: "cc".into(),
        leg: ConsentLeg::Consent,
        expires_at: at(500),
    }
}

#[tokio::test]
async fn a_link_lives_until_its_time_or_its_purpose_is_fulfilled() {
    let tables = Tables::start().await;
    let store = &tables.store;
    store.put_invitation(&invitation()).await.unwrap();
    assert_eq!(store.invitation("aa", at(999)).await.unwrap(), Some(invitation()));
    assert_eq!(store.invitation("aa", at(1_000)).await.unwrap(), None);
    assert_eq!(store.invitation("bb", at(0)).await.unwrap(), None);
    store.delete_invitation("aa").await.unwrap();
    assert_eq!(store.invitation("aa", at(0)).await.unwrap(), None);
    assert!(!store.start_attempt(&attempt("s"), at(0)).await.unwrap());
}

#[tokio::test]
async fn a_link_has_ten_attempts() {
    let tables = Tables::start().await;
    let store = &tables.store;
    store.put_invitation(&invitation()).await.unwrap();
    for number in 0..10 {
        let attempt = attempt(&format!("s{number}"));
        assert!(store.start_attempt(&attempt, at(1)).await.unwrap(), "{number}");
    }
    assert!(!store.start_attempt(&attempt("s10"), at(1)).await.unwrap());
    assert_eq!(store.consume_attempt("s10", at(1)).await.unwrap(), None);
    assert_eq!(store.invitation("aa", at(1)).await.unwrap().unwrap().attempts, 10);
}

#[tokio::test]
async fn a_link_that_is_past_its_time_starts_nothing() {
    let tables = Tables::start().await;
    tables.store.put_invitation(&invitation()).await.unwrap();
    assert!(!tables.store.start_attempt(&attempt("s"), at(1_001)).await.unwrap());
}

#[tokio::test]
async fn a_state_works_once_and_in_time() {
    let tables = Tables::start().await;
    let store = &tables.store;
    store.put_invitation(&invitation()).await.unwrap();
    store.start_attempt(&attempt("s"), at(1)).await.unwrap();
    assert_eq!(store.consume_attempt("s", at(2)).await.unwrap(), Some(attempt("s")));
    assert_eq!(store.consume_attempt("s", at(2)).await.unwrap(), None, "a replay");
    let second = ConsentAttempt {
        leg: ConsentLeg::SignIn {
            tenant_id: TenantId::from_u128(3),
            nonce: "n".into(),
            verifier: "v".into(),
        },
        ..attempt("t")
    };
    store.put_attempt(&second).await.unwrap();
    assert_eq!(store.consume_attempt("t", at(3)).await.unwrap(), Some(second));
    store.start_attempt(&attempt("u"), at(1)).await.unwrap();
    assert_eq!(store.consume_attempt("u", at(500)).await.unwrap(), None, "too late");
}

#[tokio::test]
async fn links_and_attempts_go_with_their_connection() {
    let tables = Tables::start().await;
    let store = &tables.store;
    store.create_connection(&connection(1, 1)).await.unwrap();
    store.put_invitation(&invitation()).await.unwrap();
    store.start_attempt(&attempt("s"), at(1)).await.unwrap();
    store.delete_connection(&account_id(1), &connection_id(1)).await.unwrap();
    assert_eq!(store.invitation("aa", at(1)).await.unwrap(), None);
    assert_eq!(tables.count(STATE).await, 0);
}
