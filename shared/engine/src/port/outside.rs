//! Time, chance, bus, schedules and blobs.

use std::future::Future;

use contact_sync_domain::event::Event;
use contact_sync_domain::id::{AccountId, ConnectionId};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

/// Any cause, kept for the log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How the store can fail. Conditions that did not hold are answers, not errors.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store did not answer, or refused for now; the same call may succeed later.
    #[error("the store did not take {operation}")]
    Unavailable {
        /// What was asked, for instance `GetItem connection`.
        operation: &'static str,
        /// Why.
        source: BoxError,
    },
    /// An item does not have the form that this version reads.
    #[error("{item} has a form that this version cannot read")]
    Corrupt {
        /// Which item, without personal data.
        item: String,
        /// Why.
        source: BoxError,
    },
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Corrupt { .. } => false,
        }
    }
}

/// The time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Waits. Bounded by the caller; a slice never sleeps past its deadline.
    fn sleep(&self, duration: SignedDuration) -> impl Future<Output = ()> + Send;
}

/// Chance.
pub trait Randomness: Send + Sync {
    /// 128 unpredictable bits.
    fn bits(&self) -> u128;
    /// 128 bits whose order is the order of time (UUID version 7).
    fn ordered_bits(&self) -> u128;
    /// 256 unpredictable bits, base64url without padding: 43 characters.
    fn secret(&self) -> String;
}

/// The event bus.
pub trait EventPublisher: Send + Sync {
    /// Publishes events in order. The answer has one entry per event: whether the bus took it.
    fn publish(
        &self,
        events: &[Event],
    ) -> impl Future<Output = Result<Vec<Result<(), String>>, PublishError>> + Send;
}

/// The bus did not answer, or refused for now.
#[derive(Debug, Error)]
#[error("the event bus did not take the events")]
pub struct PublishError(#[source] pub BoxError);

/// The schedules of connections: one each, in the connection's own zone.
pub trait Schedules: Send + Sync {
    /// Creates or replaces the connection's schedule. `expression` is `cron(…)` as EventBridge
    /// Scheduler takes it, `time_zone` an IANA name; `enabled` false keeps it without firing.
    fn put(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        expression: &str,
        time_zone: &str,
        enabled: bool,
    ) -> impl Future<Output = Result<(), ScheduleError>> + Send;

    /// Deletes the connection's schedule; one that does not exist is fine.
    fn delete(
        &self,
        connection: &ConnectionId,
    ) -> impl Future<Output = Result<(), ScheduleError>> + Send;
}

/// How scheduling can fail.
#[derive(Debug, Error)]
pub enum ScheduleError {
    /// The service refused the expression or zone.
    #[error("the schedule was refused: {0}")]
    Refused(String),
    /// The service did not answer, or refused for now.
    #[error("the scheduler did not take the schedule")]
    Unavailable(#[source] BoxError),
}

/// Large pieces of data by key: segments, member sets, reports.
pub trait Blobs: Send + Sync {
    /// Stores bytes under a key, replacing what was there.
    fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The bytes, or `None`.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send;

    /// The keys that begin with the prefix, in no order.
    fn keys(&self, prefix: &str) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;

    /// Deletes everything whose key begins with the prefix; answers how much there was.
    fn delete_prefix(&self, prefix: &str) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// A short-lived signed address from which anybody who has it can download the blob under
    /// `file_name`.
    fn signed_url(
        &self,
        key: &str,
        file_name: &str,
        lifetime: SignedDuration,
    ) -> impl Future<Output = Result<String, StoreError>> + Send;
}
