//! Runs, their pages and what waits: kept for real, in the lane of the work.

use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::plan::Approved;
use contact_sync_domain::retention::Retention;
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::Deviation;
use contact_sync_domain::sync_state::{Handover, Lane, SyncState, Work};
use jiff::Timestamp;

use super::LaneStores;
use crate::port::{
    PendingItem, PendingKind, PendingPage, PendingStore, Release, RunPage, RunStore, SegmentRef,
    SegmentStore, ShardPage, StoreError, SyncStateStore, Taken,
};

impl<S: PendingStore> PendingStore for LaneStores<S> {
    async fn put_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        items: &[PendingItem],
    ) -> Result<(), StoreError> {
        self.store.put_pending(connection, kind, items).await
    }

    async fn pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
    ) -> Result<Vec<PendingItem>, StoreError> {
        self.store.pending(connection, kind).await
    }

    async fn pending_page(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<PendingPage>, StoreError> {
        self.store.pending_page(connection, kind, cursor, limit).await
    }

    async fn is_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        key: &str,
    ) -> Result<bool, StoreError> {
        self.store.is_pending(connection, kind, key).await
    }

    async fn delete_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        keys: &[String],
    ) -> Result<(), StoreError> {
        self.store.delete_pending(connection, kind, keys).await
    }

    async fn forget_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        read: &[PendingItem],
    ) -> Result<(), StoreError> {
        self.store.forget_pending(connection, kind, read).await
    }
}

impl<S: RunStore> RunStore for LaneStores<S> {
    async fn run(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        id: &RunId,
    ) -> Result<Option<Run>, StoreError> {
        self.store.run(account, connection, id).await
    }

    async fn put_run(&self, run: &Run) -> Result<bool, StoreError> {
        self.store.put_run(run).await
    }

    async fn mark_report_ready(&self, run: &Run) -> Result<bool, StoreError> {
        self.store.mark_report_ready(run).await
    }

    async fn mark_approved(
        &self,
        run: &Run,
        approved: Option<&Approved>,
    ) -> Result<bool, StoreError> {
        self.store.mark_approved(run, approved).await
    }

    async fn runs(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<RunPage>, StoreError> {
        self.store.runs(account, connection, cursor, limit).await
    }

    fn runs_before(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        moment: Timestamp,
    ) -> String {
        self.store.runs_before(account, connection, moment)
    }
}

impl<S: SegmentStore> SegmentStore for LaneStores<S> {
    async fn put_segment(
        &self,
        connection: &ConnectionId,
        run: (&RunId, Retention),
        page: u32,
        segment: SegmentRef,
    ) -> Result<SegmentRef, StoreError> {
        self.store.put_segment(connection, run, page, segment).await
    }

    async fn segment(
        &self,
        connection: &ConnectionId,
        run: &RunId,
        page: u32,
    ) -> Result<Option<SegmentRef>, StoreError> {
        self.store.segment(connection, run, page).await
    }

    async fn put_deviations(
        &self,
        connection: &ConnectionId,
        run: (&RunId, Retention),
        page: u32,
        deviations: &[Deviation],
    ) -> Result<(), StoreError> {
        self.store.put_deviations(connection, run, page, deviations).await
    }

    async fn deviations(
        &self,
        connection: &ConnectionId,
        run: &RunId,
        page: u32,
    ) -> Result<Vec<Deviation>, StoreError> {
        self.store.deviations(connection, run, page).await
    }
}

impl<S: SyncStateStore> SyncStateStore for LaneStores<S> {
    fn of_lane(&self, lane: Lane) -> Self {
        Self { store: self.store.of_lane(lane), over: self.over.clone() }
    }

    async fn sync_state(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<Option<SyncState>, StoreError> {
        self.store.sync_state(account, connection).await
    }

    async fn take(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        holder: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Option<Taken>, StoreError> {
        self.store.take(account, connection, holder, now, expires_at).await
    }

    async fn checkpoint(
        &self,
        held: &SyncState,
        work: &Work,
        expires_at: Timestamp,
        drop_queued: Option<&RunId>,
    ) -> Result<Option<SyncState>, StoreError> {
        self.store.checkpoint(held, work, expires_at, drop_queued).await
    }

    async fn release(
        &self,
        held: &SyncState,
        work: &Work,
        handover: Option<&Handover>,
        now: Timestamp,
    ) -> Result<Release, StoreError> {
        self.store.release(held, work, handover, now).await
    }

    async fn hint(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        now: Timestamp,
    ) -> Result<Option<SyncState>, StoreError> {
        self.store.hint(account, connection, now).await
    }

    async fn enqueue(&self, run: &Run) -> Result<(), StoreError> {
        self.store.enqueue(run).await
    }

    async fn withdraw(&self, run: &Run) -> Result<bool, StoreError> {
        self.store.withdraw(run).await
    }

    async fn enqueue_planned(&self, run: &Run) -> Result<bool, StoreError> {
        self.store.enqueue_planned(run).await
    }

    async fn ask_to_cancel(&self, run: &Run) -> Result<bool, StoreError> {
        self.store.ask_to_cancel(run).await
    }

    async fn reset_sync_state(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<(), StoreError> {
        self.store.reset_sync_state(account, connection).await
    }

    async fn sync_states(
        &self,
        shard: u8,
        cursor: Option<&str>,
    ) -> Result<ShardPage<SyncState>, StoreError> {
        self.store.sync_states(shard, cursor).await
    }
}
