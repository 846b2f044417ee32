//! Reading a run's report.

use std::io::Read;

use contact_sync_domain::run::{Run, RunStatus};
use flate2::read::GzDecoder;
use jiff::SignedDuration;

use super::{AdminError, Outside};
use crate::port::{Blobs, Clock, StoreError};
use crate::report::{ReportFile, report_stem};
use crate::segments::segments_expired;

/// How long a signed address of a report works.
const ADDRESS_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// A run's report; of a planned run, that of its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The file.
    File(Vec<u8>),
    /// Where a file too large for an answer can be downloaded for a few minutes.
    Elsewhere(String),
}

/// A file of a run's report; what is larger than `limit` bytes by its address. JSON lines are answered
/// unpacked and lie compressed at the address.
pub async fn report(
    outside: &impl Outside,
    run: &Run,
    file: ReportFile,
    limit: usize,
) -> Result<Report, AdminError> {
    // Without its segments a report can no longer be written.
    let late = || {
        let is_late = segments_expired(run, outside.clock().now());
        if is_late { expired(run) } else { AdminError::ReportNotReady }
    };
    let is_planned = run.status == RunStatus::Planned;
    if !is_planned && !run.report_ready {
        return Err(late());
    }
    let key = file.key(run);
    let Some(bytes) = outside.blobs().get(&key).await? else {
        // Nothing but the file itself says that a plan's is there.
        return Err(if is_planned { late() } else { expired(run) });
    };
    let answer = match file {
        _ if bytes.len() > limit => None,
        ReportFile::Simple | ReportFile::Extended => Some(bytes),
        ReportFile::JsonLines => unpacked(&bytes, limit)?,
    };
    if let Some(bytes) = answer {
        return Ok(Report::File(bytes));
    }
    let name = format!("{}{}", name(run), file.suffix());
    Ok(Report::Elsewhere(outside.blobs().signed_url(&key, &name, ADDRESS_LIFE).await?))
}

/// What was packed, unless it is larger than `limit`.
fn unpacked(packed: &[u8], limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let mut bytes = Vec::new();
    let more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match GzDecoder::new(packed).take(more).read_to_end(&mut bytes) {
        Ok(_) => Ok((bytes.len() <= limit).then_some(bytes)),
        Err(error) => {
            Err(StoreError::Corrupt { item: "a report".to_owned(), source: Box::new(error) })
        }
    }
}

fn expired(run: &Run) -> AdminError {
    AdminError::Expired { what: "report", days: run.kept.report_days.into() }
}

fn name(run: &Run) -> String {
    format!("sync-report-{}", report_stem(run))
}

/// What a report is called that is downloaded with the answer.
pub fn report_file_name(run: &Run, file: ReportFile) -> String {
    format!("{}{}", name(run), file.suffix().trim_end_matches(".gz"))
}
