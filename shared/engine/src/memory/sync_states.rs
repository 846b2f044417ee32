//! Lease, hints, queue and checkpoint.

use std::collections::BTreeMap;

use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::run::{Run, RunStatus};
use contact_sync_domain::sync_state::{Handover, Lane, Lease, QueuedRun, SyncState, Work};
use jiff::Timestamp;

use super::{MemoryStore, World, unreadable};
use crate::port::{Release, SHARDS, ShardPage, StoreError, SyncStateStore, Taken};

/// The state, if it is still held as in `held`.
fn held<'a>(world: &'a mut World, held: &SyncState) -> Option<&'a mut SyncState> {
    let holder = held.lease.as_ref().map(|lease| lease.holder.clone())?;
    world.states_of(held.lane).get_mut(&held.connection_id).filter(|state| {
        state.fence == held.fence
            && state.lease.as_ref().is_some_and(|lease| lease.holder == holder)
    })
}

/// How a run stands in a queue.
fn waiting(run: &Run) -> QueuedRun {
    QueuedRun { run_id: run.id.clone(), kind: run.kind, trigger: run.trigger }
}

impl SyncStateStore for MemoryStore {
    fn of_lane(&self, lane: Lane) -> Self {
        Self { kept: self.kept.clone(), lane }
    }

    async fn sync_state(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
    ) -> Result<Option<SyncState>, StoreError> {
        Ok(self.up()?.states_of(self.lane).get(connection).cloned())
    }

    async fn take(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
        holder: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Option<Taken>, StoreError> {
        let mut world = self.up()?;
        let states = world.states_of(self.lane);
        let Some(state) = states.get_mut(connection).filter(|state| state.is_free(now)) else {
            return Ok(None);
        };
        let lease = Lease { holder: holder.to_owned(), expires_at };
        state.fence += 1;
        state.handover = None;
        let overtaken = state.lease.replace(lease).map(|former| former.expires_at);
        Ok(Some(Taken { state: state.clone(), overtaken }))
    }

    async fn checkpoint(
        &self,
        before: &SyncState,
        work: &Work,
        expires_at: Timestamp,
        drop_queued: Option<&RunId>,
    ) -> Result<Option<SyncState>, StoreError> {
        let mut world = self.up()?;
        let Some(state) = held(&mut world, before) else { return Ok(None) };
        state.fence += 1;
        if before.work.done != work.done {
            state.hinted_since = before.hinted_since_after(work);
        }
        state.work = work.clone();
        if work.checkpoint.is_none() {
            state.cancel = None;
        }
        if let Some(lease) = &mut state.lease {
            lease.expires_at = expires_at;
        }
        state.queue.retain(|queued| Some(&queued.run_id) != drop_queued);
        Ok(Some(state.clone()))
    }

    async fn release(
        &self,
        before: &SyncState,
        work: &Work,
        handover: Option<&Handover>,
        _: Timestamp,
    ) -> Result<Release, StoreError> {
        let mut world = self.up()?;
        let Some(state) = held(&mut world, before) else { return Ok(Release::Lost) };
        let is_done = state.wanted == work.done && state.queue.is_empty();
        if handover.is_none() && !is_done {
            return Ok(Release::More(Box::new(state.clone())));
        }
        state.fence += 1;
        if before.work.done != work.done {
            state.hinted_since = before.hinted_since_after(work);
        }
        state.work = work.clone();
        if work.checkpoint.is_none() {
            state.cancel = None;
        }
        state.lease = None;
        let checkpoint = state.fence;
        state.handover = handover.map(|handover| Handover { checkpoint, ..handover.clone() });
        Ok(Release::Released)
    }

    async fn hint(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
        now: Timestamp,
    ) -> Result<Option<SyncState>, StoreError> {
        Ok(self.up()?.states_of(self.lane).get_mut(connection).map(|state| {
            let before = state.clone();
            state.wanted += 1;
            state.last_hint_at = Some(now);
            state.hinted_since = state.hinted_since.or(Some(now));
            before
        }))
    }

    async fn enqueue(&self, run: &Run) -> Result<(), StoreError> {
        let mut world = self.up()?;
        if world.runs.contains_key(&run.id) {
            return Ok(());
        }
        if let (Lane::Plan, true) = (run.lane(), world.states.contains_key(&run.connection_id)) {
            let fresh = SyncState::of_plans(run.account_id.clone(), run.connection_id.clone());
            world.plan_states.entry(run.connection_id.clone()).or_insert(fresh);
        }
        let Some(state) = world.states_of(run.lane()).get_mut(&run.connection_id) else {
            return Err(unreadable(format!("sync state of {}", run.connection_id)));
        };
        state.queue.push(waiting(run));
        world.runs.insert(run.id.clone(), run.clone());
        Ok(())
    }

    async fn withdraw(&self, run: &Run) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let has_ended = world.runs.get(&run.id).is_none_or(|known| known.status.is_terminal());
        let states = world.states_of(run.lane());
        let Some(state) = states.get_mut(&run.connection_id) else { return Ok(false) };
        let waits = state.queue.iter().any(|queued| queued.run_id == run.id) && !has_ended;
        if waits {
            state.queue.retain(|queued| queued.run_id != run.id);
            world.runs.insert(run.id.clone(), run.clone());
        }
        Ok(waits)
    }

