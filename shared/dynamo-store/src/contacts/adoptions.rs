//! Which contacts that existed before belong to which directory users.

use contact_sync_domain::id::{AccountId, ContactId, ObjectId, TenantId};
use contact_sync_engine::port::StoreError;
use jiff::Timestamp;

use super::claims::owner;
use crate::item::{expiry, name, text};
use crate::{DynamoStore, keys};

impl DynamoStore {
    pub(super) async fn adoptions(
        &self,
        account: &AccountId,
        tenant: &TenantId,
        users: &[ObjectId],
    ) -> Result<Vec<Option<ContactId>>, StoreError> {
        let keys: Vec<_> = users.iter().map(|user| keys::adoption(account, tenant, user)).collect();
        let found = self.contacts.get_all("BatchGetItem adoptions", keys.iter().cloned()).await?;
        keys.iter().map(|key| found.get(key).map(owner).transpose()).collect()
    }

    pub(super) async fn record_adoption(
        &self,
        account: &AccountId,
        (tenant, user): (&TenantId, &ObjectId),
        contact: &ContactId,
        until: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let mut item = keys::adoption(account, tenant, user).attributes();
        item.insert(name::KIND.to_owned(), text("adoption"));
        item.insert(super::claims::OWNER.to_owned(), text(contact.as_str()));
        if let Some(until) = until {
            item.insert(name::EXPIRES_AT.to_owned(), expiry(until));
        }
        self.contacts.put("PutItem adoption", item).await
    }
}
