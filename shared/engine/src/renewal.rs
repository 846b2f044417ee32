//! Keeping Graph's subscriptions alive, and finding what nobody works on.
//!
//! Notifications only make sync quick; the hourly look at what changed makes it sure. So trouble
//! with one tenant's subscription is recorded and tried again, and never stops the others.

mod attention;
mod audit;
mod ensure;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod fake_graph;
mod make;
mod silence;
mod sweep;
#[cfg(test)]
mod tests;

pub use sweep::{Party, Swept, Trouble};

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::port::{
    AccountStore, Clock, ConnectionStore, Directory, DirectoryError, ErasureStore, EventPublisher,
    PauseStore, Randomness, SettingsStore, StoreError, SubscriptionError, SubscriptionStore,
    Subscriptions, SyncStateStore, TenantStore,
};
use crate::publish::AnnouncementError;
use crate::readiness::ReadinessError;

/// Everything that renewal needs of the state.
pub trait RenewalStores:
    AccountStore
    + ConnectionStore
    + ErasureStore
    + PauseStore
    + SettingsStore
    + SubscriptionStore
    + SyncStateStore
    + TenantStore
{
}

impl<S> RenewalStores for S where
    S: AccountStore
        + ConnectionStore
        + ErasureStore
        + PauseStore
        + SettingsStore
        + SubscriptionStore
        + SyncStateStore
        + TenantStore
{
}

/// Keeps subscriptions alive. Everything outside stands behind its ports.
#[derive(Debug)]
pub struct Renewal<S, G, E, C, R> {
    /// The state.
    pub stores: S,
    /// Graph.
    pub graph: G,
    /// The event bus.
    pub bus: E,
    /// The time.
    pub clock: C,
    /// Chance.
    pub randomness: R,
    /// Where Graph reaches us: an origin without a path.
    pub webhook_base_url: String,
}

/// What became of one tenant's subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tended {
    /// It needed nothing.
    Kept,
    /// Another invocation is at it.
    Waiting,
    /// It was made, or one that Graph had already was taken over.
    Made,
    /// Its life was extended.
    Renewed,
    /// Graph would not; the reason is in the record, and it is tried again.
    Refused,
    /// Nobody needs it any more; it was given up.
    Released,
}

/// Why renewal could not do its work for one connection or tenant.
#[derive(Debug, Error)]
pub enum RenewalError {
    /// The store failed.
    #[error("the state store failed")]
    Store(#[from] StoreError),
    /// Somebody else kept changing the same item.
    #[error("{0} kept moving")]
    Contended(&'static str),
    /// What follows could not be announced.
    #[error("the announcement failed")]
    Announcement(#[from] AnnouncementError),
    /// The connection could not be tried.
    #[error("the connection could not be tried")]
    Readiness(#[from] ReadinessError),
    /// Graph did not do what was asked, and nothing could be recorded that helps.
    #[error("Graph refused")]
    Graph(#[from] SubscriptionError),
    /// Our own credential was refused: no tenant can be served until it is mended.
    #[error("our own credential was refused")]
    Credential(#[source] SubscriptionError),
}

impl RenewalError {
    /// Whether going on with other tenants is of no use.
    fn concerns_everybody(&self) -> bool {
        match self {
            Self::Credential(_)
            | Self::Readiness(ReadinessError::Directory(DirectoryError::CredentialRefused {
                ..
            })) => true,
            Self::Store(_)
            | Self::Contended(_)
            | Self::Announcement(_)
            | Self::Readiness(_)
            | Self::Graph(_) => false,
        }
    }
}

/// How often an item that somebody else changes meanwhile is read again.
const ATTEMPTS: u8 = 3;

/// After a consent, refusals of this long are Entra's replication.
const REPLICATION: SignedDuration = SignedDuration::from_mins(15);

/// How many connections or tenants are dealt with at a time.
const AT_A_TIME: usize = 8;

/// The parts over which the store spreads states and subscriptions.
const STORE_SHARDS: u8 = 16;

/// The store's parts, beginning at another one each time, so that an invocation that runs out of
/// time never leaves the same ones behind. `period` is the time between two invocations.
fn shards_from(now: Timestamp, period: SignedDuration) -> impl Iterator<Item = u8> {
    let turn = now.as_second() / period.as_secs().max(1);
    let first = u8::try_from(turn.rem_euclid(i64::from(STORE_SHARDS))).unwrap_or_default();
    (0..STORE_SHARDS).map(move |step| (first + step) % STORE_SHARDS)
}

/// Whether an error is our credential's, hence everybody's.
fn graph_error(error: SubscriptionError) -> RenewalError {
    if matches!(error, SubscriptionError::Directory(DirectoryError::CredentialRefused { .. })) {
        RenewalError::Credential(error)
    } else {
        RenewalError::Graph(error)
    }
}

impl<S, G, E, C, R> Renewal<S, G, E, C, R>
where
    S: RenewalStores,
    G: Directory + Subscriptions,
    E: EventPublisher,
    C: Clock,
    R: Randomness,
{
    fn is_over(&self, deadline: Timestamp) -> bool {
        self.clock.now() >= deadline
    }
}
