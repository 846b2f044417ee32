//! Digests: what happened since the last one, and what still stands.

use jiff::Timestamp;

use super::{Changes, EndedRun, NoticeKind, Waiting};
use crate::run::RunStatus;
use crate::schedule::Timing;
use crate::settings::{Frequency, Schedule, Settings};

/// At which time of the day people read digests, in the connection's zone.
const TIME_OF_DAY: &str = "08:00";

/// The day of weekly digests.
const DAY_OF_WEEK: &str = "monday";

/// What people read of reasons that failed runs gave; of more it is not told.
const MOST_REASONS: usize = 5;

/// When the first digest after `after` is due: in the zone of the connection's schedule, else in
/// the account's; `None` when nobody wants any.
pub fn next_digest(settings: &Settings, account_zone: &str, after: Timestamp) -> Option<Timestamp> {
    let notifications = &settings.notifications;
    let frequency = match notifications.digest.as_str() {
        "daily" => Frequency::Daily,
        "weekly" => Frequency::Weekly,
        _ => return None,
    };
    if notifications.users.is_empty() && notifications.emails.is_empty() {
        return None;
    }
    let schedule = Schedule {
        frequency,
        time_of_day: TIME_OF_DAY.to_owned(),
        day_of_week: Some(DAY_OF_WEEK.to_owned()),
        time_zone: settings.schedule.time_zone.clone(),
        ..Schedule::default()
    };
    Timing::compile(&schedule, account_zone).ok().flatten()?.next_run(after)
}

/// What happened to one connection in some time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digest {
    /// From when on, as people of its zone write it.
    pub since: String,
    /// So many syncs ended.
    pub runs: u64,
    /// Whether there were more than were counted.
    pub more: bool,
    /// So many of them did not reach their end.
    pub failed: u64,
    /// So many failed for some records.
    pub partial: u64,
    /// What changed.
    pub changes: Changes,
    /// What runs that failed said of it, each once, and how many said so.
    pub reasons: Vec<(String, u64)>,
    /// Whether the guard holds removals back.
    pub holds: bool,
    /// What waits for people.
    pub waiting: Option<Waiting>,
    /// Why it waits for a person, and what to do.
    pub attention: Option<(String, String)>,
}

impl EndedRun {
    /// Whether those who chose a kind of notice hear of it in a digest.
    pub fn is_told_of(&self, kind: NoticeKind) -> bool {
        match kind {
            NoticeKind::Failure => self.fails(),
            NoticeKind::Guard => self.status == RunStatus::Blocked,
            NoticeKind::Review => self.counts.asks(),
            NoticeKind::Changes => !Changes::of(&self.counts).is_empty(),
            NoticeKind::Plan | NoticeKind::Digest => false,
        }
    }

    fn fails(&self) -> bool {
        self.shows_something() && matches!(self.status, RunStatus::Failed | RunStatus::Partial)
    }
}

impl Digest {
    /// Adds a run, as far as people chose to hear of it.
    pub fn add(&mut self, run: &EndedRun, kinds: &[NoticeKind]) {
        self.runs += 1;
        if kinds.contains(&NoticeKind::Changes) {
            self.changes = self.changes.and(Changes::of(&run.counts));
        }
        if !kinds.contains(&NoticeKind::Failure) || !run.fails() {
            return;
        }
        match run.status {
            RunStatus::Failed => self.failed += 1,
            _ => self.partial += 1,
        }
        let said = run.reason.clone().unwrap_or_default();
        let has_room = self.reasons.len() < MOST_REASONS;
        match self.reasons.iter_mut().find(|(reason, _)| *reason == said) {
            Some((_, count)) => *count += 1,
            None if has_room && !said.is_empty() => self.reasons.push((said, 1)),
            None => {}
        }
    }

    /// Whether something waits for people, now and until they act.
    pub fn stands(&self) -> bool {
        self.holds || self.waiting.is_some() || self.attention.is_some()
    }

