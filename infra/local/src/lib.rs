//! The whole stack on one machine, from the template that AWS deploys.
//!
//! [`LocalStack::start`] reads `infra/template.yaml` and runs it: HTTP routes, bus rules,
//! schedules, table streams, asynchronous retries and dead letters, each function as its own
//! process behind the real Lambda Runtime API, its AWS calls answered on loopback and held to its
//! role. There is no second list of routes or triggers; what the template says and this stack
//! cannot do is an error.
//!
//! Not there, because one machine has no use for it: encryption at rest, backups, alarms, log
//! retention, access logs, throttling. JWTs are replaced by the API token.

pub mod aws;
pub mod bus;
pub mod clock;
pub mod console;
pub mod dead_letters;
mod dynamo;
mod files;
pub mod http_api;
pub mod invoke;
pub mod job;
pub mod plan;
pub mod runtime;
pub mod schedules;
mod stack;
mod streams;
pub mod template;

pub use dynamo::{DynamoError, EngineError};
pub use stack::{LocalStack, StackError, StackOptions};
