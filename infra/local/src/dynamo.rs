//! DynamoDB: an engine in this process, a client for it, and a proxy that counts.

mod client;
mod engine;
mod permissions;
mod proxy;
mod stream_index;

pub use client::DynamoError;
pub(crate) use client::{DynamoClient, authorization};
pub(crate) use engine::Engine;
pub use engine::EngineError;
pub(crate) use proxy::DynamoProxy;
