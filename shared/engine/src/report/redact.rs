//! Taking one person's rows out of the files of a report.

use std::collections::HashSet;
use std::io::{Read, Write};

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::report::{ReportForm, header};
use contact_sync_domain::run::Run;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::ReportFile;
use super::sheets::{PACKED_LINES, stems};
use crate::port::{Blobs, StoreError};

/// How the tables are served.
const TABLE: &str = "text/csv; charset=utf-8";

/// Takes the rows of a person out of all files of a run's report; answers how many files had any.
pub(crate) async fn redact_report(
    blobs: &impl Blobs,
    run: &Run,
    is_meant: impl Fn(&ObjectId) -> bool + Sync,
) -> Result<u64, StoreError> {
    let mut changed = 0;
    for stem in stems(run) {
        let key = |file: ReportFile| file.key_of(run, &stem);
        let mut emails = HashSet::new();
        let extended = blobs.get(&key(ReportFile::Extended)).await?;
        let extended = extended.and_then(|table| without_person(&table, &is_meant, &mut emails));
        // The simple form tells of people by their addresses alone, and the extended one says whose
        // they are: so it is written last, and whoever goes on after a crash finds them again.
        let simple = blobs.get(&key(ReportFile::Simple)).await?;
        let simple = simple.and_then(|table| without_addresses(&table, &emails));
        let lines = match blobs.get(&key(ReportFile::JsonLines)).await? {
            Some(lines) => without_lines(&lines, &is_meant)?,
            None => None,
        };
        for (file, left, content_type) in [
            (ReportFile::Simple, simple, TABLE),
            (ReportFile::JsonLines, lines, PACKED_LINES),
            (ReportFile::Extended, extended, TABLE),
        ] {
            if let Some(left) = left {
                blobs.put(&key(file), left, content_type).await?;
                changed += 1;
            }
        }
    }
    Ok(changed)
}

/// Whether the report of a run's plan is there, which nothing marks.
pub(crate) async fn has_plan_report(blobs: &impl Blobs, run: &Run) -> Result<bool, StoreError> {
    // The last to be stored.
    Ok(blobs.get(&ReportFile::JsonLines.key(run)).await?.is_some())
}

/// The records of a table, each with its line's end, as RFC 4180 divides them.
fn records(table: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    table.split_inclusive(move |byte| {
        quoted ^= *byte == b'"';
        *byte == b'\n' && !quoted
    })
}

/// One cell of a record.
fn cell(record: &[u8], place: usize) -> String {
    let mut quoted = false;
    let mut cells = record.split(move |byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    });
    let raw = String::from_utf8_lossy(cells.nth(place).unwrap_or_default()).into_owned();
    let bare = raw.trim_end_matches(['\r', '\n']);
    let inner = bare.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map_or_else(|| bare.to_owned(), |inner| inner.replace("\"\"", "\""))
}

fn column(form: ReportForm, name: &str) -> usize {
    header(form).iter().position(|one| *one == name).unwrap_or(usize::MAX)
}

/// The records that `stay`, where others did not.
fn kept(table: &[u8], mut stays: impl FnMut(&[u8]) -> bool) -> Option<Vec<u8>> {
    let mut left = Vec::with_capacity(table.len());
    for record in records(table).filter(|record| stays(record)) {
        left.extend_from_slice(record);
    }
    (left.len() != table.len()).then_some(left)
}

fn without_person(
    table: &[u8],
    is_meant: &impl Fn(&ObjectId) -> bool,
    emails: &mut HashSet<String>,
) -> Option<Vec<u8>> {
    let (who, email) =
        (column(ReportForm::Extended, "Object Id"), column(ReportForm::Extended, "Email"));
    kept(table, |record| {
        let is_theirs = ObjectId::parse(&cell(record, who)).is_ok_and(|user| is_meant(&user));
        if is_theirs {
            emails.insert(cell(record, email));
        }
        !is_theirs
    })
}

