//! Writing and removing contacts, and claiming their addresses.

use contact_sync_domain::contact::{Contact, ContactStatus, Link};
use contact_sync_domain::id::{ContactId, ObjectId, TenantId};
use contact_sync_engine::memory::MemoryStore;
use contact_sync_engine::port::{
    Bar, ClaimChange, ContactStore, ContactWrite, StoredContact, WriteOutcome,
};

use crate::samples::{
    account_id, at, connection_id, contact, local, moved, next, with_email, write,
};
use crate::tables::{CONTACTS, Tables};

async fn stored(tables: &Tables, contact: &Contact) -> Option<StoredContact> {
    tables.store.get(&contact.account_id, &contact.id).await.unwrap()
}

fn present(contact: &Contact) -> StoredContact {
    StoredContact::Present(Box::new(contact.clone()))
}

async fn written(tables: &Tables, contact: &Contact) {
    let outcome = tables.store.write(&write(contact)).await.unwrap();
    assert_eq!(outcome, WriteOutcome::Written);
}

#[tokio::test]
async fn a_contact_is_written_once_and_read_back_as_it_was() {
    let tables = Tables::start().await;
    let first = contact(1, 7, 10);
    written(&tables, &first).await;
    assert_eq!(stored(&tables, &first).await, Some(present(&first)));
    assert_eq!(tables.store.get(&account_id(2), &first.id).await.unwrap(), None);
    let other = Contact { status: ContactStatus::Inactive, ..first.clone() };
    let outcome = tables.store.write(&write(&other)).await.unwrap();
    assert_eq!(outcome, WriteOutcome::Moved(Some(present(&first))));
}

#[tokio::test]
async fn a_write_whose_answer_got_lost_is_written() {
    let tables = Tables::start().await;
    let first = contact(1, 7, 10);
    tables.lose_next_answer();
    written(&tables, &first).await;
    tables.lose_next_answer();
    written(&tables, &next(&first, 11)).await;
    tables.lose_next_answer();
    let gone = tables.store.remove(&next(&first, 11), Some(12), at(100), None).await.unwrap();
    assert_eq!(gone, WriteOutcome::Written);
}

#[tokio::test]
async fn a_stale_fence_is_rejected_even_with_the_right_version() {
    let tables = Tables::start().await;
    let first = contact(1, 7, 10);
    written(&tables, &first).await;
    for stale in [9, 10] {
        assert!(moved(&tables.store.write(&write(&next(&first, stale))).await.unwrap()), "{stale}");
    }
    written(&tables, &next(&first, 11)).await;
    assert!(moved(&tables.store.remove(&next(&first, 11), Some(11), at(100), None).await.unwrap()));
}

#[tokio::test]
async fn a_stale_version_is_rejected_even_with_a_new_fence() {
    let tables = Tables::start().await;
    let first = contact(1, 7, 10);
    written(&tables, &first).await;
    let by_hand = Contact { version: 2, ..first.clone() };
    let people = ContactWrite { contact: by_hand.clone(), expected_version: 1, fence: None };
    assert_eq!(tables.store.write(&people).await.unwrap(), WriteOutcome::Written);
    assert!(moved(&tables.store.write(&write(&next(&first, 11))).await.unwrap()));
    written(&tables, &next(&by_hand, 11)).await;
}

#[tokio::test]
async fn fences_of_another_connection_do_not_compare() {
    let tables = Tables::start().await;
    let first = contact(1, 7, 500);
    written(&tables, &first).await;
    let link = first.link.clone().map(|link| Link { connection_id: connection_id(2), ..link });
    let relinked = Contact { link, ..next(&first, 3) };
    written(&tables, &relinked).await;
    let old = Contact { link: first.link.clone(), ..next(&relinked, 2) };
    assert_eq!(
        tables.store.write(&write(&old)).await.unwrap(),
        WriteOutcome::Written,
        "and neither do those of the first for the second"
    );
}

#[tokio::test]
async fn a_contact_that_lost_its_link_still_rejects_its_connections_old_pages() {
    let tables = Tables::start().await;
    let first = contact(1, 7, 10);
    written(&tables, &first).await;
    let unlinked = Contact { link: None, ..next(&first, 20) };
    written(&tables, &unlinked).await;
    assert_eq!(stored(&tables, &unlinked).await, Some(present(&unlinked)));
    let stale = Contact { link: first.link.clone(), ..next(&unlinked, 15) };
    assert!(moved(&tables.store.write(&write(&stale)).await.unwrap()), "an older page");
    let link = first.link.clone().map(|link| Link { connection_id: connection_id(2), ..link });
    written(&tables, &Contact { link, ..next(&unlinked, 3) }).await;
}

