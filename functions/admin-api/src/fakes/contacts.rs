//! Contacts, claims and the event log.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::email::email_key;
use contact_sync_domain::event::ContactEvent;
use contact_sync_domain::id::{AccountId, ContactId, ObjectId, TenantId};
use contact_sync_engine::port::{
    ClaimChange, ClaimOutcome, ContactPage, ContactQuery, ContactStore, ContactWrite, EventLog,
    EventPage, IndexPage, StoreError, StoredContact, WriteOutcome,
};
use jiff::Timestamp;

use super::state::page;
use super::{MemoryStore, World};

fn present<'a>(world: &'a World, account: &AccountId, id: &ContactId) -> Option<&'a Contact> {
    match world.contacts.get(id) {
        Some(StoredContact::Present(contact)) if contact.account_id == *account => Some(contact),
        _ => None,
    }
}

fn version(world: &World, id: &ContactId) -> u64 {
    match world.contacts.get(id) {
        Some(StoredContact::Present(contact)) => contact.version,
        Some(StoredContact::Tombstone { version, .. }) => *version,
        None => 0,
    }
}

impl ContactStore for MemoryStore {
    async fn get(
        &self,
        account: &AccountId,
        id: &ContactId,
    ) -> Result<Option<StoredContact>, StoreError> {
        let world = self.up()?;
        Ok(present(&world, account, id)
            .map(|contact| StoredContact::Present(Box::new(contact.clone()))))
    }

    async fn get_many(
        &self,
        account: &AccountId,
        ids: &[ContactId],
    ) -> Result<Vec<Option<StoredContact>>, StoreError> {
        let mut found = Vec::new();
        for id in ids {
            found.push(self.get(account, id).await?);
        }
        Ok(found)
    }

    async fn write(&self, write: &ContactWrite) -> Result<WriteOutcome, StoreError> {
        let mut world = self.up()?;
        let id = &write.contact.id;
        if world.loses_race() || version(&world, id) != write.expected_version {
            return Ok(WriteOutcome::Moved(world.contacts.get(id).cloned()));
        }
        let contact = StoredContact::Present(Box::new(write.contact.clone()));
        world.contacts.insert(id.clone(), contact);
        Ok(WriteOutcome::Written)
    }

    async fn remove(
        &self,
        contact: &Contact,
        _: Option<u64>,
        _: Timestamp,
    ) -> Result<WriteOutcome, StoreError> {
        let mut world = self.up()?;
        if world.loses_race() || version(&world, &contact.id) != contact.version {
            return Ok(WriteOutcome::Moved(world.contacts.get(&contact.id).cloned()));
        }
        let tombstone =
            StoredContact::Tombstone { version: contact.version + 1, source_version: 0 };
        world.contacts.insert(contact.id.clone(), tombstone);
        Ok(WriteOutcome::Written)
    }

    async fn claims(
        &self,
        account: &AccountId,
        email_keys: &[String],
    ) -> Result<Vec<Option<ContactId>>, StoreError> {
        let world = self.up()?;
        let claim = |key: &String| world.claims.get(&(account.clone(), key.clone())).cloned();
        Ok(email_keys.iter().map(claim).collect())
    }

    async fn claim(
        &self,
        account: &AccountId,
        key: &str,
        contact: &ContactId,
    ) -> Result<ClaimOutcome, StoreError> {
        let mut world = self.up()?;
        let place = (account.clone(), key.to_owned());
        if let Some(owner) = world.claims.get(&place).filter(|owner| *owner != contact) {
            let bears = present(&world, account, owner)
                .and_then(Contact::email)
                .is_some_and(|email| email_key(email) == key);
            if bears {
                return Ok(ClaimOutcome::TakenBy(owner.clone()));
            }
        }
        world.claims.insert(place, contact.clone());
        Ok(ClaimOutcome::Claimed)
    }

    async fn release(
        &self,
        account: &AccountId,
        key: &str,
        contact: &ContactId,
    ) -> Result<(), StoreError> {
        let mut world = self.up()?;
        let place = (account.clone(), key.to_owned());
        if world.claims.get(&place) == Some(contact) {
            world.claims.remove(&place);
        }
        Ok(())
    }

    async fn delete_adoption(
        &self,
        _: &AccountId,
        _: &TenantId,
        _: &ObjectId,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    async fn list(
        &self,
        account: &AccountId,
        query: &ContactQuery,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<ContactPage>, StoreError> {
        let world = self.up()?;
        let matching = world
            .contacts
            .keys()
            .filter_map(|id| present(&world, account, id))
            .filter(|contact| {
                let is_address = query.email.as_ref().is_none_or(|email| {
                    contact.email().is_some_and(|own| email_key(own) == email_key(email))
                });
                is_address && query.source.is_none_or(|source| contact.source == source)
            })
            .cloned()
            .collect();
        Ok(page(matching, cursor, limit).map(|(contacts, cursor)| ContactPage { contacts, cursor }))
    }

    async fn erase_account(&self, account: &AccountId) -> Result<(), StoreError> {
        let mut world = self.up()?;
        world.contacts.retain(
            |_, stored| !matches!(stored, StoredContact::Present(one) if one.account_id == *account),
        );
        world.claims.retain(|(owner, _), _| owner != account);
        Ok(())
    }

    async fn write_together(
        &self,
        _: &AccountId,
        _: &[ContactWrite],
        _: &[ClaimChange],
    ) -> Result<bool, StoreError> {
        unimplemented!("syncing is another function's")
    }
    async fn bar(
        &self,
        _: &AccountId,
        _: &ContactId,
        _: u64,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        unimplemented!("syncing is another function's")
    }
    async fn adopted(
        &self,
        _: &AccountId,
        _: &TenantId,
        _: &[ObjectId],
    ) -> Result<Vec<Option<ContactId>>, StoreError> {
        unimplemented!("syncing is another function's")
    }
    async fn put_adoption(
        &self,
        _: &AccountId,
        _: &TenantId,
        _: &ObjectId,
        _: &ContactId,
    ) -> Result<(), StoreError> {
        unimplemented!("syncing is another function's")
    }
    async fn index(&self, _: &AccountId, _: u8, _: Option<&str>) -> Result<IndexPage, StoreError> {
        unimplemented!("syncing is another function's")
    }
}

impl EventLog for MemoryStore {
    async fn append(&self, _: &AccountId, _: &[ContactEvent]) -> Result<(), StoreError> {
        unimplemented!("publishing is another function's")
    }

    async fn read(
        &self,
        account: Option<&AccountId>,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<EventPage>, StoreError> {
        let world = self.up()?;
        let own = world
            .events
            .iter()
            .filter(|event| account.is_none_or(|account| event.account_id == *account))
            .cloned()
            .collect::<Vec<_>>();
        let end = own.len().to_string();
        Ok(page(own, cursor, limit)
            .map(|(events, cursor)| EventPage { events, cursor: cursor.unwrap_or(end) }))
    }
}
