//! What stops runs and lets them go on.

use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::pause::Pause;
use contact_sync_domain::run::{Run, RunStatus};

use super::{ATTEMPTS, AdminError, Caller, Outside, run};
use crate::port::{Clock, PauseStore, RunStore, SyncStateStore};

/// The pause of everything, if there is one.
pub async fn pause_of_all(outside: &impl Outside) -> Result<Option<Pause>, AdminError> {
    Ok(outside.store().pause().await?)
}

/// Pauses everything: whoever works stops before its next page, what Graph tells and what people
/// ask for waits. Who paused first stays named.
pub async fn pause_all(outside: &impl Outside, caller: &Caller) -> Result<Pause, AdminError> {
    let pause = Pause { since: outside.clock().now(), by: caller.subject.clone() };
    Ok(outside.store().begin_pause(&pause).await?)
}

/// Ends the pause of everything: the next sweep goes on with what waits.
pub async fn resume_all(outside: &impl Outside) -> Result<(), AdminError> {
    Ok(outside.store().end_pause(outside.clock().now()).await?)
}

/// Ends a run: one that waits at once, one that works before its next page. What it did stays; one
/// that was cancelled already is answered as it is.
pub async fn cancel_run(
    outside: &impl Outside,
    account: &AccountId,
    connection: &ConnectionId,
    id: &RunId,
) -> Result<Run, AdminError> {
    for _ in 0..ATTEMPTS {
        let found = run(outside.store(), account, connection, id).await?;
        let store = outside.store().of_lane(found.lane());
        match found.status {
            RunStatus::Cancelled => return Ok(found),
            RunStatus::Succeeded | RunStatus::Partial | RunStatus::Failed | RunStatus::Blocked => {
                return Err(AdminError::RunEnded);
            }
            RunStatus::Queued => {
                let ended = cancelled(outside, found.clone());
                if store.withdraw(&ended).await? {
                    return Ok(ended);
                }
            }
            RunStatus::Planned => {
                let ended = cancelled(outside, found.clone());
                if store.put_run(&ended).await? {
                    return Ok(ended);
                }
            }
            RunStatus::Running => {}
        }
        // It may have begun just now.
        if store.ask_to_cancel(&found).await? {
            return Ok(found);
        }
    }
    Err(AdminError::Moved)
}

fn cancelled(outside: &impl Outside, run: Run) -> Run {
    let now = outside.clock().now();
    let reason = Some("somebody cancelled the run before it began".to_owned());
    Run { status: RunStatus::Cancelled, reason, ended_at: Some(now), ..run }
}
