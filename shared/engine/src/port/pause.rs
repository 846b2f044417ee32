//! The pause of everything.

use std::future::Future;

use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{AccountId, ConnectionId};
use contact_sync_domain::pause::Pause;
use jiff::Timestamp;

use super::StoreError;

/// Whether everything is paused.
pub trait PauseStore: Send + Sync {
    /// The pause, if there is one, read strongly.
    fn pause(&self) -> impl Future<Output = Result<Option<Pause>, StoreError>> + Send;

    /// Begins a pause unless there is one; answers the one that stands.
    fn begin_pause(&self, pause: &Pause) -> impl Future<Output = Result<Pause, StoreError>> + Send;

    /// Ends the pause, if there is one, and keeps that it ended at `now`.
    fn end_pause(&self, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// When the last pause ended, where there was one.
    fn resumed_at(&self) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;

    /// A connection, and whether everything is paused: one request, both read strongly.
    fn connection_and_pause(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> impl Future<Output = Result<(Option<Connection>, Option<Pause>), StoreError>> + Send;
}
