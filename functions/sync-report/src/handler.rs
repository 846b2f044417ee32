//! One finished or planned run in, its report out.

use contact_sync_domain::event::{SyncRunFinished, SyncRunPlanned};
use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_engine::port::{Blobs, ContactStore, PendingStore, RunStore, SegmentStore};
use contact_sync_engine::report::{Compiled, ReportError, compile_report};
use contact_sync_lambda_shell::Chain;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::Deserialize;
use thiserror::Error;

use crate::csv_sheet::{CONTENT_TYPE, CsvSheet};

/// What EventBridge delivers, as far as it matters here.
#[derive(Debug, Deserialize)]
#[serde(tag = "detail-type", content = "detail")]
pub(crate) enum Envelope {
    SyncRunFinished(SyncRunFinished),
    SyncRunPlanned(SyncRunPlanned),
}

impl Envelope {
    /// The run that is told of.
    fn run(&self) -> (&AccountId, &ConnectionId, &RunId) {
        match self {
            Self::SyncRunFinished(told) => (&told.account_id, &told.connection_id, &told.run_id),
            Self::SyncRunPlanned(told) => (&told.account_id, &told.connection_id, &told.run_id),
        }
    }
}

/// Why there is no report yet.
#[derive(Debug, Error)]
#[error("a report could not be compiled")]
pub(crate) struct Failure(#[from] ReportError);

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self { error_type: "Report".to_owned(), error_message: failure.to_string() }
    }
}

/// Compiles the report of the run that an event tells of.
#[tracing::instrument(name = "sync_report", skip_all, fields(
    connection.id = %event.payload.run().1,
    sync.run_id = %event.payload.run().2,
))]
pub(crate) async fn handle<S>(
    stores: &S,
    blobs: &impl Blobs,
    event: LambdaEvent<Envelope>,
) -> Result<(), Failure>
where
    S: RunStore + SegmentStore + ContactStore + PendingStore,
{
    match compile_report(stores, blobs, event.payload.run(), CONTENT_TYPE, CsvSheet::new).await {
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
