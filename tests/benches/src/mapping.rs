//! What scope, mapping and fingerprint of one person cost: time on the processor, instructions.
#![expect(clippy::expect_used, reason = "a broken measurement may panic")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::table::Row;

/// People of one round: few enough to stay in the cache as a page of Graph does.
const PEOPLE: u32 = 999;

/// The rows that are measured. The default mapping is held against what a person who did not
/// change may take on the whole way from Graph's answer to "unchanged"; expressions cost what the
/// admin writes.
const ROWS: &[Rows] = &[
    Rows { name: "default mapping", argument: "usual", is_held: true },
    Rows { name: "12 rows of expressions", argument: "rich", is_held: false },
];

struct Rows {
    name: &'static str,
    argument: &'static str,
    is_held: bool,
}

pub(crate) fn measure(rounds: u32, counts_instructions: bool) -> Vec<Row> {
    let program = build();
    let mut table = Vec::new();
    for Rows { name, argument, is_held } in ROWS {
        let held = |limit: f64| is_held.then_some(limit);
        // The best of several: whatever else the machine does only adds.
        let best =
            (0..5).map(|_| nanoseconds(&program, rounds, argument)).min().unwrap_or_default();
        let each = per_person(best, rounds);
        table.push(Row {
            what: format!("{name}: time on the processor"),
            counted: each,
            unit: "ns/user",
            must: held(5_000.0),
            aim: held(2_500.0),
        });
        table.push(Row {
            what: format!("{name}: users a second and core"),
            counted: (1e9 / each).round(),
            unit: "users/s",
            must: None,
            aim: None,
        });
        if counts_instructions {
            let [one, three] = [1, 3].map(|rounds| instructions(&program, rounds, argument));
            let sha = per_person(three.sha256 - one.sha256, 2).round();
            let all = per_person(three.all - one.all, 2).round();
            table.push(Row {
                what: format!("{name}: instructions, SHA-256 apart"),
                counted: all - sha,
                unit: "instructions/user",
                must: held(35_000.0),
                aim: held(18_000.0),
            });
            table.push(Row {
                what: format!("{name}: SHA-256 without the processor's help"),
                counted: sha,
                unit: "instructions/user",
                must: None,
                aim: None,
            });
        }
    }
    table
}

fn per_person(total: u64, rounds: u32) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let total = total as f64;
    total / f64::from(PEOPLE) / f64::from(rounds)
}

/// Built as for release, with the names of functions kept: a debug build's figures say nothing.
fn build() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cargo = Command::new("cargo")
        .args(["build", "--profile", "bench", "--package", "contact-sync-domain"])
        .args(["--example", "map_users"])
        .current_dir(here)
        .status()
        .expect("cargo is installed");
    assert!(cargo.success(), "the program to measure is built");
    here.join("../../target/release/examples/map_users")
}

fn nanoseconds(program: &Path, rounds: u32, rows: &str) -> u64 {
    let ran = Command::new(program)
        .args([&PEOPLE.to_string(), &rounds.to_string(), rows])
        .output()
        .expect("the program runs");
    String::from_utf8_lossy(&ran.stdout).trim().parse().expect("it prints nanoseconds")
}

/// Instructions of a whole process; the difference of two counts leaves its start out.
struct Instructions {
    all: u64,
    /// Those for SHA-256, which valgrind's processor computes step by step and a real one does not.
    sha256: u64,
}

fn instructions(program: &Path, rounds: u32, rows: &str) -> Instructions {
    let folder = TempDir::new().expect("a temporary folder");
    let out = folder.path().join("callgrind.out");
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args([&PEOPLE.to_string(), &rounds.to_string(), rows])
        .output()
        .expect("valgrind is installed");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    sum(&std::fs::read_to_string(&out).expect("callgrind writes its counts"))
}

/// Sums up callgrind's file: after `fn=(7) name` (later only `fn=(7)`) stand lines of a place and a
/// count; the line after `calls=` counts what was called and is counted there.
fn sum(counted: &str) -> Instructions {
    let mut total = Instructions { all: 0, sha256: 0 };
    let mut of_sha256 = HashSet::new();
    let mut inside = false;
    let mut is_callee = false;
    for line in counted.lines() {
        if let Some(function) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
            let (id, name) = function.split_once(' ').unwrap_or((function, ""));
            if name.starts_with("sha2::") {
                of_sha256.insert(id.to_owned());
            }
            if line.starts_with("fn=") {
                inside = of_sha256.contains(id);
            }
        } else if line.starts_with("calls=") {
            is_callee = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let count = line.split(' ').nth(1).and_then(|count| count.parse::<u64>().ok());
            if let Some(count) = count.filter(|_| !std::mem::take(&mut is_callee)) {
                total.all += count;
                total.sha256 += if inside { count } else { 0 };
            }
        }
    }
    total
}
