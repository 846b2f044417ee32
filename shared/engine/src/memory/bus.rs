//! A bus that keeps what it takes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use contact_sync_domain::event::Event;

use super::locked;
use crate::port::{EventPublisher, PublishError};

/// A bus in memory.
#[derive(Debug, Default)]
pub struct MemoryBus {
    taken: Mutex<Vec<Event>>,
    is_down: AtomicBool,
}

impl MemoryBus {
    /// What was published since the last call.
    pub fn drain(&self) -> Vec<Event> {
        std::mem::take(&mut *locked(&self.taken))
    }

    /// Lets the bus take nothing, or everything again.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }
}

impl EventPublisher for MemoryBus {
    async fn publish(&self, events: &[Event]) -> Result<Vec<Result<(), String>>, PublishError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(PublishError("no answer".into()));
        }
        locked(&self.taken).extend_from_slice(events);
        Ok(events.iter().map(|_| Ok(())).collect())
    }
}
