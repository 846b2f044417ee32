//! One invocation: one task or one event.

use contact_sync_engine::audit::keep_heads;
use contact_sync_engine::port::{
    AccountStore, AuditStore, Blobs, Clock, Directory, EventPublisher, Randomness, StoreError,
    Subscriptions,
};
use contact_sync_engine::readiness::Readiness;
use contact_sync_engine::renewal::{Party, Renewal, RenewalError, RenewalStores, Swept, Trouble};
use contact_sync_lambda_shell::Chain;
use contact_sync_lambda_shell::context::deadline;
use contact_sync_lambda_shell::invocation::InvocationError;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use thiserror::Error;

use crate::input::Input;

/// Nothing new is begun in the last of an invocation's time: one call of Graph may take 30 seconds.
const RESERVE: SignedDuration = SignedDuration::from_secs(35);

/// Why an invocation failed as a whole.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The payload is not understood.
    #[error("the event is not understood")]
    Input(#[from] InvocationError),
    /// What was to be done could not be.
    #[error("renewal failed")]
    Renewal(#[from] RenewalError),
    /// The heads of the audit chains are not kept for today.
    #[error("the heads of the audit chains could not be kept")]
    Heads(#[source] StoreError),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match &failure {
            Failure::Input(_) => "Input",
            Failure::Renewal(_) => "Renewal",
            Failure::Heads(_) => "Heads",
        };
        Self { error_type: error_type.to_owned(), error_message: failure.to_string() }
    }
}

/// Does what a schedule or an event asks for.
#[tracing::instrument(name = "subscription_renewal", skip_all)]
pub(crate) async fn handle<S, G, E, C, R, B>(
    renewal: &Renewal<S, G, E, C, R>,
    blobs: &B,
    event: LambdaEvent<Value>,
) -> Result<(), Failure>
where
    S: RenewalStores + AccountStore + AuditStore,
    G: Directory + Subscriptions,
    E: EventPublisher,
    C: Clock,
    R: Randomness,
    B: Blobs,
{
    let until = deadline(&event.context).checked_sub(RESERVE).unwrap_or(Timestamp::MIN);
    let done = act(renewal, blobs, event.payload, until).await;
    if let Err(failure) = &done {
        tracing::error!(error = %Chain(failure), "an invocation failed");
    }
    done
}

async fn act<S, G, E, C, R, B>(
    renewal: &Renewal<S, G, E, C, R>,
    blobs: &B,
    payload: Value,
    until: Timestamp,
) -> Result<(), Failure>
where
    S: RenewalStores + AccountStore + AuditStore,
    G: Directory + Subscriptions,
    E: EventPublisher,
    C: Clock,
    R: Randomness,
    B: Blobs,
{
    match Input::read(payload)? {
        Input::Sweep => Ok(report("sweep", renewal.sweep(until).await)?),
        Input::Audit => {
            // Whether or not Graph answers, and the other way round.
            let kept = keep_heads(&renewal.stores, blobs, renewal.clock.now()).await;
            report("audit", renewal.audit(until).await)?;
            let chains = kept.map_err(Failure::Heads)?;
            tracing::info!(audit.chains = chains, "kept the heads of {chains} audit chains");
            Ok(())
        }
        Input::Authorized(account, connection) => {
            let readiness = renewal.settle_authorized(&account, &connection, until).await?;
            tell(&readiness, connection.as_str());
            Ok(())
        }
        Input::Started(account, connection) => {
            let tended = renewal.ensure_connection(&account, &connection).await?;
            tracing::info!(
                connection.id = %connection,
                subscriptions = ?tended,
                "saw to a connection's subscriptions"
            );
            Ok(())
        }
    }
}

fn tell(readiness: &Readiness, connection: &str) {
    match readiness {
        Readiness::Works(status) => {
            tracing::info!(connection.id = connection, ?status, "a connection's permissions work");
        }
        Readiness::Retry { because, .. } => {
            tracing::warn!(connection.id = connection, because, "the sweep tries a connection on");
        }
        Readiness::NeedsAttention { reason } => {
            tracing::warn!(connection.id = connection, reason, "a connection needs a person");
        }
        Readiness::NotConnected => {
            tracing::info!(connection.id = connection, "a connection has nothing to try");
        }
    }
}

/// One line for the whole, one for each trouble; what kept whole parts from being done is an error.
fn report(task: &'static str, swept: Swept) -> Result<(), RenewalError> {
    let Swept {
        requested,
        tried,
        made,
        renewed,
        released,
        refused,
        erasing,
        expiring,
        silent,
        standing,
        longest_wait,
        troubles,
        failure,
        cut_short,
    } = swept;
    for Trouble { with, error } in &troubles {
        match with {
            Party::Connection(id) => {
                tracing::warn!(connection.id = %id, error = %Chain(error), "left a connection out");
            }
            Party::Tenant(id) => {
                tracing::warn!(tenant.id = %id, error = %Chain(error), "left a tenant out");
            }
            Party::Item => {
                tracing::error!(error = %Chain(error), "left an item out that cannot be read");
            }
        }
    }
    tracing::info!(
        task,
        sweep.requested = requested,
        sweep.tried = tried,
        sweep.made = made,
        sweep.renewed = renewed,
        sweep.released = released,
        sweep.refused = refused,
        sweep.erasing = erasing,
        sweep.troubles = troubles.len(),
        sweep.cut_short = cut_short,
        subscriptions.expiring = expiring,
        connections.silent = silent,
        connections.waiting = standing.waiting,
        connections.enabled = standing.enabled,
        connections.paused = standing.paused,
        connections.attention = standing.attention,
        connections.off = standing.off,
        sync.dirty_seconds = longest_wait.map(|waited| waited.as_secs()),
        "a {task} ended"
    );
    failure.map_or(Ok(()), Err)
}
