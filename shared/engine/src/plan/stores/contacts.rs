//! Contacts, claims and adoptions: what a plan wrote lies over what is stored.

use contact_sync_domain::contact::{Contact, LinkState};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{AccountId, ContactId, ObjectId, TenantId};
use contact_sync_domain::segment::Prior;
use jiff::Timestamp;

use super::LaneStores;
use crate::plan::overlay::may_write;
use crate::port::{
    Bar, ClaimChange, ClaimOutcome, ContactPage, ContactQuery, ContactStore, ContactWrite,
    IndexPage, StoreError, StoredContact, WriteOutcome,
};

impl<S: ContactStore> LaneStores<S> {
    /// Puts a contact of the plan over the one before it, with its address, or removes it.
    pub(crate) fn write_again(
        &self,
        before: Option<&Contact>,
        after: Option<Contact>,
        by: Option<&Prior>,
    ) {
        let Some(mut over) = self.over.look() else { return };
        let email = |contact: &Contact| contact.email().map(email_key);
        let old = before.and_then(email);
        let new = after.as_ref().and_then(email);
        if let (Some(contact), Some(key)) = (&after, &new) {
            over.claim(key, Some(&contact.id));
        }
        // In a swap the address is another contact's by now.
        if let (Some(contact), Some(key)) = (before, old.filter(|old| new.as_ref() != Some(old))) {
            let owner = over.owner(&key).cloned().flatten();
            if owner.is_none_or(|owner| owner == contact.id) {
                over.claim(&key, None);
            }
        }
        match (after, before) {
            (Some(contact), _) => over.put(contact),
            (None, Some(contact)) => over.remove(contact, None, Timestamp::MAX, by),
            (None, None) => {}
        }
    }

    /// Whose an address is, as the plan left it.
    async fn owner(&self, account: &AccountId, key: &str) -> Result<Option<ContactId>, StoreError> {
        if let Some(owner) = self.over.look().and_then(|over| over.owner(key).cloned()) {
            return Ok(owner);
        }
        let stored = self.store.claims(account, &[key.to_owned()]).await?;
        Ok(stored.into_iter().next().flatten())
    }
}

impl<S: ContactStore> ContactStore for LaneStores<S> {
    async fn get(
        &self,
        account: &AccountId,
        id: &ContactId,
    ) -> Result<Option<StoredContact>, StoreError> {
        if let Some(found) = self.over.look().and_then(|over| over.contact(id).cloned()) {
            return Ok(Some(found));
        }
        self.store.get(account, id).await
    }

    async fn get_many(
        &self,
        account: &AccountId,
        ids: &[ContactId],
    ) -> Result<Vec<Option<StoredContact>>, StoreError> {
        let mut found = self.store.get_many(account, ids).await?;
        if let Some(over) = self.over.look() {
            for (found, id) in found.iter_mut().zip(ids) {
                if let Some(planned) = over.contact(id) {
                    *found = Some(planned.clone());
                }
            }
        }
        Ok(found)
    }

    async fn write(&self, write: &ContactWrite) -> Result<WriteOutcome, StoreError> {
        if !self.over.is_plan() {
            return self.store.write(write).await;
        }
        let standing = self.get(&write.contact.account_id, &write.contact.id).await?;
        if !may_write(standing.as_ref(), write) {
            return Ok(WriteOutcome::Moved(standing));
        }
        if let Some(mut over) = self.over.look() {
            over.put(write.contact.clone());
        }
        Ok(WriteOutcome::Written)
    }

    async fn write_together(
        &self,
        account: &AccountId,
        writes: &[ContactWrite],
        claims: &[ClaimChange],
    ) -> Result<bool, StoreError> {
        if !self.over.is_plan() {
            return self.store.write_together(account, writes, claims).await;
        }
        for write in writes {
            let standing = self.get(account, &write.contact.id).await?;
            if !may_write(standing.as_ref(), write) {
                return Ok(false);
            }
        }
        for change in claims {
            if self.owner(account, &change.email_key).await?.as_ref() != Some(&change.from) {
                return Ok(false);
            }
        }
        if let Some(mut over) = self.over.look() {
            for write in writes {
                over.put(write.contact.clone());
            }
            for change in claims {
                over.claim(&change.email_key, Some(&change.to));
            }
        }
        Ok(true)
    }

    async fn remove(
        &self,
        contact: &Contact,
        fence: Option<u64>,
        expires_at: Timestamp,
        by: Option<&Prior>,
    ) -> Result<WriteOutcome, StoreError> {
        if !self.over.is_plan() {
            return self.store.remove(contact, fence, expires_at, by).await;
        }
        let standing = self.get(&contact.account_id, &contact.id).await?;
        let write =
            ContactWrite { contact: contact.clone(), expected_version: contact.version, fence };
        if !may_write(standing.as_ref(), &write) {
            return Ok(WriteOutcome::Moved(standing));
        }
        if let Some(mut over) = self.over.look() {
            over.remove(contact, fence, expires_at, by);
        }
        Ok(WriteOutcome::Written)
    }

