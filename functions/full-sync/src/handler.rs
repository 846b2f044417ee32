//! One event in, one slice of work out.

use contact_sync_domain::event::SyncRequested;
use contact_sync_engine::port::{Blobs, Clock, Directory, Randomness};
use contact_sync_engine::sync::{Driven, Request, SyncStores, Worker};
use contact_sync_lambda_shell::context::deadline;
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};

/// What EventBridge delivers, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope {
    detail: SyncRequested,
}

/// What the invocation answers; nobody waits for it, but a person who invokes by hand reads it.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    ended: String,
}

/// Does a slice of what waits for the connection.
#[tracing::instrument(name = "full_sync", skip_all, fields(
    account.id = %event.payload.detail.account_id,
    connection.id = %event.payload.detail.connection_id,
))]
pub(crate) async fn handle<S, D, B, C, R>(
    worker: &Worker<S, D, B, C, R>,
    event: LambdaEvent<Envelope>,
) -> Result<Answer, Error>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    let SyncRequested {
        schema_version: _,
        account_id,
        connection_id,
        kind,
        trigger,
        run_id,
        checkpoint,
        slot,
        lane,
    } = event.payload.detail;
    let request = Request {
        account_id,
        connection_id,
        kind,
        trigger: Some(trigger),
        run_id,
        checkpoint,
        slot,
        lane,
    };
    let until = deadline(&event.context);
    let driven: Driven = worker.drive(&request, &event.context.request_id, until).await?;
    tracing::info!(sync.slice = ?driven, "a slice ended");
    Ok(Answer { ended: format!("{driven:?}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_bus_delivers_is_understood() {
        for case in [
            include_str!("../../../events/full-sync/schedule.json"),
            include_str!("../../../events/full-sync/enable.json"),
            include_str!("../../../events/full-sync/continuation.json"),
        ] {
            serde_json::from_str::<Envelope>(case).expect(case);
        }
    }
}
