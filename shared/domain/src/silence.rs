//! Silence: what should have come by now and did not. Nothing fails where nothing happens, so
//! nobody else would tell.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::schedule::Timing;
use crate::settings::{BetweenRuns, Mode, Settings};
use crate::sync_state::SyncState;

/// So long after the second full run that was to come it is missed.
const AFTER_RUN: SignedDuration = SignedDuration::from_hours(1);

/// So long after the first that was to come, where the second comes much later: of a schedule by
/// weeks or months one run that does not come is already too much. A day, as long as the largest
/// directory is read for, and an hour as above.
const AFTER_RARE_RUN: SignedDuration = SignedDuration::from_hours(25);

/// So long after it was enabled a connection's first full run has ended: it is tried again hourly
/// whatever the schedule says, and lasts a day at most.
const FIRST_RUN: SignedDuration = SignedDuration::from_hours(25);

/// A directory is looked at hourly; three looks missed are no chance.
const LONGEST_LOOK: SignedDuration = SignedDuration::from_hours(3);

/// So many looks in a row that found what no notification told of are none either.
const LOOKS_UNHEARD: u32 = 3;

/// What a connection should have heard by now and did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// What is missed.
    pub what: Missed,
    /// Since when.
    pub since: Timestamp,
}

/// What is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Missed {
    /// Full runs that the schedule should have started, or the end of the first one.
    Run,
    /// Looks at what changed.
    Look,
    /// Graph's notifications, while looks find changes.
    Notification,
}

impl Missed {
    /// The stable word.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Run => "no-run",
            Self::Look => "no-look",
            Self::Notification => "no-notification",
        }
    }
}

/// What an enabled connection misses at `now`; `timing` is its schedule. Since `enabled_at` it syncs:
/// of the time before, in which it rested, neither runs nor looks were expected.
pub fn silence_of(
    state: &SyncState,
    settings: &Settings,
    timing: Option<&Timing>,
    enabled_at: Timestamp,
    now: Timestamp,
) -> Option<Silence> {
    let Some(last_full) = state.work.last_full_at else {
        let is_late = settings.mode == Mode::Automatic && is_first_run_late(enabled_at, now);
        return is_late.then_some(Silence { what: Missed::Run, since: enabled_at });
    };
    let last_run = last_full.max(enabled_at);
    let missed = timing
        .filter(|_| settings.mode == Mode::Automatic)
        .and_then(|timing| missed_at(timing, last_run));
    if missed.is_some_and(|missed| now > missed) {
        return Some(Silence { what: Missed::Run, since: last_run });
    }
    let looks = match settings.schedule.between_runs {
        BetweenRuns::Apply | BetweenRuns::List => true,
        BetweenRuns::Ignore => false,
    };
    let last_look = state.work.last_checked_at.filter(|_| looks)?.max(enabled_at);
    if now.duration_since(last_look) > LONGEST_LOOK {
        return Some(Silence { what: Missed::Look, since: last_look });
    }
    let since = state.last_hint_at.unwrap_or(last_full);
    (state.work.unheard >= LOOKS_UNHEARD).then_some(Silence { what: Missed::Notification, since })
}

/// When runs are missed after one that ended at `last_run`, or that was not to come before.
fn missed_at(timing: &Timing, last_run: Timestamp) -> Option<Timestamp> {
    let first = timing.next_run(last_run)?;
    let rare = first.checked_add(AFTER_RARE_RUN).ok();
    let second = timing.next_run(first).and_then(|second| second.checked_add(AFTER_RUN).ok());
    rare.into_iter().chain(second).min()
}

fn is_first_run_late(enabled_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(enabled_at) > FIRST_RUN
}

