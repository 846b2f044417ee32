//! What AWS asks, in dollars for a million: on demand, us-east-1, 2026.

/// DynamoDB: write request units.
pub(crate) const WRITE_UNITS: f64 = 0.625;
/// DynamoDB: read request units.
pub(crate) const READ_UNITS: f64 = 0.125;
/// EventBridge: custom events, a chunk of 64 KB each.
pub(crate) const EVENTS: f64 = 1.0;
/// EventBridge's chunk, in bytes.
pub(crate) const EVENT_CHUNK: usize = 64 * 1024;
