//! Slow and drop state of a receiving host, judged over ten minutes.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::clock::shifted;

const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// How a host answered lately.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostHealth {
    answers: VecDeque<(Timestamp, Pace)>,
    verdict: Option<(Verdict, Timestamp)>,
}

/// How long an answer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    InTime,
    /// Over the first limit (3 s).
    Slow,
    /// Over the retry limit (10 s).
    TooSlow,
}

/// What happens to the following notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They wait ten minutes.
    Delay,
    /// They are lost.
    Drop,
}

impl HostHealth {
    /// Notes an answer and judges anew unless an earlier verdict still runs.
    pub(crate) fn note(&mut self, now: Timestamp, pace: Pace, min_samples: usize) {
        self.answers.push_back((now, pace));
        while self.answers.front().is_some_and(|(at, _)| shifted(*at, WINDOW) < now) {
            self.answers.pop_front();
        }
        if self.verdict(now).is_none() {
            self.verdict = self.judge(min_samples).map(|verdict| (verdict, shifted(now, WINDOW)));
        }
    }

    /// The verdict in force.
    pub(crate) fn verdict(&self, now: Timestamp) -> Option<Verdict> {
        self.verdict.filter(|(_, until)| now < *until).map(|(verdict, _)| verdict)
    }

    fn judge(&self, min_samples: usize) -> Option<Verdict> {
        let total = self.answers.len();
        if total < min_samples.max(1) {
            return None;
        }
        let too_slow = self.answers.iter().filter(|(_, pace)| *pace == Pace::TooSlow).count();
        let slow = self.answers.iter().filter(|(_, pace)| *pace != Pace::InTime).count();
        if too_slow * 100 > total * 15 {
            Some(Verdict::Drop)
        } else if slow * 100 > total * 10 {
            Some(Verdict::Delay)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(paces: &[Pace]) -> HostHealth {
        let mut health = HostHealth::default();
        for pace in paces {
            health.note(Timestamp::UNIX_EPOCH, *pace, 10);
        }
        health
    }

    #[test]
    fn a_slow_host_is_delayed_and_a_dead_one_dropped_for_ten_minutes() {
        let now = Timestamp::UNIX_EPOCH;
        let mut paces = vec![Pace::InTime; 18];
        paces.extend([Pace::Slow; 2]);
        assert_eq!(after(&paces).verdict(now), None, "10 % is not more than 10 %");
        paces.push(Pace::Slow);
        assert_eq!(after(&paces).verdict(now), Some(Verdict::Delay));
        let dropping = after(&[Pace::TooSlow; 10]);
        assert_eq!(dropping.verdict(now), Some(Verdict::Drop));
        assert_eq!(dropping.verdict(shifted(now, WINDOW)), None);
        assert_eq!(after(&[Pace::TooSlow; 9]).verdict(now), None, "too few answers to judge");
    }
}
