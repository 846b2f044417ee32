//! A report's table as CSV: RFC 4180, UTF-8.

use contact_sync_engine::port::BoxError;
use contact_sync_engine::report::Sheet;
use csv::{Terminator, Writer, WriterBuilder};

/// How such a file is served.
pub(crate) const CONTENT_TYPE: &str = "text/csv; charset=utf-8";

/// A CSV file that grows in memory.
#[derive(Debug)]
pub(crate) struct CsvSheet {
    writer: Writer<Vec<u8>>,
}

impl CsvSheet {
    pub(crate) fn new() -> Self {
        let writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
        Self { writer }
    }
}

impl Sheet for CsvSheet {
    fn add(&mut self, cells: &[String]) -> Result<(), BoxError> {
        Ok(self.writer.write_record(cells)?)
    }

    fn finish(self) -> Result<Vec<u8>, BoxError> {
        // The error of `into_inner` would hold the people of the report.
        self.writer.into_inner().map_err(|error| error.into_error().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_as_they_were() {
        let rows = [
            ["Email", "Type", "Sync Status", "Result"],
            ["o'hara@contoso.example", "New", "Success", ""],
            ["a,b@contoso.example", "Existing", "Failed", "says \"no\",\r\nthen stops"],
            ["müller@contoso.example", "New", "Success", "'=1+1"],
        ];
        let mut sheet = CsvSheet::new();
        for row in rows {
            sheet.add(&row.map(str::to_owned)).unwrap();
        }
        let bytes = sheet.finish().unwrap();
        assert!(bytes.starts_with(b"Email,Type,Sync Status,Result\r\n"));
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
        let read: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(read.len(), rows.len());
        for (row, read) in rows.iter().zip(read) {
            assert_eq!(read, row.to_vec());
        }
    }
}
