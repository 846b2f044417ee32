//! Sync states, runs, segments and keyed requests.

use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::Deviation;
use contact_sync_domain::sync_state::{Handover, QueuedRun, SyncState, Work};
use contact_sync_engine::port::{
    IdempotencyStore, KeyedRequest, PendingItem, PendingKind, PendingStore, Release, RunPage,
    RunStore, SegmentRef, SegmentStore, StoreError, SyncStateStore, Taken,
};
use jiff::Timestamp;

use super::MemoryStore;
use super::state::page;

impl SyncStateStore for MemoryStore {
    async fn sync_state(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
    ) -> Result<Option<SyncState>, StoreError> {
        Ok(self.up()?.states.get(connection).cloned())
    }

    async fn enqueue(&self, run: &Run) -> Result<(), StoreError> {
        let mut world = self.up()?;
        let (run_id, kind, trigger) = (run.id.clone(), run.kind, run.trigger);
        if let Some(state) = world.states.get_mut(&run.connection_id) {
            state.queue.push(QueuedRun { run_id, kind, trigger });
        }
        world.runs.insert(run.id.clone(), run.clone());
        Ok(())
    }

    async fn reset_sync_state(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<(), StoreError> {
        let mut world = self.up()?;
        let fence = world.states.get(connection).map_or(0, |state| state.fence);
        let mut fresh = SyncState::new(account.clone(), connection.clone());
        fresh.fence = fence + 1;
        world.states.insert(connection.clone(), fresh);
        Ok(())
    }

    async fn take(
        &self,
        _: &AccountId,
        _: &ConnectionId,
        _: &str,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Option<Taken>, StoreError> {
        unimplemented!("syncing is another function's")
    }
    async fn checkpoint(
        &self,
        _: &SyncState,
        _: &Work,
        _: Timestamp,
        _: Option<&RunId>,
    ) -> Result<Option<SyncState>, StoreError> {
        unimplemented!("syncing is another function's")
    }
    async fn release(
        &self,
        _: &SyncState,
        _: &Work,
        _: Option<&Handover>,
        _: Timestamp,
    ) -> Result<Release, StoreError> {
        unimplemented!("syncing is another function's")
    }
    async fn hint(
        &self,
        _: &AccountId,
        _: &ConnectionId,
        _: Timestamp,
    ) -> Result<Option<SyncState>, StoreError> {
        unimplemented!("hints are another function's")
    }
    async fn sync_states(
        &self,
        _: u8,
        _: Option<&str>,
    ) -> Result<(Vec<SyncState>, Option<String>), StoreError> {
        unimplemented!("sweeping is another function's")
    }
}

impl RunStore for MemoryStore {
    async fn run(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        id: &RunId,
    ) -> Result<Option<Run>, StoreError> {
        let found = self.up()?.runs.get(id).cloned();
        Ok(found.filter(|run| run.account_id == *account && run.connection_id == *connection))
    }

    async fn put_run(&self, run: &Run) -> Result<bool, StoreError> {
        self.up()?.runs.insert(run.id.clone(), run.clone());
        Ok(true)
    }

    async fn mark_report_ready(&self, _: &Run) -> Result<bool, StoreError> {
        unimplemented!("reports are another function's")
    }

    async fn runs(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<RunPage>, StoreError> {
        let world = self.up()?;
        let own = world
            .runs
            .values()
            .rev()
            .filter(|run| run.account_id == *account && run.connection_id == *connection);
        let page = page(own.cloned().collect(), cursor, limit);
        Ok(page.map(|(runs, cursor)| RunPage { runs, cursor }))
    }
}

impl SegmentStore for MemoryStore {
    async fn put_segment(
        &self,
        _: &ConnectionId,
        run: &RunId,
        page: u32,
        segment: SegmentRef,
    ) -> Result<SegmentRef, StoreError> {
        self.up()?.segments.insert((run.clone(), page), segment.clone());
        Ok(segment)
    }

    async fn segment(
        &self,
        _: &ConnectionId,
        run: &RunId,
        page: u32,
    ) -> Result<Option<SegmentRef>, StoreError> {
        Ok(self.up()?.segments.get(&(run.clone(), page)).cloned())
    }

    async fn put_deviations(
        &self,
        _: &ConnectionId,
        run: &RunId,
        page: u32,
        deviations: &[Deviation],
    ) -> Result<(), StoreError> {
        self.up()?.deviations.insert((run.clone(), page), deviations.to_vec());
        Ok(())
    }

    async fn deviations(
        &self,
        _: &ConnectionId,
        run: &RunId,
        page: u32,
    ) -> Result<Vec<Deviation>, StoreError> {
        Ok(self.up()?.deviations.get(&(run.clone(), page)).cloned().unwrap_or_default())
    }
}

impl PendingStore for MemoryStore {
    async fn put_pending(
        &self,
        _: &ConnectionId,
        _: PendingKind,
        _: &[PendingItem],
    ) -> Result<(), StoreError> {
        unimplemented!("syncing is another function's")
    }
    async fn pending(
        &self,
        _: &ConnectionId,
        _: PendingKind,
    ) -> Result<Vec<PendingItem>, StoreError> {
        Ok(Vec::new())
    }
    async fn delete_pending(
        &self,
        _: &ConnectionId,
        _: PendingKind,
        _: &[String],
    ) -> Result<(), StoreError> {
        Ok(())
    }
}

impl IdempotencyStore for MemoryStore {
    async fn begin_keyed(
        &self,
        request: &KeyedRequest,
        now: Timestamp,
    ) -> Result<Option<KeyedRequest>, StoreError> {
        let mut world = self.up()?;
        if let Some(standing) = world.keyed.get(&request.key_hash) {
            let is_same = standing.request_hash == request.request_hash;
            let is_over = standing.answer.is_none() && is_same && standing.busy_until <= now;
            if standing.expires_at > now && !is_over {
                return Ok(Some(standing.clone()));
            }
        }
        world.keyed.insert(request.key_hash.clone(), request.clone());
        Ok(None)
    }

    async fn finish_keyed(&self, request: &KeyedRequest) -> Result<(), StoreError> {
        self.up()?.keyed.insert(request.key_hash.clone(), request.clone());
        Ok(())
    }

    async fn forget_keyed(&self, request: &KeyedRequest) -> Result<(), StoreError> {
        self.up()?.keyed.remove(&request.key_hash);
        Ok(())
    }
}
