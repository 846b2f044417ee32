//! The local stack's time: real, and able to run ahead.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// The clock behind schedules, retry waits, expiry and signatures.
///
/// It shows real time until someone advances it; clones share one offset.
#[derive(Debug, Clone)]
pub struct LocalClock {
    offset: Arc<Mutex<SignedDuration>>,
    advanced: watch::Sender<()>,
}

impl Default for LocalClock {
    fn default() -> Self {
        Self { offset: Arc::default(), advanced: watch::Sender::new(()) }
    }
}

impl LocalClock {
    /// The present instant.
    #[expect(clippy::disallowed_methods, reason = "the one clock that the others are told from")]
    pub fn now(&self) -> Timestamp {
        let offset = *self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        Timestamp::now().saturating_add(offset).unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock forward; whoever waits for an instant that is past now wakes up.
    pub fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        let mut offset = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        *offset = offset.saturating_add(by);
        drop(offset);
        self.advanced.send_replace(());
    }

    /// Waits until the clock shows `instant`.
    pub async fn sleep_until(&self, instant: Timestamp) {
        let mut advanced = self.advanced.subscribe();
        loop {
            let remaining = instant.duration_since(self.now());
            let Ok(remaining) = Duration::try_from(remaining) else { return };
            if remaining.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(remaining) => {}
                changed = advanced.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Waits until the clock shows an instant `duration` from now.
    pub async fn sleep(&self, duration: Duration) {
        let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        let instant = self.now().saturating_add(duration).unwrap_or(Timestamp::MAX);
        self.sleep_until(instant).await;
    }

    /// Seconds since the epoch.
    pub fn unix_seconds(&self) -> i64 {
        self.now().as_second()
    }
}

impl dynoxide::storage_backend::Clock for LocalClock {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.unix_seconds()).unwrap_or_default()
    }

    #[expect(clippy::cast_precision_loss, reason = "the engine asks for seconds as a float")]
    fn now_unix_secs_f64(&self) -> f64 {
        self.now().as_microsecond() as f64 / 1_000_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_wakes_when_the_clock_is_advanced() {
        let clock = LocalClock::default();
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_hours(1)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_hours(2));
        tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
    }
}
