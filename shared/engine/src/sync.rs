//! Runs: full and delta, slice by slice, under a lease.
//!
//! One driver serves both sync functions. It takes the connection's lease, does what waits (an
//! unfinished run, a queued run, a look at what changed) and lets go only when nothing more is
//! wanted. Every page is stored as a segment before any contact is written; every checkpoint
//! raises the fence that orders all observations of the directory.

mod apply;
mod applying;
mod approvals;
mod as_it_was;
mod asking;
mod awaiting;
mod batch;
mod collisions;
mod decide;
mod drift;
mod drive;
mod ending;
mod erased;
mod escrow;
mod full;
mod groups;
mod index;
mod judge;
mod limits;
mod listing;
mod lookup;
mod member_set;
pub(crate) mod members;
mod one_by_one;
mod open;
mod own_contacts;
mod page;
mod pass;
mod people;
mod planned;
mod queue;
mod reaction;
mod read_back;
mod reading;
mod references;
mod refusals;
mod run;
mod sharing;
mod staging;
mod swaps;
mod takeovers;
mod tally;
mod teams;
mod terms;
#[cfg(test)]
mod tests;
mod undoing;
mod watched;
mod write;

pub(crate) use apply::{is_removal, writes};
pub(crate) use applying::intends;
pub(crate) use as_it_was::as_it_was;
pub(crate) use batch::{Batch, Decided, bearers, decide_batch, new_email_key};
pub(crate) use decide::present;
pub use drive::{Driven, Request, Worker};
pub(crate) use erased::forget_in_state;
pub(crate) use index::{Index, KnownContact};
pub(crate) use lookup::Lookup;
pub(crate) use members::{GroupsError, MemberSets, page_of, read_groups};
pub(crate) use own_contacts::{contacts_of_users, find_managers, is_barred_by_note};
pub(crate) use people::{Person, gone_sentence};
pub(crate) use staging::unannounced;
pub(crate) use teams::Follower;
pub(crate) use terms::Terms;
pub(crate) use undoing::MOST_DECISIONS;
pub(crate) use watched::{
    ReadAs, Watched, WatchedBy, follows_groups, groups_digest, scope_groups, watched_groups,
    watched_with_rivals,
};

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::ObjectId;
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use crate::port::{
    AccountStore, ConnectionStore, ContactStore, DecisionStore, DirectoryError, HistoryStore,
    PauseStore, PendingStore, ReviewStore, RunStore, SegmentStore, SettingsStore, StoreError,
    SyncStateStore, TeamStore, TenantStore,
};

/// Everything that runs need of the state.
pub trait SyncStores:
    AccountStore
    + ConnectionStore
    + ContactStore
    + DecisionStore
    + HistoryStore
    + PauseStore
    + PendingStore
    + ReviewStore
    + RunStore
    + SegmentStore
    + SettingsStore
    + SyncStateStore
    + TeamStore
    + TenantStore
{
}

impl<S> SyncStores for S where
    S: AccountStore
        + ConnectionStore
        + ContactStore
        + DecisionStore
        + HistoryStore
        + PauseStore
        + PendingStore
        + ReviewStore
        + RunStore
        + SegmentStore
        + SettingsStore
        + SyncStateStore
        + TeamStore
        + TenantStore
{
}

/// How much of an invocation's time stays unused, so that a page that was begun can be finished.
const RESERVE: SignedDuration = SignedDuration::from_secs(20);

/// By how much a lease outlives its holder's deadline.
const LEASE_MARGIN: SignedDuration = SignedDuration::from_secs(10);

/// How many slices may work on one run. Beside Lambda's own loop detection: a run that needs more
/// is caught in a circle.
const MAX_HOPS: u32 = 2_000;

/// How often a run may start its listing again.
const MAX_GENERATIONS: u32 = 4;

/// How many pages a round may have. Graph has been seen to answer with chains that never end.
const MAX_PAGES: u32 = 50_000;

/// How many slices in a row may get nowhere (one every five minutes) before a run is given up.
const MAX_STALLS: u32 = 6;

/// How many slices in a row may look at what changed and get no page further: an hour of sweeps.
const MAX_LOOK_HOPS: u32 = 12;

/// How long a directory that asks us to wait is left alone at most: an answer beyond reason must
/// not silence a connection.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// Errors within this time after consent are replication, not loss.
const REPLICATION: SignedDuration = SignedDuration::from_mins(15);

/// Why a slice cannot go on.
#[derive(Debug)]
enum Stop {
    /// The state store failed; the invocation fails and is retried.
    Store(StoreError),
    /// The directory failed.
    Directory(DirectoryError),
    /// Somebody else holds the lease.
    Lost,
    /// The invocation's time is nearly used up; another one continues.
    OutOfTime,
    /// A group that the scope names does not exist.
    GroupMissing(ObjectId),
    /// A group that had members told none: doubted like a missing one.
    GroupEmptied(ObjectId),
    /// An administrative unit that the scope names does not exist.
    UnitMissing(ObjectId),
    /// An administrative unit that had members told none.
    UnitEmptied(ObjectId),
    /// The connection may not write (any more).
    NotAllowed(ConnectionStatus),
    /// Somebody cancelled the run.
    Cancelled,
    /// Everything is paused; what was begun waits.
    Paused,
    /// The run cannot reach its end; the sentence is for people.
    Failed(String),
    /// What changed can no longer be told: a full run must look at everything.
    NeedsFull,
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<DirectoryError> for Stop {
    fn from(error: DirectoryError) -> Self {
        Self::Directory(error)
    }
}

/// A short digest of a text, for proofs and comparisons (hexadecimal).
fn short_digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let bits = digest.iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    format!("{bits:016x}")
}
