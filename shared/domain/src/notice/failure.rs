//! Whether syncing works, as people believe it.

use super::{EndedRun, News, Telling, Told, Turn};
use crate::run::{RunKind, RunStatus};

/// Failed records are told again when there are so many times as many as were told: fewer is the
/// usual coming and going of people whose data are amiss.
const TIMES_AS_MANY: u64 = 2;

/// And so many more at least: from one to two is no other trouble, from one to eleven is.
const SO_MANY_MORE: u64 = 10;

pub(super) fn turn(told: &Told, news: &News) -> Option<Turn> {
    match news {
        News::NeedsPerson { reason, fix, .. } => {
            let is_told = matches!(told, Told::NeedsPerson { reason: known } if known == reason);
            (!is_told).then(|| {
                Turn::telling(
                    Told::NeedsPerson { reason: reason.clone() },
                    Telling::NeedsPerson { reason: reason.clone(), fix: fix.clone() },
                )
            })
        }
        News::Silent(silence) => {
            // Who waits for a person, or fails, is told of already.
            let is_told = match told {
                Told::Silent { what } => *what == silence.what,
                Told::NeedsPerson { .. } | Told::Failing { .. } => true,
                Told::Quiet
                | Told::Partial { .. }
                | Told::Held
                | Told::Waiting { .. }
                | Told::Changed { .. }
                | Told::Planned { .. }
                | Told::Digested { .. } => false,
            };
            (!is_told).then(|| {
                Turn::telling(Told::Silent { what: silence.what }, Telling::Silent(*silence))
            })
        }
        News::HeardAgain { .. } => matches!(told, Told::Silent { .. }).then(recovered),
        News::Consented { .. } => matches!(told, Told::NeedsPerson { .. }).then(recovered),
        News::Ended(run) if run.shows_something() => ended(told, run),
        News::Ended(_)
        | News::Planned(_)
        | News::LetGo { .. }
        | News::Waits { .. }
        | News::Passed { .. } => None,
    }
}

fn ended(told: &Told, run: &EndedRun) -> Option<Turn> {
    match run.status {
        RunStatus::Failed => failed(told, run),
        RunStatus::Partial => partial(told, run),
        RunStatus::Succeeded | RunStatus::Blocked => is_mended_by(told, run).then(recovered),
        RunStatus::Queued | RunStatus::Running | RunStatus::Planned | RunStatus::Cancelled => None,
    }
}

fn failed(told: &Told, run: &EndedRun) -> Option<Turn> {
    let gist = gist(run.reason.as_deref());
    let mut known = (false, false);
    if let Told::Failing { gist: told, full } = told {
        known = (*told == gist, *full);
    }
    let (is_told, was_full) = known;
    let full = was_full || run.kind == RunKind::Full;
    let next = Told::Failing { gist, full };
    if is_told {
        // That full runs fail likewise must be known, though nobody needs to hear it.
        return (next != *told).then(|| Turn::quietly(next));
    }
    Some(Turn::telling(next, Telling::RunFailed { because: run.reason.clone() }))
}

/// The run reached its end: whatever stopped syncing does so no more.
fn partial(told: &Told, run: &EndedRun) -> Option<Turn> {
    // A look that fails for somebody says nothing of full runs.
    if matches!(told, Told::Failing { full: true, .. }) && run.kind != RunKind::Full {
        return None;
    }
    let gist = gist(run.reason.as_deref());
    let failed = run.counts.failed;
    let next = Told::Partial { gist: gist.clone(), failed: Some(failed) };
    if let Told::Partial { gist: known, failed: told } = told
        && *known == gist
    {
        let is_another = told.is_none_or(|told| is_far_above(told, failed));
        // Only a full run shows that fewer fail than before; then more may be told again.
        if is_another && run.kind == RunKind::Full {
            return Some(Turn::quietly(next));
        }
        if !told.is_some_and(|told| is_far_above(failed, told)) {
            return None;
        }
    }
    let telling = Telling::RecordsFailed { failed, because: run.reason.clone() };
    Some(Turn::telling(next, telling))
}

fn is_far_above(many: u64, few: u64) -> bool {
    many >= few.saturating_mul(TIMES_AS_MANY) && many - few >= SO_MANY_MORE
}

/// A look reads only who changed: what a full run found is mended when a full run finds it mended.
fn is_mended_by(told: &Told, run: &EndedRun) -> bool {
    match told {
        Told::NeedsPerson { .. } | Told::Failing { full: false, .. } => true,
        Told::Failing { full: true, .. } => run.kind == RunKind::Full,
        // The sweep hears it.
        Told::Silent { .. } => false,
        Told::Partial { .. } => run.kind == RunKind::Full && run.counts.failed == 0,
        Told::Quiet
        | Told::Held
        | Told::Waiting { .. }
        | Told::Changed { .. }
        | Told::Planned { .. }
        | Told::Digested { .. } => false,
    }
}

fn recovered() -> Turn {
    Turn::telling(Told::Quiet, Telling::Recovered)
}

/// A sentence without its numbers, which differ each time.
fn gist(sentence: Option<&str>) -> String {
    let sentence = sentence.unwrap_or_default();
    sentence.chars().filter(|letter| !letter.is_ascii_digit()).take(200).collect()
}