#[tokio::test]
async fn a_returning_contact_goes_on_counting_from_its_tombstone() {
    let tables = Tables::start().await;
    let first = contact(1, 7, 10);
    written(&tables, &first).await;
    let removed = tables.store.remove(&first, Some(11), at(100), None).await.unwrap();
    assert_eq!(removed, WriteOutcome::Written);
    let tombstone = StoredContact::Tombstone {
        version: 2,
        source_version: 11,
        connection_id: Some(connection_id(1)),
        expires_at: at(101),
        by: None,
        erased: false,
    };
    assert_eq!(stored(&tables, &first).await, Some(tombstone.clone()));

    let forgetful = contact(1, 7, 12);
    let outcome = tables.store.write(&write(&forgetful)).await.unwrap();
    assert_eq!(outcome, WriteOutcome::Moved(Some(tombstone)), "it stood at 2, not at nothing");
    let stale = Contact { version: 3, ..contact(1, 7, 11) };
    assert!(moved(&tables.store.write(&write(&stale)).await.unwrap()), "an older page");
    written(&tables, &Contact { version: 3, ..contact(1, 7, 12) }).await;
    let link = first.link.clone().map(|link| Link { connection_id: connection_id(2), ..link });
    let elsewhere = Contact { link, version: 4, ..contact(1, 7, 1) };
    written(&tables, &elsewhere).await;
}

fn bar(fence: u64, until: i64) -> Bar {
    Bar { connection_id: connection_id(1), fence, until: at(until) }
}

/// A page's late write of a new contact.
fn late(fence: u64, second: i64) -> Contact {
    Contact { updated_at: at(second), ..contact(1, 7, fence) }
}

#[tokio::test]
async fn a_bar_stops_a_slice_that_lost_its_lease_and_nobody_else() {
    let tables = Tables::start().await;
    bars(&tables.store).await;
    bars(&MemoryStore::default()).await;
}

async fn bars(store: &impl ContactStore) {
    let (account, id) = (account_id(1), ContactId::from_bits(7));
    store.bar(&account, &id, &bar(20, 100)).await.unwrap();
    assert!(moved(&store.write(&write(&late(20, 99))).await.unwrap()));
    let standing = store.get(&account, &id).await.unwrap().unwrap();
    assert_eq!(standing.source_version_in(&connection_id(1), at(99)), Some(20));
    assert_eq!(standing.source_version_in(&connection_id(2), at(99)), None);
    let written = store.write(&write(&late(21, 99))).await.unwrap();
    assert_eq!(written, WriteOutcome::Written, "a page of whoever took over");
    store.bar(&account, &id, &bar(30, 100)).await.unwrap();
    let standing = store.get(&account, &id).await.unwrap();
    assert_eq!(standing, Some(present(&late(21, 99))), "what stands, stands");
    let made_by_hand = local(1, 8);
    store.bar(&account, &made_by_hand.id, &bar(20, 100)).await.unwrap();
    assert_eq!(store.write(&write(&made_by_hand)).await.unwrap(), WriteOutcome::Written);
}

#[tokio::test]
async fn a_bar_ends_with_its_time_though_the_item_still_lies_there() {
    let tables = Tables::start().await;
    a_bar_ends(&tables.store).await;
    a_bar_ends(&MemoryStore::default()).await;
}

async fn a_bar_ends(store: &impl ContactStore) {
    let (account, id) = (account_id(1), ContactId::from_bits(7));
    store.bar(&account, &id, &bar(20, 100)).await.unwrap();
    let standing = store.get(&account, &id).await.unwrap().unwrap();
    assert_eq!(standing.source_version_in(&connection_id(1), at(102)), None);
    let written = store.write(&write(&late(10, 102))).await.unwrap();
    assert_eq!(written, WriteOutcome::Written);
}

#[tokio::test]
async fn a_later_taking_over_raises_the_bar() {
    let tables = Tables::start().await;
    a_bar_is_raised(&tables.store).await;
    a_bar_is_raised(&MemoryStore::default()).await;
}

async fn a_bar_is_raised(store: &impl ContactStore) {
    let (account, id) = (account_id(1), ContactId::from_bits(7));
    store.bar(&account, &id, &bar(20, 100)).await.unwrap();
    store.bar(&account, &id, &bar(30, 200)).await.unwrap();
    assert!(moved(&store.write(&write(&late(25, 150))).await.unwrap()));
    store.bar(&account, &id, &bar(10, 50)).await.unwrap();
    assert!(moved(&store.write(&write(&late(25, 150))).await.unwrap()), "never lowered");
}

#[tokio::test]
async fn a_bar_of_one_connection_bars_no_other() {
    let tables = Tables::start().await;
    a_bar_is_one_connections(&tables.store).await;
    a_bar_is_one_connections(&MemoryStore::default()).await;
}

async fn a_bar_is_one_connections(store: &impl ContactStore) {
    let account = account_id(1);
    let first = late(1, 50);
    store.bar(&account, &first.id, &bar(500, 100)).await.unwrap();
    let link = first.link.clone().map(|link| Link { connection_id: connection_id(2), ..link });
    let written = store.write(&write(&Contact { link, ..first })).await.unwrap();
    assert_eq!(written, WriteOutcome::Written);
}

