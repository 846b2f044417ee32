//! The one clock of the simulator: tokens, delta links, subscriptions, the recycle bin, retries.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

/// Longest sleep between two looks at the clock.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Simulated time: the machine's time plus an offset, or standing still.
///
/// Clones share the same time. Moving it wakes whoever waits for a due instant.
#[derive(Clone, Debug, Default)]
pub struct SimClock {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    moved: Notify,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    offset: SignedDuration,
    frozen_at: Option<Timestamp>,
}

impl SimClock {
    /// The simulated instant.
    pub fn now(&self) -> Timestamp {
        let state = self.state();
        state.frozen_at.unwrap_or_else(|| shifted(machine_now(), state.offset))
    }

    /// Moves time forward; a frozen clock stays frozen at the later instant.
    pub fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        self.change(|state| match state.frozen_at {
            Some(at) => state.frozen_at = Some(shifted(at, by)),
            None => state.offset = state.offset.saturating_add(by),
        });
    }

    /// Jumps to an instant, forward or back.
    pub fn set(&self, to: Timestamp) {
        self.change(|state| match state.frozen_at {
            Some(_) => state.frozen_at = Some(to),
            None => state.offset = to.duration_since(machine_now()),
        });
    }

    /// Stops time at the present instant.
    pub fn freeze(&self) {
        let now = self.now();
        self.change(|state| state.frozen_at = Some(now));
    }

    /// Lets time run on from where it stands.
    pub fn resume(&self) {
        let now = self.now();
        self.change(|state| {
            state.frozen_at = None;
            state.offset = now.duration_since(machine_now());
        });
    }

    /// Whether time stands still.
    pub fn is_frozen(&self) -> bool {
        self.state().frozen_at.is_some()
    }

    /// How far simulated time is from the machine's.
    pub fn offset(&self) -> SignedDuration {
        self.now().duration_since(machine_now())
    }

    /// Waits until `due` on this clock, until the clock is moved by hand, or a second at most:
    /// a nudge meant for another holder of this clock must not leave one waiting for ever.
    pub(crate) async fn wait_until(&self, due: Option<Timestamp>) {
        let moved = self.shared.moved.notified();
        let now = self.now();
        let wait = match due {
            Some(due) if !self.is_frozen() || due <= now => due.duration_since(now),
            _ => SignedDuration::MAX,
        };
        let wait = Duration::try_from(wait).unwrap_or(Duration::ZERO).min(LONGEST_WAIT);
        let _ = tokio::time::timeout(wait, moved).await;
    }

    /// Wakes whoever waits, as after new work was queued.
    pub(crate) fn nudge(&self) {
        self.shared.moved.notify_waiters();
        self.shared.moved.notify_one();
    }

    fn state(&self) -> State {
        *self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, edit: impl FnOnce(&mut State)) {
        edit(&mut self.shared.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.nudge();
    }
}

/// Adds without leaving the calendar.
pub(crate) fn shifted(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(at)
}

#[expect(clippy::disallowed_methods, reason = "this clock is where the machine's time comes in")]
fn machine_now() -> Timestamp {
    Timestamp::now()
}

/// Reads `90s`, `15m`, `8d`, `1h30m`, `250ms` or a bare number of seconds.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(unit_end);
        let seconds = match unit.trim() {
            "" | "s" => 1.0,
            "ms" => 0.001,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = after;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_by_hand() {
        let clock = SimClock::default();
        clock.freeze();
        let before = clock.now();
        clock.advance(Duration::from_mins(1));
        assert_eq!(clock.now().duration_since(before), SignedDuration::from_mins(1));
        clock.resume();
        assert!(clock.now() >= before);
    }

    #[test]
    fn reads_spans_as_people_write_them() {
        let cases = [
            ("8d", Some(691_200.0)),
            ("1h30m", Some(5_400.0)),
            ("250ms", Some(0.25)),
            ("10", Some(10.0)),
            ("8 parsecs", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_duration(text).map(|d| d.as_secs_f64()), expected, "{text}");
        }
    }
}
