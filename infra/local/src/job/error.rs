//! Why a step is wrong.

use crate::StackError;
use entra_sim::CommandError;

/// What a step found.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("{0}")]
    Wrong(String),
    #[error("{request} answered {status}: {detail}")]
    Refused { request: String, status: u16, detail: String },
    #[error("{0} did not happen in time")]
    Late(String),
    #[error("HTTP failed")]
    Http(#[from] reqwest::Error),
    #[error("the stack failed")]
    Stack(#[from] StackError),
    #[error("the simulator refused")]
    Simulator(#[from] CommandError),
    #[error("the report is not CSV")]
    Csv(#[from] csv::Error),
    #[error("what the job is done on failed")]
    Outside(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("a file cannot be written")]
    Io(#[from] std::io::Error),
}

impl Problem {
    pub fn wrong(text: impl Into<String>) -> Self {
        Self::Wrong(text.into())
    }
}

/// `Wrong`, unless `holds`.
pub(super) fn ensure(holds: bool, problem: impl FnOnce() -> String) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(Problem::Wrong(problem())) }
}