    async fn enqueue_planned(&self, run: &Run) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let hash = |run: &Run| run.plan.as_ref().map(|plan| plan.hash.clone());
        let stands = world.runs.get(&run.id).is_some_and(|standing| {
            standing.status == RunStatus::Planned
                && hash(standing).is_some()
                && hash(standing) == hash(run)
        });
        if !stands {
            return Ok(world.runs.get(&run.id) == Some(run));
        }
        let Some(state) = world.states.get_mut(&run.connection_id) else { return Ok(false) };
        state.queue.push(waiting(run));
        world.runs.insert(run.id.clone(), run.clone());
        Ok(true)
    }

    async fn ask_to_cancel(&self, run: &Run) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let states = world.states_of(self.lane);
        let Some(state) = states.get_mut(&run.connection_id) else { return Ok(false) };
        let works = state.work.checkpoint.as_ref().is_some_and(|point| point.run_id == run.id);
        let goes_on = works || state.queue.iter().any(|queued| queued.run_id == run.id);
        if goes_on {
            state.cancel = Some(run.id.clone());
        }
        Ok(goes_on)
    }

    async fn reset_sync_state(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
    ) -> Result<(), StoreError> {
        let mut world = self.up()?;
        for lane in [Lane::Main, Lane::Plan] {
            if let Some(state) = world.states_of(lane).get_mut(connection) {
                state.fence += 1;
                state.lease = None;
                state.queue.clear();
                state.handover = None;
                state.cancel = None;
                state.work.checkpoint = None;
                state.work.users_delta = None;
                state.work.groups_delta = None;
            }
        }
        Ok(())
    }

    async fn sync_states(
        &self,
        shard: u8,
        cursor: Option<&str>,
    ) -> Result<ShardPage<SyncState>, StoreError> {
        let world = self.up()?;
        let place = |state: &SyncState| match state.lane {
            Lane::Main => state.connection_id.to_string(),
            Lane::Plan => format!("{}#plan", state.connection_id),
        };
        let both = world.states.values().chain(world.plan_states.values());
        let own = both.filter(|state| state.connection_id.shard(SHARDS) == shard);
        let sorted: BTreeMap<String, &SyncState> = own.map(|state| (place(state), state)).collect();
        let mut rest = sorted
            .into_iter()
            .filter(|(place, _)| cursor.is_none_or(|cursor| place.as_str() > cursor));
        let found = rest.next();
        let cursor = rest.next().and_then(|_| found.as_ref().map(|(place, _)| place.clone()));
        let found = found.map(|(_, state)| state);
        let read = |state: &SyncState| {
            if world.unreadable_states.contains(&state.connection_id) {
                return Err(unreadable(format!("sync state of {}", state.connection_id)));
            }
            Ok(state.clone())
        };
        Ok(ShardPage { items: found.map(read).into_iter().collect(), cursor })
    }
}
