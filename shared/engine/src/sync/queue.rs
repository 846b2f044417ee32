//! The runs that wait: asked for by schedules, each once, and ended where nobody can do them.

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::event::RequestTrigger;
use contact_sync_domain::id::{ConnectionId, RunId};
use contact_sync_domain::run::{Run, RunKind, RunStatus, TOKEN_GONE, Trigger};
use contact_sync_domain::schedule::Timing;
use contact_sync_domain::settings::Mode;
use contact_sync_domain::sync_state::{Ending, Lane, QueuedRun};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::drive::{Desk, Request, Worker};
use super::full::select_hash;
use super::pass::Held;
use super::reaction::stopped;
use super::{Stop, SyncStores};
use crate::port::{
    AccountStore, Blobs, Clock, Directory, Randomness, RunStore, SettingsStore, SettingsVersion,
    SyncStateStore, Taken,
};

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Queues what a schedule asks for; `false` when nothing is to be done.
    pub(super) async fn admit(
        &self,
        connection: &Connection,
        request: &Request,
    ) -> Result<bool, Stop> {
        let scheduled = request.trigger == Some(RequestTrigger::Schedule);
        if !scheduled {
            return Ok(true);
        }
        if connection.status != ConnectionStatus::Enabled {
            return Ok(false);
        }
        let settings = self.stores.settings(&request.account_id, &connection.id).await?;
        if settings.settings.mode == Mode::Manual {
            return Ok(false);
        }
        if let Some(slot) = request.slot.as_deref().and_then(|slot| slot.parse().ok())
            && !self.is_due(connection, &settings, slot).await?
        {
            return Ok(false);
        }
        let now = self.clock.now();
        let id = scheduled_run(&connection.id, request.slot.as_deref(), now);
        self.stores.enqueue(&queued_run(connection, id, Trigger::Schedule, &settings, now)).await?;
        Ok(true)
    }

    /// Whether the schedule means this slot. A monthly day that some months lack fires on several
    /// days, of which one counts.
    async fn is_due(
        &self,
        connection: &Connection,
        settings: &SettingsVersion,
        slot: Timestamp,
    ) -> Result<bool, Stop> {
        let account = self.stores.account(&connection.account_id).await?;
        let zone = account.map(|account| account.time_zone).unwrap_or_default();
        let timing = Timing::compile(&settings.settings.schedule, &zone);
        Ok(timing.ok().flatten().is_none_or(|timing| timing.is_due(slot)))
    }

    /// Of several equal runs that wait only the first is kept: it has not begun, so it sees
    /// whatever the others were asked for. The queue stays as short as there are kinds of asking.
    pub(super) async fn coalesce(
        &self,
        connection: &Connection,
        request: &Request,
    ) -> Result<(), Stop> {
        let adds_runs = match request.trigger {
            Some(
                RequestTrigger::Schedule
                | RequestTrigger::Manual
                | RequestTrigger::Enable
                | RequestTrigger::Resume
                | RequestTrigger::Settings,
            ) => true,
            Some(RequestTrigger::Continuation | RequestTrigger::Sweep) | None => false,
        };
        if !adds_runs {
            return Ok(());
        }
        let state = self.stores.sync_state(&connection.account_id, &connection.id).await?;
        let queue = state.map(|state| state.queue).unwrap_or_default();
        // Each approved plan is one of its own, and each person.
        let is_alike =
            |run: &&QueuedRun| run.kind.lane() == Lane::Main && run.kind != RunKind::User;
        let queue: Vec<&QueuedRun> = queue.iter().filter(is_alike).collect();
        for (position, queued) in queue.iter().enumerate() {
            let first = queue
                .iter()
                .take(position)
                .find(|before| before.kind == queued.kind && before.trigger == queued.trigger);
            if let Some(first) = first {
                let reason = format!("run {}, which waited already, stands for it", first.run_id);
                self.withdraw(connection, queued, &reason).await?;
            }
        }
        Ok(())
    }

    /// Ends whatever waits for a connection that does not sync: nobody would ever begin it.
    pub(super) async fn stand_down(
        &self,
        connection: &Connection,
        holder: &str,
        until: Timestamp,
    ) -> Result<(), Stop> {
        let (account, id) = (&connection.account_id, &connection.id);
        let Some(state) = self.stores.sync_state(account, id).await? else { return Ok(()) };
        let reason = why_not(connection);
        for queued in &state.queue {
            self.withdraw(connection, queued, &reason).await?;
        }
        let unfinished = state.work.checkpoint.filter(|point| point.recorded);
        if unfinished.is_none() && state.work.planned.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let taken = self.stores.take(account, id, holder, now, until).await?;
        // Who holds the lease finds out before his next page.
        let Some(Taken { state, overtaken: _ }) = taken else { return Ok(()) };
        let mut held = Held::new(state, until, until);
        if let Some(point) = unfinished
            && let Some(run) = self.stores.run(account, id, &point.run_id).await?
        {
            let run = match point.ending {
                // It had ended before, and only its record was missing.
                Some(Ending { status, reason }) => {
                    Run { status, reason, ended_at: Some(now), ..run }
                }
                None => cancelled(run, reason, now),
            };
            self.stores.put_run(&run).await?;
        }
        self.end_plans(&mut held, connection, true).await?;
        held.work.checkpoint = None;
        held.work.done = held.state.wanted;
        self.park(&mut held).await
    }

    /// Ends the runs that wait, when the holder found out that a person must act first.
    pub(super) async fn end_waiting(
        &self,
        held: &mut Held,
        connection: &Connection,
        reason: &str,
    ) -> Result<(), Stop> {
        let state = self.stores.sync_state(&connection.account_id, &connection.id).await?;
        for queued in state.map(|state| state.queue).unwrap_or_default() {
            self.withdraw(connection, &queued, reason).await?;
        }
        held.state.queue.clear();
        Ok(())
    }

    /// Ends a run that waits.
    pub(super) async fn withdraw(
        &self,
        connection: &Connection,
        queued: &QueuedRun,
        reason: &str,
    ) -> Result<(), Stop> {
        let (account, id) = (&connection.account_id, &connection.id);
        let Some(run) = self.stores.run(account, id, &queued.run_id).await? else { return Ok(()) };
        if run.status == RunStatus::Queued {
            let ended = cancelled(run, reason.to_owned(), self.clock.now());
            self.stores.withdraw(&ended).await?;
        }
        Ok(())
    }

    pub(super) async fn queue_full(
        &self,
        held: &mut Held,
        desk: &Desk,
        anew: bool,
    ) -> Result<(), Stop> {
        // The look that could not be done is part of the full run. What tracks other attributes
        // than the settings read by now goes on telling changes until that run has its own place.
        let selected = select_hash(&UserSelection::of(&desk.settings.settings));
        held.work.users_delta =
            held.work.users_delta.take().filter(|cursor| cursor.select_hash != selected);
        let now = self.clock.now();
        let id = self.new_run_id();
        let mut run = queued_run(&desk.connection, id, Trigger::Sweep, &desk.settings, now);
        run.reason = anew.then(|| TOKEN_GONE.to_owned());
        self.stores.enqueue(&run).await?;
        held.state.queue.push(QueuedRun {
            run_id: run.id,
            kind: RunKind::Full,
            trigger: Trigger::Sweep,
        });
        Ok(())
    }
}

