//! Asynchronous invocation: events that nobody waits for, their retries and their dead letters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::LocalClock;
use crate::dead_letters::DeadLetters;
use crate::files;
use crate::runtime::{FunctionError, FunctionPool};

/// Lambda waits a minute before the first retry of a failed event and two before the second.
const RETRY_WAITS: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];

/// The queue in front of every function.
#[derive(Debug)]
pub struct AsyncInvoker {
    pools: BTreeMap<String, Arc<FunctionPool>>,
    dead_letters: Arc<DeadLetters>,
    clock: LocalClock,
    /// One file per event that is not settled, so that a restart loses none.
    folder: PathBuf,
    pending: AtomicUsize,
}

/// An event on its way to a function.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct PendingEvent {
    request_id: String,
    function: String,
    payload: Value,
    accepted_at: Timestamp,
    /// Attempts that have failed.
    failures: u32,
}

impl AsyncInvoker {
    pub(crate) fn open(
        pools: BTreeMap<String, Arc<FunctionPool>>,
        dead_letters: Arc<DeadLetters>,
        clock: LocalClock,
        folder: PathBuf,
    ) -> std::io::Result<Arc<Self>> {
        std::fs::create_dir_all(&folder)?;
        Ok(Arc::new(Self { pools, dead_letters, clock, folder, pending: AtomicUsize::new(0) }))
    }

    /// Takes up the events that an earlier run of the stack left unsettled.
    pub(crate) fn resume(self: &Arc<Self>) -> std::io::Result<()> {
        let mut events: Vec<PendingEvent> = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                events.extend(files::read_json::<PendingEvent>(&path)?);
            }
        }
        events.sort_by_key(|event| event.accepted_at);
        for event in events {
            self.drive(event);
        }
        Ok(())
    }

    /// Accepts `payload` for `function`; whether it exists.
    pub fn submit(self: &Arc<Self>, function: &str, payload: Value) -> bool {
        if !self.pools.contains_key(function) {
            return false;
        }
        let event = PendingEvent {
            request_id: Uuid::now_v7().to_string(),
            function: function.to_owned(),
            payload,
            accepted_at: self.clock.now(),
            failures: 0,
        };
        self.save(&event);
        self.drive(event);
        true
    }

    /// Events accepted and neither done nor given up.
    pub fn pending(&self) -> usize {
        self.pending.load(Ordering::SeqCst)
    }

    fn drive(self: &Arc<Self>, event: PendingEvent) {
        self.pending.fetch_add(1, Ordering::SeqCst);
        let invoker = Arc::clone(self);
        tokio::spawn(async move {
            invoker.run(event).await;
            invoker.pending.fetch_sub(1, Ordering::SeqCst);
        });
    }

    async fn run(&self, mut event: PendingEvent) {
        let Some(pool) = self.pools.get(&event.function) else { return };
        let settings = &pool.function().asynchronous;
        let payload = Bytes::from(event.payload.to_string());
        let max_age = SignedDuration::try_from(settings.max_age).unwrap_or(SignedDuration::MAX);
        loop {
            let (began_at, began) = (self.clock.now(), Instant::now());
            let outcome = pool.invoke_as(event.request_id.clone(), payload.clone()).await;
            let Err(error) = outcome else { break };
            // Counted from here on even if the clock is advanced in this very moment.
            let failed_at = later(began_at, began.elapsed());
            event.failures += 1;
            let wait = usize::try_from(event.failures - 1)
                .ok()
                .and_then(|index| RETRY_WAITS.get(index))
                .filter(|_| event.failures <= settings.retries);
            let Some(wait) = wait else {
                self.give_up(pool, &event, &error, "RetriesExhausted");
                break;
            };
            self.save(&event);
            self.clock.sleep_until(later(failed_at, *wait)).await;
            if self.clock.now().duration_since(event.accepted_at) > max_age {
                self.give_up(pool, &event, &error, "EventAgeExceeded");
                break;
            }
        }
        self.forget(&event);
    }

    fn give_up(
        &self,
        pool: &FunctionPool,
        event: &PendingEvent,
        error: &FunctionError,
        condition: &str,
    ) {
        let Some(queue) = &pool.function().asynchronous.dead_letters else {
            tracing::error!(function = %event.function, "An event was given up and no queue takes it.");
            return;
        };
        let body = json!({
            "version": "1.0",
            "timestamp": self.clock.now().to_string(),
            "requestContext": {
                "requestId": event.request_id,
                "functionArn": format!("{}:$LATEST", pool.function().arn),
                "condition": condition,
                "approximateInvokeCount": event.failures,
            },
            "requestPayload": event.payload,
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "responsePayload": error.payload,
        });
        self.dead_letters.put(queue, body, BTreeMap::new());
    }

    fn file(&self, event: &PendingEvent) -> PathBuf {
        self.folder.join(Path::new(&event.request_id).with_extension("json"))
    }

    fn save(&self, event: &PendingEvent) {
        if let Err(error) = files::write_json(&self.file(event), event) {
            tracing::error!(%error, "An accepted event could not be saved.");
        }
    }

    fn forget(&self, event: &PendingEvent) {
        if let Err(error) = std::fs::remove_file(self.file(event)) {
            tracing::error!(%error, "A settled event could not be forgotten.");
        }
    }
}

fn later(instant: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}
