//! What people did to contacts, stored with what they did.

use contact_sync_domain::actor::Actor;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::id::HistoryId;
use contact_sync_domain::trace::Image;
use contact_sync_engine::memory::MemoryStore;
use contact_sync_engine::port::{
    ContactStore, ContactWrite, HistoryStore, StoredContact, WriteOutcome,
};

use crate::samples::{account_id, at, contact, local, moved};
use crate::tables::Tables;

fn entry(contact: &Contact, id: u128) -> HistoryEntry {
    let name = Some("Ana".to_owned());
    HistoryEntry {
        id: HistoryId::from_bits(id),
        contact_id: contact.id.clone(),
        version: contact.version,
        at: at(i64::try_from(id).unwrap()),
        actor: Actor { subject: Some("ana".to_owned()), name, role: "operator".to_owned() },
        what: HistoryKind::Edited,
        changes: Vec::new(),
        before: Some(Box::new(Image::whole(contact))),
        status: None,
        prior: None,
        reason: None,
        kept_days: None,
    }
}

fn by_hand(contact: &Contact) -> ContactWrite {
    let expected_version = contact.version - 1;
    ContactWrite { contact: contact.clone(), expected_version, fence: None }
}

fn in_version(contact: &Contact, version: u64) -> Contact {
    Contact { version, ..contact.clone() }
}

async fn tells_each_write_with_what_it_wrote<S: ContactStore + HistoryStore>(store: &S) {
    let first = local(1, 7);
    for version in 1..=3 {
        let contact = in_version(&first, version);
        let told = entry(&contact, version.into());
        let outcome = store.write_told(&by_hand(&contact), &told).await.unwrap();
        assert_eq!(outcome, WriteOutcome::Written);
    }
    // Somebody was faster: neither the contact nor the entry is written.
    let late = in_version(&first, 3);
    let other = Contact { protected: true, ..late.clone() };
    let outcome = store.write_told(&by_hand(&other), &entry(&other, 9)).await.unwrap();
    assert!(moved(&outcome));
    let joined = HistoryEntry { what: HistoryKind::Protected, ..entry(&late, 4) };
    store.tell(&account_id(1), &joined).await.unwrap();
    let gone = HistoryEntry { version: 4, what: HistoryKind::Deleted, ..entry(&late, 5) };
    let outcome = store.remove_told(&late, at(100), &gone).await.unwrap();
    assert_eq!(outcome, WriteOutcome::Written);
    let stands = store.get(&account_id(1), &first.id).await.unwrap();
    assert!(matches!(stands, Some(StoredContact::Tombstone { version: 4, .. })));

    let told = |page: &[HistoryEntry]| page.iter().map(|one| one.id.to_bits()).collect::<Vec<_>>();
    let page = store.history(&account_id(1), &first.id, None, 2).await.unwrap().unwrap();
    assert_eq!(told(&page.entries), [5, 4], "newest first");
    assert_eq!(page.entries.first(), Some(&gone), "as it was told");
    let next = page.next.unwrap();
    let page = store.history(&account_id(1), &first.id, Some(&next), 9).await.unwrap().unwrap();
    assert_eq!((told(&page.entries), page.next), (vec![3, 2, 1], None));
    let before = format!("{:020}", 3);
    let page = store.history(&account_id(1), &first.id, Some(&before), 9).await.unwrap().unwrap();
    assert_eq!(told(&page.entries), [2, 1], "before the third version");
    for (account, id) in [(2, &first.id), (1, &contact(1, 8, 1).id)] {
        let page = store.history(&account_id(account), id, None, 9).await.unwrap().unwrap();
        assert!(page.entries.is_empty(), "nobody else's");
    }
    store.erase_account(&account_id(1)).await.unwrap();
    let page = store.history(&account_id(1), &first.id, None, 9).await.unwrap().unwrap();
    assert!(page.entries.is_empty(), "goes with the account");
}

#[tokio::test]
async fn what_people_did_is_told_with_what_they_wrote_or_not_at_all() {
    tells_each_write_with_what_it_wrote(&MemoryStore::default()).await;
    tells_each_write_with_what_it_wrote(&Tables::start().await.store).await;
}

#[tokio::test]
async fn a_told_write_whose_answer_got_lost_is_written() {
    let tables = Tables::start().await;
    let first = local(1, 7);
    tables.lose_next_answer();
    let outcome = tables.store.write_told(&by_hand(&first), &entry(&first, 1)).await.unwrap();
    assert_eq!(outcome, WriteOutcome::Written);
    tables.lose_next_answer();
    let gone = HistoryEntry { version: 2, ..entry(&first, 2) };
    let outcome = tables.store.remove_told(&first, at(100), &gone).await.unwrap();
    assert_eq!(outcome, WriteOutcome::Written);
}
