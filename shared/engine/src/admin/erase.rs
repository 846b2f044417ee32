//! Erasing an account with everything that was kept for it.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::AccountId;

use super::accounts::account;
use super::lifecycle::disconnect;
use super::{AdminError, Outside};
use crate::port::{AccountStore, Blobs, ConnectionStore, ContactStore};

/// Erases an account: its connections are disconnected, then segments, reports, contacts and state
/// go, the account's own item last. A request that died is simply sent again.
pub async fn erase_account(outside: &impl Outside, id: &AccountId) -> Result<(), AdminError> {
    let store = outside.store();
    let found = account(store, id).await?;
    for connection in store.connections(id).await? {
        // Invited ones have nothing outside, but a consent may just be under way.
        if connection.status != ConnectionStatus::Disconnected {
            disconnect(outside, id, &connection.id).await?;
        }
    }
    for prefix in [format!("segments/{id}/"), format!("reports/{id}/")] {
        outside.blobs().delete_prefix(&prefix).await?;
    }
    store.erase_account(id).await?;
    store.erase_account_state(&found).await?;
    Ok(())
}
