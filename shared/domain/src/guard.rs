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
    },
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

    /// Judges `count` removals of run `run` at once: all, or none.
    pub fn judge(
        &self,
        window: &GuardWindow,
        run: &str,
        count: u64,
        linked: u64,
        now: Timestamp,
    ) -> Verdict {
        let span = SignedDuration::from_hours(i64::from(self.window_hours));
        let start = now.checked_sub(span).unwrap_or(Timestamp::MIN);
        let mut kept: Vec<GuardEntry> =
            window.done.iter().filter(|entry| entry.at > start).cloned().collect();
        let already = kept.iter().any(|entry| entry.run == run && count <= entry.count);
        if count == 0 || already {
            return Verdict::Allowed(GuardWindow { done: kept });
        }
        let used: u64 = kept.iter().map(|entry| entry.count).sum();
        let allowed = self.allowance(linked);
        let left = allowed.saturating_sub(used);
        if count > left {
            return Verdict::Blocked { left, allowed };
        }
        kept.push(GuardEntry { at: now, count, run: run.to_owned() });
        Verdict::Allowed(GuardWindow { done: kept })
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

    #[test]
    fn a_slow_drip_is_stopped_by_the_window_and_released_after_it() {
        let limits = GuardLimits { max_count: 10, max_percent: 100.0, window_hours: 24 };
        let mut window = GuardWindow::default();
        for (hour, run) in [(0, "a"), (1, "b")] {
            let Verdict::Allowed(next) = limits.judge(&window, run, 5, 1_000, at(hour)) else {
                panic!("within the allowance")
            };
            window = next;
        }
        assert_eq!(
            limits.judge(&window, "c", 1, 1_000, at(2)),
            Verdict::Blocked { left: 0, allowed: 10 }
        );
        assert!(matches!(limits.judge(&window, "d", 5, 1_000, at(24)), Verdict::Allowed(_)));
    }

    #[test]
    fn judging_a_run_again_after_a_crash_counts_once() {
        let limits = GuardLimits { max_count: 5, max_percent: 100.0, window_hours: 24 };
        let Verdict::Allowed(window) = limits.judge(&GuardWindow::default(), "a", 5, 100, at(0))
        else {
            panic!("within the allowance")
        };
        assert_eq!(limits.judge(&window, "a", 5, 100, at(0)), Verdict::Allowed(window.clone()));
    }
}
