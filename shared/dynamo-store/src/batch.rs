//! Many items at once, where no condition is needed: reads, purges, idempotent records.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, PutRequest, WriteRequest};
use contact_sync_engine::port::StoreError;
use futures::{StreamExt, TryStreamExt, stream};

use crate::failure::{Defect, unavailable};
use crate::item::Item;
use crate::keys::Key;
use crate::table::{Query, Table};

/// DynamoDB reads this many items in one call.
const READS: usize = 100;

/// DynamoDB writes this many items in one call.
const WRITES: usize = 25;

/// How many calls are on their way at once.
const CALLS: usize = 4;

/// How often what a call left undone is tried again.
const ATTEMPTS: u32 = 8;

/// Waits before another attempt: longer each time, and never in step with others.
pub(crate) async fn pause(attempt: u32) {
    let longest = 20 * 2_u64.pow(attempt.min(5));
    let spread = RandomState::new().hash_one(attempt) % longest;
    tokio::time::sleep(Duration::from_millis(longest / 2 + spread)).await;
}

impl Table {
    /// Items by key, read strongly; those that do not exist are missing from the answer.
    pub(crate) async fn get_all(
        &self,
        operation: &'static str,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<HashMap<Key, Item>, StoreError> {
        let distinct: Vec<Key> = keys.into_iter().collect::<HashSet<_>>().into_iter().collect();
        let chunks: Vec<Vec<Key>> = distinct.chunks(READS).map(<[Key]>::to_vec).collect();
        stream::iter(chunks)
            .map(|chunk| self.get_chunk(operation, chunk))
            .buffer_unordered(CALLS)
            .try_fold(HashMap::new(), async |mut all, items| {
                all.extend(items.into_iter().filter_map(|item| Some((Key::of(&item)?, item))));
                Ok(all)
            })
            .await
    }

    async fn get_chunk(
        &self,
        operation: &'static str,
        chunk: Vec<Key>,
    ) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::with_capacity(chunk.len());
        let mut left: Vec<Item> = chunk.iter().map(Key::attributes).collect();
        for attempt in 0..ATTEMPTS {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(left))
                .consistent_read(true)
                .build()
                .map_err(unavailable(operation))?;
            let output = self
                .client
                .batch_get_item()
                .request_items(&self.name, wanted)
                .send()
                .await
                .map_err(unavailable(operation))?;
            let found = output.responses.and_then(|mut tables| tables.remove(&self.name));
            items.extend(found.unwrap_or_default());
            left = output
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(&self.name))
                .map(|keys| keys.keys)
                .unwrap_or_default();
            if left.is_empty() {
                return Ok(items);
            }
            pause(attempt).await;
        }
        Err(unavailable(operation)(Defect::Undone))
    }

    /// Stores items, whatever stood under their keys. Of two with one key the last stays.
    pub(crate) async fn put_all(
        &self,
        operation: &'static str,
        items: impl IntoIterator<Item = Item>,
    ) -> Result<(), StoreError> {
        let distinct: HashMap<Key, Item> =
            items.into_iter().filter_map(|item| Some((Key::of(&item)?, item))).collect();
        let requests = distinct
            .into_values()
            .map(|item| PutRequest::builder().set_item(Some(item)).build())
            .map(|put| put.map(|put| WriteRequest::builder().put_request(put).build()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(unavailable(operation))?;
        self.write_all(operation, requests).await
    }

    /// Deletes items by key.
    pub(crate) async fn delete_all(
        &self,
        operation: &'static str,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<(), StoreError> {
        let requests = keys
            .into_iter()
            .collect::<HashSet<_>>()
            .into_iter()
            .map(|key| DeleteRequest::builder().set_key(Some(key.attributes())).build())
            .map(|delete| {
                delete.map(|delete| WriteRequest::builder().delete_request(delete).build())
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(unavailable(operation))?;
        self.write_all(operation, requests).await
    }

    async fn write_all(
        &self,
        operation: &'static str,
        requests: Vec<WriteRequest>,
    ) -> Result<(), StoreError> {
        let chunks: Vec<Vec<WriteRequest>> =
            requests.chunks(WRITES).map(<[WriteRequest]>::to_vec).collect();
        stream::iter(chunks)
            .map(|chunk| self.write_chunk(operation, chunk))
            .buffer_unordered(CALLS)
            .try_collect::<()>()
            .await
    }

    async fn write_chunk(
        &self,
        operation: &'static str,
        mut left: Vec<WriteRequest>,
    ) -> Result<(), StoreError> {
        for attempt in 0..ATTEMPTS {
            let output = self
                .client
                .batch_write_item()
                .request_items(&self.name, left)
                .send()
                .await
                .map_err(unavailable(operation))?;
            left = output
                .unprocessed_items
                .and_then(|mut tables| tables.remove(&self.name))
                .unwrap_or_default();
            if left.is_empty() {
                return Ok(());
            }
            pause(attempt).await;
        }
        Err(unavailable(operation)(Defect::Undone))
    }

    /// Deletes a whole partition, a page at a time.
    pub(crate) async fn purge(
        &self,
        operation: &'static str,
        partition: String,
    ) -> Result<(), StoreError> {
        loop {
            let page = self
                .query(
                    operation,
                    Query {
                        partition: partition.clone(),
                        strongly: true,
                        projection: Some("#pk, #sk"),
                        ..Query::default()
                    },
                )
                .await?;
            self.delete_all(operation, page.items.iter().filter_map(Key::of)).await?;
            if page.next.is_none() {
                return Ok(());
            }
        }
    }
}
