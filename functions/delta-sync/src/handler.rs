//! One event in, one slice of work out.

use contact_sync_domain::event::{DirectoryChanged, SyncRequested};
use contact_sync_domain::run::RunKind;
use contact_sync_domain::sync_state::Lane;
use contact_sync_engine::port::{Blobs, Clock, Directory, Randomness};
use contact_sync_engine::sync::{Driven, Request, SyncStores, Worker};
use contact_sync_lambda_shell::context::deadline;
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};

/// What EventBridge delivers.
#[derive(Debug, Deserialize)]
pub(crate) struct Delivery {
    #[serde(flatten)]
    envelope: Envelope,
}

/// An event by its detail-type.
#[derive(Debug, Deserialize)]
#[serde(tag = "detail-type", content = "detail")]
pub(crate) enum Envelope {
    /// Graph hinted.
    DirectoryChanged(DirectoryChanged),
    /// Somebody asked, a slice handed over, or the sweep found something.
    SyncRequested(SyncRequested),
}

/// What the invocation answers; nobody waits for it, but a person who invokes by hand reads it.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    ended: String,
}

/// Does a slice of what waits for the connection.
#[tracing::instrument(name = "delta_sync", skip_all)]
pub(crate) async fn handle<S, D, B, C, R>(
    worker: &Worker<S, D, B, C, R>,
    event: LambdaEvent<Delivery>,
) -> Result<Answer, Error>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    let request = request_of(event.payload.envelope);
    let until = deadline(&event.context);
    let driven: Driven = worker.drive(&request, &event.context.request_id, until).await?;
    tracing::info!(
        account.id = %request.account_id,
        connection.id = %request.connection_id,
        sync.slice = ?driven,
        "a slice ended"
    );
    Ok(Answer { ended: format!("{driven:?}") })
}

fn request_of(envelope: Envelope) -> Request {
    match envelope {
        Envelope::DirectoryChanged(DirectoryChanged {
            schema_version: _,
            account_id,
            connection_id,
            wanted: _,
        }) => Request {
            account_id,
            connection_id,
            kind: RunKind::Delta,
            trigger: None,
            run_id: None,
            checkpoint: None,
            slot: None,
            lane: Lane::Main,
        },
        Envelope::SyncRequested(SyncRequested {
            schema_version: _,
            account_id,
            connection_id,
            kind,
            trigger,
            run_id,
            checkpoint,
            slot,
            lane,
        }) => Request {
            account_id,
            connection_id,
            kind,
            trigger: Some(trigger),
            run_id,
            checkpoint,
            slot,
            lane,
        },
    }
}

#[cfg(test)]
mod tests {
    use contact_sync_domain::event::RequestTrigger;

    use super::*;

    #[test]
    fn a_hint_and_a_request_both_ask_for_a_look() {
        for (case, trigger) in [
            (include_str!("../../../events/delta-sync/directory-changed.json"), None),
            (include_str!("../../../events/delta-sync/sweep.json"), Some(RequestTrigger::Sweep)),
        ] {
            let delivery: Delivery = serde_json::from_str(case).expect(case);
            let request = request_of(delivery.envelope);
            assert_eq!(request.kind, RunKind::Delta);
            assert_eq!(request.trigger, trigger);
        }
    }
}
