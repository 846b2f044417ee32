//! The chains of what people asked for.

use contact_sync_domain::audit::{
    Asked, AuditActor, AuditBreak, AuditChain, AuditFlaw, AuditHead, AuditVerifier,
};
use contact_sync_dynamo_store::DynamoStore;
use contact_sync_engine::port::{AccountStore, AuditStore};

use crate::samples::{account, account_id, at};
use crate::tables::{STATE, Tables};

fn asked(number: u64) -> Asked {
    Asked {
        at: at(0),
        actor: AuditActor { subject: Some("ada".into()), role: "admin".into(), account: None },
        what: "PATCH /v1/accounts/{account}".into(),
        subjects: [].into(),
        body: None,
        request: format!("request-{number}"),
    }
}

fn own() -> AuditChain {
    AuditChain::Account(account_id(1))
}

async fn tables() -> Tables {
    let tables = Tables::start().await;
    assert!(tables.store.create_account(&account(1)).await.unwrap());
    tables
}

/// Appends as the API does, and answers the new end.
async fn append(store: &DynamoStore, chain: &AuditChain, number: u64) -> AuditHead {
    let head = store.append_audit(chain, &asked(number)).await.unwrap().unwrap();
    store.keep_audit_head(chain, &head).await.unwrap();
    head
}

/// Who asked, in the chain's order; the chain must hold.
async fn walked(store: &DynamoStore, chain: &AuditChain) -> Vec<String> {
    let heads = store.audit_heads(std::slice::from_ref(chain)).await.unwrap();
    let mut verifier = AuditVerifier::against(heads.into_iter().map(|(_, head)| head).collect());
    let mut requests = Vec::new();
    loop {
        let entries = store.audit_behind(chain, verifier.reached().seq).await.unwrap();
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            verifier.step(&entry);
            requests.push(entry.entry().unwrap().request_id);
        }
        assert_eq!(verifier.broken_so_far(), None);
    }
    assert_eq!(verifier.broken(), None);
    requests
}

#[tokio::test]
async fn fifty_who_append_at_once_make_one_chain_without_holes_or_forks() {
    let tables = tables().await;
    let appends = (0..50).map(|number| {
        let store = tables.store.clone();
        async move { append(&store, &own(), number).await.seq }
    });
    let mut numbers = futures::future::join_all(appends).await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>(), "each has a number of its own");
    let mut requests = walked(&tables.store, &own()).await;
    requests.sort_unstable();
    requests.dedup();
    assert_eq!(requests.len(), 50, "nothing was lost or entered twice");
    let heads = tables.store.audit_heads(&[own(), AuditChain::Installation]).await.unwrap();
    assert_eq!(heads.len(), 1, "the other chain has no entry");
    assert_eq!(heads[0].1.seq, 50);
}

#[tokio::test]
async fn an_append_whose_answer_got_lost_is_entered_once() {
    let tables = tables().await;
    append(&tables.store, &own(), 1).await;
    tables.lose_answer_behind(1);
    let head = tables.store.append_audit(&own(), &asked(2)).await.unwrap().unwrap();
    assert_eq!(head.seq, 2);
    assert_eq!(walked(&tables.store, &own()).await, ["request-1", "request-2"]);
}

#[tokio::test]
async fn who_died_before_the_head_was_kept_is_found_by_the_next() {
    let tables = tables().await;
    for number in 1..=3 {
        tables.store.append_audit(&own(), &asked(number)).await.unwrap().unwrap();
    }
    assert_eq!(append(&tables.store, &own(), 4).await.seq, 4);
    // A head that comes late puts nothing back.
    let first = tables.store.audit_behind(&own(), 0).await.unwrap()[0].head();
    tables.store.keep_audit_head(&own(), &first).await.unwrap();
    assert_eq!(tables.store.audit_heads(&[own()]).await.unwrap()[0].1.seq, 4);
    assert_eq!(walked(&tables.store, &own()).await.len(), 4);
}

#[tokio::test]
async fn an_entry_that_was_taken_out_stays_missing_also_when_others_follow() {
    let tables = tables().await;
    for number in 1..=4 {
        append(&tables.store, &own(), number).await;
    }
    let (pk, sk) = (format!("AUDIT#{}", account_id(1)), format!("{:020}", 4));
    tables.delete(STATE, &pk, &sk).await;
    assert_eq!(append(&tables.store, &own(), 5).await.seq, 5, "its number is not given again");
    let heads = tables.store.audit_heads(&[own()]).await.unwrap();
    let mut verifier = AuditVerifier::against(vec![heads[0].1.clone()]);
    for entry in tables.store.audit_behind(&own(), 0).await.unwrap() {
        verifier.step(&entry);
    }
    assert_eq!(verifier.broken(), Some(AuditBreak { seq: 4, flaw: AuditFlaw::Missing }));
}

#[tokio::test]
async fn a_chain_is_listed_newest_first_and_in_parts() {
    let tables = tables().await;
    for number in 1..=5 {
        append(&tables.store, &own(), number).await;
    }
    let mut numbers = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = tables.store.audit_entries(&own(), cursor.as_deref(), 2).await.unwrap().unwrap();
        numbers.extend(page.entries.iter().map(|entry| entry.seq));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
        let other = tables.store.audit_entries(&AuditChain::Installation, cursor.as_deref(), 2);
        assert_eq!(other.await.unwrap(), None, "the cursor is this chain's alone");
    }
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn nobody_makes_a_chain_of_an_account_that_is_not_there_and_it_goes_with_its_account() {
    let tables = tables().await;
    let nobody = AuditChain::Account(account_id(9));
    assert_eq!(tables.store.append_audit(&nobody, &asked(1)).await.unwrap(), None);
    append(&tables.store, &own(), 1).await;
    append(&tables.store, &AuditChain::Installation, 2).await;
    tables.store.erase_account_state(&account(1)).await.unwrap();
    assert_eq!(tables.count(STATE).await, 2, "the installation's entry and its head");
    assert_eq!(tables.store.append_audit(&own(), &asked(3)).await.unwrap(), None);
    assert_eq!(walked(&tables.store, &AuditChain::Installation).await, ["request-2"]);
}
