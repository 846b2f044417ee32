//! The driver: take the lease, do what waits, let go when nothing more is wanted.

mod request;

use std::sync::Arc;

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::id::{RunId, TenantId};
use contact_sync_domain::run::{RunKind, Trigger};
use contact_sync_domain::settings::BetweenRuns;
use contact_sync_domain::sync_state::{Checkpoint, DeltaCursor, Handover, Lane, QueuedRun};
use jiff::{SignedDuration, Timestamp};

pub use self::request::{Driven, Request};
use super::pass::Held;
use super::{LEASE_MARGIN, Stop, SyncStores};
use crate::plan::{LaneBlobs, LaneStores};
use crate::port::{
    Blobs, Clock, Directory, PauseStore, Randomness, Release, SettingsStore, SettingsVersion,
    StoreError, SyncStateStore, Taken,
};
use crate::split::Sharer;

/// How long after an expired lease its holder's writes may still arrive.
const STRAGGLER: SignedDuration = SignedDuration::from_secs(120);

/// How many runs or looks one invocation takes on.
const MAX_ROUNDS: usize = 50;

/// Does runs. Everything outside stands behind its ports.
#[derive(Debug)]
pub struct Worker<S, D, B, C, R> {
    /// The state.
    pub stores: LaneStores<S>,
    /// The customers' directories.
    pub directory: Arc<D>,
    /// Segments and member sets.
    pub blobs: LaneBlobs<B>,
    /// The time.
    pub clock: Arc<C>,
    /// Chance.
    pub randomness: Arc<R>,
}

impl<S, D, B, C, R> Worker<S, D, B, C, R> {
    /// A worker where everything syncs.
    pub fn new(stores: S, directory: D, blobs: B, clock: C, randomness: R) -> Self {
        Self {
            stores: LaneStores::main(stores),
            directory: Arc::new(directory),
            blobs: LaneBlobs::main(blobs),
            clock: Arc::new(clock),
            randomness: Arc::new(randomness),
        }
    }
}

/// What to do next under the lease.
enum Step {
    Continue(Box<Checkpoint>),
    Start(QueuedRun),
    Look,
    Rest,
    LetGo,
    HandOver(QueuedRun),
}

/// How a run's slice ended.
pub(super) enum Ended {
    Run,
    HandOver,
    Park,
    Lost,
    /// Everybody is to be read; `anew`: since Graph let go of the token that told changes.
    BeginFull {
        anew: bool,
    },
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Does what a request and whatever else waits ask for. `holder` names the invocation,
    /// `deadline` is when it ends.
    ///
    /// # Errors
    /// When the state store fails; the invocation may be retried as it is.
    pub async fn drive(
        &self,
        request: &Request,
        holder: &str,
        deadline: Timestamp,
    ) -> Result<Driven, StoreError> {
        let planning;
        let worker = match request.lane {
            Lane::Main => self,
            Lane::Plan => {
                planning = self.planning();
                &planning
            }
        };
        // Boxed where futures nest deeply: the compiler lays each box out on its own.
        match Box::pin(worker.try_drive(request, holder, deadline)).await {
            Ok(driven) => Ok(driven),
            Err(Stop::Lost) => Ok(Driven::Lost),
            Err(Stop::Store(error)) => Err(error),
            Err(other) => {
                tracing::error!(connection.id = %request.connection_id, stop = ?other, "a slice ended in an unforeseen way");
                Ok(Driven::Parked)
            }
        }
    }

    /// The same worker for plans: what it writes stays in memory.
    fn planning(&self) -> Self {
        let stores = self.stores.planning();
        Self {
            blobs: self.blobs.planning(&stores),
            stores,
            directory: self.directory.clone(),
            clock: self.clock.clone(),
            randomness: self.randomness.clone(),
        }
    }

