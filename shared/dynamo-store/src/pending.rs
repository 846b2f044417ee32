//! What waits for the end of a run.

use contact_sync_domain::id::ConnectionId;
use contact_sync_engine::port::{PendingItem, PendingKind, PendingPage, PendingStore, StoreError};

use futures::{StreamExt, TryStreamExt, stream};

use crate::failure::corrupt;
use crate::item::{Item, expiry, missing, name, text, text_of};
use crate::table::{Condition, Query};
use crate::{DynamoStore, cursor, keys};

const KIND: &str = "pending";

/// The caller's key, whole.
const KEY: &str = "key";
/// The caller's form, as JSON text.
const JSON: &str = "json";

/// How many items are deleted at once where each has its condition.
const CALLS: usize = 8;

fn read(item: &Item) -> Result<PendingItem, StoreError> {
    let key = text_of(item, KEY).ok_or_else(|| missing(KIND, KEY))?.to_owned();
    let json = text_of(item, JSON).ok_or_else(|| missing(KIND, JSON))?;
    let body = serde_json::from_str(json).map_err(corrupt(KIND))?;
    Ok(PendingItem { key, expires_at: None, body })
}

impl PendingStore for DynamoStore {
    async fn put_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        items: &[PendingItem],
    ) -> Result<(), StoreError> {
        let items = items.iter().map(|pending| {
            let mut item = keys::pending((connection, self.lane), kind, &pending.key).attributes();
            item.insert(name::KIND.into(), text(KIND));
            item.insert(KEY.into(), text(&pending.key));
            item.insert(JSON.into(), text(pending.body.to_string()));
            if let Some(at) = pending.expires_at {
                item.insert(name::EXPIRES_AT.into(), expiry(at));
            }
            item
        });
        self.state.put_all("BatchWriteItem pending", items).await
    }

    async fn pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
    ) -> Result<Vec<PendingItem>, StoreError> {
        let query = Query {
            partition: keys::pending_partition(connection, self.lane),
            prefix: keys::pending_prefix(kind),
            strongly: true,
            ..Query::default()
        };
        let items = self.state.query_all("Query pending", query).await?;
        let mut pending = items.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
        pending.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(pending)
    }

    async fn pending_page(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<PendingPage>, StoreError> {
        let this = ["pending", connection.as_str(), keys::pending_prefix(kind)];
        let after = match cursor {
            None => None,
            Some(cursor) => match cursor::open(&this, cursor) {
                None => return Ok(None),
                after => after,
            },
        };
        let query = Query {
            partition: keys::pending_partition(connection, self.lane),
            prefix: keys::pending_prefix(kind),
            after,
            limit: Some(limit.max(1)),
            strongly: true,
            ..Query::default()
        };
        let page = self.state.query("Query pending", query).await?;
        Ok(Some(PendingPage {
            items: page.items.iter().map(read).collect::<Result<_, StoreError>>()?,
            cursor: page.next.map(|sk| cursor::seal(&this, &sk)),
        }))
    }

    async fn is_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        key: &str,
    ) -> Result<bool, StoreError> {
        let key = keys::pending((connection, self.lane), kind, key);
        Ok(self.state.get("GetItem pending", &key).await?.is_some())
    }

    async fn delete_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        keys: &[String],
    ) -> Result<(), StoreError> {
        let keys = keys.iter().map(|key| keys::pending((connection, self.lane), kind, key));
        self.state.delete_all("BatchWriteItem pending", keys).await
    }

    async fn forget_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        read: &[PendingItem],
    ) -> Result<(), StoreError> {
        let own = |pending: &PendingItem| {
            let key = keys::pending((connection, self.lane), kind, &pending.key);
            (key, text(pending.body.to_string()))
        };
        stream::iter(read.iter().map(own).collect::<Vec<_>>())
            .map(|(key, json)| async move {
                let as_read = Condition::new("#json = :json", vec![(":json", json)]);
                self.state.delete_if("DeleteItem pending", &key, as_read).await
            })
            .buffer_unordered(CALLS)
            .try_collect()
            .await
    }
}
