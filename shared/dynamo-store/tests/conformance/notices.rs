//! What people were told, and what was mailed of it.

use contact_sync_domain::id::NoticeId;
use contact_sync_domain::notice::{Notice, NoticeKind, Noticed, Told};
use contact_sync_engine::memory::MemoryStore;
use contact_sync_engine::port::{
    AccountStore, MailClaim, MailLog, MailOf, NoticeFilter, NoticeStore,
};

use crate::samples::{account, account_id, at, connection_id};
use crate::tables::{STATE, Tables};

fn noticed(version: u64) -> Noticed {
    Noticed {
        connection_id: connection_id(1),
        kind: NoticeKind::Failure,
        version,
        told: Told::NeedsPerson { reason: "consent-lost".to_owned() },
        at: at(3),
    }
}

fn notice(number: u128, users: &[&str]) -> Notice {
    Notice {
        id: NoticeId::from_bits(number),
        account_id: account_id(1),
        connection_id: connection_id(1),
        kind: NoticeKind::Failure,
        reason: "consent-lost".to_owned(),
        title: "Contoso: syncing stopped".to_owned(),
        text: "What to do.".to_owned(),
        run_id: None,
        users: users.iter().map(|&user| user.to_owned()).collect(),
        read_by: Vec::new(),
        version: 1,
        at: at(4),
    }
}

#[tokio::test]
async fn what_people_believe_and_what_they_are_told_are_stored_together_by_whoever_is_first() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let (connection, kind) = (connection_id(1), NoticeKind::Failure);
    assert_eq!(store.noticed(&connection, kind).await.unwrap(), None);
    tables.lose_next_answer();
    assert!(store.raise(&noticed(1), Some(&notice(1, &["u"]))).await.unwrap(), "an answer lost");
    assert_eq!(store.noticed(&connection, kind).await.unwrap(), Some(noticed(1)));
    assert!(!store.raise(&noticed(1), Some(&notice(2, &["u"]))).await.unwrap());
    assert_eq!(store.notice(&account_id(1), &NoticeId::from_bits(2)).await.unwrap(), None);
    assert!(store.raise(&noticed(2), None).await.unwrap());
    assert!(!store.raise(&noticed(2), Some(&notice(3, &[]))).await.unwrap());
    assert!(store.raise(&noticed(3), Some(&notice(3, &[]))).await.unwrap());
}

async fn listed(store: &impl NoticeStore, user: Option<&str>, unread: bool) -> Vec<u128> {
    let filter = NoticeFilter { user: user.map(str::to_owned), unread };
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = store.notices(&account_id(1), &filter, cursor.as_deref(), 2).await.unwrap();
        let page = page.unwrap();
        found.extend(page.notices.iter().map(|notice| notice.id.to_bits()));
        cursor = page.cursor;
        if cursor.is_none() {
            return found;
        }
    }
}

async fn each_sees_his_own(store: &impl NoticeStore) {
    for (version, users) in [(1, ["u", "v"]), (2, ["v", "w"]), (3, ["u", "x"])] {
        let told = notice(u128::from(version), &users);
        assert!(store.raise(&noticed(version), Some(&told)).await.unwrap());
    }
    let read = Notice { read_by: vec!["u".to_owned()], version: 2, ..notice(1, &["u", "v"]) };
    assert!(store.update_notice(&read).await.unwrap());
    assert!(!store.update_notice(&Notice { version: 3, ..notice(9, &[]) }).await.unwrap());
    assert_eq!(listed(store, None, false).await, [3, 2, 1]);
    assert_eq!(listed(store, Some("u"), false).await, [3, 1]);
    assert_eq!(listed(store, Some("u"), true).await, [3]);
    assert_eq!(listed(store, Some("v"), true).await, [2, 1]);
    assert_eq!(listed(store, None, true).await, [3, 2]);
    let all = NoticeFilter::default();
    assert_eq!(store.notices(&account_id(1), &all, Some("nonsense"), 2).await.unwrap(), None);
}

#[tokio::test]
async fn each_user_sees_what_he_is_told_and_did_not_read() {
    each_sees_his_own(&Tables::start().await.store).await;
    each_sees_his_own(&MemoryStore::default()).await;
}

async fn one_sends(store: &impl MailLog) {
    let mail = MailOf {
        account_id: account_id(1),
        notice_id: NoticeId::from_bits(1),
        address_hash: "ab".to_owned(),
    };
    let claim = |now: i64, until: i64| store.claim_mail(&mail, at(now), at(until));
    assert_eq!(claim(10, 20).await.unwrap(), MailClaim::Ours);
    assert_eq!(claim(15, 26).await.unwrap(), MailClaim::AtWork);
    assert_eq!(claim(20, 30).await.unwrap(), MailClaim::Ours, "the first one died");
    store.settle_mail(&mail, false, at(21)).await.unwrap();
    assert_eq!(claim(21, 31).await.unwrap(), MailClaim::Ours, "it was not sent");
    store.settle_mail(&mail, true, at(22)).await.unwrap();
    assert_eq!(claim(99, 109).await.unwrap(), MailClaim::Sent);
}

#[tokio::test]
async fn one_sends_a_mail_at_a_time_and_nobody_again() {
    one_sends(&Tables::start().await.store).await;
    one_sends(&MemoryStore::default()).await;
}

#[tokio::test]
async fn what_an_account_was_told_goes_with_it() {
    let tables = Tables::start().await;
    let store = &tables.store;
    store.create_account(&account(1)).await.unwrap();
    assert!(
        store
            .raise(&Noticed { connection_id: connection_id(7), ..noticed(1) }, None)
            .await
            .unwrap()
    );
    assert!(store.raise(&noticed(1), Some(&notice(1, &["u"]))).await.unwrap());
    one_sends(store).await;
    store.erase_account_state(&account(1)).await.unwrap();
    // Of connections that were deleted before nothing is left; these two never were.
    assert_eq!(tables.count(STATE).await, 2);
}
