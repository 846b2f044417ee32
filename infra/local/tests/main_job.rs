//! `entra-contact-sync --once`, as somebody runs it who has just cloned the repository.

#![expect(clippy::unwrap_used, reason = "a broken test may panic")]

use std::process::{Command, Output};

/// Runs the job on a small directory; the functions are built by the program itself.
fn run(options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_entra-contact-sync"))
        .args(["--once", "--users", "60", "--port", "0"])
        .args(options)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn assert_breaks(step: &str, title: &str) {
    let output = run(&["--break", step]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table}\n{}", text(&output.stderr));
    let wrong: Vec<&str> = table.lines().filter(|line| line.starts_with("WRONG")).collect();
    assert_eq!(wrong.len(), 1, "{table}");
    assert!(wrong.iter().all(|line| line.contains(title)), "{table}");
}

#[test]
fn the_job_is_done_verified_and_told() {
    let output = run(&["--api-token", "a-token"]);
    let (table, progress) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{table}\n{progress}");
    assert_eq!(table.lines().filter(|line| line.starts_with("ok ")).count(), 10, "{table}");
    assert!(table.lines().any(|line| line.starts_with("ready http://127.0.0.1:")), "{table}");
    assert!(table.lines().any(|line| line == "token a-token"), "{table}");
    let report = table.lines().find_map(|line| line.trim().strip_prefix('/')).unwrap();
    let report = std::fs::read_to_string(format!("/{report}")).unwrap();
    assert!(report.starts_with("Email,Type,Sync Status,Result"), "{report}");
    assert!(!progress.contains("ERROR"), "{progress}");
    assert!(!progress.contains("WARN"), "{progress}");
}

#[test]
fn state_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let options = ["--data-dir", data_dir.to_str().unwrap()];
    for kept in [false, true] {
        let output = run(&options);
        let table = text(&output.stdout);
        assert!(output.status.success(), "{table}\n{}", text(&output.stderr));
        assert_eq!(table.contains("kept from an earlier start"), kept, "{table}");
    }
}

#[test]
fn a_cancelled_consent_is_noticed() {
    assert_breaks("consent", "An admin consents");
}

#[test]
fn a_contact_written_too_early_is_noticed() {
    assert_breaks("tenant", "nothing is written");
}

#[test]
fn a_preview_that_is_not_what_the_directory_says_is_noticed() {
    assert_breaks("preview", "A preview shows everybody");
}

#[test]
fn a_first_sync_that_fails_is_noticed() {
    assert_breaks("first-sync", "first full sync");
}

#[test]
fn a_contact_that_differs_from_the_directory_is_noticed() {
    assert_breaks("contacts", "Every contact field");
}

#[test]
fn a_report_without_somebody_is_noticed() {
    assert_breaks("report", "The report");
}

#[test]
fn a_missing_schedule_is_noticed() {
    assert_breaks("schedule", "The schedule");
}

#[test]
fn a_missing_subscription_is_noticed() {
    assert_breaks("subscription", "Graph knows");
}

#[test]
fn a_change_that_nobody_tells_is_noticed() {
    assert_breaks("edit", "A change in the directory");
}

#[test]
fn a_second_sync_that_writes_is_noticed() {
    assert_breaks("second-sync", "A second full sync");
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let graph = ["--graph-endpoint", "http://127.0.0.1:1"];
    assert_eq!(run(&graph).status.code(), Some(2));
    let both = [&graph[..], &["--login-endpoint", "http://127.0.0.1:1"]].concat();
    assert_eq!(run(&both).status.code(), Some(2), "there is no job without the simulator");
}