    async fn try_drive(
        &self,
        request: &Request,
        holder: &str,
        deadline: Timestamp,
    ) -> Result<Driven, Stop> {
        let (account, connection) = (&request.account_id, &request.connection_id);
        let (found, pause) = self.stores.connection_and_pause(account, connection).await?;
        let Some(connection) = found else {
            return Ok(Driven::Idle);
        };
        let Some(tenant) = connection.tenant.as_ref().map(|tenant| tenant.id.clone()) else {
            return Ok(Driven::Idle);
        };
        let until = deadline.checked_add(LEASE_MARGIN).unwrap_or(deadline);
        if !may_work(connection.status, request.lane)
            && !self.takes_back(&connection, request.lane).await?
        {
            self.stand_down(&connection, holder, until).await?;
            return Ok(Driven::Idle);
        }
        if !self.admit(&connection, request).await? {
            return Ok(Driven::Idle);
        }
        // Plans may be of different drafts: none stands for another.
        if request.lane == Lane::Main {
            self.coalesce(&connection, request).await?;
        }
        if pause.is_some() {
            return Ok(Driven::Paused);
        }
        if let Some(checkpoint) = request.checkpoint {
            let state = self.stores.sync_state(account, &connection.id).await?;
            if state.is_none_or(|state| state.fence != checkpoint) {
                return Ok(Driven::Dropped);
            }
        }
        let now = self.clock.now();
        let taken = self.stores.take(account, &connection.id, holder, now, until).await?;
        let Some(Taken { state, overtaken }) = taken else { return Ok(Driven::Busy) };
        let mut held = Held::new(state, deadline, until);
        held.barred_until = overtaken.and_then(|ended| ended.checked_add(STRAGGLER).ok());
        if request.lane == Lane::Plan {
            self.end_plans(&mut held, &connection, false).await?;
        }
        if rests(connection.status, request.lane) && !held.state.undoes() {
            return self.rest(&mut held).await;
        }
        // Graph said when to come back, and whoever asks before is told so again, and longer.
        held.work.not_before = held.work.not_before.filter(|at| *at > now);
        // A run that is only to be ended asks Graph nothing.
        if held.work.not_before.is_some() && !held.is_cancelled() {
            self.park(&mut held).await?;
            return Ok(Driven::Parked);
        }
        Box::pin(self.work(&mut held, request, connection, tenant)).await
    }

    /// Whether a connection that was stopped has something taken back: nothing else is done there.
    async fn takes_back(&self, connection: &Connection, lane: Lane) -> Result<bool, Stop> {
        if !rests(connection.status, lane) {
            return Ok(false);
        }
        let state = self.stores.sync_state(&connection.account_id, &connection.id).await?;
        Ok(state.is_some_and(|state| state.undoes()))
    }

    /// A paused connection writes nothing and asks the directory nothing; its queue waits, its hints
    /// are noted. Resuming looks at everything.
    async fn rest(&self, held: &mut Held) -> Result<Driven, Stop> {
        held.work.done = held.state.wanted;
        // What changes from here on is not followed: the next look begins with everything.
        held.work.users_delta = None;
        self.park(held).await?;
        Ok(Driven::LetGo)
    }

    async fn work(
        &self,
        held: &mut Held,
        request: &Request,
        connection: Connection,
        tenant: TenantId,
    ) -> Result<Driven, Stop> {
        let settings = self.stores.settings(&request.account_id, &connection.id).await?;
        let is_look = request.kind == RunKind::Delta;
        let rests = rests(connection.status, request.lane);
        let rivals = &settings.settings;
        let rivals = self.rivals(held, &connection.id, &tenant, rivals, is_look).await?;
        let looks = settings.settings.schedule.between_runs != BetweenRuns::Ignore
            && request.lane == Lane::Main
            && !rests;
        let mut desk = Desk { connection, tenant, settings, rivals };
        let mut must_look = request.kind == RunKind::Delta && looks;
        for _ in 0..MAX_ROUNDS {
            if !looks {
                held.work.done = held.state.wanted;
            }
            let ended = match next_step(held, request, must_look, rests) {
                Step::Rest => return self.rest(held).await,
                Step::LetGo => match self.let_go(held).await? {
                    Some(driven) => return Ok(driven),
                    None => continue,
                },
                Step::HandOver(run) => return self.hand_over(held, &run).await,
                Step::Continue(point) => {
                    if request.lane == Lane::Plan {
                        self.read_settings(held, &mut desk, &point.run_id).await?;
                    }
                    Box::pin(self.continue_run(held, &desk, *point)).await?
                }
                Step::Start(queued) => {
                    // Settings saved while the slice worked are the ones a run begins with.
                    self.read_settings(held, &mut desk, &queued.run_id).await?;
                    // A run of either kind ends with a look at what changed.
                    must_look = false;
                    Box::pin(self.start(held, &desk, &queued)).await?
                }
                Step::Look => {
                    must_look = false;
                    Box::pin(self.look(held, request, &desk)).await?
                }
            };
            match ended {
                Ended::Run => {}
                Ended::Lost => return Ok(Driven::Lost),
                Ended::Park => {
                    self.park(held).await?;
                    return Ok(Driven::Parked);
                }
                Ended::HandOver => {
                    let next = held.work.checkpoint.as_ref().map_or_else(
                        || QueuedRun {
                            run_id: self.new_run_id(),
                            kind: RunKind::Delta,
                            trigger: Trigger::Notification,
                        },
                        |point| QueuedRun {
                            run_id: point.run_id.clone(),
                            kind: point.kind,
                            trigger: point.trigger,
                        },
                    );
                    return self.hand_over(held, &next).await;
                }
                Ended::BeginFull { anew } => self.queue_full(held, &desk, anew).await?,
            }
        }
        self.park(held).await?;
        Ok(Driven::Parked)
    }

