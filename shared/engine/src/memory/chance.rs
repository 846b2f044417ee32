//! Chance that repeats itself.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::port::Randomness;

/// Counts instead of drawing: values differ, and are the same in each run of a test.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Randomness for Counter {
    fn bits(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1
    }

    fn ordered_bits(&self) -> u128 {
        self.bits()
    }

    /// As long as a true one.
    fn secret(&self) -> String {
        format!("secret-{:036}", self.bits())
    }
}
