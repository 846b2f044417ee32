//! Reading many contacts: the index for runs, lists for people, and the end of an account.

use contact_sync_domain::contact::{Contact, ContactField, ContactSource, LinkState};
use contact_sync_domain::id::{ContactId, ObjectId, TenantId};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_engine::port::{
    ContactQuery, ContactStore, ContactWrite, IndexEntry, SHARDS, WriteOutcome,
};

use crate::samples::{account_id, at, contact, local, write};
use crate::tables::{CONTACTS, Tables};

async fn holding(contacts: &[Contact]) -> Tables {
    let tables = Tables::start().await;
    for contact in contacts {
        let key = contact.email().unwrap().to_lowercase();
        tables.store.claim(&contact.account_id, &key, &contact.id, at(0)).await.unwrap();
        assert_eq!(tables.store.write(&write(contact)).await.unwrap(), WriteOutcome::Written);
    }
    tables
}

async fn listed(tables: &Tables, query: &ContactQuery, limit: u16) -> Vec<ContactId> {
    let mut ids = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = tables
            .store
            .list(&account_id(1), query, cursor.as_deref(), limit)
            .await
            .unwrap()
            .expect("our own cursor");
        assert!(page.contacts.len() <= usize::from(limit));
        ids.extend(page.contacts.into_iter().map(|contact| contact.id));
        cursor = page.cursor;
        if cursor.is_none() {
            ids.sort();
            return ids;
        }
    }
}

fn ids(numbers: impl IntoIterator<Item = u128>) -> Vec<ContactId> {
    numbers.into_iter().map(ContactId::from_bits).collect()
}

#[tokio::test]
async fn the_index_holds_the_linked_with_what_recognises_them() {
    let mut contacts: Vec<Contact> = (1..=60).map(|number| contact(1, number, 10)).collect();
    contacts.push(local(1, 61));
    contacts.push(contact(2, 62, 10));
    let link = contacts[1].link.as_mut().unwrap();
    (link.state, link.cause) = (LinkState::Removed, Some(GoneCause::SoftDeleted));
    let tables = holding(&contacts).await;
    tables.store.remove(&contacts[0], Some(11), at(100), None).await.unwrap();
    let mut entries: Vec<IndexEntry> = Vec::new();
    for shard in 0..SHARDS {
        let page = tables.store.index(&account_id(1), shard, None).await.unwrap();
        assert_eq!(page.cursor, None);
        entries.extend(page.entries);
    }
    entries.sort_by_key(|entry| entry.contact_id.clone());
    assert_eq!(entries.iter().map(|it| it.contact_id.clone()).collect::<Vec<_>>(), ids(2..=60));
    assert_eq!((entries[0].fingerprint, entries[0].source_version), (Some(2), 10));
    assert_eq!(entries[0].object_id, ObjectId::from_u128(2));
    let stands = |at: usize| (entries[at].link_state, entries[at].cause);
    assert_eq!(stands(0), (LinkState::Removed, Some(GoneCause::SoftDeleted)));
    assert_eq!(stands(1), (LinkState::Linked, None));
}

#[tokio::test]
async fn a_list_shows_everybody_once_whatever_the_page() {
    let contacts: Vec<Contact> = (1..=50).map(|number| contact(1, number, 10)).collect();
    let tables = holding(&contacts).await;
    tables.store.remove(&contacts[9], None, at(100), None).await.unwrap();
    for limit in [1, 7, 50, 200] {
        let expected = ids((1..=50).filter(|number| *number != 10));
        assert_eq!(listed(&tables, &ContactQuery::default(), limit).await, expected, "{limit}");
    }
}

