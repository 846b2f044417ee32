//! Whoever failed: shown with what helps, and tried again when somebody asks.

use contact_sync_domain::account::Account;
use contact_sync_domain::escrow::Failure;
use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId};
use contact_sync_domain::run::{Run, Trigger};

use super::connections::connection;
use super::one_by_one::run_about;
use super::{AdminError, Caller, Outside, Page};
use crate::port::{ConnectionStore, PendingKind, PendingStore, StoreError};

/// A page of the people whose contact could not be written, by their ids.
pub async fn failures<S>(
    store: &S,
    account: &AccountId,
    id: &ConnectionId,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<Failure>, AdminError>
where
    S: ConnectionStore + PendingStore,
{
    connection(store, account, id).await?;
    let page = store.pending_page(id, PendingKind::Escrow, cursor, limit).await?;
    let page = page.ok_or(AdminError::BadCursor)?;
    let read = |body| {
        serde_json::from_value(body).map_err(|source| StoreError::Corrupt {
            item: "somebody who failed".to_owned(),
            source: Box::new(source),
        })
    };
    let items = page.items.into_iter().map(|item| read(item.body)).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.cursor })
}

/// Has somebody who failed tried again now, whenever he would be.
pub async fn retry_failure(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    user: &ObjectId,
    caller: &Caller,
) -> Result<Run, AdminError> {
    let store = outside.store();
    connection(store, &account.id, id).await?;
    if !store.is_pending(id, PendingKind::Escrow, user.as_str()).await? {
        return Err(AdminError::NotFound("failed record"));
    }
    run_about(outside, account, id, user, (Trigger::Manual, caller)).await
}
