//! Erasing an account with everything that was kept for it.

use std::pin::pin;

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::AccountId;
use futures::future::{Either, select};
use jiff::SignedDuration;

use super::accounts::account;
use super::lifecycle::disconnect;
use super::{AdminError, Outside};
use crate::port::{AccountStore, Blobs, Clock, ConnectionStore, ContactStore};

/// After so long the answer must be on its way: HTTP APIs give up after 30 seconds.
const TIME: SignedDuration = SignedDuration::from_secs(24);

/// How far erasing came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    /// Nothing is left.
    Whole,
    /// Time was up; erasing again goes on.
    Partly,
}

/// Erases an account: its connections are disconnected, then segments, reports, contacts and state
/// go, the account's own item last, so that erasing can be taken up again wherever it ended.
pub async fn erase_account(outside: &impl Outside, id: &AccountId) -> Result<Erased, AdminError> {
    let erasing = pin!(erase(outside, id));
    let time_up = pin!(outside.clock().sleep(TIME));
    match select(erasing, time_up).await {
        Either::Left((erased, _)) => erased.map(|()| Erased::Whole),
        Either::Right(((), _)) => Ok(Erased::Partly),
    }
}

async fn erase(outside: &impl Outside, id: &AccountId) -> Result<(), AdminError> {
    let store = outside.store();
    let found = account(store, id).await?;
    for connection in store.connections(id).await? {
        // Invited ones have nothing outside, but a consent may just be under way.
        if connection.status != ConnectionStatus::Disconnected {
            disconnect(outside, id, &connection.id).await?;
        }
    }
    for folder in ["segments", "state", "reports"] {
        outside.blobs().delete_prefix(&format!("{folder}/{id}/")).await?;
    }
    store.erase_account(id).await?;
    store.erase_account_state(&found).await?;
    Ok(())
}
