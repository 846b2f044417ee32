//! What a run tells, where it works, when it will end, and how it was stored.

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::plan::{Approved, Basis, Summary};

fn run(kind: RunKind) -> Run {
    let whose = (AccountId::from_bits(1), ConnectionId::from_bits(2));
    let how = (kind, Trigger::Manual);
    Run::queued(RunId::from_bits(3), whose, how, 0, Timestamp::UNIX_EPOCH)
}

fn planned(approved: Option<Approved>) -> Run {
    let plan = Plan {
        hash: "00".into(),
        pages: 4,
        basis: Basis { settings_version: 1, draft: false },
        summary: Summary::default(),
        made_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::UNIX_EPOCH + crate::plan::PLAN_LIFE,
        approved,
    };
    let status = RunStatus::Planned;
    Run { plan: Some(Box::new(plan)), pages: 4, status, ..run(RunKind::Preview) }
}

#[test]
fn what_a_run_tells_is_its_plan_until_it_is_applied_and_then_only_what_was_applied() {
    assert_eq!(Run { pages: 7, ..run(RunKind::Full) }.told_pages(), 0..7);
    assert_eq!(planned(None).told_pages(), 0..4);
    let applied = Run { pages: 6, status: RunStatus::Succeeded, ..planned(None) };
    assert_eq!(applied.told_pages(), 4..6);
    let cancelled = Run { status: RunStatus::Cancelled, ..planned(None) };
    assert!(cancelled.told_pages().is_empty(), "nothing of it was done");
}

#[test]
fn a_plan_is_made_beside_what_syncs_and_applied_in_its_place() {
    assert_eq!(run(RunKind::Full).lane(), Lane::Main);
    assert_eq!(run(RunKind::Preview).lane(), Lane::Plan);
    let approved =
        Approved { by: Actor::default(), at: Timestamp::UNIX_EPOCH, removals: None, items: None };
    assert_eq!(planned(None).lane(), Lane::Plan);
    assert_eq!(planned(Some(approved)).lane(), Lane::Main);
}

#[test]
fn an_estimate_needs_a_pace_and_a_total_and_never_lies_before_it_was_written() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let progress =
        |done, total| Progress { done, total, step: None, at: Some(at(110)), pace: Some(5_000) };
    assert_eq!(progress(50, Some(150)).per_second(), Some(5.0));
    assert_eq!(progress(50, Some(150)).ends_at(), Some(at(130)));
    assert_eq!(progress(150, Some(150)).ends_at(), Some(at(110)));
    for unknown in [
        progress(5, None),
        Progress { pace: None, ..progress(5, Some(10)) },
        Progress { pace: Some(0), ..progress(5, Some(10)) },
        Progress { at: None, ..progress(5, Some(10)) },
    ] {
        assert_eq!(unknown.ends_at(), None, "{unknown:?}");
    }
}

#[test]
fn a_pause_of_hours_or_a_long_wait_for_graph_does_not_slow_an_estimate() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let hours = 3_600;
    // A slice that dealt with 1,000 in 100 seconds; eight hours later the next one did as many.
    let first = SliceStart { at: at(0), done: 0 };
    let second = SliceStart { at: at(8 * hours), done: 1_000 };
    assert_eq!(first.pace(1_000, at(100)), Some(10_000));
    let pace = second.pace(2_000, at(8 * hours + 100));
    let progress = Progress {
        done: 2_000,
        total: Some(5_000),
        step: None,
        at: Some(at(8 * hours + 100)),
        pace,
    };
    assert_eq!(progress.ends_at(), Some(at(8 * hours + 400)), "5 minutes, not a day");
    assert_eq!(second.pace(1_000, at(9 * hours)), None, "nothing was dealt with yet");
    assert_eq!(second.pace(10, at(9 * hours)), None, "it began anew");
    assert_eq!(second.pace(2_000, at(8 * hours)), None, "no time passed");
}

#[test]
fn progress_is_stored_in_few_bytes() {
    let at = Timestamp::from_second(1_772_452_800).ok();
    let progress = Progress { done: 1, total: None, step: None, at, pace: Some(5_000) };
    let stored = serde_json::to_value(progress).unwrap();
    assert_eq!(stored, json!({"done": 1, "wroteAt": 1_772_452_800, "pace": 5_000}));
    assert_eq!(serde_json::from_value::<Progress>(stored).unwrap(), progress);
    // As it was stored before.
    let before: Progress =
        serde_json::from_value(json!({"done": 1, "at": "2026-03-02T12:00:00Z"})).unwrap();
    assert_eq!(before, Progress { at: None, pace: None, ..progress });
}

#[test]
fn a_run_that_an_earlier_release_stored_is_read_and_written_back_as_it_was() {
    let stored = json!({
        "id": RunId::from_bits(3), "accountId": AccountId::from_bits(1),
        "connectionId": ConnectionId::from_bits(2), "kind": "full", "trigger": "manual",
        "status": "partial", "reason": "one failed", "counts": Counts::default(),
        "progress": {"done": 3}, "settingsVersion": 4, "graph": GraphCost::default(),
        "pages": 2, "queuedAt": "1970-01-01T00:00:00Z", "reportReady": true
    });
    let read: Run = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), stored);
}
