//! The log of contact events.

use contact_sync_domain::event::ContactEvent;
use contact_sync_engine::memory::MemoryBus;
use contact_sync_engine::port::{EventLog, EventPage, StoredContact};
use contact_sync_engine::publish::{ChangedItem, Publication, StreamChange, publish_changes};

use crate::samples::{account_id, at, contact, event};
use crate::tables::{STATE, Tables};

async fn page(
    tables: &Tables,
    account: Option<u128>,
    cursor: Option<&str>,
    limit: u16,
) -> EventPage {
    let account = account.map(account_id);
    tables.store.read(account.as_ref(), cursor, limit).await.unwrap().unwrap()
}

async fn replayed(tables: &Tables, account: Option<u128>, limit: u16) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = page(tables, account, cursor.as_deref(), limit).await;
        assert!(page.events.len() <= usize::from(limit));
        if page.events.is_empty() {
            return numbers;
        }
        numbers.extend(page.events.iter().map(|event| event.sequence));
        cursor = Some(page.cursor);
    }
}

fn events(account: u128, numbers: std::ops::Range<u64>) -> Vec<ContactEvent> {
    numbers.map(|number| event(account, number)).collect()
}

#[tokio::test]
async fn events_are_replayed_in_order_for_one_account_and_for_all() {
    let tables = Tables::start().await;
    let store = &tables.store;
    store.append(&account_id(1), &events(1, 0..5)).await.unwrap();
    store.append(&account_id(2), &events(2, 5..7)).await.unwrap();
    store.append(&account_id(1), &events(1, 7..10)).await.unwrap();
    store.append(&account_id(1), &[]).await.unwrap();
    for limit in [1, 2, 3, 100] {
        let all: Vec<u64> = (0..10).collect();
        assert_eq!(replayed(&tables, None, limit).await, all, "{limit} a page");
        assert_eq!(replayed(&tables, Some(1), limit).await, [0, 1, 2, 3, 4, 7, 8, 9]);
        assert_eq!(replayed(&tables, Some(2), limit).await, [5, 6]);
    }
    let first = page(&tables, Some(1), None, 1).await;
    assert_eq!(first.events, [event(1, 0)], "whole events come back");
}

#[tokio::test]
async fn a_reader_can_wait_at_the_end() {
    let tables = Tables::start().await;
    let empty = page(&tables, None, None, 10).await;
    assert_eq!(empty.events, []);
    tables.store.append(&account_id(1), &events(1, 0..3)).await.unwrap();
    let first = page(&tables, None, Some(&empty.cursor), 10).await;
    assert_eq!(first.events.len(), 3);
    let end = page(&tables, None, Some(&first.cursor), 10).await;
    assert_eq!(end, EventPage { events: vec![], cursor: first.cursor });
    tables.store.append(&account_id(1), &events(1, 3..4)).await.unwrap();
    assert_eq!(page(&tables, None, Some(&end.cursor), 10).await.events, [event(1, 3)]);
}

#[tokio::test]
async fn a_cursor_of_another_log_is_refused() {
    let tables = Tables::start().await;
    tables.store.append(&account_id(1), &events(1, 0..3)).await.unwrap();
    let cursor = page(&tables, Some(1), None, 1).await.cursor;
    for (account, cursor) in [(None, cursor.as_str()), (Some(2), &cursor), (Some(1), "nonsense")] {
        let account = account.map(account_id);
        let read = tables.store.read(account.as_ref(), Some(cursor), 1).await.unwrap();
        assert_eq!(read, None);
    }
}

#[tokio::test]
async fn a_large_batch_is_cut_into_what_an_item_holds() {
    let tables = Tables::start().await;
    let mut large = events(1, 0..12);
    for event in &mut large {
        event.event_id = "x".repeat(100_000);
    }
    tables.store.append(&account_id(1), &large).await.unwrap();
    assert_eq!(replayed(&tables, None, 5).await, (0..12).collect::<Vec<_>>());
}

