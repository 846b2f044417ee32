//! Contacts and their tombstones, the claims on e-mails, and the links of adopted contacts.

mod adoptions;
mod claims;
mod history;
mod item;
mod list;
mod write;

use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, TenantId};
use contact_sync_domain::segment::Prior;
use contact_sync_engine::port::{
    Bar, ClaimChange, ClaimOutcome, ContactPage, ContactQuery, ContactStore, ContactWrite,
    IndexPage, SHARDS, StoreError, StoredContact, WriteOutcome,
};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

pub(crate) use self::item::{CONTACT, TOMBSTONE, read};
use crate::item::text;
use crate::table::{Condition, Query};
use crate::{DynamoStore, keys};

/// How many partitions of an account are erased at once.
const ERASED_TOGETHER: usize = 4;

/// A contact stands there that is linked through a connection.
pub(crate) fn linked_through(connection: &ConnectionId) -> Condition {
    let of = item::connection_bytes(connection);
    let values = vec![(":kind", text(CONTACT)), (":connection", of)];
    Condition::new("#kind = :kind AND attribute_exists(#u) AND #c = :connection", values)
}

impl ContactStore for DynamoStore {
    /// A tombstone whose time is up and which still stands is answered too: going on counting from
    /// it is right, and taking its place for empty would not be.
    async fn get(
        &self,
        account: &AccountId,
        id: &ContactId,
    ) -> Result<Option<StoredContact>, StoreError> {
        let found = self.contacts.get("GetItem contact", &keys::contact(account, id)).await?;
        found.as_ref().map(read).transpose()
    }

    async fn get_many(
        &self,
        account: &AccountId,
        ids: &[ContactId],
    ) -> Result<Vec<Option<StoredContact>>, StoreError> {
        let keys: Vec<_> = ids.iter().map(|id| keys::contact(account, id)).collect();
        let found = self.contacts.get_all("BatchGetItem contacts", keys.iter().cloned()).await?;
        keys.iter().map(|key| found.get(key).map(read).transpose()).collect()
    }

    async fn write(&self, write: &ContactWrite) -> Result<WriteOutcome, StoreError> {
        self.write_contact(write).await
    }

    async fn write_together(
        &self,
        account: &AccountId,
        writes: &[ContactWrite],
        claims: &[ClaimChange],
    ) -> Result<bool, StoreError> {
        self.write_contacts(account, writes, claims).await
    }

    async fn remove(
        &self,
        contact: &Contact,
        fence: Option<u64>,
        expires_at: Timestamp,
        by: Option<&Prior>,
    ) -> Result<WriteOutcome, StoreError> {
        self.replace_by_tombstone(contact, fence, expires_at, by).await
    }

    async fn bar(&self, account: &AccountId, id: &ContactId, bar: &Bar) -> Result<(), StoreError> {
        self.put_bar(account, id, bar).await
    }

    async fn claims(
        &self,
        account: &AccountId,
        email_keys: &[String],
    ) -> Result<Vec<Option<ContactId>>, StoreError> {
        self.claim_owners(account, email_keys).await
    }

    async fn claim(
        &self,
        account: &AccountId,
        email_key: &str,
        contact: &ContactId,
        now: Timestamp,
    ) -> Result<ClaimOutcome, StoreError> {
        self.claim_email(account, email_key, contact, now).await
    }

    async fn release(
        &self,
        account: &AccountId,
        email_key: &str,
        contact: &ContactId,
    ) -> Result<(), StoreError> {
        self.release_email(account, email_key, contact).await
    }

    async fn adopted(
        &self,
        account: &AccountId,
        tenant: &TenantId,
        users: &[ObjectId],
    ) -> Result<Vec<Option<ContactId>>, StoreError> {
        self.adoptions(account, tenant, users).await
    }

    async fn put_adoption(
        &self,
        account: &AccountId,
        tenant: &TenantId,
        user: &ObjectId,
        contact: &ContactId,
    ) -> Result<(), StoreError> {
        self.record_adoption(account, (tenant, user), contact, None).await
    }

    async fn retire_adoption(
        &self,
        account: &AccountId,
        user: (&TenantId, &ObjectId),
        contact: &ContactId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.record_adoption(account, user, contact, Some(until)).await
    }

    async fn delete_adoption(
        &self,
        account: &AccountId,
        tenant: &TenantId,
        user: &ObjectId,
    ) -> Result<(), StoreError> {
        let key = keys::adoption(account, tenant, user);
        self.contacts.delete("DeleteItem adoption", &key).await?;
        Ok(())
    }

    async fn index(
        &self,
        account: &AccountId,
        shard: u8,
        cursor: Option<&str>,
    ) -> Result<IndexPage, StoreError> {
        let page = self
            .contacts
            .query(
                "Query index",
                Query {
                    partition: keys::contacts_partition(account, shard),
                    prefix: keys::CONTACT_PREFIX,
                    after: cursor.map(str::to_owned),
                    projection: Some(item::INDEX),
                    ..Query::default()
                },
            )
            .await?;
        let entries = page.items.iter().filter_map(item::index_entry).collect();
        let erased = page.items.iter().filter_map(item::erased).collect();
        Ok(IndexPage { entries, erased, cursor: page.next })
    }

    async fn unlinked(
        &self,
        account: &AccountId,
        shard: u8,
        cursor: Option<&str>,
    ) -> Result<ContactPage, StoreError> {
        let page = self
            .contacts
            .query(
                "Query unlinked contacts",
                Query {
                    partition: keys::contacts_partition(account, shard),
                    prefix: keys::CONTACT_PREFIX,
                    after: cursor.map(str::to_owned),
                    only: Some(item::unlinked()),
                    ..Query::default()
                },
            )
            .await?;
        let contacts = page.items.iter().filter_map(|item| match read(item) {
            Ok(StoredContact::Present(contact)) => Some(*contact),
            Ok(StoredContact::Tombstone { .. }) | Err(_) => None,
        });
        Ok(ContactPage { contacts: contacts.collect(), cursor: page.next })
    }

    async fn list(
        &self,
        account: &AccountId,
        query: &ContactQuery,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<ContactPage>, StoreError> {
        self.list_contacts(account, query, cursor, limit).await
    }

    async fn erase_account(&self, account: &AccountId) -> Result<(), StoreError> {
        stream::iter((0..SHARDS).map(|shard| keys::contacts_partition(account, shard)))
            .map(|partition| self.contacts.purge("BatchWriteItem contacts", partition))
            .buffer_unordered(ERASED_TOGETHER)
            .try_collect()
            .await
    }
}
