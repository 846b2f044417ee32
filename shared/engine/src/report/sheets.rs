//! The files of a report as they grow, all in one pass over the people.

use std::io::Write;

use contact_sync_domain::report::{ReportEnd, ReportForm, ReportLine, ReportRow, header};
use contact_sync_domain::run::{Run, RunStatus};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::ReportError;
use crate::port::BoxError;

/// How the file of JSON lines is stored: a large directory's would not fit into memory otherwise.
pub const PACKED_LINES: &str = "application/gzip";

/// What follows a run's id where a file tells what the run would do.
const PLAN: &str = "-plan";

/// What the names of a run's files begin with: while it is planned, those that tell its plan.
pub fn report_stem(run: &Run) -> String {
    let plan = if run.status == RunStatus::Planned { PLAN } else { "" };
    format!("{}{plan}", run.id)
}

/// What the names of all files of a run begin with: those of its plan stay when it was applied.
pub(super) fn stems(run: &Run) -> Vec<String> {
    let plan = run.plan.as_ref().map(|_| format!("{}{PLAN}", run.id));
    [run.id.to_string()].into_iter().chain(plan).collect()
}

/// A table under construction, in whatever format its maker writes.
pub trait Sheet {
    /// Adds a row.
    fn add(&mut self, cells: &[String]) -> Result<(), BoxError>;
    /// The finished file.
    fn finish(self) -> Result<Vec<u8>, BoxError>;
}

/// The files that every report has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFile {
    /// The table's simple form.
    Simple,
    /// The table's extended form.
    Extended,
    /// JSON lines for machines, compressed (gzip).
    JsonLines,
}

impl ReportFile {
    /// Every file of a report.
    pub const ALL: [Self; 3] = [Self::Simple, Self::Extended, Self::JsonLines];

    /// What the file's name ends with.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Simple => ".csv",
            Self::Extended => "-extended.csv",
            Self::JsonLines => ".jsonl.gz",
        }
    }

    /// Under which key the file lies among the blobs that tells what the run did, or would do while
    /// it is planned.
    pub fn key(self, run: &Run) -> String {
        self.key_of(run, &report_stem(run))
    }

    /// Under which key the file of a run lies whose name begins so.
    pub(super) fn key_of(self, run: &Run, stem: &str) -> String {
        let Run { account_id, connection_id, kept, .. } = run;
        format!("{}/{account_id}/{connection_id}/{stem}{}", kept.report_folder(), self.suffix())
    }
}

/// All files of one report.
pub(super) struct Files<'r, H> {
    simple: Table<H>,
    extended: Table<H>,
    lines: Lines,
    run: &'r Run,
}

impl<'r, H: Sheet> Files<'r, H> {
    pub(super) fn begin(run: &'r Run, new_sheet: impl Fn() -> H) -> Result<Self, ReportError> {
        Ok(Self {
            simple: Table::begin(ReportForm::Simple, new_sheet())?,
            extended: Table::begin(ReportForm::Extended, new_sheet())?,
            lines: Lines::begin(),
            run,
        })
    }

    pub(super) fn add(&mut self, row: &ReportRow) -> Result<(), ReportError> {
        self.simple.add(self.run, row)?;
        self.extended.add(self.run, row)?;
        if row.has_line(self.run.kind) {
            self.lines.add(row)?;
        }
        Ok(())
    }

    /// People in the simple and in the other forms.
    pub(super) fn people(&self) -> (usize, usize) {
        (self.simple.rows, self.extended.rows)
    }

    /// The finished files.
    pub(super) fn finish(self) -> Result<[(ReportFile, Vec<u8>); 3], ReportError> {
        let sheet = |table: Table<H>| table.sheet.finish().map_err(ReportError::Sheet);
        Ok([
            (ReportFile::Simple, sheet(self.simple)?),
            (ReportFile::Extended, sheet(self.extended)?),
            (ReportFile::JsonLines, self.lines.finish(self.run)?),
        ])
    }
}

/// One form of the table.
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

/// JSON lines, compressed as they come.
struct Lines {
    packed: GzEncoder<Vec<u8>>,
    people: usize,
}

impl Lines {
    fn begin() -> Self {
        Self { packed: GzEncoder::new(Vec::new(), Compression::fast()), people: 0 }
    }

    fn add(&mut self, row: &ReportRow) -> Result<(), ReportError> {
        self.people += 1;
        self.line(&ReportLine::of(row))
    }

    fn line(&mut self, line: &impl serde::Serialize) -> Result<(), ReportError> {
        serde_json::to_writer(&mut self.packed, line).map_err(failed)?;
        self.packed.write_all(b"\n").map_err(failed)
    }

    fn finish(mut self, run: &Run) -> Result<Vec<u8>, ReportError> {
        let people = self.people;
        self.line(&ReportEnd::of(run, people))?;
        self.packed.finish().map_err(failed)
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ReportError {
    ReportError::Sheet(Box::new(error))
}
