//! The pause of everything.

use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{AccountId, ConnectionId};
use contact_sync_domain::pause::Pause;
use jiff::Timestamp;

use super::MemoryStore;
use crate::port::{ConnectionStore, PauseStore, StoreError};

impl PauseStore for MemoryStore {
    async fn pause(&self) -> Result<Option<Pause>, StoreError> {
        Ok(self.up()?.pause.clone())
    }

    async fn begin_pause(&self, pause: &Pause) -> Result<Pause, StoreError> {
        Ok(self.up()?.pause.get_or_insert_with(|| pause.clone()).clone())
    }

    async fn end_pause(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut world = self.up()?;
        if world.pause.take().is_some() {
            world.resumed_at = Some(now);
        }
        Ok(())
    }

    async fn resumed_at(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.up()?.resumed_at)
    }

    async fn connection_and_pause(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<(Option<Connection>, Option<Pause>), StoreError> {
        let connection = self.connection(account, id).await?;
        Ok((connection, self.world().pause.clone()))
    }
}
