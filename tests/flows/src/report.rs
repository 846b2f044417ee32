//! A run's report, read as a spreadsheet would.

use std::collections::BTreeMap;

/// The columns of the first form, to the letter.
pub const SIMPLE_COLUMNS: &str = "Email,Type,Sync Status,Result";

/// The columns of the extended form.
pub const EXTENDED_COLUMNS: &str =
    "Email,Type,Sync Status,Result,What Happened,Object Id,Reason,Remedy,Teams,Moved";

/// One row by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow(BTreeMap<String, String>);

impl ReportRow {
    /// The cell of a column; empty where the form has no such column.
    pub fn cell(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }

    pub fn email(&self) -> &str {
        self.cell("Email")
    }

    /// `Type`, `Sync Status`.
    pub fn verdict(&self) -> (&str, &str) {
        (self.cell("Type"), self.cell("Sync Status"))
    }
}

/// Reads a report whose first line is exactly `columns`.
#[track_caller]
pub(crate) fn read(text: &str, columns: &str) -> Vec<ReportRow> {
    assert_eq!(text.lines().next(), Some(columns), "the report's first line");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| ReportRow(row.expect("a row of the report"))).collect()
}