/// Whether a connection may miss something at `now`, as far as its state tells without settings:
/// what needs reading more is rare, or comes once in a while. An hourly schedule's runs are missed
/// some three hours after the last one, a daily one's after two days; what lies between is looked
/// for in two hours of each four, since one turn may be left out.
pub fn may_be_silent(state: &SyncState, enabled_at: Timestamp, now: Timestamp) -> bool {
    let past =
        |moment: Option<Timestamp>| moment.map(|moment| now.duration_since(moment).as_hours());
    let runs = match past(state.work.last_full_at) {
        None => is_first_run_late(enabled_at, now),
        Some(hours) => (3..6).contains(&hours) || hours >= 48 || (hours >= 8 && hours % 4 < 2),
    };
    let looks = past(state.work.last_checked_at).is_some_and(|hours| hours >= 3);
    runs || looks || state.work.unheard >= LOOKS_UNHEARD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AccountId, ConnectionId};
    use crate::settings::{Frequency, Schedule};

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(hours * 3_600).unwrap()
    }

    fn missed(settings: &Settings, full: Option<i64>, look: i64, now: i64) -> Option<Missed> {
        let mut state = SyncState::new(AccountId::from_bits(1), ConnectionId::from_bits(2));
        state.work.last_full_at = full.map(at);
        state.work.last_checked_at = Some(at(look));
        let timing = Timing::compile(&settings.schedule, "UTC").unwrap();
        silence_of(&state, settings, timing.as_ref(), at(0), at(now)).map(|silence| silence.what)
    }

    #[test]
    fn a_schedule_that_fires_no_more_is_missed_after_its_second_time() {
        let daily = Settings::default();
        assert_eq!(missed(&daily, Some(1), 48, 48), None, "one run may be late");
        assert_eq!(missed(&daily, Some(1), 50, 50), Some(Missed::Run));
        let manual = Settings { mode: Mode::Manual, ..Settings::default() };
        assert_eq!(missed(&manual, Some(1), 500, 500), None, "only people start it");
        let schedule = Schedule { frequency: Frequency::Manual, ..Schedule::default() };
        let by_hand = Settings { schedule, ..Settings::default() };
        assert_eq!(missed(&by_hand, Some(1), 500, 500), None);
    }

    #[test]
    fn notifications_are_missed_when_looks_keep_finding_what_none_told_of() {
        let usual = Settings::default();
        let mut state = SyncState::new(AccountId::from_bits(1), ConnectionId::from_bits(2));
        state.work.last_full_at = Some(at(1));
        state.work.last_checked_at = Some(at(2));
        state.last_hint_at = Some(at(0));
        let timing = Timing::compile(&usual.schedule, "UTC").unwrap();
        state.work.unheard = 2;
        assert!(!may_be_silent(&state, at(0), at(2)));
        assert_eq!(silence_of(&state, &usual, timing.as_ref(), at(0), at(2)), None);
        state.work.unheard = 3;
        assert!(may_be_silent(&state, at(0), at(2)));
        let missed = Silence { what: Missed::Notification, since: at(0) };
        assert_eq!(silence_of(&state, &usual, timing.as_ref(), at(0), at(2)), Some(missed));
    }

    fn schedule(frequency: Frequency, cron: Option<&str>) -> Schedule {
        Schedule {
            frequency,
            cron: cron.map(str::to_owned),
            day_of_week: Some("thursday".to_owned()),
            day_of_month: Some(1),
            ..Schedule::default()
        }
    }

    /// After which hour a schedule's runs are missed whose last one ended one hour after the epoch, a
    /// Thursday: as the settings tell, and as the sweep notices at its hourly turns.
    fn hours_until_missed(schedule: Schedule) -> (i64, i64) {
        let settings = Settings { schedule, ..Settings::default() };
        let timing = Timing::compile(&settings.schedule, "UTC").unwrap();
        let mut state = SyncState::new(AccountId::from_bits(1), ConnectionId::from_bits(2));
        state.work.last_full_at = Some(at(1));
        let mut found: (Option<i64>, Option<i64>) = (None, None);
        for hour in 1..1_000 {
            state.work.last_checked_at = Some(at(hour));
            // A sweep's turn comes some time within the hour.
            let now = at(hour) + SignedDuration::from_mins(20);
            let missed = silence_of(&state, &settings, timing.as_ref(), at(0), now);
            if missed.is_some() {
                found.0 = found.0.or(Some(hour));
                let is_noticed = may_be_silent(&state, at(0), now);
                found.1 = found.1.or(is_noticed.then_some(hour));
            }
        }
        (found.0.unwrap() - 1, found.1.unwrap() - 1)
    }

    #[test]
    fn a_schedule_that_fires_no_more_is_noticed_in_time_whatever_it_is() {
        let cron = |fields| schedule(Frequency::Cron, Some(fields));
        // The schedule, and after how many hours it is missed; noticed two hours later at most.
        let hourly = |hours: i64| 2 * hours..=2 * hours + 2;
        for (schedule, missed) in [
            (schedule(Frequency::Hourly, None), hourly(1)),
            (cron("0 0/2 * * ? *"), hourly(2)),
            (cron("0 1/4 * * ? *"), hourly(4)),
            (cron("0 1/6 * * ? *"), hourly(6)),
            (cron("0 1/8 * * ? *"), hourly(8)),
            (cron("0 1/12 * * ? *"), hourly(12)),
            (schedule(Frequency::Daily, None), 24..=50),
            (schedule(Frequency::Weekly, None), 24..=7 * 24 + 26),
            (schedule(Frequency::Monthly, None), 24..=31 * 24 + 26),
        ] {
            let told = format!("{schedule:?}");
            let (hours, noticed) = hours_until_missed(schedule);
            assert!(missed.contains(&hours), "{told}: {hours}");
            assert!((hours..=hours + 2).contains(&noticed), "{told}: {hours}, {noticed}");
        }
    }

    #[test]
    fn of_a_weekly_or_a_monthly_schedule_one_run_that_does_not_come_is_missed() {
        // Thursday, the 1st of January 1970, at 2 is one hour after the last run.
        for (schedule, slot) in [
            (schedule(Frequency::Weekly, None), 2),
            (
                Schedule { day_of_month: Some(15), ..schedule(Frequency::Monthly, None) },
                14 * 24 + 2,
            ),
        ] {
            let schedule = Schedule { time_of_day: "02:00".to_owned(), ..schedule };
            let settings = Settings { schedule, ..Settings::default() };
            assert_eq!(missed(&settings, Some(1), slot + 25, slot + 25), None);
            assert_eq!(missed(&settings, Some(1), slot + 26, slot + 26), Some(Missed::Run));
        }
    }

    #[test]
    fn a_first_run_that_never_ends_is_missed_a_day_after_enabling() {
        let usual = Settings::default();
        let mut state = SyncState::new(AccountId::from_bits(1), ConnectionId::from_bits(2));
        let timing = Timing::compile(&usual.schedule, "UTC").unwrap();
        for hour in 0..60 {
            // It looks, or does not: what is missed is its first full run.
            state.work.last_checked_at = (hour % 2 == 0).then(|| at(hour));
            let found = silence_of(&state, &usual, timing.as_ref(), at(10), at(hour));
            let missed = Silence { what: Missed::Run, since: at(10) };
            assert_eq!(found, (hour > 35).then_some(missed), "{hour}");
            assert_eq!(may_be_silent(&state, at(10), at(hour)), hour > 35, "{hour}");
        }
        let manual = Settings { mode: Mode::Manual, ..Settings::default() };
        assert_eq!(silence_of(&state, &manual, None, at(10), at(99)), None, "only people start it");
    }

    #[test]
    fn a_connection_that_works_is_seldom_asked_about() {
        let mut state = SyncState::new(AccountId::from_bits(1), ConnectionId::from_bits(2));
        state.work.last_full_at = Some(at(0));
        let asked = (0..24).filter(|hour| {
            state.work.last_checked_at = Some(at(*hour));
            may_be_silent(&state, at(0), at(*hour))
        });
        assert_eq!(asked.count(), 11);
    }

    #[test]
    fn after_a_long_rest_runs_and_looks_are_expected_from_the_moment_it_ended() {
        let daily = Settings::default();
        let timing = Timing::compile(&daily.schedule, "UTC").unwrap();
        let mut state = SyncState::new(AccountId::from_bits(1), ConnectionId::from_bits(2));
        // It rested for a month; what it did before is older than anything that is expected.
        state.work.last_full_at = Some(at(1));
        state.work.last_checked_at = Some(at(1));
        let resumed = at(720);
        let missed = |state: &SyncState, now| {
            let found = silence_of(state, &daily, timing.as_ref(), resumed, at(now));
            found.map(|silence| (silence.what, silence.since))
        };
        assert_eq!(missed(&state, 720), None, "it was resumed a moment ago");
        assert_eq!(missed(&state, 723), None);
        assert_eq!(missed(&state, 724), Some((Missed::Look, resumed)));
        // It looks again, and its runs do not come.
        state.work.last_checked_at = Some(at(800));
        assert_eq!(missed(&state, 720 + 23), None);
        assert_eq!(missed(&state, 720 + 50), Some((Missed::Run, resumed)));
        assert!(may_be_silent(&state, resumed, at(720 + 50)));
        // A run that came since counts from its own end.
        state.work.last_full_at = Some(at(760));
        assert_eq!(missed(&state, 720 + 50), None);
    }

    #[test]
    fn looks_are_missed_where_looks_are_meant() {
        let usual = Settings::default();
        assert_eq!(missed(&usual, Some(1), 7, 10), None);
        assert_eq!(missed(&usual, Some(1), 7, 11), Some(Missed::Look));
        let schedule = Schedule { between_runs: BetweenRuns::Ignore, ..Schedule::default() };
        let runs_only = Settings { schedule, ..Settings::default() };
        assert_eq!(missed(&runs_only, Some(1), 7, 11), None);
    }
}