#[tokio::test]
async fn people_are_found_by_address_by_a_beginning_and_by_source() {
    let mut ada = local(1, 1);
    ada.fields.insert(ContactField::Email, "Ada@Contoso.example".into());
    ada.fields.insert(ContactField::DisplayName, "Ada Lovelace".into());
    let mut eve = contact(1, 2, 10);
    eve.fields.insert(ContactField::DisplayName, "Éve Adams".into());
    eve.fields.insert(ContactField::LastName, "Adams".into());
    let tables = holding(&[ada, eve, contact(1, 3, 10)]).await;
    let by_email = |email: &str| ContactQuery { email: Some(email.into()), ..Default::default() };
    let by_prefix = |text: &str| ContactQuery { prefix: Some(text.into()), ..Default::default() };
    let local_only = ContactQuery { source: Some(ContactSource::Local), ..ContactQuery::default() };
    for (query, expected) in [
        (by_email(" ada@contoso.EXAMPLE"), ids([1])),
        (by_email("nobody@contoso.example"), ids([])),
        (by_prefix("ADA"), ids([1, 2])),
        (by_prefix("éve"), ids([2])),
        (by_prefix("person3@"), ids([3])),
        (local_only.clone(), ids([1])),
        (ContactQuery { prefix: Some("ada".into()), ..local_only }, ids([1])),
    ] {
        assert_eq!(listed(&tables, &query, 10).await, expected, "{query:?}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let contacts: Vec<Contact> = (1..=5).map(|number| contact(1, number, 10)).collect();
    let tables = holding(&contacts).await;
    let all = ContactQuery::default();
    let page = tables.store.list(&account_id(1), &all, None, 2).await.unwrap().unwrap();
    let cursor = page.cursor.unwrap();
    let narrowed = ContactQuery { prefix: Some("p".into()), ..ContactQuery::default() };
    for (account, query, cursor) in
        [(2, &all, cursor.as_str()), (1, &narrowed, cursor.as_str()), (1, &all, "nonsense")]
    {
        let page = tables.store.list(&account_id(account), query, Some(cursor), 2).await.unwrap();
        assert_eq!(page, None);
    }
}

#[tokio::test]
async fn erasing_an_account_leaves_the_others_alone() {
    let mut contacts: Vec<Contact> = (1..=60).map(|number| contact(1, number, 10)).collect();
    contacts.push(contact(2, 100, 10));
    let tables = holding(&contacts).await;
    tables.store.remove(&contacts[0], Some(11), at(100), None).await.unwrap();
    let (tenant, user) = (TenantId::from_u128(1), ObjectId::from_u128(5));
    tables.store.put_adoption(&account_id(1), &tenant, &user, &contacts[4].id).await.unwrap();
    tables.store.erase_account(&account_id(1)).await.unwrap();
    assert_eq!(listed(&tables, &ContactQuery::default(), 100).await, []);
    assert_eq!(tables.count(CONTACTS).await, 2, "the other account's contact and its claim");
}

/// Contacts of one shard that DynamoDB does not give in one page of 1 MB.
fn more_than_a_page() -> Vec<Contact> {
    let of_shard = (1..).map(|number| contact(1, number, 10)).filter(|it| it.id.shard(SHARDS) == 3);
    let large = of_shard.map(|contact| {
        let notes = ("notes".to_owned(), serde_json::Value::String("x".repeat(50_000)));
        Contact { custom: [notes].into(), ..contact }
    });
    large.take(30).collect()
}

#[tokio::test]
async fn a_shard_larger_than_a_page_is_read_listed_and_erased_to_its_end() {
    let contacts = more_than_a_page();
    let tables = holding(&contacts).await;
    let mut expected: Vec<ContactId> = contacts.iter().map(|contact| contact.id.clone()).collect();
    expected.sort();
    let mut found = Vec::new();
    let mut pages = 0;
    let mut cursor: Option<String> = None;
    loop {
        let page = tables.store.index(&account_id(1), 3, cursor.as_deref()).await.unwrap();
        found.extend(page.entries.into_iter().map(|entry| entry.contact_id));
        pages += 1;
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((found, pages), (expected.clone(), 2));
    let many = ContactQuery { prefix: Some("person".into()), ..ContactQuery::default() };
    for query in [many, ContactQuery::default()] {
        assert_eq!(listed(&tables, &query, 7).await, expected);
    }
    tables.store.erase_account(&account_id(1)).await.unwrap();
    assert_eq!(tables.count(CONTACTS).await, 0);
}

#[tokio::test]
async fn contacts_that_could_be_taken_over_are_those_nobody_in_the_directory_has() {
    let in_state = |number, state| {
        let mut contact = contact(1, number, 10);
        contact.link.as_mut().unwrap().state = state;
        contact
    };
    let mut contacts: Vec<Contact> = (1..=20).map(|number| local(1, number)).collect();
    contacts.push(in_state(21, LinkState::Removed));
    contacts.push(in_state(22, LinkState::OutOfScope));
    contacts.push(in_state(23, LinkState::Linked));
    contacts.push(local(2, 24));
    let let_go = contact(1, 25, 10);
    contacts.push(let_go.clone());
    let tables = holding(&contacts).await;
    tables.store.remove(&contacts[0], None, at(100), None).await.unwrap();
    let let_go = Contact { version: 2, link: None, ..let_go };
    let written = ContactWrite { fence: None, ..write(&let_go) };
    assert_eq!(tables.store.write(&written).await.unwrap(), WriteOutcome::Written);

    let mut found = Vec::new();
    for shard in 0..SHARDS {
        let mut cursor = None;
        loop {
            let page =
                tables.store.unlinked(&account_id(1), shard, cursor.as_deref()).await.unwrap();
            found.extend(page.contacts);
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    found.sort_by_key(|contact| contact.id.clone());
    let found_ids: Vec<ContactId> = found.iter().map(|contact| contact.id.clone()).collect();
    assert_eq!(found_ids, ids((2..=21).chain([25])), "neither tombstones nor other accounts'");
    assert_eq!(found.first(), contacts.get(1), "whole, so that any field may be the key");
}
