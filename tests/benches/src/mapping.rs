//! What scope, mapping and fingerprint of one person cost: time on the processor, instructions.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::table::Row;

/// People of one round: few enough to stay in the cache as a page of Graph does.
const PEOPLE: u32 = 999;

/// The rows that are measured, each with its name and what one person may take in nanoseconds
/// (must, aim) and in instructions: the shares of an unchanged person's whole way from Graph's
/// answer to "unchanged" (5,000 and 2,500 ns; 35,000 and 18,000 instructions).
const ROWS: &[(&str, &str)] = &[("default mapping", "usual"), ("12 rows of expressions", "rich")];

pub(crate) fn measure(rounds: u32, counts_instructions: bool) -> Vec<Row> {
    let program = build();
    let mut table = Vec::new();
    for (name, rows) in ROWS {
        // The best of several: whatever else the machine does only adds.
        let best = (0..5).map(|_| nanoseconds(&program, rounds, rows)).min().unwrap_or_default();
        let each = per_person(best, rounds);
        table.push(Row {
            what: format!("{name}: time on the processor"),
            counted: each,
            unit: "ns/user",
            must: Some(5_000.0),
            aim: Some(2_500.0),
        });
        table.push(Row {
            what: format!("{name}: users a second and core"),
            counted: (1e9 / each).round(),
            unit: "users/s",
            must: None,
            aim: None,
        });
        if counts_instructions {
            let instructions = instructions(&program, 3, rows) - instructions(&program, 1, rows);
            table.push(Row {
                what: format!("{name}: instructions"),
                counted: per_person(instructions, 2).round(),
                unit: "instructions/user",
                must: Some(35_000.0),
                aim: Some(18_000.0),
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

/// Built for speed: the figures of a debug build say nothing.
fn build() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cargo = Command::new("cargo")
        .args(["build", "--release", "--package", "contact-sync-domain"])
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

/// All instructions of a whole process; the difference of two counts leaves its start out.
fn instructions(program: &Path, rounds: u32, rows: &str) -> u64 {
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
    let counted = std::fs::read_to_string(&out).expect("callgrind writes its counts");
    let total = counted
        .lines()
        .find_map(|line| line.strip_prefix("summary: ").or_else(|| line.strip_prefix("totals: ")));
    total.and_then(|total| total.trim().parse().ok()).expect("callgrind sums up")
}
