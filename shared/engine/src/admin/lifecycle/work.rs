//! Ending the work of a connection that is stopped: what runs, what waits for its turn, and what waits for a run.

use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::ConnectionId;
use contact_sync_domain::run::RunStatus;
use contact_sync_domain::sync_state::Lane;

use crate::admin::{AdminError, Outside};
use crate::port::{Clock, PendingKind, PendingStore, RunStore, SyncStateStore};

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
    let lanes = [Lane::Main, Lane::Plan].map(|lane| store.of_lane(lane));
    let mut states = Vec::new();
    for lane in &lanes {
        states.extend(lane.sync_state(account, id).await?);
    }
    if states.is_empty() {
        return Ok(());
    }
    store.reset_sync_state(account, id).await?;
    for store in &lanes {
        for kind in [
            PendingKind::Removal,
            PendingKind::Collision,
            PendingKind::Approved,
            PendingKind::Escrow,
        ] {
            drop_waiting(store, id, kind).await?;
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

/// Drops all that waits of a kind, some at a time: thousands may.
async fn drop_waiting(
    store: &impl PendingStore,
    connection: &ConnectionId,
    kind: PendingKind,
) -> Result<(), AdminError> {
    loop {
        let page = store.pending_page(connection, kind, None, AT_ONCE).await?;
        let items = page.map(|page| page.items).unwrap_or_default();
        if items.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = items.into_iter().map(|item| item.key).collect();
        store.delete_pending(connection, kind, &keys).await?;
    }
}
