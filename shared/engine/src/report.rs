//! Reports: what a finished run did, or a planned one would do, person by person, compiled from its
//! segments.
//!
//! A run may deal with a person on several pages; a report tells of each person once, as things
//! stood at the end. Pages are read twice, so that only the last page of each person need be
//! remembered: a report of a large directory needs little more memory than the report itself.

mod pages;
mod redact;
mod sheets;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::report::ReportRow;
use contact_sync_domain::run::RunStatus;
use futures::StreamExt;
use thiserror::Error;

use crate::port::{
    Blobs, BoxError, ContactStore, PendingStore, ReviewStore, RunStore, SegmentStore, StoreError,
};
use pages::Pages;
use sheets::Files;

pub(crate) use redact::{has_plan_report, redact_report};
pub use sheets::{PACKED_LINES, ReportFile, Sheet, report_stem};

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiled {
    /// All forms are stored.
    Stored {
        /// People in the simple form.
        simple: usize,
        /// People in the extended form and in the JSON lines.
        extended: usize,
    },
    /// It was there already.
    Known,
    /// There is no such run, or it is neither planned nor ended.
    NoSuchRun,
}

/// Why a report could not be compiled.
#[derive(Debug, Error)]
pub enum ReportError {
    /// A store failed.
    #[error("a store failed")]
    Store(#[from] StoreError),
    /// The file could not be written.
    #[error("the sheet could not be written")]
    Sheet(#[source] BoxError),
}

/// Compiles the report of an ended run in all forms, stores them and marks the run; of a planned run
/// those of its plan, which nothing marks. Doing it again makes the same files. `content_type` is
/// that of the tables.
pub async fn compile_report<S, H>(
    stores: &S,
    blobs: &impl Blobs,
    (account, connection, run): (&AccountId, &ConnectionId, &RunId),
    content_type: &str,
    new_sheet: impl Fn() -> H,
) -> Result<Compiled, ReportError>
where
    S: RunStore + SegmentStore + ContactStore + PendingStore + ReviewStore,
    H: Sheet,
{
    let Some(run) = stores.run(account, connection, run).await? else {
        return Ok(Compiled::NoSuchRun);
    };
    if run.report_ready {
        return Ok(Compiled::Known);
    }
    let is_planned = run.status == RunStatus::Planned;
    if !is_planned && !run.status.is_terminal() {
        return Ok(Compiled::NoSuchRun);
    }
    let mut files = Files::begin(&run, new_sheet)?;
    let pages = Pages { stores, blobs, run: &run };
    each_person(&pages, |row| files.add(row)).await?;
    let (simple, extended) = files.people();
    for (file, bytes) in files.finish()? {
        let content_type = match file {
            ReportFile::Simple | ReportFile::Extended => content_type,
            ReportFile::JsonLines => PACKED_LINES,
        };
        blobs.put(&file.key(&run), bytes, content_type).await?;
    }
    if !is_planned {
        stores.mark_report_ready(&run).await?;
    }
    Ok(Compiled::Stored { simple, extended })
}

/// Calls `tell` with each person's row once, in the order of their last pages.
async fn each_person<S, B>(
    pages: &Pages<'_, S, B>,
    mut tell: impl FnMut(&ReportRow) -> Result<(), ReportError>,
) -> Result<(), ReportError>
where
    S: SegmentStore + ContactStore + PendingStore + ReviewStore,
    B: Blobs,
{
    let last_pages = last_pages(pages).await?;
    // People who come again, as they stood on the pages so far.
    let mut open: HashMap<u128, ReportRow> = HashMap::new();
    let mut rows = pages.rows();
    while let Some(page) = rows.next().await {
        let (number, rows) = page?;
        for row in rows {
            let person = row.object_id.as_u128();
            let row = match open.remove(&person) {
                Some(before) => before.followed_by(row),
                None => row,
            };
            if last_pages.get(&person) == Some(&number) {
                tell(&row)?;
            } else {
                open.insert(person, row);
            }
        }
    }
    Ok(())
}

/// On which page each person was dealt with last.
async fn last_pages<S, B>(pages: &Pages<'_, S, B>) -> Result<HashMap<u128, u32>, StoreError>
where
    S: SegmentStore + ContactStore + PendingStore + ReviewStore,
    B: Blobs,
{
    let mut last = HashMap::new();
    let mut people = pages.people();
    while let Some(page) = people.next().await {
        let (number, people) = page?;
        last.extend(people.into_iter().map(|person| (person, number)));
    }
    Ok(last)
}
