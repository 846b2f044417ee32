//! The deletion guard: how many removals one rolling window allows.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The limits an admin sets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GuardLimits {
    /// At most this many removals per window, however large the directory.
    pub max_count: u64,
    /// At most this share of the linked contacts, in percent; five are always allowed.
    pub max_percent: f64,
    /// The rolling window, in hours.
    pub window_hours: u32,
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self { max_count: 500, max_percent: 5.0, window_hours: 24 }
    }
}

/// Removals already done, each batch with its time; kept durably and moved with the action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardWindow {
    /// When and how many.
    #[serde(default)]
    pub done: Vec<GuardEntry>,
}

/// One judged batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardEntry {
    /// When it was judged.
    pub at: Timestamp,
    /// How many removals it allowed.
    pub count: u64,
    /// The run it belongs to: judging the same run again counts once.
    pub run: String,
}

/// The removals that a run asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'r> {
    /// Which run.
    pub run: &'r str,
    /// How many it has done already.
    pub done: u64,
    /// How many more it would do.
    pub count: u64,
}

/// The guard's answer to a batch of removals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All of them, and the window to store.
    Allowed(GuardWindow),
    /// None of them.
    Blocked {
        /// How many may still go in this window.
        left: u64,
        /// The window's whole allowance.
        allowed: u64,
        /// The window to store: what the run did before counts all the same.
        window: GuardWindow,
    },
}

/// How far a window is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The window's whole allowance.
    pub allowed: u64,
    /// How many were done in it.
    pub used: u64,
    /// How many may still go.
    pub left: u64,
    /// When the oldest of those that were done leaves the window.
    pub next_release: Option<Timestamp>,
}

