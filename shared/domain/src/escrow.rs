//! People whose contact could not be written, kept until it can.
//!
//! They are tried again with growing gaps, without a change in the directory: what was in the way may
//! have gone. Whoever still fails after four weeks is parked for a person; runs of the whole directory
//! and changes of the person try him all the same.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{ContactId, ObjectId, RunId};

/// How many people of a connection are kept; a run says how many more there are.
pub const MOST: usize = 5_000;

const FIRST: SignedDuration = SignedDuration::from_hours(6);
const SECOND: SignedDuration = SignedDuration::from_hours(12);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How many days after the first failure the last try is.
const DAYS: i32 = 28;

/// One person who failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Who.
    pub object_id: ObjectId,
    /// The contact, where there is one or would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// Why, for people.
    pub reason: String,
    /// What helps, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// How often it was tried, the first time and those when it was due.
    pub attempts: u32,
    /// When it failed first.
    pub first_at: Timestamp,
    /// When it failed last.
    pub last_at: Timestamp,
    /// When it is tried again; `None` once it is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// The run that tried last.
    pub run_id: RunId,
}

impl Failure {
    /// The same person failed once more; another reason begins anew.
    #[must_use]
    pub fn after(self, before: Option<&Self>) -> Self {
        let Some(before) = before.filter(|before| before.reason == self.reason) else {
            let next_at = next(self.first_at, self.last_at);
            return Self { attempts: 1, next_at, ..self };
        };
        Self {
            attempts: before.attempts.saturating_add(1),
            first_at: before.first_at,
            next_at: next(before.first_at, self.last_at),
            ..self
        }
    }

    /// Whether what stands says as much as another failure does now: nothing is to be written.
    pub fn stands_for(&self, reason: &str, now: Timestamp) -> bool {
        self.reason == reason && !self.is_due(now)
    }

    /// Whether it is to be tried again at `now`.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next_at.is_some_and(|at| at <= now)
    }
}

/// When somebody who failed first at `first_at`, and again at `now`, is tried next: 6, 12 and 24 hours
/// after the first failure, then every 24 hours for 28 days; after that `None`.
pub fn next(first_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let days = (1..=DAYS).map(|day| DAY * day);
    [FIRST, SECOND]
        .into_iter()
        .chain(days)
        .filter_map(|gap| first_at.checked_add(gap).ok())
        .find(|at| *at > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hours: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + hours * 3_600).unwrap()
    }

    #[test]
    fn gaps_grow_from_six_hours_to_a_day_and_end_after_four_weeks() {
        for (now, expected) in [
            (0, Some(6)),
            (5, Some(6)),
            (6, Some(12)),
            (11, Some(12)),
            (12, Some(24)),
            (24, Some(48)),
            (30, Some(48)),
            (27 * 24, Some(28 * 24)),
            (28 * 24, None),
            (100 * 24, None),
            // A clock that went back.
            (-1_000, Some(6)),
        ] {
            assert_eq!(next(hour(0), hour(now)), expected.map(hour), "{now} hours after");
        }
    }

    fn failure(reason: &str, at: i64) -> Failure {
        Failure {
            object_id: ObjectId::from_u128(1),
            contact_id: None,
            reason: reason.to_owned(),
            remedy: None,
            attempts: 0,
            first_at: hour(at),
            last_at: hour(at),
            next_at: None,
            run_id: RunId::from_bits(1),
        }
    }

    #[test]
    fn whoever_always_fails_is_tried_thirty_times_and_then_parked() {
        let mut kept = failure("no e-mail", 0).after(None);
        while let Some(at) = kept.next_at {
            assert!(!kept.is_due(at - SignedDuration::from_secs(1)) && kept.is_due(at));
            let again = Failure { last_at: at, ..failure("no e-mail", 0) };
            kept = again.after(Some(&kept));
            assert!(kept.attempts <= 40, "it never ends");
        }
        assert_eq!(kept.attempts, 31, "the first and thirty tries");
        assert_eq!(kept.last_at, hour(28 * 24));
    }

    #[test]
    fn another_reason_is_another_failure() {
        let before = failure("no e-mail", 0).after(None);
        let now = failure("the e-mail is somebody else's", 50).after(Some(&before));
        assert_eq!((now.attempts, now.first_at, now.next_at), (1, hour(50), Some(hour(56))));
    }
}
