//! Which contacts people made part of which: an item beside the one that stays.

use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_engine::port::{MergeStore, SHARDS, StoreError};
use jiff::Timestamp;

use crate::DynamoStore;
use crate::item::{expiry, name, text};
use crate::keys::{self, Key};
use crate::table::Query;

const KIND: &str = "merge";

impl MergeStore for DynamoStore {
    async fn note_merge(
        &self,
        account: &AccountId,
        stays: &ContactId,
        goes: &ContactId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let mut item = keys::merge(account, stays, goes).attributes();
        item.insert(name::KIND.to_owned(), text(KIND));
        item.insert(name::EXPIRES_AT.to_owned(), expiry(until));
        self.contacts.put("PutItem merge", item).await
    }

    async fn merged_into(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<Vec<ContactId>, StoreError> {
        let query = Query {
            partition: keys::contacts_partition(account, contact.shard(SHARDS)),
            prefix: &keys::merges_prefix(contact),
            strongly: true,
            projection: Some("#pk, #sk"),
            ..Query::default()
        };
        let items = self.contacts.query_all("Query merges", query).await?;
        Ok(items.iter().filter_map(|item| keys::merged_of(&Key::of(item)?.sk)).collect())
    }
}