impl GuardLimits {
    /// Removals that one window allows when `linked` contacts are tied to the directory:
    /// min(`max_count`, max(5, ceil(`max_percent` % of linked))).
    pub fn allowance(&self, linked: u64) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "directories are far below 2^52 people")]
        let share = (linked as f64 * self.max_percent.clamp(0.0, 100.0) / 100.0).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the share is between 0 and linked"
        )]
        let share = share as u64;
        self.max_count.min(share.max(5))
    }

    /// Judges the removals that a run asks for, all at once: all, or none. What the run removed
    /// before counts with them, so that a run that is judged again after a crash, of other people by
    /// then, gets no more than it would have got at once.
    pub fn judge(
        &self,
        window: &GuardWindow,
        asked: Asked<'_>,
        linked: u64,
        now: Timestamp,
    ) -> Verdict {
        let mut kept: Vec<GuardEntry> = self.standing(window, now).cloned().collect();
        let granted: u64 =
            kept.iter().filter(|entry| entry.run == asked.run).map(|entry| entry.count).sum();
        kept.retain(|entry| entry.run != asked.run);
        let others: u64 = kept.iter().map(|entry| entry.count).sum();
        let allowed = self.allowance(linked);
        let (stands, wanted) = (granted.max(asked.done), asked.done + asked.count);
        let blocked = wanted > stands && wanted + others > allowed;
        let count = if blocked { stands } else { stands.max(wanted) };
        if count > 0 {
            // What was granted before is done from now on, or was just now: its window begins anew.
            kept.push(GuardEntry { at: now, count, run: asked.run.to_owned() });
        }
        let window = GuardWindow { done: kept };
        if blocked {
            Verdict::Blocked { left: allowed.saturating_sub(others + stands), allowed, window }
        } else {
            Verdict::Allowed(window)
        }
    }

    /// How much of the window is used and left at `now`.
    pub fn room(&self, window: &GuardWindow, linked: u64, now: Timestamp) -> Room {
        let span = SignedDuration::from_hours(i64::from(self.window_hours));
        let used = self.standing(window, now).map(|entry| entry.count).sum();
        let first = self.standing(window, now).map(|entry| entry.at).min();
        let allowed = self.allowance(linked);
        Room {
            allowed,
            used,
            left: allowed.saturating_sub(used),
            next_release: first.and_then(|at| at.checked_add(span).ok()),
        }
    }

    /// The entries that the window still holds at `now`.
    fn standing<'w>(
        &self,
        window: &'w GuardWindow,
        now: Timestamp,
    ) -> impl Iterator<Item = &'w GuardEntry> {
        let span = SignedDuration::from_hours(i64::from(self.window_hours));
        let start = now.checked_sub(span).unwrap_or(Timestamp::MIN);
        window.done.iter().filter(move |entry| entry.at > start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + hour * 3600).unwrap()
    }

    #[test]
    fn the_allowance_is_the_smaller_of_count_and_share_and_never_below_five() {
        let limits = GuardLimits::default();
        for (linked, allowed) in [(0, 5), (10, 5), (100, 5), (101, 6), (2_000, 100), (100_000, 500)]
        {
            assert_eq!(limits.allowance(linked), allowed, "{linked} linked");
        }
        assert_eq!(GuardLimits { max_count: 0, ..limits }.allowance(1_000), 0);
    }

    fn ask(run: &str, done: u64, count: u64) -> Asked<'_> {
        Asked { run, done, count }
    }

    #[test]
    fn a_slow_drip_is_stopped_by_the_window_and_released_after_it() {
        let limits = GuardLimits { max_count: 10, max_percent: 100.0, window_hours: 24 };
        let mut window = GuardWindow::default();
        for (hour, run) in [(0, "a"), (1, "b")] {
            let Verdict::Allowed(next) = limits.judge(&window, ask(run, 0, 5), 1_000, at(hour))
            else {
                panic!("within the allowance")
            };
            window = next;
        }
        let third = limits.judge(&window, ask("c", 0, 1), 1_000, at(2));
        let expected = Verdict::Blocked { left: 0, allowed: 10, window: window.clone() };
        assert_eq!(third, expected);
        assert!(matches!(
            limits.judge(&window, ask("d", 0, 5), 1_000, at(24)),
            Verdict::Allowed(_)
        ));
    }

    #[test]
    fn judging_a_run_again_after_a_crash_counts_once_and_grants_no_more() {
        let limits = GuardLimits { max_count: 5, max_percent: 100.0, window_hours: 24 };
        let Verdict::Allowed(window) =
            limits.judge(&GuardWindow::default(), ask("a", 0, 5), 100, at(0))
        else {
            panic!("within the allowance")
        };
        let again = |done, count| limits.judge(&window, ask("a", done, count), 100, at(0));
        for (done, count) in [(0, 5), (2, 3), (2, 1), (5, 0)] {
            assert_eq!(again(done, count), Verdict::Allowed(window.clone()), "{done} and {count}");
        }
        for (done, count) in [(5, 1), (5, 5), (2, 4)] {
            let expected = Verdict::Blocked { left: 0, allowed: 5, window: window.clone() };
            assert_eq!(again(done, count), expected, "{done} and {count}");
        }
    }

    #[test]
    fn what_was_done_after_its_grant_had_left_the_window_counts_all_the_same() {
        let limits = GuardLimits { max_count: 5, max_percent: 100.0, window_hours: 24 };
        for count in [0, 3] {
            let judged = limits.judge(&GuardWindow::default(), ask("a", 5, count), 100, at(30));
            let (Verdict::Allowed(window) | Verdict::Blocked { window, .. }) = judged;
            let next = limits.judge(&window, ask("b", 0, 1), 100, at(31));
            assert!(matches!(next, Verdict::Blocked { left: 0, .. }), "{count}: {next:?}");
        }
    }

    #[test]
    fn what_a_crashed_run_does_hours_later_begins_the_window_anew() {
        let limits = GuardLimits { max_count: 5, max_percent: 100.0, window_hours: 24 };
        let mut window = GuardWindow::default();
        for (hour, done, count) in [(0, 0, 5), (12, 1, 4)] {
            let judged = limits.judge(&window, ask("a", done, count), 100, at(hour));
            let Verdict::Allowed(next) = judged else { panic!("granted at once") };
            window = next;
        }
        let other = |hour| limits.judge(&window, ask("b", 0, 5), 100, at(hour));
        assert!(matches!(other(24), Verdict::Blocked { left: 0, .. }));
        let room = limits.room(&window, 100, at(24));
        let expected = Room { allowed: 5, used: 5, left: 0, next_release: Some(at(36)) };
        assert_eq!(room, expected, "the window says when it makes room");
        assert!(matches!(other(36), Verdict::Allowed(_)));
    }
}
