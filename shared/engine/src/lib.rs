//! Use cases over ports: consent, intake, runs, renewal, reports. Async, but no AWS and no HTTP:
//! whatever is outside stands behind a trait in [`port`].
#![warn(missing_docs)]

pub mod admin;
pub mod audit;
pub mod consent;
mod contact_after;
pub mod intake;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
pub mod notices;
pub mod photos;
pub mod plan;
pub mod port;
pub mod publish;
pub mod readiness;
pub mod redacting;
pub mod renewal;
pub mod report;
pub mod segments;
mod split;
pub mod sync;
mod undo;
pub mod welcome;
