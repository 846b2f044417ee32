//! Erasing an account with everything that was kept for it.

use std::pin::pin;

use contact_sync_domain::connection::{ConnectionAction, ConnectionStatus};
use contact_sync_domain::id::{AccountId, ConnectionId};
use futures::future::{Either, select};
use jiff::{SignedDuration, Timestamp};

use super::accounts::account;
use super::connections::take_action;
use super::lifecycle::disconnect;
use super::{AdminError, Outside};
use crate::photos::PHOTOS;
use crate::port::{
    AccountStore, Blobs, Clock, ConnectionStore, ContactStore, PhotoStore, SyncStateStore,
};
use crate::segments::blob_prefixes;

/// After so long the answer must be on its way: HTTP APIs give up after 30 seconds.
const TIME: SignedDuration = SignedDuration::from_secs(24);

/// How long is waited for those who work for the account.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);

/// How long between two looks whether they still do.
const STEP: SignedDuration = SignedDuration::from_secs(1);

/// How far erasing came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    /// Nothing is left.
    Whole,
    /// Time was up, or somebody was still at work for it; erasing again goes on.
    Partly,
}

/// Erases an account: its connections are disconnected, then segments, reports, contacts and state
/// go, the account's own item last, so that erasing can be taken up again wherever it ended.
pub async fn erase_account(outside: &impl Outside, id: &AccountId) -> Result<Erased, AdminError> {
    let erasing = pin!(erase(outside, id));
    let time_up = pin!(outside.clock().sleep(TIME));
    match select(erasing, time_up).await {
        Either::Left((erased, _)) => erased,
        Either::Right(((), _)) => Ok(Erased::Partly),
    }
}

async fn erase(outside: &impl Outside, id: &AccountId) -> Result<Erased, AdminError> {
    let store = outside.store();
    let found = account(store, id).await?;
    let connections = store.connections(id).await?;
    // Whoever is at work sees this before the next page. Invited ones have nothing outside, but a
    // consent may just be under way.
    for connection in &connections {
        if connection.status != ConnectionStatus::Disconnected {
            take_action(outside, id, &connection.id, ConnectionAction::Disconnect, |_| ()).await?;
        }
    }
    // Who still holds a lease could write contacts after they were erased.
    let patience = outside.clock().now() + PATIENCE;
    for connection in &connections {
        if !is_let_go(outside, id, &connection.id, patience).await? {
            return Ok(Erased::Partly);
        }
    }
    for connection in &connections {
        disconnect(outside, id, &connection.id).await?;
    }
    for prefix in blob_prefixes(id, None) {
        outside.blobs().delete_prefix(&prefix).await?;
    }
    outside.blobs().delete_prefix(&format!("{PHOTOS}/{id}/")).await?;
    store.erase_account(id).await?;
    store.erase_account_state(&found).await?;
    Ok(Erased::Whole)
}

/// Waits until nobody works for a connection; `false` when somebody still does at `patience`. A
/// lease outlives its holder, so who died is waited for no longer than it.
async fn is_let_go(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    patience: Timestamp,
) -> Result<bool, AdminError> {
    loop {
        let now = outside.clock().now();
        let state = outside.store().sync_state(account, id).await?;
        // Whoever looks at photos sees within moments that the connection was stopped.
        let photos = outside.store().photo_lane(account, id).await?;
        let is_looking = photos.is_some_and(|lane| lane.is_held(now));
        if !is_looking && state.is_none_or(|state| state.is_free(now)) {
            return Ok(true);
        }
        if now + STEP > patience {
            return Ok(false);
        }
        outside.clock().sleep(STEP).await;
    }
}
