//! Removals that the guard holds back.

use super::{News, Telling, Told, Turn};
use crate::run::RunStatus;

/// Every run that reaches its end judges all removals that are staged.
pub(super) fn turn(told: &Told, news: &News) -> Option<Turn> {
    let News::Ended(run) = news else { return None };
    if !run.shows_something() {
        return None;
    }
    match run.status {
        RunStatus::Blocked => (*told != Told::Held).then(|| {
            Turn::telling(Told::Held, Telling::RemovalsHeld { because: run.reason.clone() })
        }),
        RunStatus::Succeeded | RunStatus::Partial => (*told == Told::Held).then(|| {
            let telling = Telling::RemovalsReleased { removed: run.counts.removed };
            Turn::telling(Told::Quiet, telling)
        }),
        RunStatus::Queued
        | RunStatus::Running
        | RunStatus::Planned
        | RunStatus::Failed
        | RunStatus::Cancelled => None,
    }
}
