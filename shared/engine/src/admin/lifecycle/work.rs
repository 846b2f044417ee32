//! Ending the work of a connection that is stopped: what runs, what waits for its turn, and what waits for a run.

use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{AccountId, ConnectionId};
use contact_sync_domain::run::RunStatus;
use contact_sync_domain::sync_state::Lane;

use crate::admin::{AdminError, Outside};
use crate::port::{
    Clock, ContactStore, PendingKind, PendingPage, PendingStore, RunStore, SyncStateStore,
};
use crate::sync::unannounced;

/// How much of what waits is read and dropped at once.
const AT_ONCE: u16 = 1_000;

/// Raises the fence, so that whoever works is rejected at the next checkpoint, and ends the runs
/// that were waiting or at work.
pub(super) async fn cancel_runs(
    outside: &impl Outside,
    connection: &Connection,
    reason: &str,
) -> Result<(), AdminError> {
    let store = outside.store();
    let (account, id) = (&connection.account_id, &connection.id);
    let lanes = [Lane::Main, Lane::Plan].map(|lane| (lane, store.of_lane(lane)));
    let mut states = Vec::new();
    for (_, lane) in &lanes {
        states.extend(lane.sync_state(account, id).await?);
    }
    if states.is_empty() {
        return Ok(());
    }
    store.reset_sync_state(account, id).await?;
    for (lane, store) in &lanes {
        for kind in [
            PendingKind::Removal,
            PendingKind::Collision,
            PendingKind::Approved,
            PendingKind::Escrow,
        ] {
            // Nothing else finds those again whose links say already what is planned.
            let keeps_announced = kind == PendingKind::Removal && *lane == Lane::Main;
            drop_waiting(store, (account, id), kind, keeps_announced).await?;
        }
    }
    let at_work = states.iter().filter_map(|state| state.work.checkpoint.as_ref());
    let at_work = at_work.map(|work| &work.run_id);
    let waiting = states.iter().flat_map(|state| &state.queue).map(|queued| &queued.run_id);
    let planned = states.iter().flat_map(|state| &state.work.planned).map(|one| &one.run_id);
    for run_id in waiting.chain(at_work).chain(planned) {
        if let Some(mut run) = store.run(account, id, run_id).await?
            && !run.status.is_terminal()
        {
            run.status = RunStatus::Cancelled;
            run.reason = Some(reason.to_owned());
            run.ended_at = Some(outside.clock().now());
            store.put_run(&run).await?;
        }
    }
    Ok(())
}

/// Drops all that waits of a kind, some at a time: thousands may. Of removals those may stay that people
/// were told of.
async fn drop_waiting(
    store: &(impl PendingStore + ContactStore),
    (account, connection): (&AccountId, &ConnectionId),
    kind: PendingKind,
    keeps_announced: bool,
) -> Result<(), AdminError> {
    let mut cursor = None;
    loop {
        let page = store.pending_page(connection, kind, cursor.as_deref(), AT_ONCE).await?;
        let Some(PendingPage { mut items, cursor: next }) = page else { return Ok(()) };
        if keeps_announced {
            items = unannounced(store, account, items).await?;
        }
        let keys: Vec<String> = items.into_iter().map(|item| item.key).collect();
        if !keys.is_empty() {
            store.delete_pending(connection, kind, &keys).await?;
        }
        if next.is_none() {
            return Ok(());
        }
        cursor = next;
    }
}
