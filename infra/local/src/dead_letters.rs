//! The SQS queues of the template, as stores of what was given up.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::LocalClock;
use crate::files;
use crate::plan::Queue;

/// One message in a queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    pub queue: String,
    pub arrived_at: Timestamp,
    /// The message body, as AWS would write it.
    pub body: Value,
    /// What SQS carries beside the body: error codes, the rule or schedule.
    pub attributes: BTreeMap<String, String>,
}

/// All queues of the stack.
#[derive(Debug)]
pub struct DeadLetters {
    queues: BTreeMap<String, Queue>,
    letters: Mutex<Vec<DeadLetter>>,
    /// Where the letters survive a restart.
    file: PathBuf,
    clock: LocalClock,
}

impl DeadLetters {
    pub(crate) fn open(
        queues: &[Queue],
        file: PathBuf,
        clock: LocalClock,
    ) -> std::io::Result<Self> {
        let letters = files::read_json(&file)?.unwrap_or_default();
        let queues = queues.iter().map(|queue| (queue.arn.clone(), queue.clone())).collect();
        Ok(Self { queues, letters: Mutex::new(letters), file, clock })
    }

    /// Stores a message in the queue `arn`.
    pub(crate) fn put(&self, arn: &str, body: Value, attributes: BTreeMap<String, String>) {
        let Some(queue) = self.queues.get(arn) else {
            tracing::error!(queue = arn, "A dead letter names a queue that does not exist.");
            return;
        };
        tracing::warn!(queue = %queue.name, "An event was given up and lies in its dead-letter queue.");
        self.keep(queue, body, attributes);
    }

    /// Stores an event in the queue `arn`, to which a rule sends it.
    pub(crate) fn deliver(&self, arn: &str, event: Value) {
        if let Some(queue) = self.queues.get(arn) {
            self.keep(queue, event, BTreeMap::new());
        }
    }

    fn keep(&self, queue: &Queue, body: Value, attributes: BTreeMap<String, String>) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.push(DeadLetter {
            queue: queue.name.clone(),
            arrived_at: self.clock.now(),
            body,
            attributes,
        });
        if let Err(error) = files::write_json(&self.file, &*letters) {
            tracing::error!(%error, "Dead letters could not be saved.");
        }
    }

    /// The messages now in the queues, oldest first; those past their retention are dropped.
    pub fn all(&self) -> Vec<DeadLetter> {
        let now = self.clock.now();
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.retain(|letter| {
            let kept = self.queues.values().find(|queue| queue.name == letter.queue);
            let seconds = kept.map_or(0, |queue| i64::from(queue.retention_seconds));
            now.duration_since(letter.arrived_at) < SignedDuration::from_secs(seconds)
        });
        letters.clone()
    }
}
