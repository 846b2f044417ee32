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
fn an_estimate_needs_a_rate_and_a_total_and_never_lies_in_the_past() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let progress = |done, total| Progress { done, total, step: None, at: Some(at(110)) };
    let started = Some(at(100));
    assert_eq!(progress(50, Some(150)).per_second(started), Some(5.0));
    assert_eq!(progress(50, Some(150)).ends_at(started), Some(at(130)));
    assert_eq!(progress(150, Some(150)).ends_at(started), Some(at(110)));
    for (unknown, started) in [
        (progress(0, Some(10)), started),
        (progress(5, None), started),
        (progress(5, Some(10)), None),
        (progress(5, Some(10)), Some(at(110))),
        (Progress { at: None, ..progress(5, Some(10)) }, Some(at(1))),
    ] {
        assert_eq!(unknown.ends_at(started), None, "{unknown:?}");
    }
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
