//! What people were told, and what was mailed of it.

use contact_sync_domain::id::NoticeId;
use contact_sync_domain::notice::{Notice, NoticeKind, Noticed, Told};
use contact_sync_engine::memory::MemoryStore;
use contact_sync_engine::port::{
    AccountStore, DigestDue, DigestStore, MailClaim, MailLog, MailOf, NoticeFilter, NoticeStore,
    SHARDS,
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

fn due(connection: u128, second: i64) -> DigestDue {
    let connection_id = connection_id(connection);
    let kind = NoticeKind::Digest;
    DigestDue { account_id: account_id(1), connection_id, due: at(second), kind }
}

async fn found_due(store: &impl DigestStore, until: i64) -> Vec<DigestDue> {
    let mut found = Vec::new();
    for shard in 0..SHARDS {
        let mut cursor = None::<String>;
        loop {
            let page = store.digests_due(shard, at(until), cursor.as_deref()).await.unwrap();
            found.extend(page.items.into_iter().map(Result::unwrap));
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    found.sort_by_key(|found| (found.due, found.connection_id.clone()));
    found
}

async fn is_found_when_its_time_comes<S: DigestStore + NoticeStore>(store: &S) {
    let digested = |connection: u128, version: u64, due: i64| Noticed {
        connection_id: connection_id(connection),
        kind: NoticeKind::Digest,
        told: Told::Digested { until: at(1), due: Some(at(due)) },
        ..noticed(version)
    };
    for (connection, second) in [(1, 100), (2, 100), (3, 200)] {
        let expected = due(connection, second);
        let noticed = digested(connection, 1, second);
        assert!(store.raise_digest(&noticed, None, Some(&expected)).await.unwrap());
    }
    assert_eq!(found_due(store, 99).await, []);
    assert_eq!(found_due(store, 100).await, [due(1, 100), due(2, 100)]);
    // Whoever was slower told nothing and expects nothing.
    let (late, other) = (notice(8, &["u"]), due(1, 50));
    let refused = store.raise_digest(&digested(1, 1, 300), Some(&late), Some(&other)).await;
    assert!(!refused.unwrap());
    assert_eq!(store.notice(&account_id(1), &late.id).await.unwrap(), None);
    assert_eq!(found_due(store, 99).await, []);
    let told = notice(9, &["u"]);
    let next = due(1, 300);
    assert!(store.raise_digest(&digested(1, 2, 300), Some(&told), Some(&next)).await.unwrap());
    assert_eq!(store.notice(&account_id(1), &told.id).await.unwrap(), Some(told));
    for _ in 0..2 {
        store.drop_digest(&due(1, 100)).await.unwrap();
    }
    assert_eq!(found_due(store, 999).await, [due(2, 100), due(3, 200), due(1, 300)]);
}

/// Of one connection several kinds may be due at the same moment.
async fn is_kept_apart_by_kind(store: &impl DigestStore) {
    let of = |kind| DigestDue { kind, ..due(5, 400) };
    let kinds = [NoticeKind::Review, NoticeKind::Changes, NoticeKind::Digest];
    for kind in kinds {
        let noticed = Noticed { connection_id: connection_id(5), kind, ..noticed(1) };
        assert!(store.raise_digest(&noticed, None, Some(&of(kind))).await.unwrap());
    }
    store.drop_digest(&of(NoticeKind::Digest)).await.unwrap();
    let mut left = found_due(store, 400).await;
    left.retain(|due| due.connection_id == connection_id(5));
    left.sort_by_key(|due| due.kind);
    assert_eq!(left, [of(NoticeKind::Review), of(NoticeKind::Changes)]);
}

#[tokio::test]
async fn what_is_put_off_is_due_beside_a_digest() {
    is_kept_apart_by_kind(&Tables::start().await.store).await;
    is_kept_apart_by_kind(&MemoryStore::default()).await;
}

#[tokio::test]
async fn a_digest_is_found_when_its_time_comes_until_it_is_told() {
    is_found_when_its_time_comes(&Tables::start().await.store).await;
    is_found_when_its_time_comes(&MemoryStore::default()).await;
}

#[tokio::test]
async fn a_digest_whose_answer_got_lost_is_told_all_the_same() {
    let tables = Tables::start().await;
    let store = &tables.store;
    let noticed = Noticed { kind: NoticeKind::Digest, ..noticed(1) };
    for told in [Some(notice(1, &["u"])), None] {
        let noticed = Noticed { version: if told.is_some() { 1 } else { 2 }, ..noticed.clone() };
        tables.lose_next_answer();
        assert!(store.raise_digest(&noticed, told.as_ref(), Some(&due(1, 5))).await.unwrap());
    }
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
