//! What forgetting one person does to what was told and to what runs left.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::erasure::{ErasureReceipt, ErasureState, OpenErasure, Redaction};
use contact_sync_domain::event::{ContactEvent, ContactEventKind};
use contact_sync_domain::id::{ContactId, ErasureId, ObjectId, RunId};
use contact_sync_domain::retention::Retention;
use contact_sync_domain::run::{Run, RunStatus};
use contact_sync_engine::memory::MemoryStore;
use contact_sync_engine::port::{
    ContactStore, ErasureStore, EventLog, RunStore, SegmentRef, SegmentStore, StoredContact,
    WriteOutcome,
};

use crate::erasures::receipt;
use crate::samples::{account_id, at, connection_id, contact, event, run, write};
use crate::tables::{STATE, Tables};

fn person() -> Contact {
    contact(1, 7, 10)
}

/// Event `number`: every third is about the person, and each shows its contact.
fn told(number: u64) -> ContactEvent {
    let about = if number.is_multiple_of(3) { person() } else { contact(1, 8, 10) };
    ContactEvent { contact_id: about.id.clone(), contact: Some(about), ..event(1, number) }
}

async fn all_of(store: &impl EventLog) -> Vec<ContactEvent> {
    let account = account_id(1);
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = store.read(Some(&account), cursor.as_deref(), 20).await.unwrap().unwrap();
        if page.events.is_empty() {
            return all;
        }
        all.extend(page.events);
        cursor = Some(page.cursor);
    }
}

/// Until the end; how many showed the person, how many calls it took, whether his removal is told.
async fn forget(store: &impl ErasureStore) -> (u64, u32, Option<bool>) {
    let (mut from, mut events, mut calls, mut tells_removal) = (0, 0, 0, None);
    loop {
        let found = store.forget_events(&account_id(1), (&person().id, &[]), from).await.unwrap();
        calls += 1;
        events += found.events;
        tells_removal = found.tells_removal.or(tells_removal);
        assert!(found.is_end || found.next > from, "it goes on: {found:?}");
        from = found.next;
        if found.is_end {
            return (events, calls, tells_removal);
        }
    }
}

async fn forgets(store: &(impl EventLog + ErasureStore)) {
    // In entries of one, two and three events.
    let mut number = 0;
    for size in [1, 2, 3].into_iter().cycle().take(120) {
        let entry: Vec<ContactEvent> = (number..number + size).map(told).collect();
        store.append(&account_id(1), &entry).await.unwrap();
        number += size;
    }
    let (shown, calls, tells_removal) = forget(store).await;
    assert_eq!((shown, tells_removal), (80, Some(false)));
    assert!(calls > 1, "several slices");
    let left = all_of(store).await;
    let sequences: Vec<u64> = left.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (0..number).collect::<Vec<u64>>(), "readers miss none");
    for event in left {
        let whole = told(event.sequence);
        if event.contact_id == person().id {
            assert_eq!(event, ContactEvent { contact: None, ..whole });
        } else {
            assert_eq!(event, whole, "others' are as they were");
        }
    }
    assert_eq!(forget(store).await.0, 0, "a second time nothing is left to take");
    let removed = ContactEvent { kind: ContactEventKind::Removed, contact: None, ..told(240) };
    store.append(&account_id(1), &[removed]).await.unwrap();
    assert_eq!(forget(store).await.2, Some(true), "what waits for it sees it");
}

#[tokio::test]
async fn told_events_lose_a_person_in_their_place_and_none_is_missing() {
    let tables = Tables::start().await;
    forgets(&tables.store).await;
    forgets(&MemoryStore::default()).await;
}

#[tokio::test]
async fn told_events_are_gone_through_from_one_part_of_the_log_to_the_next() {
    use aws_sdk_dynamodb::types::AttributeValue::{N, S};
    let tables = Tables::start().await;
    let own = account_id(1);
    let append = async |number| tables.store.append(&own, &[told(number)]).await.unwrap();
    append(0).await;
    // As if so many appends lay between: the last of one part, and the first of the next.
    for (next, number) in [(998, 3), (1_999, 6)] {
        for log in ["ALL", own.as_str()] {
            let update = tables.client.update_item().table_name(STATE);
            let update = update.key("pk", S(format!("EVENTS#{log}"))).key("sk", S("HEAD".into()));
            let update =
                update.update_expression("SET #n = :n").expression_attribute_names("#n", "next");
            let next = N(format!("{next}"));
            update.expression_attribute_values(":n", next).send().await.unwrap();
        }
        for number in [number, number + 1] {
            append(number).await;
        }
    }
    let before = tables.count(STATE).await;
    // 0, 3 and 6 are the person's.
    assert_eq!(forget(&tables.store).await.0, 3);
    assert_eq!(tables.count(STATE).await, before, "in their place");
    assert_eq!(forget(&tables.store).await.0, 0);
}

