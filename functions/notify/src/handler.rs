//! One event in; a notice raised, or mailed.

use contact_sync_engine::notices::{NoticeError, NoticeStores, deliver, raise};
use contact_sync_engine::port::{Clock, Mailer, Randomness};
use contact_sync_lambda_shell::Chain;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use thiserror::Error;

use crate::input::{Input, InputError};

/// What telling people needs.
#[derive(Debug)]
pub(crate) struct Telling<S, M, C, R> {
    pub(crate) stores: S,
    /// Absent where the installation sends no mail.
    pub(crate) mailer: Option<M>,
    pub(crate) clock: C,
    pub(crate) randomness: R,
    /// Where people look after their connections; every mail leads there.
    pub(crate) portal_url: Option<String>,
}

/// Why somebody may not have been told.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The payload is not understood.
    #[error("the event is not understood")]
    Input(#[from] InputError),
    /// A notice was not raised or not mailed.
    #[error("people may not have been told")]
    Notice(#[from] NoticeError),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match &failure {
            Failure::Input(_) => "Input",
            Failure::Notice(_) => "Notice",
        };
        Self { error_type: error_type.to_owned(), error_message: failure.to_string() }
    }
}

/// Raises what an event shows to be news, or mails a notice that was raised.
#[tracing::instrument(name = "notify", skip_all)]
pub(crate) async fn handle<S, M, C, R>(
    telling: &Telling<S, M, C, R>,
    event: LambdaEvent<Value>,
) -> Result<(), Failure>
where
    S: NoticeStores,
    M: Mailer,
    C: Clock,
    R: Randomness,
{
    let done = act(telling, event.payload).await;
    if let Err(failure) = &done {
        tracing::error!(error = %Chain(failure), "people may not have been told");
    }
    done
}

async fn act<S, M, C, R>(telling: &Telling<S, M, C, R>, payload: Value) -> Result<(), Failure>
where
    S: NoticeStores,
    M: Mailer,
    C: Clock,
    R: Randomness,
{
    let Telling { stores, mailer, clock, randomness, portal_url } = telling;
    match Input::read(payload)? {
        Input::News(account, connection, hint) => {
            let of = (&account, &connection);
            for notice in raise(stores, clock, randomness, of, &hint).await? {
                tracing::info!(
                    account.id = %account,
                    connection.id = %connection,
                    notice.id = %notice.id,
                    notice.kind = notice.kind.name(),
                    notice.reason = notice.reason,
                    notices.raised = 1_u64,
                    "raised notice {}",
                    notice.id
                );
            }
        }
        Input::Raised(account, notice) => {
            let Some(mailer) = mailer else { return Ok(()) };
            let of = (&account, &notice);
            let delivery = deliver(stores, mailer, clock, portal_url.as_deref(), of).await?;
            tracing::info!(
                account.id = %account,
                notice.id = %notice,
                notices.mailed = delivery.sent,
                notices.known = delivery.known,
                "mailed notice {notice}"
            );
        }
    }
    Ok(())
}
