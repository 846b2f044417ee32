//! What surrounds every handler: the environment, logs and metrics, the clock, chance, deadlines and the AWS
//! SDK's configuration.
//!
//! A `main` reads like this: [`logs::init`] first, the configuration from [`env::Env`] with
//! [`fatal`] around it, adapters from [`sdk_config`], then the runtime.
#![warn(missing_docs)]

mod aws;
#[cfg(feature = "canned")]
pub mod canned;
#[cfg(test)]
mod captured;
mod chain;
mod chance;
mod clock;
pub mod context;
pub mod env;
pub mod invocation;
pub mod logs;
mod metrics;

pub use aws::sdk_config;
pub use chain::{Chain, fatal};
pub use chance::SystemRandomness;
pub use clock::SystemClock;
