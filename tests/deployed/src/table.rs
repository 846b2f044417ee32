//! What was found, line by line.

use std::fmt::Display;
use std::time::{Duration, Instant};

use entra_contact_sync_local::console;

/// Lines of one kind: done well, or wrong.
#[derive(Debug, Default)]
pub(crate) struct Table {
    wrong: usize,
}

impl Table {
    /// Whether nothing was wrong.
    pub(crate) fn is_verified(&self) -> bool {
        self.wrong == 0
    }

    /// Counts and tells what a step found; answers whether it was well.
    pub(crate) fn tell<E: std::error::Error>(
        &mut self,
        title: &str,
        started: Instant,
        found: Result<impl Display, E>,
    ) -> bool {
        let took = started.elapsed();
        match found {
            Ok(fact) => {
                line("ok   ", title, took, &fact);
                true
            }
            Err(error) => {
                self.wrong += 1;
                line("WRONG", title, took, &console::told(&error));
                false
            }
        }
    }

    /// Counts what somebody else has told already.
    pub(crate) fn count(&mut self, is_well: bool) {
        self.wrong += usize::from(!is_well);
    }
}

fn line(mark: &str, title: &str, took: Duration, fact: &impl Display) {
    console::result(&format!("{mark}  {title:51}  {:>6.1} s  {fact}", took.as_secs_f64()));
}