#[tokio::test]
async fn many_are_answered_in_the_order_of_asking_and_twice_if_asked_twice() {
    let tables = Tables::start().await;
    for number in 1..=130 {
        written(&tables, &contact(1, number, 10)).await;
    }
    let mut ids: Vec<ContactId> = (1..=131).rev().map(ContactId::from_bits).collect();
    ids.push(ContactId::from_bits(5));
    let found = tables.store.get_many(&account_id(1), &ids).await.unwrap();
    assert_eq!(found.len(), 132);
    assert_eq!(found[0], None);
    assert_eq!(found[1], Some(present(&contact(1, 130, 10))));
    assert_eq!(found[131], Some(present(&contact(1, 5, 10))));
    assert_eq!(tables.store.get_many(&account_id(1), &[]).await.unwrap(), []);
}

#[tokio::test]
async fn two_contacts_swap_their_addresses_at_once_or_not_at_all() {
    let tables = Tables::start().await;
    let (store, account) = (&tables.store, account_id(1));
    let (one, two) = (contact(1, 1, 10), contact(1, 2, 10));
    for person in [&one, &two] {
        store.claim(&account, person.email().unwrap(), &person.id, at(0)).await.unwrap();
        written(&tables, person).await;
    }
    let swapped = [
        write(&with_email(&next(&one, 11), two.email().unwrap())),
        write(&with_email(&next(&two, 11), one.email().unwrap())),
    ];
    let change = |key: &Contact, from: &Contact, to: &Contact| ClaimChange {
        email_key: key.email().unwrap().into(),
        from: from.id.clone(),
        to: to.id.clone(),
    };
    let foreign = [change(&one, &contact(1, 9, 1), &two)];
    assert!(!store.write_together(&account, &swapped, &foreign).await.unwrap());
    assert_eq!(stored(&tables, &one).await, Some(present(&one)), "nothing of it was done");

    let claims = [change(&one, &one, &two), change(&two, &two, &one)];
    tables.lose_next_answer();
    assert!(store.write_together(&account, &swapped, &claims).await.unwrap());
    assert_eq!(stored(&tables, &one).await, Some(present(&swapped[0].contact)));
    let keys = [one.email().unwrap().to_owned(), two.email().unwrap().to_owned()];
    let owners = store.claims(&account, &keys).await.unwrap();
    assert_eq!(owners, [Some(two.id.clone()), Some(one.id.clone())]);
    assert!(store.write_together(&account, &swapped, &claims).await.unwrap(), "it stands already");
    let stale = [write(&next(&swapped[0].contact, 11))];
    assert!(!store.write_together(&account, &stale, &[]).await.unwrap());
}

#[tokio::test]
async fn forty_contacts_and_their_claims_fit_into_one_transaction() {
    let tables = Tables::start().await;
    let writes: Vec<_> = (1..=40).map(|number| write(&contact(1, number, 10))).collect();
    let mut claims = Vec::new();
    for write in &writes {
        let key = write.contact.email().unwrap();
        let holder = ContactId::from_bits(1_000);
        tables.store.claim(&account_id(1), key, &holder, at(0)).await.unwrap();
        let to = write.contact.id.clone();
        claims.push(ClaimChange { email_key: key.into(), from: holder, to });
    }
    assert!(tables.store.write_together(&account_id(1), &writes, &claims).await.unwrap());
    assert_eq!(tables.count(CONTACTS).await, 80);
}

#[tokio::test]
async fn an_adopted_contact_is_found_by_its_user_and_tenant() {
    let tables = Tables::start().await;
    let (store, account, tenant) = (&tables.store, account_id(1), TenantId::from_u128(1));
    let (user, adopted) = (ObjectId::from_u128(5), ContactId::from_bits(7));
    store.put_adoption(&account, &tenant, &user, &adopted).await.unwrap();
    let users = [ObjectId::from_u128(6), user.clone()];
    assert_eq!(store.adopted(&account, &tenant, &users).await.unwrap(), [None, Some(adopted)]);
    // Of one that was deleted it goes with the tombstone, unless the contact is made again.
    let adopted = ContactId::from_bits(7);
    store.retire_adoption(&account, (&tenant, &user), &adopted, at(0)).await.unwrap();
    let found = store.adopted(&account, &tenant, &users).await.unwrap();
    assert_eq!(found, [None, Some(adopted.clone())]);
    let expiring = tables.expiring(CONTACTS).await;
    assert_eq!(expiring, 1);
    store.put_adoption(&account, &tenant, &user, &adopted).await.unwrap();
    assert_eq!(tables.expiring(CONTACTS).await, 0);
    let elsewhere = TenantId::from_u128(2);
    assert_eq!(store.adopted(&account, &elsewhere, &users).await.unwrap(), [None, None]);
    store.delete_adoption(&account, &tenant, &user).await.unwrap();
    assert_eq!(store.adopted(&account, &tenant, &users).await.unwrap(), [None, None]);
}