fn without_addresses(table: &[u8], emails: &HashSet<String>) -> Option<Vec<u8>> {
    let place = column(ReportForm::Simple, "Email");
    kept(table, |record| {
        let email = cell(record, place);
        email.is_empty() || !emails.contains(&email)
    })
}

fn without_lines(
    packed: &[u8],
    is_meant: &impl Fn(&ObjectId) -> bool,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).map_err(unreadable)?;
    let (mut left, mut struck) = (String::with_capacity(text.len()), 0);
    for line in text.split_inclusive('\n') {
        let told: Value = serde_json::from_str(line).unwrap_or_default();
        let user = told.get("objectId").and_then(Value::as_str);
        if user.and_then(|user| ObjectId::parse(user).ok()).is_some_and(|user| is_meant(&user)) {
            struck += 1;
            continue;
        }
        // Readers know by the last line whether the file is whole.
        match told.pointer("/run/people").and_then(Value::as_u64) {
            Some(people) if struck > 0 => {
                let fewer = format!("\"people\":{}", people.saturating_sub(struck));
                left.push_str(&line.replace(&format!("\"people\":{people}"), &fewer));
            }
            Some(_) | None => left.push_str(line),
        }
    }
    if struck == 0 {
        return Ok(None);
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(left.as_bytes()).map_err(unreadable)?;
    packed.finish().map(Some).map_err(unreadable)
}

fn unreadable(source: std::io::Error) -> StoreError {
    StoreError::Corrupt { item: "a report".to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_leaves_a_table_and_no_other_row_changes() {
        let other = "00000000-0000-0000-0000-000000000002";
        let user = ObjectId::from_u128(1);
        let table = format!(
            "Email,Type,Sync Status,Result,What Happened,Object Id,Reason,Remedy\r\n\
             \"o\"\"dd,@x.example\",New,Success,,created,{user},\"a,\r\nb\",\r\n\
             b@x.example,New,Failed,\"says \"\"no\"\"\",failed,{other},\"two\r\nlines\",\r\n"
        );
        let mut emails = HashSet::new();
        let is_meant = |id: &ObjectId| *id == user;
        let left = without_person(table.as_bytes(), &is_meant, &mut emails).unwrap();
        let left = String::from_utf8(left).unwrap();
        assert!(left.starts_with("Email,Type") && left.contains("\"two\r\nlines\",\r\n"));
        assert!(!left.contains(user.as_str()) && !left.contains("o\"\"dd"), "{left}");
        assert_eq!(emails, HashSet::from(["o\"dd,@x.example".to_owned()]));
        let simple = b"Email,Type,Sync Status,Result\r\n\"o\"\"dd,@x.example\",New,Success,\r\n";
        let left = without_addresses(simple, &emails).unwrap();
        assert_eq!(left, b"Email,Type,Sync Status,Result\r\n");
        assert_eq!(without_addresses(&left, &emails), None);
    }

    #[test]
    fn what_machines_read_is_whole_without_him() {
        let (user, other) = (ObjectId::from_u128(1), ObjectId::from_u128(2));
        let lines = format!(
            "{{\"objectId\":\"{user}\"}}\n{{\"objectId\":\"{other}\"}}\n\
             {{\"run\":{{\"id\":\"r\",\"people\":2}}}}\n"
        );
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(lines.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let left = without_lines(&packed, &|id: &ObjectId| *id == user).unwrap().unwrap();
        let mut text = String::new();
        GzDecoder::new(left.as_slice()).read_to_string(&mut text).unwrap();
        let expected =
            format!("{{\"objectId\":\"{other}\"}}\n{{\"run\":{{\"id\":\"r\",\"people\":1}}}}\n");
        assert_eq!(text, expected);
        assert_eq!(without_lines(&left, &|id: &ObjectId| *id == user).unwrap(), None);
    }
}
