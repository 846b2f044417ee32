//! The event log.

use contact_sync_domain::event::ContactEvent;
use contact_sync_domain::id::AccountId;

use super::{MemoryStore, page};
use crate::port::{EventLog, EventPage, StoreError};

impl EventLog for MemoryStore {
    async fn append(&self, _: &AccountId, events: &[ContactEvent]) -> Result<(), StoreError> {
        self.up()?.events.extend_from_slice(events);
        Ok(())
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