    /// Whether there is nothing to tell: runs that changed nothing are nothing.
    pub fn is_empty(&self) -> bool {
        !self.stands() && self.failed == 0 && self.partial == 0 && self.changes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::{Counts, RunKind};

    fn settings(digest: &str, zone: Option<&str>) -> Settings {
        let mut settings = Settings::default();
        settings.notifications.digest = digest.to_owned();
        settings.notifications.users = vec!["u-1".to_owned()];
        settings.schedule.time_zone = zone.map(str::to_owned);
        settings
    }

    fn next(settings: &Settings, account_zone: &str, after: &str) -> Option<String> {
        let next = next_digest(settings, account_zone, after.parse().unwrap());
        next.map(|next| next.to_string())
    }

    #[test]
    fn digests_come_at_eight_by_the_clocks_of_the_zone_also_when_they_are_moved() {
        let daily = settings("daily", None);
        let zone = "Europe/Berlin";
        // On 29 March 2026 clocks go from 2 to 3, on 25 October from 3 to 2.
        for (after, due) in [
            ("2026-03-28T06:59:59Z", "2026-03-28T07:00:00Z"),
            ("2026-03-28T07:00:00Z", "2026-03-29T06:00:00Z"),
            ("2026-10-24T06:00:00Z", "2026-10-25T07:00:00Z"),
        ] {
            assert_eq!(next(&daily, zone, after).as_deref(), Some(due));
        }
        let own = settings("daily", Some("Asia/Kathmandu"));
        let due = next(&own, zone, "2026-03-28T00:00:00Z");
        assert_eq!(due.as_deref(), Some("2026-03-28T02:15:00Z"), "the connection's zone wins");
        // 22 November 2026 is a Sunday.
        let weekly = settings("weekly", None);
        let due = next(&weekly, zone, "2026-11-22T12:00:00Z");
        assert_eq!(due.as_deref(), Some("2026-11-23T07:00:00Z"));
    }

    #[test]
    fn who_wants_no_digest_or_names_nobody_gets_none() {
        assert_eq!(next(&settings("off", None), "UTC", "2026-03-28T00:00:00Z"), None);
        let mut nobody = settings("daily", None);
        nobody.notifications.users.clear();
        assert_eq!(next(&nobody, "UTC", "2026-03-28T00:00:00Z"), None);
        nobody.notifications.emails = vec!["ada@host.example".to_owned()];
        assert!(next(&nobody, "UTC", "2026-03-28T00:00:00Z").is_some());
    }

    fn run(status: RunStatus, reason: Option<&str>, counts: &serde_json::Value) -> EndedRun {
        let counts: Counts = serde_json::from_value(counts.clone()).unwrap();
        let reason = reason.map(str::to_owned);
        EndedRun { at: Timestamp::UNIX_EPOCH, kind: RunKind::Full, status, reason, counts }
    }

    #[test]
    fn runs_are_summed_up_as_far_as_people_chose() {
        let runs = [
            run(RunStatus::Succeeded, None, &json!({"created": 2, "updated": 1})),
            run(RunStatus::Failed, Some("Entra asked us to wait"), &json!({"updated": 4})),
            run(RunStatus::Failed, Some("Entra asked us to wait"), &json!({})),
            run(RunStatus::Partial, Some("1 record failed"), &json!({"failed": 1})),
        ];
        let summed = |kinds: &[NoticeKind]| {
            let mut digest = Digest::default();
            for run in &runs {
                digest.add(run, kinds);
            }
            digest
        };
        let all = summed(&NoticeKind::CHOSEN);
        assert_eq!((all.runs, all.failed, all.partial), (4, 2, 1));
        assert_eq!((all.changes.created, all.changes.updated), (2, 5));
        let said = [("Entra asked us to wait".to_owned(), 2), ("1 record failed".to_owned(), 1)];
        assert_eq!(all.reasons, said);
        assert!(summed(&[NoticeKind::Review]).is_empty());
        let failures = summed(&[NoticeKind::Failure]);
        assert!(failures.changes.is_empty() && !failures.is_empty());
    }

    #[test]
    fn a_day_on_which_nothing_changed_is_nothing_to_tell_unless_something_waits() {
        let mut digest = Digest::default();
        digest.add(&run(RunStatus::Succeeded, None, &json!({})), &NoticeKind::CHOSEN);
        assert!(digest.is_empty());
        digest.holds = true;
        assert!(!digest.is_empty() && digest.stands());
    }
}