#[tokio::test]
async fn two_who_append_at_once_leave_no_hole_and_a_reader_beside_them_misses_nothing() {
    let tables = Tables::start().await;
    let append = |account: u128| {
        let store = tables.store.clone();
        async move {
            for number in 0..15 {
                store.append(&account_id(account), &events(account, number..number + 1)).await?;
            }
            Ok::<(), contact_sync_engine::port::StoreError>(())
        }
    };
    let reading = async {
        let mut seen = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..10_000 {
            let page = page(&tables, None, cursor.as_deref(), 4).await;
            seen.extend(page.events.into_iter().map(|it| (it.account_id, it.sequence)));
            cursor = Some(page.cursor);
            if seen.len() == 30 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        seen
    };
    let (one, two, seen) = tokio::join!(append(1), append(2), reading);
    one.unwrap();
    two.unwrap();
    for account in [1, 2] {
        let of_account: Vec<u64> = seen
            .iter()
            .filter(|(id, _)| *id == account_id(account))
            .map(|(_, number)| *number)
            .collect();
        assert_eq!(of_account, (0..15).collect::<Vec<_>>());
    }
    assert_eq!(tables.count(STATE).await, 3 + 2 * 30, "three counters, thirty entries twice");
}

/// What the stream of a table's shard tells when contacts are made, of two accounts by turns.
fn made(publisher: u128, batch: u128) -> Vec<StreamChange> {
    (0..4)
        .map(|place| {
            let number = publisher * 1_000 + batch * 10 + place;
            let made = contact(1 + place % 2, number, 1);
            let new = Some(StoredContact::Present(Box::new(made)));
            StreamChange { at: at(1), item: ChangedItem::Contact { old: None, new } }
        })
        .collect()
}

#[tokio::test]
async fn publishers_of_several_shards_at_once_lose_nothing_and_give_nothing_back() {
    let tables = Tables::start().await;
    let publish = |publisher: u128| {
        let store = tables.store.clone();
        async move {
            let bus = MemoryBus::default();
            for batch in 0..4 {
                let done = publish_changes(&store, &bus, &made(publisher, batch)).await;
                assert!(matches!(done, Publication::Complete { events: 4 }), "{done:?}");
            }
            bus.drain().len()
        }
    };
    let (one, two, three, four) = tokio::join!(publish(1), publish(2), publish(3), publish(4));
    assert_eq!(one + two + three + four, 64);
    assert_eq!(replayed(&tables, None, 10).await.len(), 64);
    for account in [1, 2] {
        assert_eq!(replayed(&tables, Some(account), 10).await.len(), 32);
    }
    let entries = tables.count(STATE).await - 3;
    assert_eq!(entries, 4 * 4 * 2 * 2, "one append for each account of a batch");
}

/// Deletes what time would have taken away.
async fn forget(tables: &Tables, log: &str, entries: std::ops::Range<u64>) {
    use aws_sdk_dynamodb::types::AttributeValue::S;
    for number in entries {
        let delete = tables.client.delete_item().table_name(STATE);
        let bucket = number / 1_000;
        let delete = delete.key("pk", S(format!("EVENTS#{log}#{bucket}")));
        delete.key("sk", S(format!("{number:020}"))).send().await.unwrap();
    }
}

#[tokio::test]
async fn what_time_took_away_is_passed_over() {
    let tables = Tables::start().await;
    for number in 0..6 {
        tables.store.append(&account_id(1), &events(1, number..number + 1)).await.unwrap();
    }
    let old = page(&tables, None, None, 1).await.cursor;
    forget(&tables, "ALL", 0..4).await;
    forget(&tables, account_id(1).as_str(), 0..4).await;
    assert_eq!(replayed(&tables, None, 10).await, [4, 5]);
    assert_eq!(replayed(&tables, Some(1), 10).await, [4, 5]);
    assert_eq!(page(&tables, None, Some(&old), 1).await.events, [event(1, 4)]);
}

#[tokio::test]
async fn the_oldest_that_is_left_is_found_across_thousands_that_are_gone() {
    let tables = Tables::start().await;
    let own = account_id(1);
    tables.store.append(&own, &events(1, 0..1)).await.unwrap();
    // As if 7,500 appends lay between.
    for log in ["ALL", own.as_str()] {
        use aws_sdk_dynamodb::types::AttributeValue::{N, S};
        let update = tables.client.update_item().table_name(STATE);
        let update = update.key("pk", S(format!("EVENTS#{log}"))).key("sk", S("HEAD".into()));
        let update =
            update.update_expression("SET #n = :n").expression_attribute_names("#n", "next");
        update.expression_attribute_values(":n", N("7500".into())).send().await.unwrap();
        forget(&tables, log, 0..1).await;
    }
    tables.store.append(&own, &events(1, 1..2)).await.unwrap();
    assert_eq!(replayed(&tables, None, 10).await, [1]);
    assert_eq!(replayed(&tables, Some(1), 10).await, [1]);
}
