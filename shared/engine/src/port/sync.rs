//! Sync state, runs, segments and what waits to the end of a run.

use std::future::Future;

use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::plan::Approved;
use contact_sync_domain::retention::Retention;
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::Deviation;
use contact_sync_domain::sync_state::{Handover, Lane, SyncState, Work};
use jiff::Timestamp;
use serde_json::Value;

use super::StoreError;

/// What taking a lease gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// The state, with our lease and a raised fence in it.
    pub state: SyncState,
    /// When the former holder's lease ends or ended, if it was not let go: its writes may still
    /// come until its own deadline.
    pub overtaken: Option<Timestamp>,
}

/// How letting go ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Release {
    /// Let go.
    Released,
    /// More was wanted meanwhile: the lease stays ours, here is the state.
    More(Box<SyncState>),
    /// The lease is not ours any more; nothing was written.
    Lost,
}

/// The sync states, one item per connection and lane.
pub trait SyncStateStore: Send + Sync {
    /// The same store, at the states and the waiting items of this lane.
    #[must_use]
    fn of_lane(&self, lane: Lane) -> Self
    where
        Self: Sized;

    /// The state, read strongly.
    fn sync_state(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> impl Future<Output = Result<Option<SyncState>, StoreError>> + Send;

    /// Takes the lease when it is free or expired at `now`, raises the fence, clears the handover.
    /// `None` when somebody holds it (or there is no such connection).
    fn take(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        holder: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<Option<Taken>, StoreError>> + Send;

    /// Stores the holder's work, prolongs the lease and raises the fence by one, on condition that
    /// holder and fence are as in `held`. `drop_queued` takes that run off the queue. `None` when
    /// the lease is lost.
    fn checkpoint(
        &self,
        held: &SyncState,
        work: &Work,
        expires_at: Timestamp,
        drop_queued: Option<&RunId>,
    ) -> impl Future<Output = Result<Option<SyncState>, StoreError>> + Send;

    /// Stores the work and lets go. Without a handover only on condition that `wanted` equals
    /// `work.done` and the queue is empty. Also raises the fence; `handover.checkpoint` is set to
    /// the stored fence by the store.
    fn release(
        &self,
        held: &SyncState,
        work: &Work,
        handover: Option<&Handover>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Release, StoreError>> + Send;

    /// Counts a hint; answers the state as it was before. `None` when there is no such connection.
    fn hint(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<SyncState>, StoreError>> + Send;

    /// Records a queued run and puts it on the queue of its connection and lane, in one
    /// transaction; a run of that id that exists already is fine. The state of the plan lane is
    /// made when it is missing.
    fn enqueue(&self, run: &Run) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes a run that waits off its connection's queue and stores how it ended, in one
    /// transaction and without a lease; `false` when it does not wait (any more).
    fn withdraw(&self, run: &Run) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Puts a run whose plan was approved on its connection's queue, where everything syncs, and
    /// stores it so, in one transaction; `false` unless the stored run is planned with that very
    /// plan.
    fn enqueue_planned(&self, run: &Run) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Notes that a run which waits or works in this lane should end; `false` when it does neither.
    /// The checkpoint that names no run any more forgets it.
    fn ask_to_cancel(&self, run: &Run) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Drops lease, queue, checkpoint, cursors and handover in both lanes and raises the fence:
    /// whoever worked is rejected at the next checkpoint.
    fn reset_sync_state(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// All states of one of the [`super::SHARDS`], of both lanes, a page at a time.
    fn sync_states(
        &self,
        shard: u8,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<ShardPage<SyncState>, StoreError>> + Send;
}

/// A page of everything of a kind in one shard.
#[derive(Debug)]
pub struct ShardPage<T> {
    /// The items; one that cannot be read does not keep the others from it.
    pub items: Vec<Result<T, StoreError>>,
    /// Where the shard goes on.
    pub cursor: Option<String>,
}

/// A page of runs, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<Run>,
    /// Where the list goes on.
    pub cursor: Option<String>,
}

/// The runs.
pub trait RunStore: Send + Sync {
    /// Finds a run.
    fn run(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        id: &RunId,
    ) -> impl Future<Output = Result<Option<Run>, StoreError>> + Send;

    /// Stores a run unless the stored one has ended; `false` then.
    fn put_run(&self, run: &Run) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Marks that the report of an ended run can be read; `false` when that was known.
    fn mark_report_ready(&self, run: &Run)
    -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Notes on an ended run who approved of the removals that it held back, in place of what `run`
    /// says of that; `None` takes the note off. `false` where something else is noted by now, or the
    /// run held nothing back.
    fn mark_approved(
        &self,
        run: &Run,
        approved: Option<&Approved>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// A page of runs, newest first. A cursor that is not ours is `Ok(None)`.
    fn runs(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Option<RunPage>, StoreError>> + Send;

    /// The cursor of that list behind which the runs follow that were asked for before a moment.
    fn runs_before(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        moment: Timestamp,
    ) -> String;
}

/// Where a segment's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SegmentRef {
    /// In the index item itself (at most 8 KB).
    Inline(Vec<u8>),
    /// Under this key among the blobs.
    Blob(String),
}

/// The index of a run's segments, and what deviated when they were applied.
pub trait SegmentStore: Send + Sync {
    /// Stores a segment's place unless the page has one; answers the one that stands.
    fn put_segment(
        &self,
        connection: &ConnectionId,
        run: (&RunId, Retention),
        page: u32,
        segment: SegmentRef,
    ) -> impl Future<Output = Result<SegmentRef, StoreError>> + Send;

    /// The segment of a page, read strongly.
    fn segment(
        &self,
        connection: &ConnectionId,
        run: &RunId,
        page: u32,
    ) -> impl Future<Output = Result<Option<SegmentRef>, StoreError>> + Send;

    /// Stores what deviated on a page; replaces an earlier record of the same page.
    fn put_deviations(
        &self,
        connection: &ConnectionId,
        run: (&RunId, Retention),
        page: u32,
        deviations: &[Deviation],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What deviated on a page.
    fn deviations(
        &self,
        connection: &ConnectionId,
        run: &RunId,
        page: u32,
    ) -> impl Future<Output = Result<Vec<Deviation>, StoreError>> + Send;
}

/// What waits for the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PendingKind {
    /// A removal, judged together with the others.
    Removal,
    /// A change whose e-mail another contact still has.
    Collision,
    /// A person's approval of a removal; not the lease holder's, as the others are.
    Approved,
    /// Somebody whose contact could not be written, until it can.
    Escrow,
}

/// One thing that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingItem {
    /// Its key: the object id.
    pub key: String,
    /// When the store may forget it; `None` for what somebody takes off again.
    pub expires_at: Option<Timestamp>,
    /// What it is, in the engine's own form.
    pub body: Value,
}

/// A page of what waits.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingPage {
    /// The items.
    pub items: Vec<PendingItem>,
    /// Where the list goes on.
    pub cursor: Option<String>,
}

/// What waits for the end of a run, durable and idempotent by key.
pub trait PendingStore: Send + Sync {
    /// Stores items, replacing those of the same key.
    fn put_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        items: &[PendingItem],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// All items of a kind, by key.
    fn pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
    ) -> impl Future<Output = Result<Vec<PendingItem>, StoreError>> + Send;

    /// A page of the items of a kind, by key. A cursor that is not ours is `Ok(None)`.
    fn pending_page(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Option<PendingPage>, StoreError>> + Send;

    /// Whether an item of this kind and key waits.
    fn is_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        key: &str,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Deletes items by key.
    fn delete_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        keys: &[String],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Deletes items that stand as they were read, by their bodies: what replaced one meanwhile stays.
    fn forget_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        read: &[PendingItem],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
