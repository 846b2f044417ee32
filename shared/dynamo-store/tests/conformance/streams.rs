//! What the streams say of the items that the store writes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::run::{Run, RunStatus};
use contact_sync_dynamo_store::stream::changed_item;
use contact_sync_engine::port::{
    ConnectionStore, ContactStore, RunStore, StoredContact, SyncStateStore,
};
use contact_sync_engine::publish::ChangedItem;

use crate::samples::{account_id, at, connection, connection_id, contact, run, write};
use crate::tables::{CONTACTS, STATE, Tables};

/// The only item whose sort key begins so, as a stream's JSON would carry it.
async fn image(tables: &Tables, table: &str, begins: &str) -> serde_dynamo::Item {
    let scanned = tables.client.scan().table_name(table).send().await.unwrap();
    let mut items: Vec<HashMap<String, AttributeValue>> = scanned.items.unwrap();
    items.retain(|item| item["sk"].as_s().unwrap().starts_with(begins));
    assert_eq!(items.len(), 1);
    let item = serde_dynamo::Item::from(items.remove(0));
    serde_json::from_str(&serde_json::to_string(&item).unwrap()).unwrap()
}

fn nothing() -> serde_dynamo::Item {
    serde_dynamo::Item::from(HashMap::<String, AttributeValue>::new())
}

#[tokio::test]
async fn a_contact_is_seen_coming_changing_and_going() {
    let tables = Tables::start().await;
    let first = contact(1, 7, 10);
    tables.store.write(&write(&first)).await.unwrap();
    let made = image(&tables, CONTACTS, "C#").await;
    let present = |contact: &Contact| Some(StoredContact::Present(Box::new(contact.clone())));
    assert_eq!(
        changed_item(nothing(), made.clone()).unwrap(),
        ChangedItem::Contact { old: None, new: present(&first) }
    );
    tables.store.remove(&first, Some(11), at(100), None).await.unwrap();
    let removed = image(&tables, CONTACTS, "C#").await;
    let tombstone = Some(StoredContact::Tombstone {
        version: 2,
        source_version: 11,
        connection_id: Some(connection_id(1)),
        expires_at: at(101),
        by: None,
        erased: false,
    });
    assert_eq!(
        changed_item(made, removed.clone()).unwrap(),
        ChangedItem::Contact { old: present(&first), new: tombstone.clone() }
    );
    assert_eq!(
        changed_item(removed, nothing()).unwrap(),
        ChangedItem::Contact { old: tombstone, new: None }
    );
}

#[tokio::test]
async fn runs_connections_and_sync_states_are_told_apart() {
    let tables = Tables::start().await;
    let store = &tables.store;
    store.create_connection(&connection(1, 1)).await.unwrap();
    let ended = Run { status: RunStatus::Succeeded, ..run(1, 1, 1) };
    store.put_run(&ended).await.unwrap();
    store.hint(&account_id(1), &connection_id(1), at(3)).await.unwrap();
    let state = store.sync_state(&account_id(1), &connection_id(1)).await.unwrap().unwrap();
    let cases = [
        ("run_", ChangedItem::Run { old: None, new: Some(Box::new(ended)) }),
        (
            "CONNECTION#",
            ChangedItem::Connection { old: None, new: Some(Box::new(connection(1, 1))) },
        ),
        ("acc_", ChangedItem::SyncState { old: None, new: Some(Box::new(state)) }),
    ];
    for (begins, expected) in cases {
        let image = image(&tables, STATE, begins).await;
        assert_eq!(changed_item(nothing(), image).unwrap(), expected, "{begins}");
    }
}

#[tokio::test]
async fn nobody_is_told_of_anything_else() {
    let tables = Tables::start().await;
    let first = contact(1, 7, 10);
    tables.store.claim(&first.account_id, "a@b", &first.id, at(0)).await.unwrap();
    let claim = image(&tables, CONTACTS, "E#").await;
    assert_eq!(changed_item(nothing(), claim).unwrap(), ChangedItem::Other);
    assert_eq!(changed_item(nothing(), nothing()).unwrap(), ChangedItem::Other);
}