fn cancelled(run: Run, reason: String, now: Timestamp) -> Run {
    Run { status: RunStatus::Cancelled, reason: Some(reason), ended_at: Some(now), ..run }
}

/// Why a connection does not sync, in a sentence for people.
fn why_not(connection: &Connection) -> String {
    match &connection.attention {
        Some(attention) => format!("the connection needs attention: {}", attention.fix),
        None => stopped(connection.status),
    }
}

/// A scheduled run's id: a repeated delivery of the same slot asks for the same run.
fn scheduled_run(connection: &ConnectionId, slot: Option<&str>, now: Timestamp) -> RunId {
    let due = slot.and_then(|slot| slot.parse::<Timestamp>().ok()).unwrap_or(now);
    let digest =
        Sha256::new().chain_update(connection.as_str()).chain_update(due.to_string()).finalize();
    let random = digest.iter().take(10).fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let millis = u128::from(due.as_millisecond().unsigned_abs()) & ((1 << 48) - 1);
    RunId::from_bits((millis << 80) | random)
}

fn queued_run(
    connection: &Connection,
    id: RunId,
    trigger: Trigger,
    settings: &SettingsVersion,
    now: Timestamp,
) -> Run {
    Run::queued(
        id,
        (connection.account_id.clone(), connection.id.clone()),
        (RunKind::Full, trigger),
        settings.version,
        now,
    )
}
