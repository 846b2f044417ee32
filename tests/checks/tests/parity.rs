//! What the products that people use today do, each row of `docs/parity.md`, is shown by a test that
//! names the row.
#![expect(clippy::expect_used, reason = "a broken check may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use contact_sync_checks::{read, root};

/// The rows about who, what and whom, about decisions, removals and reports, by product: from, to.
const ROWS: &[(&str, u32, u32)] = &[
    ("HF", 7, 23),
    ("HF", 27, 27),
    ("HF", 29, 29),
    ("HF", 32, 43),
    ("LY", 13, 42),
    ("SY", 7, 22),
    ("SY", 30, 36),
    ("GH", 12, 18),
    ("GH", 23, 28),
];

/// The tests that the table names, by row.
fn table() -> BTreeMap<String, Vec<String>> {
    let text = read("docs/parity.md");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, row, _, tests, _] = cells.as_slice() else { return None };
        let is_row = ROWS.iter().any(|(product, ..)| row.starts_with(&format!("{product}-")));
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        is_row.then(|| ((*row).to_owned(), tests))
    });
    rows.collect()
}

/// The flows' tests: `file::name` to comment and body.
fn tests_of(folder: &Path, prefix: &str, into: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        if path.is_dir() {
            tests_of(&path, &format!("{prefix}{stem}::"), into);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        // Comments before a test belong to it: a part begins behind the end of the last function.
        for part in text.split("\n}\n") {
            let Some((_, after)) = part.split_once("async fn ") else { continue };
            let is_test = part.contains("#[tokio::test");
            let name = after.split('(').next().unwrap_or_default();
            if is_test {
                let _ = into.insert(format!("{prefix}{stem}::{name}"), part.to_owned());
            }
        }
    }
}

/// Whether a text names a row, as `HF-7` or `hf_7`, and no longer number.
fn names(text: &str, row: &str) -> bool {
    let forms = [row.to_owned(), row.to_lowercase().replace('-', "_")];
    forms.iter().any(|form| {
        text.match_indices(form.as_str()).any(|(at, _)| {
            let behind = text.get(at + form.len()..).and_then(|rest| rest.chars().next());
            !behind.is_some_and(|letter| letter.is_ascii_digit())
        })
    })
}

#[test]
fn every_row_is_shown_by_a_test_that_names_it() {
    let table = table();
    let mut tests = BTreeMap::new();
    tests_of(&root().join("tests/flows/tests/flows"), "", &mut tests);
    let wanted: BTreeSet<String> = ROWS
        .iter()
        .flat_map(|(product, from, to)| (*from..=*to).map(move |row| format!("{product}-{row}")))
        .collect();
    for row in &wanted {
        let shown = table.get(row).unwrap_or_else(|| panic!("docs/parity.md has no {row}"));
        assert!(!shown.is_empty(), "{row} is shown by nothing");
        for name in shown {
            let test = tests.get(name).unwrap_or_else(|| panic!("{row}: there is no test {name}"));
            assert!(names(test, row), "{name} does not name {row}");
        }
    }
    let others: Vec<&String> = table.keys().filter(|row| !wanted.contains(*row)).collect();
    assert!(others.is_empty(), "rows that nothing asks for: {others:?}");
}
