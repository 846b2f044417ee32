//! The time of this machine.

use contact_sync_engine::port::Clock;
use jiff::{SignedDuration, Timestamp};

/// The machine's clock, and the runtime's timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        as_long_as_any(Timestamp::now())
    }

    async fn sleep(&self, duration: SignedDuration) {
        tokio::time::sleep(duration.try_into().unwrap_or_default()).await;
    }
}

/// The instant, or the nanosecond after it: one whose last digit is not 0. Trailing zeros are left
/// out wherever instants are stored, as texts and as numbers. Without them every item of a kind is
/// equally large at any moment, and what its writing costs does not hang on chance.
fn as_long_as_any(instant: Timestamp) -> Timestamp {
    if instant.subsec_nanosecond() % 10 != 0 {
        return instant;
    }
    instant.checked_add(SignedDuration::from_nanos(1)).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_item_costs_does_not_hang_on_the_moment_it_is_written() {
        for nanosecond in [0, 1, 10, 500_000_000, 999_999_990, 999_999_999] {
            let instant = as_long_as_any(Timestamp::new(1_764_000_000, nanosecond).unwrap());
            assert_eq!(instant.to_string().len(), "2025-11-24T16:00:00.123456789Z".len());
            assert!((0..=1).contains(&(instant.subsec_nanosecond() - nanosecond)));
        }
    }
}
