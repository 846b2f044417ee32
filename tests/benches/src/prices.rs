//! What AWS asks, in dollars for a million: on demand, us-east-1, 2026, beyond the free tiers.

/// DynamoDB: write request units.
pub(crate) const WRITE_UNITS: f64 = 0.625;
/// DynamoDB: read request units.
pub(crate) const READ_UNITS: f64 = 0.125;
/// EventBridge: custom events, a chunk of 64 KB each.
pub(crate) const EVENTS: f64 = 1.0;
/// EventBridge's chunk, in bytes.
pub(crate) const EVENT_CHUNK: usize = 64 * 1024;
/// EventBridge Scheduler: invocations.
pub(crate) const FIRINGS: f64 = 1.0;
/// Lambda: invocations.
pub(crate) const INVOCATIONS: f64 = 0.2;
/// Lambda on ARM: a gigabyte of memory for a second.
pub(crate) const GIGABYTE_SECONDS: f64 = 13.3334;
/// API Gateway's HTTP APIs: requests of up to 512 KB.
pub(crate) const API_REQUESTS: f64 = 1.0;
/// S3: requests that write or list.
pub(crate) const OBJECT_WRITES: f64 = 5.0;
/// S3: requests that read. Deleting is free, and so is every byte within a Region.
pub(crate) const OBJECT_READS: f64 = 0.4;
/// Secrets Manager: calls.
pub(crate) const SECRET_CALLS: f64 = 5.0;