    /// Reads what a run goes by: the settings as they are, or the draft that it plans under.
    async fn read_settings(
        &self,
        held: &mut Held,
        desk: &mut Desk,
        run: &RunId,
    ) -> Result<(), Stop> {
        let (account, own) = (&desk.connection.account_id, &desk.connection.id);
        if held.state.lane == Lane::Plan {
            let draft = self.stores.draft(own, run).await?;
            self.stores.under(draft.map(|draft| (own.clone(), draft)));
        }
        desk.settings = self.stores.settings(account, own).await?;
        let settings = &desk.settings.settings;
        desk.rivals = self.rivals(held, own, &desk.tenant, settings, false).await?;
        Ok(())
    }

    async fn let_go(&self, held: &mut Held) -> Result<Option<Driven>, Stop> {
        match SyncStateStore::release(&self.stores, &held.state, &held.work, None, self.clock.now())
            .await?
        {
            Release::Released => Ok(Some(Driven::LetGo)),
            Release::Lost => Ok(Some(Driven::Lost)),
            Release::More(state) => {
                held.state = *state;
                Ok(None)
            }
        }
    }

    async fn hand_over(&self, held: &mut Held, next: &QueuedRun) -> Result<Driven, Stop> {
        let handover =
            Handover { run_id: next.run_id.clone(), kind: next.kind, checkpoint: held.state.fence };
        let now = self.clock.now();
        match SyncStateStore::release(&self.stores, &held.state, &held.work, Some(&handover), now)
            .await?
        {
            Release::Released | Release::More(_) => Ok(Driven::HandedOver),
            Release::Lost => Ok(Driven::Lost),
        }
    }

    /// Lets go without anybody continuing at once: the lease ends now, the sweep finds the rest.
    pub(super) async fn park(&self, held: &mut Held) -> Result<(), Stop> {
        held.until = self.clock.now();
        held.checkpoint(&self.stores).await
    }

    pub(super) fn new_run_id(&self) -> RunId {
        RunId::from_bits(self.randomness.ordered_bits())
    }

    /// The users delta goes on from this link, tracking what it tracked.
    pub(super) fn move_cursor(&self, held: &mut Held, link: String) {
        if let Some(cursor) = &mut held.work.users_delta {
            *cursor = DeltaCursor { link, issued_at: self.clock.now(), ..cursor.clone() };
        }
    }
}

/// Whether runs of this lane go on while a connection is in this state. Plans write no contact: they
/// can be made before it is enabled, and while it rests.
pub(super) fn may_work(status: ConnectionStatus, lane: Lane) -> bool {
    match lane {
        Lane::Main => status.keeps_cursors(),
        Lane::Plan => status.may_be_planned(),
    }
}

/// Whether nothing is begun in this lane but what takes back.
fn rests(status: ConnectionStatus, lane: Lane) -> bool {
    status.rests() && lane == Lane::Main
}

/// What stays the same for all runs of one invocation.
pub(super) struct Desk {
    pub(super) connection: Connection,
    pub(super) tenant: TenantId,
    pub(super) settings: SettingsVersion,
    /// The tenant's other connections that count.
    pub(super) rivals: Vec<Sharer>,
}

fn next_step(held: &Held, request: &Request, must_look: bool, rests: bool) -> Step {
    if let Some(point) = &held.work.checkpoint {
        return Step::Continue(Box::new(point.clone()));
    }
    if rests {
        // While a connection rests, nothing is begun but what takes back.
        let undo = held.state.queue.iter().find(|queued| queued.kind == RunKind::Undo);
        return undo.map_or(Step::Rest, |undo| Step::Start(undo.clone()));
    }
    if let Some(next) = held.state.queue.first() {
        // The delta function leaves whole directories to the one that is made for them.
        let leave = !request.kind.reads_everybody() && next.kind.reads_everybody();
        return if leave { Step::HandOver(next.clone()) } else { Step::Start(next.clone()) };
    }
    if must_look || held.state.wanted > held.work.done { Step::Look } else { Step::LetGo }
}
