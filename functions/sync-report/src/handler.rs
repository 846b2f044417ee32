//! One finished or planned run in, its report out; or one person whom runs left to forget.

use contact_sync_domain::event::{ErasureRequested, SyncRunFinished, SyncRunPlanned};
use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_engine::port::{
    Blobs, Clock, ContactStore, PendingStore, ReviewStore, RunStore, SegmentStore, StoreError,
};
use contact_sync_engine::redacting::{Redacted, RedactingStores, redact};
use contact_sync_engine::report::{Compiled, ReportError, compile_report};
use contact_sync_lambda_shell::Chain;
use contact_sync_lambda_shell::context::deadline;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::Deserialize;
use thiserror::Error;

use crate::csv_sheet::{CONTENT_TYPE, CsvSheet};

/// Nothing new is begun in the last of an invocation's time.
const RESERVE: SignedDuration = SignedDuration::from_secs(25);

/// What EventBridge delivers, as far as it matters here.
#[derive(Debug, Deserialize)]
#[serde(tag = "detail-type", content = "detail")]
pub(crate) enum Envelope {
    SyncRunFinished(SyncRunFinished),
    SyncRunPlanned(SyncRunPlanned),
    ErasureRequested(ErasureRequested),
}

/// Why it is not done yet.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// There is no report yet.
    #[error("a report could not be compiled")]
    Report(#[from] ReportError),
    /// What runs left may still tell of somebody.
    #[error("what runs left of a person could not be gone through")]
    Erasure(#[from] StoreError),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match &failure {
            Failure::Report(_) => "Report",
            Failure::Erasure(_) => "Erasure",
        };
        Self { error_type: error_type.to_owned(), error_message: failure.to_string() }
    }
}

/// Does what an event asks for.
pub(crate) async fn handle<S>(
    stores: &S,
    blobs: &impl Blobs,
    clock: &impl Clock,
    event: LambdaEvent<Envelope>,
) -> Result<(), Failure>
where
    S: RedactingStores + PendingStore + ReviewStore,
{
    let (account, connection, run) = match &event.payload {
        Envelope::SyncRunFinished(told) => (&told.account_id, &told.connection_id, &told.run_id),
        Envelope::SyncRunPlanned(told) => (&told.account_id, &told.connection_id, &told.run_id),
        Envelope::ErasureRequested(asked) => {
            let until = deadline(&event.context).checked_sub(RESERVE).unwrap_or(Timestamp::MIN);
            return forget(stores, blobs, clock, asked, until).await;
        }
    };
    report(stores, blobs, (account, connection, run)).await
}

/// Goes on with taking a person out of what runs left.
#[tracing::instrument(name = "erasure", skip_all, fields(erasure.id = %asked.receipt_id))]
async fn forget<S>(
    stores: &S,
    blobs: &impl Blobs,
    clock: &impl Clock,
    asked: &ErasureRequested,
    until: Timestamp,
) -> Result<(), Failure>
where
    S: RedactingStores,
{
    let receipt = (&asked.account_id, &asked.receipt_id);
    match redact(stores, blobs, clock, receipt, until).await {
        Ok(Redacted::Done) => tracing::info!("nothing tells of a person any more"),
        Ok(Redacted::GoesOn) => tracing::info!("went through a part of what runs left"),
        Ok(Redacted::Waits) => tracing::info!("runs at work may still tell of a person"),
        Ok(Redacted::NotOurs) => tracing::info!("nothing was left to go through here"),
        Err(error) => {
            tracing::error!(error = %Chain(&error), "could not go through what runs left");
            return Err(error.into());
        }
    }
    Ok(())
}

/// Compiles the report of a run.
#[tracing::instrument(name = "sync_report", skip_all, fields(
    connection.id = %run.1,
    sync.run_id = %run.2,
))]
async fn report<S>(
    stores: &S,
    blobs: &impl Blobs,
    run: (&AccountId, &ConnectionId, &RunId),
) -> Result<(), Failure>
where
    S: RunStore + SegmentStore + ContactStore + PendingStore + ReviewStore,
{
    match compile_report(stores, blobs, run, CONTENT_TYPE, CsvSheet::new).await {
        Ok(Compiled::Stored { simple, extended }) => {
            tracing::info!(
                report.rows = simple,
                report.rows_extended = extended,
                "stored a report"
            );
            Ok(())
        }
        Ok(Compiled::Known) => {
            tracing::info!("the report was there already");
            Ok(())
        }
        Ok(Compiled::NoSuchRun) => {
            tracing::warn!(
                "the run is neither planned nor ended any more, or its connection is deleted"
            );
            Ok(())
        }
        Err(error) => {
            tracing::error!(error = %Chain(&error), "could not compile a report");
            Err(error.into())
        }
    }
}

#[cfg(test)]
mod tests;
