//! How long changes take from Graph's notification to the contacts, as lately seen.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// How many delays are remembered.
const REMEMBERED: usize = 64;

/// The latest delays of a connection, oldest first, in tenths of a second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Delays(Vec<u32>);

/// Seconds that half, 95 and 99 of a hundred changes took at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Half of them.
    pub p50: f64,
    /// 95 of a hundred.
    pub p95: f64,
    /// 99 of a hundred.
    pub p99: f64,
}

impl Delays {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Remembers one; a clock that went back counts as no delay.
    pub fn record(&mut self, delay: SignedDuration) {
        if self.0.len() >= REMEMBERED {
            self.0.drain(..=self.0.len() - REMEMBERED);
        }
        let tenths = delay.as_millis().max(0) / 100;
        self.0.push(u32::try_from(tenths).unwrap_or(u32::MAX));
    }

    /// What they come to; `None` before the first.
    pub fn latency(&self) -> Option<Latency> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        // The nearest rank: the smallest delay that so many of a hundred do not exceed.
        let at = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100);
            sorted.get(rank.saturating_sub(1)).map(|tenths| f64::from(*tenths) / 10.0)
        };
        Some(Latency { p50: at(50)?, p95: at(95)?, p99: at(99)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(delays: impl IntoIterator<Item = i64>) -> Delays {
        let mut all = Delays::default();
        for delay in delays {
            all.record(SignedDuration::from_secs(delay));
        }
        all
    }

    #[test]
    fn one_slow_change_shows_in_the_tail_and_not_in_the_middle() {
        assert_eq!(Delays::default().latency(), None);
        let all = seconds((0..19).map(|_| 2).chain([600]));
        assert_eq!(all.latency(), Some(Latency { p50: 2.0, p95: 2.0, p99: 600.0 }));
        assert_eq!(seconds([7]).latency(), Some(Latency { p50: 7.0, p95: 7.0, p99: 7.0 }));
    }

    #[test]
    fn what_is_long_past_is_forgotten_and_the_item_stays_small() {
        let all = seconds((0..1_000).map(|at| if at < 900 { 50 } else { 1 }));
        assert_eq!(all.0.len(), REMEMBERED);
        assert_eq!(all.latency(), Some(Latency { p50: 1.0, p95: 1.0, p99: 1.0 }));
    }

    #[test]
    fn a_clock_that_went_back_is_no_delay() {
        assert_eq!(seconds([-5]), seconds([0]));
    }
}
