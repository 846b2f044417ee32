//! Silence: what should have come by now and did not. Nothing fails where nothing happens, so
//! nobody else would tell.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::schedule::Timing;
use crate::settings::{BetweenRuns, Mode, Settings};
use crate::sync_state::SyncState;

/// So long after the second full run that was to come it is missed.
const AFTER_RUN: SignedDuration = SignedDuration::from_hours(1);

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
    /// Two full runs that the schedule should have started.
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

/// What an enabled connection misses at `now`; `timing` is its schedule. One that never reached the
/// end of a full run misses nothing yet: its first run is somebody's to watch.
pub fn silence_of(
    state: &SyncState,
    settings: &Settings,
    timing: Option<&Timing>,
    now: Timestamp,
) -> Option<Silence> {
    let last_full = state.work.last_full_at?;
    let second = timing
        .filter(|_| settings.mode == Mode::Automatic)
        .and_then(|timing| timing.next_run(timing.next_run(last_full)?));
    if let Some(second) = second
        && now.duration_since(second) > AFTER_RUN
    {
        return Some(Silence { what: Missed::Run, since: last_full });
    }
    let looks = match settings.schedule.between_runs {
        BetweenRuns::Apply | BetweenRuns::List => true,
        BetweenRuns::Ignore => false,
    };
    let last_look = state.work.last_checked_at.filter(|_| looks)?;
    if now.duration_since(last_look) > LONGEST_LOOK {
        return Some(Silence { what: Missed::Look, since: last_look });
    }
    let since = state.last_hint_at.unwrap_or(last_full);
    (state.work.unheard >= LOOKS_UNHEARD).then_some(Silence { what: Missed::Notification, since })
}

/// Whether a connection may miss something at `now`, as far as its state tells without settings:
/// what needs reading more is rare, or comes once in a while. The first run that an hourly schedule
/// owes is missed three hours after the last one, that of a daily one after two days.
pub fn may_be_silent(state: &SyncState, now: Timestamp) -> bool {
    let past =
        |moment: Option<Timestamp>| moment.map(|moment| now.duration_since(moment).as_hours());
    let runs =
        past(state.work.last_full_at).is_some_and(|hours| (3..6).contains(&hours) || hours >= 48);
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
        silence_of(&state, settings, timing.as_ref(), at(now)).map(|silence| silence.what)
    }

    #[test]
    fn a_schedule_that_fires_no_more_is_missed_after_its_second_time() {
        let daily = Settings::default();
        assert_eq!(missed(&daily, Some(1), 48, 48), None, "one run may be late");
        assert_eq!(missed(&daily, Some(1), 50, 50), Some(Missed::Run));
        assert_eq!(missed(&daily, None, 50, 50), None, "it never synced");
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
        assert!(!may_be_silent(&state, at(2)));
        assert_eq!(silence_of(&state, &usual, timing.as_ref(), at(2)), None);
        state.work.unheard = 3;
        assert!(may_be_silent(&state, at(2)));
        let missed = Silence { what: Missed::Notification, since: at(0) };
        assert_eq!(silence_of(&state, &usual, timing.as_ref(), at(2)), Some(missed));
    }

    #[test]
    fn whatever_is_missed_makes_somebody_read_the_settings() {
        for frequency in [Frequency::Hourly, Frequency::Daily] {
            let schedule = Schedule { frequency, ..Schedule::default() };
            let settings = Settings { schedule, ..Settings::default() };
            let timing = Timing::compile(&settings.schedule, "UTC").unwrap();
            let mut state = SyncState::new(AccountId::from_bits(1), ConnectionId::from_bits(2));
            state.work.last_full_at = Some(at(1));
            let missed: Vec<i64> = (1..80)
                .filter(|hour| {
                    state.work.last_checked_at = Some(at(*hour));
                    silence_of(&state, &settings, timing.as_ref(), at(*hour)).is_some()
                })
                .collect();
            let found =
                missed.iter().find(|hour| may_be_silent(&state_at(&state, **hour), at(**hour)));
            assert!(found.is_some_and(|found| found - missed[0] <= 1), "{frequency:?}: {missed:?}");
        }
    }

    fn state_at(state: &SyncState, hour: i64) -> SyncState {
        let mut state = state.clone();
        state.work.last_checked_at = Some(at(hour));
        state
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
