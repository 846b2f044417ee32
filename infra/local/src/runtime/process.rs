//! One process of a function, watched from start to end.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::AbortHandle;

use super::api::{Invocation, RuntimeApi};
use super::environment::{self, EndpointUrls};
use super::{FunctionError, FunctionErrorKind, FunctionLog, Outcome};
use crate::plan::Function;

/// Lambda gives a process ten seconds to start; a machine that compiles meanwhile needs more.
const INIT_LIMIT: Duration = Duration::from_secs(30);
/// How often resident memory is looked at.
const MEMORY_INTERVAL: Duration = Duration::from_millis(20);
/// What `/proc/<pid>/statm` counts in on Linux for x86-64 and most arm64 systems.
const PAGE_KILOBYTES: u64 = 4;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Running,
    Exited(Option<i32>),
    OutOfMemory,
}

/// A running process with its Runtime API.
#[derive(Debug)]
pub(super) struct Process {
    api: Arc<RuntimeApi>,
    work: mpsc::Sender<Invocation>,
    end: watch::Receiver<End>,
    kill: Arc<Notify>,
    peak_kilobytes: Arc<AtomicU64>,
    server: AbortHandle,
    supervisor: AbortHandle,
}

impl Process {
    /// Starts the program and its Runtime API; does not wait until it asks for work.
    pub(super) async fn start(
        function: &Function,
        binaries: &Path,
        endpoints: &EndpointUrls,
        log: &Arc<FunctionLog>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (work, waiting) = mpsc::channel(1);
        let api = Arc::new(RuntimeApi::new(waiting));
        let router = Arc::clone(&api).router();
        let mut child = Command::new(binaries.join(&function.name))
            .env_clear()
            .envs(environment::of(function, endpoints, address))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(output) = child.stdout.take() {
            let log = Arc::clone(log);
            tokio::spawn(async move { log.follow(output).await });
        }
        if let Some(output) = child.stderr.take() {
            let log = Arc::clone(log);
            tokio::spawn(async move { log.follow(output).await });
        }
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "A Runtime API stopped serving.");
            }
        });
        let (ended, end) = watch::channel(End::Running);
        let kill = Arc::new(Notify::new());
        let peak_kilobytes = Arc::new(AtomicU64::new(0));
        let supervisor = tokio::spawn(supervise(
            child,
            function.memory_megabytes * 1024,
            Arc::clone(&kill),
            Arc::clone(&peak_kilobytes),
            ended,
        ));
        Ok(Self {
            api,
            work,
            end,
            kill,
            peak_kilobytes,
            server: server.abort_handle(),
            supervisor: supervisor.abort_handle(),
        })
    }

    /// Waits until the process asks for work.
    pub(super) async fn until_ready(&self) -> Result<(), FunctionError> {
        let mut ready = self.api.ready();
        let mut end = self.end.clone();
        tokio::select! {
            outcome = ready.wait_for(|ready| *ready) => {
                drop(outcome);
                Ok(())
            }
            outcome = end.wait_for(|end| *end != End::Running) => {
                drop(outcome);
                Err(self.init_failure("the process ended before it asked for work"))
            }
            () = tokio::time::sleep(INIT_LIMIT) => {
                self.kill();
                Err(self.init_failure("the process did not ask for work in time"))
            }
        }
    }

    fn init_failure(&self, message: &str) -> FunctionError {
        let mut error = FunctionError::new(FunctionErrorKind::InitFailed, message);
        if let Some(payload) = self.api.init_error() {
            error.payload = payload;
        }
        error
    }

    /// Gives the process one event and waits for what becomes of it.
    pub(super) async fn invoke(
        &self,
        invocation: Invocation,
        outcome: tokio::sync::oneshot::Receiver<Outcome>,
        timeout: Duration,
    ) -> Outcome {
        let request_id = invocation.request_id.clone();
        if self.work.send(invocation).await.is_err() {
            return Err(self.death(&request_id));
        }
        let mut end = self.end.clone();
        tokio::select! {
            biased;
            Ok(outcome) = outcome => outcome,
            ended = end.wait_for(|end| *end != End::Running) => {
                drop(ended);
                Err(self.death(&request_id))
            }
            () = tokio::time::sleep(timeout) => {
                self.kill();
                let message =
                    format!("{request_id} Task timed out after {:.2} seconds", timeout.as_secs_f64());
                Err(FunctionError::new(FunctionErrorKind::TimedOut, &message))
            }
        }
    }

    fn death(&self, request_id: &str) -> FunctionError {
        match *self.end.borrow() {
            End::OutOfMemory => FunctionError::new(
                FunctionErrorKind::OutOfMemory,
                &format!(
                    "RequestId: {request_id} Error: Runtime exited with error: signal: killed"
                ),
            ),
            End::Exited(Some(code)) => FunctionError::new(
                FunctionErrorKind::Exited,
                &format!(
                    "RequestId: {request_id} Error: Runtime exited with error: exit status {code}"
                ),
            ),
            End::Exited(None) | End::Running => FunctionError::new(
                FunctionErrorKind::Exited,
                &format!(
                    "RequestId: {request_id} Error: Runtime exited with error: signal: killed"
                ),
            ),
        }
    }

    /// Kills the process at once.
    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    /// A handle that kills the process while someone else waits for it.
    pub(super) fn killer(&self) -> Arc<Notify> {
        Arc::clone(&self.kill)
    }

    pub(super) fn is_alive(&self) -> bool {
        *self.end.borrow() == End::Running
    }

    /// The highest resident memory seen, in kilobytes.
    pub(super) fn peak_kilobytes(&self) -> u64 {
        self.peak_kilobytes.load(Ordering::Relaxed)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Dropping the supervisor drops the child, which kills it.
        self.server.abort();
        self.supervisor.abort();
    }
}

async fn supervise(
    mut child: Child,
    limit_kilobytes: u64,
    kill: Arc<Notify>,
    peak: Arc<AtomicU64>,
    ended: watch::Sender<End>,
) {
    let mut out_of_memory = false;
    let mut ticks = tokio::time::interval(MEMORY_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            status = child.wait() => {
                let code = status.ok().and_then(|status| status.code());
                ended.send_replace(if out_of_memory { End::OutOfMemory } else { End::Exited(code) });
                return;
            }
            () = kill.notified() => kill_child(&mut child),
            _ = ticks.tick() => {
                let Some(memory) = child.id().and_then(resident_memory) else { continue };
                peak.fetch_max(memory.peak_kilobytes, Ordering::Relaxed);
                if memory.now_kilobytes > limit_kilobytes {
                    out_of_memory = true;
                    kill_child(&mut child);
                }
            }
        }
    }
}

fn kill_child(child: &mut Child) {
    if let Err(error) = child.start_kill() {
        tracing::debug!(%error, "A process to be killed had ended.");
    }
}

struct ResidentMemory {
    now_kilobytes: u64,
    peak_kilobytes: u64,
}

/// Resident memory of a process; `None` once it is gone.
fn resident_memory(pid: u32) -> Option<ResidentMemory> {
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = pages.split_whitespace().nth(1)?.parse().ok()?;
    let now_kilobytes = pages * PAGE_KILOBYTES;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak_kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kilobytes| kilobytes.parse().ok())
        .unwrap_or(now_kilobytes);
    Some(ResidentMemory { now_kilobytes, peak_kilobytes })
}
