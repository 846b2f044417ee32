//! One finished run in, its report out.

use contact_sync_domain::event::SyncRunFinished;
use contact_sync_engine::port::{Blobs, ContactStore, PendingStore, RunStore, SegmentStore};
use contact_sync_engine::report::{Compiled, ReportError, compile_report};
use contact_sync_lambda_shell::Chain;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::Deserialize;
use thiserror::Error;

use crate::csv_sheet::{CONTENT_TYPE, CsvSheet};

/// What EventBridge delivers, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope {
    detail: SyncRunFinished,
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
    connection.id = %event.payload.detail.connection_id,
    sync.run_id = %event.payload.detail.run_id,
))]
pub(crate) async fn handle<S>(
    stores: &S,
    blobs: &impl Blobs,
    event: LambdaEvent<Envelope>,
) -> Result<(), Failure>
where
    S: RunStore + SegmentStore + ContactStore + PendingStore,
{
    let SyncRunFinished { account_id, connection_id, run_id, .. } = &event.payload.detail;
    let run = (account_id, connection_id, run_id);
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
            tracing::warn!("there is no such ended run; its connection may be deleted");
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
