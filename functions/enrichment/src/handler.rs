//! One event in; a slice of looking at photos done, or a removed contact's photo gone. One task:
//! what waited long enough.

use contact_sync_domain::id::ConnectionId;
use contact_sync_engine::photos::{Looked, PhotoStores, PhotoWorker, Walked, photo_of_removed};
use contact_sync_engine::port::{Blobs, Clock, Photos, StoreError};
use contact_sync_lambda_shell::Chain;
use contact_sync_lambda_shell::context::deadline;
use contact_sync_lambda_shell::invocation::InvocationError;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use thiserror::Error;

use crate::input::Input;

/// Nobody new is looked at in the last of an invocation's time: one look may take 15 seconds, and
/// what came of it is stored.
const RESERVE: SignedDuration = SignedDuration::from_secs(40);

/// Why an invocation failed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The payload is not understood.
    #[error("the event is not understood")]
    Input(#[from] InvocationError),
    /// The state, or the bucket, did not answer.
    #[error("photos could not be looked after")]
    Store(#[from] StoreError),
    /// Some walks could not be gone on with; they are still open.
    #[error("{0} walks through photos failed")]
    Walks(usize),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match &failure {
            Failure::Input(_) => "Input",
            Failure::Store(_) => "Store",
            Failure::Walks(_) => "Walks",
        };
        Self { error_type: error_type.to_owned(), error_message: failure.to_string() }
    }
}

/// Does what a schedule or an event asks for.
#[tracing::instrument(name = "enrichment", skip_all)]
pub(crate) async fn handle<S, B, G, C>(
    worker: &PhotoWorker<'_, S, B, G, C>,
    event: LambdaEvent<Value>,
) -> Result<(), Failure>
where
    S: PhotoStores,
    B: Blobs,
    G: Photos,
    C: Clock,
{
    let until = deadline(&event.context).checked_sub(RESERVE).unwrap_or(Timestamp::MIN);
    let done = act(worker, event.payload, until).await;
    if let Err(failure) = &done {
        tracing::error!(error = %Chain(failure), "photos could not be looked after");
    }
    done
}

async fn act<S, B, G, C>(
    worker: &PhotoWorker<'_, S, B, G, C>,
    payload: Value,
    until: Timestamp,
) -> Result<(), Failure>
where
    S: PhotoStores,
    B: Blobs,
    G: Photos,
    C: Clock,
{
    match Input::read(payload)? {
        Input::Begin(account, connection) => {
            told(&connection, worker.begin(&account, &connection, until).await?);
        }
        Input::GoOn(account, connection) => {
            told(&connection, worker.go_on(&account, &connection, until).await?);
        }
        Input::Removed(account, contact) => {
            if photo_of_removed(worker.stores, worker.blobs, &account, &contact).await? {
                tracing::info!(
                    account.id = %account,
                    contact.id = %contact,
                    "the photo of contact {contact} is gone"
                );
            }
        }
        Input::GoOnWithAll => {
            let mut failed = 0;
            for (connection, walked) in worker.go_on_with_all(until).await? {
                match walked {
                    Ok(walked) => told(&connection, walked),
                    Err(error) => {
                        failed += 1;
                        let error = Chain(&error);
                        tracing::warn!(connection.id = %connection, %error, "a walk failed");
                    }
                }
            }
            if failed > 0 {
                return Err(Failure::Walks(failed));
            }
        }
        Input::Nothing => {}
    }
    Ok(())
}

/// One line for each slice, in numbers: whose photos they are is nobody's business.
fn told(connection: &ConnectionId, walked: Walked) {
    let (what, Looked { people, changed, failed }) = match walked {
        Walked::Unwanted | Walked::NotOurs => return,
        Walked::GoesOn(looked) => ("the walk goes on", looked),
        Walked::Waits(looked) => ("the directory asks to wait", looked),
        Walked::Hindered(looked) => ("photos may not be read", looked),
        Walked::Done(looked) => ("everybody was looked at", looked),
    };
    tracing::info!(
        connection.id = %connection,
        photos.looked = people,
        photos.changed = changed,
        photos.failed = failed,
        "looked at photos: {what}"
    );
}
