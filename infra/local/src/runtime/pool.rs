//! All processes of one function.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, oneshot};
use uuid::Uuid;

use super::api::Invocation;
use super::environment::EndpointUrls;
use super::process::Process;
use super::{FunctionError, FunctionErrorKind, FunctionLog, InvocationRecord, Outcome};
use crate::clock::LocalClock;
use crate::plan::Function;

/// Ended invocations that are remembered, per function.
const REMEMBERED_INVOCATIONS: usize = 20_000;

/// The processes of one function: started on demand, used again while they live, never more at
/// once than the pool allows.
#[derive(Debug)]
pub struct FunctionPool {
    function: Function,
    binaries: PathBuf,
    endpoints: EndpointUrls,
    clock: LocalClock,
    log: Arc<FunctionLog>,
    permits: Semaphore,
    idle: Mutex<Vec<Process>>,
    running: Mutex<BTreeMap<String, Arc<Notify>>>,
    records: Mutex<VecDeque<InvocationRecord>>,
    peak_kilobytes: AtomicU64,
}

impl FunctionPool {
    pub(crate) fn new(
        function: Function,
        binaries: PathBuf,
        endpoints: EndpointUrls,
        clock: LocalClock,
        log: Arc<FunctionLog>,
        max_processes: usize,
    ) -> Self {
        Self {
            function,
            binaries,
            endpoints,
            clock,
            log,
            permits: Semaphore::new(max_processes),
            idle: Mutex::default(),
            running: Mutex::default(),
            records: Mutex::default(),
            peak_kilobytes: AtomicU64::new(0),
        }
    }

    /// What the template says of the function.
    pub fn function(&self) -> &Function {
        &self.function
    }

    /// What its processes wrote.
    pub fn log(&self) -> &FunctionLog {
        &self.log
    }

    /// The invocations that have ended, oldest first.
    pub fn records(&self) -> Vec<InvocationRecord> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The highest resident memory of any of its processes, in kilobytes.
    pub fn peak_memory_kilobytes(&self) -> u64 {
        self.peak_kilobytes.load(Ordering::Relaxed)
    }

    /// How many invocations are running.
    pub fn running(&self) -> usize {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Kills the processes that are working on an event now; answers how many.
    pub fn kill_running(&self) -> usize {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.values().for_each(|killer| killer.notify_one());
        running.len()
    }

    /// Starts one process ahead of its first event.
    pub async fn warm(&self) -> Result<(), FunctionError> {
        let process = self.start().await?;
        self.keep(process);
        Ok(())
    }

    /// Runs the function on `payload` and waits for the outcome.
    pub async fn invoke(&self, payload: Bytes) -> Outcome {
        self.invoke_as(Uuid::now_v7().to_string(), payload).await
    }

    pub(crate) async fn invoke_as(&self, request_id: String, payload: Bytes) -> Outcome {
        let Ok(_permit) = self.permits.acquire().await else {
            return Err(FunctionError::new(
                FunctionErrorKind::Exited,
                "the stack is shutting down",
            ));
        };
        let process = match self.take_idle() {
            Some(process) => process,
            None => match self.start().await {
                Ok(process) => process,
                Err(error) => {
                    self.record(request_id, self.clock.now(), Instant::now(), Some(error.kind), 0);
                    return Err(error);
                }
            },
        };
        let started_at = self.clock.now();
        let started = Instant::now();
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(request_id.clone(), process.killer());
        let (reply, outcome) = oneshot::channel();
        let timeout = self.function.timeout;
        let invocation = Invocation {
            request_id: request_id.clone(),
            payload,
            // Functions read the machine's clock, so the deadline is told in it.
            deadline_ms: real_deadline_ms(timeout),
            function_arn: self.function.arn.clone(),
            trace_id: trace_id(started_at),
            reply,
        };
        let outcome = process.invoke(invocation, outcome, timeout).await;
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&request_id);
        let peak = process.peak_kilobytes();
        let error = outcome.as_ref().err().map(|error| error.kind);
        self.record(request_id, started_at, started, error, peak);
        match error {
            None | Some(FunctionErrorKind::Reported | FunctionErrorKind::ResponseTooLarge) => {
                self.keep(process);
            }
            // It is dying or dead; dropping it makes sure.
            Some(
                FunctionErrorKind::TimedOut
                | FunctionErrorKind::OutOfMemory
                | FunctionErrorKind::Exited
                | FunctionErrorKind::InitFailed,
            ) => drop(process),
        }
        outcome
    }

    async fn start(&self) -> Result<Process, FunctionError> {
        let process = Process::start(&self.function, &self.binaries, &self.endpoints, &self.log)
            .await
            .map_err(|error| {
                let program = self.binaries.join(&self.function.name);
                FunctionError::new(
                    FunctionErrorKind::InitFailed,
                    &format!("cannot start {}: {error}", program.display()),
                )
            })?;
        process.until_ready().await?;
        Ok(process)
    }

    fn take_idle(&self) -> Option<Process> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(Process::is_alive);
        idle.pop()
    }

    fn keep(&self, process: Process) {
        if process.is_alive() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(process);
        }
    }

    fn record(
        &self,
        request_id: String,
        started_at: Timestamp,
        started: Instant,
        error: Option<FunctionErrorKind>,
        peak_memory_kilobytes: u64,
    ) {
        let duration = started.elapsed();
        self.peak_kilobytes.fetch_max(peak_memory_kilobytes, Ordering::Relaxed);
        if let Some(kind) = error {
            tracing::warn!(function = %self.function.name, %request_id, ?kind, "An invocation failed.");
        } else {
            tracing::debug!(function = %self.function.name, %request_id, ?duration, "An invocation ended.");
        }
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() == REMEMBERED_INVOCATIONS {
            records.pop_front();
        }
        records.push_back(InvocationRecord {
            function: self.function.name.clone(),
            request_id,
            started_at,
            duration,
            error,
            peak_memory_kilobytes,
        });
    }
}

fn real_deadline_ms(timeout: std::time::Duration) -> i64 {
    let now = LocalClock::default().now().as_millisecond();
    now.saturating_add(i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX))
}

fn trace_id(at: Timestamp) -> String {
    let id = Uuid::new_v4().simple().to_string();
    let (unique, parent) = id.split_at(24.min(id.len()));
    let parent = format!("{parent}{}", &unique[..8]);
    format!("Root=1-{:08x}-{unique};Parent={parent};Sampled=0", at.as_second())
}