    /// What a plan writes, nobody can make late.
    async fn bar(&self, account: &AccountId, id: &ContactId, bar: &Bar) -> Result<(), StoreError> {
        if self.over.is_plan() { Ok(()) } else { self.store.bar(account, id, bar).await }
    }

    async fn claims(
        &self,
        account: &AccountId,
        email_keys: &[String],
    ) -> Result<Vec<Option<ContactId>>, StoreError> {
        let mut found = self.store.claims(account, email_keys).await?;
        if let Some(over) = self.over.look() {
            for (found, key) in found.iter_mut().zip(email_keys) {
                if let Some(planned) = over.owner(key) {
                    found.clone_from(planned);
                }
            }
        }
        Ok(found)
    }

    /// How old a stored claim is does not matter here: one whose owner does not bear the address is
    /// taken over, and who applies the plan finds out whether it still may be.
    async fn claim(
        &self,
        account: &AccountId,
        key: &str,
        contact: &ContactId,
        now: Timestamp,
    ) -> Result<ClaimOutcome, StoreError> {
        if !self.over.is_plan() {
            return self.store.claim(account, key, contact, now).await;
        }
        if let Some(owner) = self.owner(account, key).await?.filter(|owner| owner != contact) {
            let bears = match self.get(account, &owner).await? {
                Some(StoredContact::Present(owner)) => {
                    owner.email().is_some_and(|email| email_key(email) == key)
                }
                Some(StoredContact::Tombstone { .. }) | None => false,
            };
            if bears {
                return Ok(ClaimOutcome::TakenBy(owner));
            }
        }
        if let Some(mut over) = self.over.look() {
            over.claim(key, Some(contact));
        }
        Ok(ClaimOutcome::Claimed)
    }

    async fn release(
        &self,
        account: &AccountId,
        key: &str,
        contact: &ContactId,
    ) -> Result<(), StoreError> {
        if !self.over.is_plan() {
            return self.store.release(account, key, contact).await;
        }
        let owner = self.owner(account, key).await?;
        if let Some(mut over) = self.over.look().filter(|_| owner.as_ref() == Some(contact)) {
            over.claim(key, None);
        }
        Ok(())
    }

    async fn adopted(
        &self,
        account: &AccountId,
        tenant: &TenantId,
        users: &[ObjectId],
    ) -> Result<Vec<Option<ContactId>>, StoreError> {
        let mut found = self.store.adopted(account, tenant, users).await?;
        if let Some(over) = self.over.look() {
            for (found, user) in found.iter_mut().zip(users) {
                if let Some(planned) = over.adopted(tenant, user) {
                    found.clone_from(planned);
                }
            }
        }
        Ok(found)
    }

    async fn put_adoption(
        &self,
        account: &AccountId,
        tenant: &TenantId,
        user: &ObjectId,
        contact: &ContactId,
    ) -> Result<(), StoreError> {
        if let Some(mut over) = self.over.look() {
            over.adopt(tenant, user, Some(contact));
            return Ok(());
        }
        self.store.put_adoption(account, tenant, user, contact).await
    }

    async fn retire_adoption(
        &self,
        account: &AccountId,
        (tenant, user): (&TenantId, &ObjectId),
        contact: &ContactId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(mut over) = self.over.look() {
            over.adopt(tenant, user, Some(contact));
            return Ok(());
        }
        self.store.retire_adoption(account, (tenant, user), contact, until).await
    }

    async fn delete_adoption(
        &self,
        account: &AccountId,
        tenant: &TenantId,
        user: &ObjectId,
    ) -> Result<(), StoreError> {
        if let Some(mut over) = self.over.look() {
            over.adopt(tenant, user, None);
            return Ok(());
        }
        self.store.delete_adoption(account, tenant, user).await
    }

    /// As stored: whom the plan itself dealt with, its tally knows.
    async fn index(
        &self,
        account: &AccountId,
        shard: u8,
        cursor: Option<&str>,
    ) -> Result<IndexPage, StoreError> {
        self.store.index(account, shard, cursor).await
    }

    async fn unlinked(
        &self,
        account: &AccountId,
        shard: u8,
        cursor: Option<&str>,
    ) -> Result<ContactPage, StoreError> {
        let mut page = self.store.unlinked(account, shard, cursor).await?;
        if let Some(over) = self.over.look() {
            page.contacts.retain_mut(|contact| match over.contact(&contact.id) {
                None => true,
                Some(StoredContact::Tombstone { .. }) => false,
                Some(StoredContact::Present(planned)) => {
                    *contact = Contact::clone(planned);
                    planned.link.as_ref().is_none_or(|link| link.state == LinkState::Removed)
                }
            });
        }
        Ok(page)
    }

    async fn list(
        &self,
        account: &AccountId,
        query: &ContactQuery,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<ContactPage>, StoreError> {
        self.store.list(account, query, cursor, limit).await
    }

    async fn erase_account(&self, account: &AccountId) -> Result<(), StoreError> {
        if self.over.is_plan() { Ok(()) } else { self.store.erase_account(account).await }
    }
}
