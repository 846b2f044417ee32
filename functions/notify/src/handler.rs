//! One event in; a notice raised, or mailed, or a newcomer welcomed. One task: the digests that are due.

use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_engine::notices::{
    Digested, NoticeError, NoticeStores, deliver, raise, tell_digests,
};
use contact_sync_engine::port::{Clock, Mailer, Randomness};
use contact_sync_engine::welcome::{Post, WelcomeError, WelcomeStores, Welcomed};
use contact_sync_lambda_shell::Chain;
use contact_sync_lambda_shell::context::deadline;
use contact_sync_lambda_shell::invocation::InvocationError;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use thiserror::Error;

use crate::input::Input;

/// No digest is begun in the last of an invocation's time.
const RESERVE: SignedDuration = SignedDuration::from_secs(10);

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
    Input(#[from] InvocationError),
    /// A notice was not raised or not mailed.
    #[error("people may not have been told")]
    Notice(#[from] NoticeError),
    /// Somebody was not welcomed.
    #[error("somebody was not welcomed")]
    Welcome(#[from] WelcomeError),
    /// Some digests were not told; they are still due.
    #[error("{0} digests were not told")]
    Digests(usize),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match &failure {
            Failure::Input(_) => "Input",
            Failure::Notice(_) => "Notice",
            Failure::Welcome(_) => "Welcome",
            Failure::Digests(_) => "Digests",
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
    S: NoticeStores + WelcomeStores,
    M: Mailer,
    C: Clock,
    R: Randomness,
{
    let until = deadline(&event.context).checked_sub(RESERVE).unwrap_or(Timestamp::MIN);
    let done = act(telling, event.payload, until).await;
    if let Err(failure) = &done {
        tracing::error!(error = %Chain(failure), "people may not have been told");
    }
    done
}

async fn act<S, M, C, R>(
    telling: &Telling<S, M, C, R>,
    payload: Value,
    until: Timestamp,
) -> Result<(), Failure>
where
    S: NoticeStores + WelcomeStores,
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
        Input::Newcomer(account, contact) => {
            let Some(mailer) = mailer else { return Ok(()) };
            let portal_url = portal_url.as_deref();
            let post = Post { stores, mailer, clock, randomness, portal_url };
            said(post.welcome(&account, &contact).await?, (&account, &contact));
        }
        Input::Digests => report(tell_digests(stores, clock, randomness, until).await)?,
    }
    Ok(())
}

/// What became of a welcome: whose contact it was about, and nothing about the person.
fn said(welcomed: Welcomed, (account, contact): (&AccountId, &ContactId)) {
    match welcomed {
        Welcomed::Sent => tracing::info!(
            account.id = %account,
            contact.id = %contact,
            welcomes.sent = 1_u64,
            "welcomed contact {contact}"
        ),
        Welcomed::Uncertain => tracing::warn!(
            account.id = %account,
            contact.id = %contact,
            welcomes.uncertain = 1_u64,
            "nobody knows whether contact {contact} was welcomed; it is not done again by itself"
        ),
        Welcomed::Known => tracing::info!(
            account.id = %account,
            contact.id = %contact,
            "contact {contact} is welcomed already"
        ),
        Welcomed::AddressKnown => tracing::info!(
            account.id = %account,
            contact.id = %contact,
            "the address of contact {contact} was welcomed before"
        ),
        Welcomed::Unwanted(reason) => tracing::info!(
            account.id = %account,
            contact.id = %contact,
            reason,
            "contact {contact} is not welcomed: {reason}"
        ),
    }
}

/// One line for the whole, one for each that failed.
fn report(digested: Digested) -> Result<(), Failure> {
    let Digested { told, dropped, failures, failure, cut_short } = digested;
    for (connection, error) in &failures {
        tracing::warn!(connection.id = %connection, error = %Chain(error), "a digest was not told");
    }
    tracing::info!(
        digests.told = told,
        digests.dropped = dropped,
        digests.failed = failures.len(),
        cut_short,
        "told {told} digests"
    );
    match (failure, failures.len()) {
        (Some(failure), _) => Err(failure.into()),
        (None, 0) => Ok(()),
        (None, failed) => Err(Failure::Digests(failed)),
    }
}
