//! Functions as processes: each behind its own Lambda Runtime API, held to its limits.

mod api;
mod environment;
mod logs;
mod pool;
mod process;

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) use environment::{ACCESS_KEY_PREFIX, EndpointUrls, SECRET_ACCESS_KEY};
pub use logs::FunctionLog;
pub use pool::FunctionPool;

/// Why an invocation did not succeed, as Lambda reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    pub kind: FunctionErrorKind,
    /// The error document: what the function posted, or what Lambda would have written.
    pub payload: Value,
}

/// What ended the invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionErrorKind {
    /// The function reported an error or panicked.
    Reported,
    /// It ran longer than its timeout.
    TimedOut,
    /// It was resident with more than its memory size.
    OutOfMemory,
    /// Its process ended.
    Exited,
    /// Its process never asked for work.
    InitFailed,
    /// Its answer was larger than six megabytes.
    ResponseTooLarge,
}

impl FunctionError {
    pub(crate) fn new(kind: FunctionErrorKind, message: &str) -> Self {
        let error_type = match kind {
            FunctionErrorKind::Reported => "Unhandled",
            FunctionErrorKind::TimedOut => "Sandbox.Timedout",
            FunctionErrorKind::OutOfMemory => "Runtime.OutOfMemory",
            FunctionErrorKind::Exited => "Runtime.ExitError",
            FunctionErrorKind::InitFailed => "Runtime.InitError",
            FunctionErrorKind::ResponseTooLarge => "Function.ResponseSizeTooLarge",
        };
        Self { kind, payload: json!({"errorType": error_type, "errorMessage": message}) }
    }
}

/// What an invocation came to.
pub type Outcome = Result<Bytes, FunctionError>;

/// One invocation that has ended, for tests and for the run's summary.
#[derive(Debug, Clone)]
pub struct InvocationRecord {
    pub function: String,
    pub request_id: String,
    pub started_at: Timestamp,
    pub duration: Duration,
    /// `None` if it succeeded.
    pub error: Option<FunctionErrorKind>,
    /// The process's highest resident memory so far, in kilobytes.
    pub peak_memory_kilobytes: u64,
}
