//! What people did to contacts.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::history::HistoryEntry;
use contact_sync_domain::id::{AccountId, ContactId};
use jiff::Timestamp;

use super::contacts::{bury, may_write, put};
use super::{MemoryStore, World};
use crate::port::{ContactWrite, HistoryPage, HistoryStore, StoreError, WriteOutcome};

fn keep(world: &mut World, account: &AccountId, entry: &HistoryEntry) {
    let place = (account.clone(), entry.contact_id.clone(), entry.version, entry.id.clone());
    world.history.insert(place, entry.clone());
}

impl HistoryStore for MemoryStore {
    async fn write_told(
        &self,
        write: &ContactWrite,
        entry: &HistoryEntry,
    ) -> Result<WriteOutcome, StoreError> {
        let mut world = self.up()?;
        let contact = &write.contact;
        if world.loses_race() || !may_write(&world, contact, write.expected_version, write.fence) {
            return Ok(WriteOutcome::Moved(world.contacts.get(&contact.id).cloned()));
        }
        put(&mut world, contact);
        keep(&mut world, &contact.account_id, entry);
        Ok(WriteOutcome::Written)
    }

    async fn remove_told(
        &self,
        contact: &Contact,
        expires_at: Timestamp,
        entry: &HistoryEntry,
    ) -> Result<WriteOutcome, StoreError> {
        let mut world = self.up()?;
        if world.loses_race() || !may_write(&world, contact, contact.version, None) {
            return Ok(WriteOutcome::Moved(world.contacts.get(&contact.id).cloned()));
        }
        bury(&mut world, contact, None, expires_at, None);
        keep(&mut world, &contact.account_id, entry);
        Ok(WriteOutcome::Written)
    }

    async fn tell(&self, account: &AccountId, entry: &HistoryEntry) -> Result<(), StoreError> {
        keep(&mut *self.up()?, account, entry);
        Ok(())
    }

    async fn history(
        &self,
        account: &AccountId,
        contact: &ContactId,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Option<HistoryPage>, StoreError> {
        let world = self.up()?;
        let place = |entry: &HistoryEntry| format!("{:020}#{}", entry.version, entry.id);
        let own = world.history.iter().rev().filter(|((of, one, ..), entry)| {
            of == account
                && one == contact
                && before.is_none_or(|before| place(entry).as_str() < before)
        });
        let limit = usize::from(limit.max(1));
        let mut entries: Vec<HistoryEntry> =
            own.take(limit + 1).map(|(_, entry)| entry.clone()).collect();
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(place);
        Ok(Some(HistoryPage { entries, next }))
    }
}
