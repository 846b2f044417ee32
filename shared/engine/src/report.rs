//! Reports: what a finished run did, person by person, compiled from its segments.
//!
//! A run may deal with a person on several pages; a report tells of each person once, as things
//! stood at the end. Pages are read twice, so that only the last page of each person need be
//! remembered: a report of a large directory needs little more memory than the report itself.

mod pages;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::report::{ReportForm, ReportRow, header};
use contact_sync_domain::run::Run;
use futures::StreamExt;
use thiserror::Error;

use crate::port::{
    Blobs, BoxError, ContactStore, PendingStore, RunStore, SegmentStore, StoreError,
};
use pages::Pages;

/// A report under construction in one form: a table in whatever format its maker writes.
pub trait Sheet {
    /// Adds a row.
    fn add(&mut self, cells: &[String]) -> Result<(), BoxError>;
    /// The finished file.
    fn finish(self) -> Result<Vec<u8>, BoxError>;
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compiled {
    /// Both forms are stored.
    Stored {
        /// People in the first form.
        simple: usize,
        /// People in the extended form.
        extended: usize,
    },
    /// It was there already.
    Known,
    /// There is no such run, or it has not ended.
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

/// For how many days a report is kept: the bucket's lifecycle rule of `reports/`.
pub const REPORT_DAYS: i64 = 90;

/// Under which key a report lies among the blobs.
pub fn report_key(
    account: &AccountId,
    connection: &ConnectionId,
    run: &RunId,
    extended: bool,
) -> String {
    let form = if extended { "-extended" } else { "" };
    format!("reports/{account}/{connection}/{run}{form}.csv")
}

/// Compiles the report of an ended run in both forms, stores them and marks the run. Doing it again
/// makes the same files.
pub async fn compile_report<S, H>(
    stores: &S,
    blobs: &impl Blobs,
    (account, connection, run): (&AccountId, &ConnectionId, &RunId),
    content_type: &str,
    new_sheet: impl Fn() -> H,
) -> Result<Compiled, ReportError>
where
    S: RunStore + SegmentStore + ContactStore + PendingStore,
    H: Sheet,
{
    let Some(run) = stores.run(account, connection, run).await? else {
        return Ok(Compiled::NoSuchRun);
    };
    if run.report_ready {
        return Ok(Compiled::Known);
    }
    if !run.status.is_terminal() {
        return Ok(Compiled::NoSuchRun);
    }
    let mut simple = Table::begin(ReportForm::Simple, new_sheet())?;
    let mut extended = Table::begin(ReportForm::Extended, new_sheet())?;
    let pages = Pages { stores, blobs, run: &run };
    each_person(&pages, |row| {
        simple.add(&run, row)?;
        extended.add(&run, row)
    })
    .await?;
    let counts = Compiled::Stored { simple: simple.rows, extended: extended.rows };
    for (table, is_extended) in [(simple, false), (extended, true)] {
        let key = report_key(account, connection, &run.id, is_extended);
        let bytes = table.sheet.finish().map_err(ReportError::Sheet)?;
        blobs.put(&key, bytes, content_type).await?;
    }
    stores.mark_report_ready(&run).await?;
    Ok(counts)
}

/// Calls `tell` with each person's row once, in the order of their last pages.
async fn each_person<S, B>(
    pages: &Pages<'_, S, B>,
    mut tell: impl FnMut(&ReportRow) -> Result<(), ReportError>,
) -> Result<(), ReportError>
where
    S: SegmentStore + ContactStore + PendingStore,
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
    S: SegmentStore + ContactStore + PendingStore,
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

/// One form of a report, as it grows.
struct Table<H> {
    form: ReportForm,
    sheet: H,
    rows: usize,
}

impl<H: Sheet> Table<H> {
    fn begin(form: ReportForm, mut sheet: H) -> Result<Self, ReportError> {
        let names: Vec<String> = header(form).iter().map(|name| (*name).to_owned()).collect();
        sheet.add(&names).map_err(ReportError::Sheet)?;
        Ok(Self { form, sheet, rows: 0 })
    }

    fn add(&mut self, run: &Run, row: &ReportRow) -> Result<(), ReportError> {
        if row.is_listed(run.kind, self.form) {
            self.sheet.add(&row.cells(self.form)).map_err(ReportError::Sheet)?;
            self.rows += 1;
        }
        Ok(())
    }
}
