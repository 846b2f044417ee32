//! Delivery of notifications: batches, retries for four hours, slow and dropping receivers.

mod health;
mod queue;
mod worker;

pub(crate) use queue::{DeliveryQueue, Item};
pub(crate) use worker::{deliver_forever, forge, notification_client};

use serde::Serialize;

/// What became of notifications since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryCounts {
    /// Items answered 2xx in time.
    pub delivered: u64,
    /// POSTs that were not.
    pub failed_attempts: u64,
    /// Items given up: lost by setting, host in drop state, or four hours over.
    pub lost: u64,
    /// Items waiting or under way.
    pub pending: u64,
}
