//! Reading a run's report.

use contact_sync_domain::run::Run;
use jiff::SignedDuration;

use super::{AdminError, Outside};
use crate::port::{Blobs, Clock};
use crate::report::{REPORT_DAYS, report_key};
use crate::segments::segments_expired;

/// How long a signed address of a report works.
const ADDRESS_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// A run's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The file.
    File(Vec<u8>),
    /// Where a file too large for an answer can be downloaded for a few minutes.
    Elsewhere(String),
}

/// The report of a run, in the first or the extended form; larger ones than `limit` bytes by their
/// address.
pub async fn report(
    outside: &impl Outside,
    run: &Run,
    extended: bool,
    limit: usize,
) -> Result<Report, AdminError> {
    if !run.report_ready {
        // Without its segments a report can no longer be written.
        let is_late = segments_expired(run, outside.clock().now());
        return Err(if is_late { expired() } else { AdminError::ReportNotReady });
    }
    let key = report_key(&run.account_id, &run.connection_id, &run.id, extended);
    match outside.blobs().get(&key).await? {
        Some(bytes) if bytes.len() <= limit => Ok(Report::File(bytes)),
        Some(_) => {
            let name = report_file_name(run, extended);
            Ok(Report::Elsewhere(outside.blobs().signed_url(&key, &name, ADDRESS_LIFE).await?))
        }
        None => Err(expired()),
    }
}

fn expired() -> AdminError {
    AdminError::Expired { what: "report", days: REPORT_DAYS }
}

/// What a downloaded report is called.
pub fn report_file_name(run: &Run, extended: bool) -> String {
    let form = if extended { "-extended" } else { "" };
    format!("sync-report-{}{form}.csv", run.id)
}