async fn replaces(store: &(impl SegmentStore + ErasureStore)) {
    let (connection, id) = (connection_id(1), RunId::from_bits(5));
    let of = (&id, Retention::default());
    for page in [0, 1] {
        let first = SegmentRef::Inline(vec![1, 2, 3]);
        store.put_segment(&connection, of, page, first).await.unwrap();
    }
    for _ in 0..2 {
        store.replace_segment(&connection, of, 1, vec![9]).await.unwrap();
    }
    let stands = async |page| store.segment(&connection, &id, page).await.unwrap();
    assert_eq!(stands(0).await, Some(SegmentRef::Inline(vec![1, 2, 3])));
    assert_eq!(stands(1).await, Some(SegmentRef::Inline(vec![9])));
    // Whoever plays the run again gets what stands.
    let again = SegmentRef::Inline(vec![1, 2, 3]);
    let standing = store.put_segment(&connection, of, 1, again).await.unwrap();
    assert_eq!(standing, SegmentRef::Inline(vec![9]));
}

#[tokio::test]
async fn a_page_is_replaced_in_its_place() {
    let tables = Tables::start().await;
    replaces(&tables.store).await;
    assert_eq!(tables.count(STATE).await, 2);
    replaces(&MemoryStore::default()).await;
}

async fn heads(store: &(impl RunStore + ErasureStore)) {
    let about = Run { user: Some(ObjectId::from_u128(7)), ..run(1, 1, 5) };
    assert!(!store.replace_run(&about).await.unwrap(), "there is none");
    store.put_run(&about).await.unwrap();
    let ended = Run { status: RunStatus::Succeeded, ..about.clone() };
    store.put_run(&ended).await.unwrap();
    assert!(!store.replace_run(&about).await.unwrap(), "it ended meanwhile");
    let nobody = Run { user: None, ..ended.clone() };
    assert!(store.replace_run(&nobody).await.unwrap());
    store.mark_report_ready(&ended).await.unwrap();
    assert!(!store.replace_run(&nobody).await.unwrap(), "its report is there by now");
    let found = store.run(&account_id(1), &connection_id(1), &ended.id).await.unwrap().unwrap();
    assert_eq!(found, Run { report_ready: true, ..nobody });
}

#[tokio::test]
async fn what_a_run_says_of_itself_is_replaced_unless_it_moved() {
    heads(&Tables::start().await.store).await;
    heads(&MemoryStore::default()).await;
}

async fn is_listed(store: &impl ErasureStore) {
    let id = ErasureId::from_bits(7);
    let open = async || store.open_erasures().await.unwrap();
    assert!(store.put_receipt(&receipt(1)).await.unwrap());
    assert_eq!(open().await, []);
    let redaction = Some(Redaction::begun());
    let state = ErasureState::Redacting;
    let begun = ErasureReceipt { state, redaction, written_at: Some(at(5)), ..receipt(2) };
    assert!(store.put_receipt(&begun).await.unwrap());
    let listed = OpenErasure {
        account_id: account_id(1),
        receipt_id: id.clone(),
        step: 2,
        waits: false,
        written_at: Some(at(5)),
    };
    assert_eq!(open().await, [listed]);
    assert!(!store.put_receipt(&receipt(2)).await.unwrap(), "another's version");
    assert_eq!(open().await.len(), 1, "and nothing of it");
    let done = ErasureReceipt { state: ErasureState::Done, ..receipt(3) };
    assert!(store.put_receipt(&done).await.unwrap());
    assert_eq!(open().await, []);
}

#[tokio::test]
async fn a_receipt_is_listed_for_as_long_as_it_is_open() {
    let tables = Tables::start().await;
    is_listed(&tables.store).await;
    is_listed(&MemoryStore::default()).await;
    // Its account may go before it is done.
    let open = ErasureReceipt {
        state: ErasureState::Redacting,
        redaction: Some(Redaction::begun()),
        ..receipt(4)
    };
    assert!(tables.store.put_receipt(&open).await.unwrap());
    tables.store.close_erasure(&account_id(1), &open.id).await.unwrap();
    assert_eq!(tables.store.open_erasures().await.unwrap(), []);
}

async fn lets_in(store: &(impl ContactStore + ErasureStore), person: &Contact) {
    let account = account_id(1);
    store.write(&write(person)).await.unwrap();
    store.lift(&account, &person.id, at(9_000_000)).await.unwrap();
    let standing = store.get(&account, &person.id).await.unwrap();
    assert!(matches!(standing, Some(StoredContact::Present(_))), "who stands stays");
    store.bury_for_good(&account, &person.id).await.unwrap();
    for _ in 0..2 {
        store.lift(&account, &person.id, at(9_000_000)).await.unwrap();
    }
    let standing = store.get(&account, &person.id).await.unwrap();
    let left = match standing {
        Some(StoredContact::Tombstone { version, erased: false, .. }) => Some(version),
        _ => None,
    };
    let version = left.expect("an ordinary tombstone");
    assert_eq!(version, person.version + 1, "a returning contact goes on counting from it");
    let back = Contact { version: version + 1, ..person.clone() };
    let mut coming = write(&back);
    coming.expected_version = version;
    assert_eq!(store.write(&coming).await.unwrap(), WriteOutcome::Written);
    store.lift(&account, &ContactId::from_bits(99), at(9)).await.unwrap();
    assert_eq!(store.get(&account, &ContactId::from_bits(99)).await.unwrap(), None);
}

#[tokio::test]
async fn whoever_is_let_in_again_gets_a_contact_like_anybody() {
    lets_in(&Tables::start().await.store, &person()).await;
    lets_in(&MemoryStore::default(), &person()).await;
}
