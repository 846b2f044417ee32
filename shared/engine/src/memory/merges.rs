//! Which contacts were merged into which.

use contact_sync_domain::id::{AccountId, ContactId};
use jiff::Timestamp;

use super::MemoryStore;
use crate::port::{MergeStore, StoreError};

impl MergeStore for MemoryStore {
    async fn note_merge(
        &self,
        account: &AccountId,
        stays: &ContactId,
        goes: &ContactId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let place = (account.clone(), stays.clone(), goes.clone());
        self.up()?.merges.insert(place, until);
        Ok(())
    }

    async fn merged_into(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<Vec<ContactId>, StoreError> {
        let world = self.up()?;
        let own = world.merges.keys().filter(|(of, stays, _)| of == account && stays == contact);
        Ok(own.map(|(.., goes)| goes.clone()).collect())
    }
}
