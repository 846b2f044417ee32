//! A clock in a test's hand.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};

use super::locked;
use crate::port::Clock;

/// A clock that stands still until it is moved; sleeping moves it, and so does looking at it where
/// it ticks.
#[derive(Debug, Default)]
pub struct HeldClock {
    now: Mutex<Timestamp>,
    tick: Mutex<SignedDuration>,
}

impl HeldClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self { now: Mutex::new(now), tick: Mutex::default() }
    }

    /// Sets it.
    pub fn move_to(&self, now: Timestamp) {
        *locked(&self.now) = now;
    }

    /// Moves it on.
    pub fn advance(&self, duration: SignedDuration) {
        *locked(&self.now) += duration;
    }

    /// Lets it move on by so much each time somebody looks at it.
    pub fn set_tick(&self, tick: SignedDuration) {
        *locked(&self.tick) = tick;
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        self.advance(*locked(&self.tick));
        *locked(&self.now)
    }

    async fn sleep(&self, duration: SignedDuration) {
        self.advance(duration);
    }
}
