//! Importing contacts from a CSV file.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use contact_sync_engine::admin::{Columns, Imported, Outside, Row, account, import_contacts};
use serde::Serialize;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;

#[derive(Serialize)]
struct ImportShape {
    created: u64,
    updated: u64,
    failed: u64,
    errors: Vec<ErrorShape>,
}

#[derive(Serialize)]
struct ErrorShape {
    line: u64,
    field: Option<String>,
    message: String,
}

impl From<Imported> for ImportShape {
    fn from(imported: Imported) -> Self {
        let errors = imported.errors.into_iter().map(|error| ErrorShape {
            line: error.line,
            field: error.field,
            message: error.message,
        });
        Self {
            created: imported.created,
            updated: imported.updated,
            failed: imported.failed,
            errors: errors.collect(),
        }
    }
}

pub(super) async fn import<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let content_type = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !content_type.is_none_or(is_file) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "Not a CSV file",
            "Send the file itself as text/csv.",
        ));
    }
    let (header, rows) = read(&call.body)?;
    let columns = Columns::read(&header, &account)?;
    let imported = import_contacts(&api.outside, &call.caller, &account, &columns, rows).await?;
    Ok(Answer::ok(&ImportShape::from(imported)))
}

/// Spreadsheets and clients do not agree what a CSV file is called.
fn is_file(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(
        kind.as_str(),
        "text/csv"
            | "application/csv"
            | "application/vnd.ms-excel"
            | "text/plain"
            | "application/octet-stream"
    )
}

fn bad_file(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad-csv", "The file cannot be read", detail)
}

/// The header and the rows of a file: UTF-8, RFC 4180, separated by commas, or by semicolons where
/// the header has no comma (as spreadsheets write it in half of the world).
fn read(body: &[u8]) -> Result<(Vec<String>, Vec<Row>), Problem> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|error| {
        let good = body.get(..error.valid_up_to()).unwrap_or_default();
        let line = good.split(|byte| *byte == b'\n').count();
        bad_file(format!("Not UTF-8 at line {line}; save the file as \"CSV UTF-8\"."))
    })?;
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.contains(';') && !first.contains(',') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(record)) => record.iter().map(str::to_owned).collect::<Vec<_>>(),
        Some(Err(error)) => return Err(bad_file(error.to_string())),
        None => return Err(bad_file("The file is empty; a header row is needed.")),
    };
    let mut rows = Vec::new();
    let mut lines = Lines { text: text.as_bytes(), counted: 0, line: 1 };
    for record in records {
        let record = record.map_err(|error| bad_file(error.to_string()))?;
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let line = lines.of(record.position());
        let cells = if record.len() == header.len() {
            Ok(record.iter().map(str::to_owned).collect())
        } else {
            Err(format!("{} cells, but the header has {}", record.len(), header.len()))
        };
        rows.push(Row { line, cells });
    }
    Ok((header, rows))
}

/// Counts the lines of a file, going forward.
struct Lines<'a> {
    text: &'a [u8],
    counted: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which a record stands. Its position may still be on empty lines before it.
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.and_then(|position| usize::try_from(position.byte()).ok());
        let mut start = start.unwrap_or(self.counted);
        while matches!(self.text.get(start), Some(b'\r' | b'\n')) {
            start += 1;
        }
        let passed = self.text.get(self.counted..start).unwrap_or_default();
        self.line += passed.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        self.counted = start;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, Result<Vec<String>, String>)> {
        read(text).unwrap().1.into_iter().map(|row| (row.line, row.cells)).collect()
    }

    #[test]
    fn rows_keep_their_lines_also_after_cells_with_breaks_and_empty_lines() {
        let rows = lines(b"email,city\n\"a@x.example\",\"Ro\nme\"\n\nb@x.example,Bern\n,\n");
        assert_eq!(rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 5]);
        assert_eq!(rows[0].1.as_ref().unwrap()[1], "Ro\nme");
    }

    #[test]
    fn a_file_from_a_spreadsheet_is_read_with_its_mark_and_semicolons() {
        let (header, rows) = read(b"\xef\xbb\xbfemail;city\na@x.example;Rome\n").unwrap();
        assert_eq!(header, ["email", "city"]);
        assert_eq!(rows[0].cells.as_ref().unwrap(), &["a@x.example", "Rome"]);
    }

    #[test]
    fn a_row_of_another_length_is_refused_alone() {
        let rows = lines(b"email,city\na@x.example\nb@x.example,Bern\n");
        assert!(rows[0].1.is_err() && rows[1].1.is_ok(), "{rows:?}");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_line() {
        let problem = read(b"email\na@x.example\n\xff\xfe\n").unwrap_err();
        assert!(format!("{problem:?}").contains("line 3"), "{problem:?}");
    }
}
