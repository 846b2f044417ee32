//! Runs, their segments, and what waits for their ends.

use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::plan::Approved;
use contact_sync_domain::retention::Retention;
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::Deviation;
use jiff::Timestamp;

use super::{MemoryStore, page};
use crate::port::{
    PendingItem, PendingKind, PendingPage, PendingStore, RunPage, RunStore, SegmentRef,
    SegmentStore, StoreError,
};

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
        let mut world = self.up()?;
        let has_ended = world.runs.get(&run.id).is_some_and(|known| known.status.is_terminal());
        if !has_ended {
            world.runs.insert(run.id.clone(), run.clone());
        }
        Ok(!has_ended)
    }

    async fn mark_report_ready(&self, run: &Run) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let Some(run) = world.runs.get_mut(&run.id) else { return Ok(false) };
        Ok(!std::mem::replace(&mut run.report_ready, true))
    }

    async fn mark_approved(
        &self,
        run: &Run,
        approved: Option<&Approved>,
    ) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        if world.loses_race() {
            return Ok(false);
        }
        let stored = world.runs.get_mut(&run.id).filter(|run| run.status.is_terminal());
        let Some(plan) = stored.and_then(|run| run.plan.as_mut()) else { return Ok(false) };
        let read = run.plan.as_ref().and_then(|plan| plan.approved.as_ref());
        let is_as_read = plan.approved.as_ref() == read;
        if is_as_read {
            plan.approved = approved.cloned();
        }
        Ok(is_as_read)
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

    fn runs_before(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        moment: Timestamp,
    ) -> String {
        let world = self.world();
        let own = world
            .runs
            .values()
            .rev()
            .filter(|run| run.account_id == *account && run.connection_id == *connection);
        own.take_while(|run| run.queued_at >= moment).count().to_string()
    }
}

impl SegmentStore for MemoryStore {
    async fn put_segment(
        &self,
        _: &ConnectionId,
        (run, _): (&RunId, Retention),
        page: u32,
        segment: SegmentRef,
    ) -> Result<SegmentRef, StoreError> {
        Ok(self.up()?.segments.entry((run.clone(), page)).or_insert(segment).clone())
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
        (run, _): (&RunId, Retention),
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
        connection: &ConnectionId,
        kind: PendingKind,
        items: &[PendingItem],
    ) -> Result<(), StoreError> {
        let place = |item: &PendingItem| (connection.clone(), self.lane, kind, item.key.clone());
        let items = items.iter().map(|item| (place(item), item.clone()));
        self.up()?.pending.extend(items);
        Ok(())
    }

    async fn pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
    ) -> Result<Vec<PendingItem>, StoreError> {
        let world = self.up()?;
        let all = world.pending.iter();
        let own = all.filter(|((of, lane, of_kind, _), _)| {
            of == connection && *lane == self.lane && *of_kind == kind
        });
        Ok(own.map(|(_, item)| item.clone()).collect())
    }

    async fn pending_page(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<PendingPage>, StoreError> {
        let items = self.pending(connection, kind).await?;
        Ok(page(items, cursor, limit).map(|(items, cursor)| PendingPage { items, cursor }))
    }

    async fn is_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        key: &str,
    ) -> Result<bool, StoreError> {
        let place = (connection.clone(), self.lane, kind, key.to_owned());
        Ok(self.up()?.pending.contains_key(&place))
    }

    async fn delete_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        keys: &[String],
    ) -> Result<(), StoreError> {
        let mut world = self.up()?;
        for key in keys {
            world.pending.remove(&(connection.clone(), self.lane, kind, key.clone()));
        }
        Ok(())
    }

    async fn forget_pending(
        &self,
        connection: &ConnectionId,
        kind: PendingKind,
        read: &[PendingItem],
    ) -> Result<(), StoreError> {
        let mut world = self.up()?;
        for item in read {
            let place = (connection.clone(), self.lane, kind, item.key.clone());
            if world.pending.get(&place).is_some_and(|stands| stands.body == item.body) {
                world.pending.remove(&place);
            }
        }
        Ok(())
    }
}
