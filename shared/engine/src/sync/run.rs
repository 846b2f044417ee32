//! One run: taken through its stages.

use contact_sync_domain::event::RequestTrigger;
use contact_sync_domain::run::{RunKind, RunStatus, TOKEN_GONE, Trigger};
use contact_sync_domain::segment::{NextStep, Phase};
use contact_sync_domain::settings::BetweenRuns;
use contact_sync_domain::sync_state::{Checkpoint, Ending, Lane, QueuedRun, Stage};

use jiff::Timestamp;

use super::drive::{Desk, Ended, Request, Worker};
use super::ending::conclusion;
use super::escrow::with_unkept;
use super::one_by_one::about;
use super::open::delta_stage;
use super::pass::{Ahead, Held, Pass};
use super::reaction::Reaction;
use super::{MAX_HOPS, MAX_LOOK_HOPS, Stop, SyncStores};
use crate::port::{Blobs, Clock, DeltaPage, Directory, Randomness, RunStore};
use crate::segments::load_segment;

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Begins a run that waited.
    pub(super) async fn start(
        &self,
        held: &mut Held,
        desk: &Desk,
        queued: &QueuedRun,
    ) -> Result<Ended, Stop> {
        let stored = self
            .stores
            .run(&desk.connection.account_id, &desk.connection.id, &queued.run_id)
            .await?;
        let applies = held.state.lane == Lane::Main && queued.kind.lane() == Lane::Plan;
        let plan = stored.as_ref().and_then(|run| run.plan.as_deref()).filter(|_| applies);
        let stage = match queued.kind {
            _ if applies => Stage::Apply { page: 0 },
            RunKind::Full | RunKind::Preview | RunKind::Drift => Stage::Baseline,
            RunKind::Undo => Stage::Undo { run: 0, left: None, teams: None, behind: None },
            RunKind::Delta => delta_stage(held, desk).unwrap_or(Stage::Baseline),
            // Where a look has no place to start from, everybody must be read, too.
            RunKind::User => delta_stage(held, desk)
                .and_then(|_| about(stored.as_ref()))
                .unwrap_or(Stage::Baseline),
        };
        // A look at what changed needs a place to start from; without one everything is looked at.
        let needs_full = stage == Stage::Baseline && !queued.kind.reads_everybody();
        let kind = if needs_full { RunKind::Full } else { queued.kind };
        let mut point = self.first_checkpoint(held, desk, queued.run_id.clone(), stage);
        point.kind = kind;
        point.trigger = queued.trigger;
        point.recorded = true;
        if let Some(plan) = plan {
            point.applies = true;
            // A draft was saved with its being applied, as the version after the one it went beyond.
            point.settings_version = plan.basis.settings_version + u64::from(plan.basis.draft);
            (point.page, point.first_page) = (plan.pages, plan.pages);
        }
        let is_over = stored.as_ref().is_some_and(|run| run.status.is_terminal());
        let outlived =
            plan.and_then(|plan| self.outlived(queued.kind, plan, desk, point.settings_version));
        if let Some(reason) = &outlived {
            self.withdraw(&desk.connection, queued, reason).await?;
        }
        if is_over || outlived.is_some() || (applies && !point.applies) {
            // It was cancelled while it waited, or waited too long.
            held.drop_queued = Some(queued.run_id.clone());
            held.checkpoint(&self.stores).await?;
            return Ok(Ended::Run);
        }
        if let Some(run) = stored {
            point.queued_at = run.queued_at;
            point.anew = run.reason.as_deref() == Some(TOKEN_GONE);
            // What is applied of a plan lies with the plan.
            point.kept = run.kept;
        }
        if held.state.lane == Lane::Plan {
            self.prepare_plan(held, desk).await?;
        }
        held.drop_queued = Some(queued.run_id.clone());
        held.work.checkpoint = Some(point.clone());
        held.checkpoint(&self.stores).await?;
        tracing::info!(
            account.id = %desk.connection.account_id,
            connection.id = %desk.connection.id,
            sync.run_id = %queued.run_id,
            sync.began = ?kind,
            "a run began"
        );
        self.continue_run(held, desk, point).await
    }

    /// Looks at what changed. Nothing is recorded unless something did.
    pub(super) async fn look(
        &self,
        held: &mut Held,
        request: &Request,
        desk: &Desk,
    ) -> Result<Ended, Stop> {
        let told = held.state.wanted > held.work.done;
        let Some(stage) = delta_stage(held, desk) else {
            return Ok(Ended::BeginFull { anew: false });
        };
        let id = self.new_run_id();
        let mut point = self.first_checkpoint(held, desk, id, stage);
        point.kind = RunKind::Delta;
        point.trigger = match request.trigger {
            _ if told => Trigger::Notification,
            None => Trigger::Notification,
            Some(RequestTrigger::Manual) => Trigger::Manual,
            Some(RequestTrigger::Enable) => Trigger::Enable,
            Some(RequestTrigger::Schedule) => Trigger::Schedule,
            Some(RequestTrigger::Resume) => Trigger::Resume,
            Some(RequestTrigger::Settings) => Trigger::Settings,
            Some(RequestTrigger::Continuation | RequestTrigger::Sweep) => Trigger::Sweep,
        };
        let comes_due = held.work.next_due.is_some_and(|at| at <= self.clock.now())
            && desk.settings.settings.schedule.between_runs == BetweenRuns::Apply;
        let peeked = match point.stage.clone() {
            Stage::Delta { link } => self.peek(held, &mut point, desk, link).await,
            _ => None,
        };
        match peeked {
            Some(Ahead {
                page: DeltaPage { entries, next: NextStep::Delta(link), .. }, ..
            }) if entries.is_empty() && !comes_due => {
                self.move_cursor(held, link);
                held.work.last_checked_at = Some(self.clock.now());
                held.serve(point.wanted_seen, self.clock.now());
                held.work.look_hops = 0;
                if told {
                    held.work.unheard = 0;
                }
                Ok(Ended::Run)
            }
            peeked => self.work_on(held, desk, point, peeked).await,
        }
    }

    /// Reads the first page before anything else is: most looks find nothing. An error is left to
    /// the pass, which asks again and knows what to do about it.
    async fn peek(
        &self,
        held: &Held,
        point: &mut Checkpoint,
        desk: &Desk,
        link: String,
    ) -> Option<Ahead> {
        let fence = held.fence();
        let page = self.directory.users_delta(&desk.tenant, &link).await.ok()?;
        point.graph.add(page.cost);
        Some(Ahead { link, fence, page })
    }

    /// Works on a run that was begun before.
    pub(super) async fn continue_run(
        &self,
        held: &mut Held,
        desk: &Desk,
        point: Checkpoint,
    ) -> Result<Ended, Stop> {
        self.work_on(held, desk, point, None).await
    }

    /// Works on a run until it ends or the slice does.
    async fn work_on(
        &self,
        held: &mut Held,
        desk: &Desk,
        mut point: Checkpoint,
        peeked: Option<Ahead>,
    ) -> Result<Ended, Stop> {
        let resumed = point.hops > 0;
        point.hops += 1;
        if point.recorded && resumed {
            // A slice that dies before its first page counts too.
            held.work.checkpoint = Some(point.clone());
            held.checkpoint(&self.stores).await?;
        }
        let mut pass = match self.open_pass(held, desk, point.clone()).await {
            Ok(Some(pass)) => pass,
            Ok(None) => return Ok(Ended::Run),
            Err(Stop::NeedsFull) if point.recorded => {
                // The run that people wait for becomes the full one itself.
                point.kind = RunKind::Full;
                point.stage = Stage::Baseline;
                match self.open_pass(held, desk, point).await? {
                    Some(pass) => pass,
                    None => return Ok(Ended::Run),
                }
            }
            Err(Stop::NeedsFull) => return Ok(Ended::BeginFull { anew: point.anew }),
            Err(stop) => return Err(stop),
        };
        if let Some(Ending { status, reason }) = pass.point.ending.clone() {
            // The slice before died while it recorded the end.
            self.finish(held, &mut pass, status, reason).await?;
            return Ok(Ended::Run);
        }
        if pass.point.hops > MAX_HOPS {
            let reason = "the run was handed on too often; it is caught in a circle".to_owned();
            self.finish(held, &mut pass, RunStatus::Failed, Some(reason)).await?;
            return Ok(Ended::Run);
        }
        pass.may_replay = resumed && pass.point.recorded;
        // A look read the connection just now.
        pass.allowed_at = peeked.as_ref().map(|_| self.clock.now());
        pass.peeked = peeked;
        loop {
            let stop = match Box::pin(self.advance(held, &mut pass)).await {
                Ok(()) => return Ok(Ended::Run),
                Err(stop) => stop,
            };
            let mut reaction = self.react(held, &mut pass, stop).await?;
            if pass.point.recorded {
                held.work.checkpoint = Some(pass.point.clone());
            } else if matches!(reaction, Reaction::HandOver | Reaction::Park) {
                reaction = given_up(held, &pass, reaction);
            }
            match reaction {
                Reaction::GoOn => {}
                Reaction::HandOver => return Ok(Ended::HandOver),
                Reaction::Park => return Ok(Ended::Park),
                Reaction::Lost => return Ok(Ended::Lost),
                Reaction::BeginFull => {
                    if pass.point.recorded {
                        let reason = "changes could no longer be told one by one; a full run \
                                      follows";
                        self.finish(held, &mut pass, RunStatus::Partial, Some(reason.to_owned()))
                            .await?;
                    }
                    return Ok(Ended::BeginFull { anew: pass.point.anew });
                }
                Reaction::End { status, reason, attention } => {
                    // A look that failed is recorded after all: silence would look healthy.
                    pass.point.recorded = true;
                    if let Some(need) = &attention {
                        // Raising it stops all work here: the end must stand before.
                        pass.point.ending = Some(Ending { status, reason: Some(reason.clone()) });
                        held.work.checkpoint = Some(pass.point.clone());
                        held.checkpoint(&self.stores).await?;
                        self.raise_attention(&pass, need).await?;
                        let told = format!("the connection needs attention: {}", need.fix);
                        self.end_waiting(held, &pass.connection, &told).await?;
                    }
                    self.finish(held, &mut pass, status, Some(reason)).await?;
                    // Where a person must act, nothing else is begun.
                    return Ok(if attention.is_some() { Ended::Park } else { Ended::Run });
                }
            }
        }
    }

    /// Goes through the stages until the run has ended.
    async fn advance(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        // Before a page is finished that a slice before began, and whatever time is left.
        if held.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        if pass.may_replay {
            pass.may_replay = false;
            self.replay(held, pass).await?;
        }
        loop {
            held.check_time(&self.clock)?;
            if pass.point.stage == Stage::Takeovers {
                // Before all that only the end of a run can decide.
                Box::pin(self.try_failures_again(held, pass)).await?;
            }
            match pass.point.stage.clone() {
                Stage::Baseline => Box::pin(self.baseline(held, pass)).await?,
                Stage::List { link } => Box::pin(self.list(held, pass, link)).await?,
                Stage::Drain { link } => {
                    Box::pin(self.follow_delta(held, pass, Phase::Drain, link)).await?;
                }
                Stage::Absence => Box::pin(self.absence(held, pass)).await?,
                Stage::Groups => {
                    Box::pin(self.follow_groups(held, pass)).await?;
                    pass.point.stage = Self::after_groups(held)?;
                }
                Stage::Person { user } => Box::pin(self.about_person(held, pass, user)).await?,
                Stage::Members { group } => Box::pin(self.about_group(held, pass, group)).await?,
                Stage::Delta { link } => {
                    Box::pin(self.follow_delta(held, pass, Phase::Delta, link)).await?;
                }
                Stage::Takeovers if pass.point.recorded => {
                    Box::pin(self.takeovers(held, pass)).await?;
                }
                Stage::Collisions if pass.point.recorded => {
                    Box::pin(self.collisions(held, pass)).await?;
                }
                Stage::References if pass.point.recorded => {
                    Box::pin(self.references(held, pass)).await?;
                }
                Stage::Undo { .. } => Box::pin(self.take_back(held, pass)).await?,
                Stage::Apply { page } => Box::pin(self.apply_plan(held, pass, page)).await?,
                Stage::Judge if pass.point.recorded || is_due(held, pass, self.clock.now()) => {
                    Box::pin(self.judge(held, pass)).await?;
                }
                Stage::Teams if pass.point.reads_everybody() => {
                    Box::pin(self.compare_teams(held, pass)).await?;
                }
                Stage::Takeovers | Stage::Collisions | Stage::References => {
                    pass.point.stage = Stage::Judge;
                }
                Stage::Judge | Stage::Teams => {
                    pass.point.stage = Stage::Finish;
                }
                Stage::Finish if pass.lane == Lane::Plan => {
                    return self.show_plan(held, pass).await;
                }
                Stage::Finish => {
                    Box::pin(self.read_back(held, pass)).await?;
                    let (status, reason) = conclusion(&pass.point);
                    let reason = with_unkept(reason, held, &pass.point);
                    return self.finish(held, pass, status, reason).await;
                }
            }
        }
    }

    /// Finishes a page that was begun by a slice that did not live to checkpoint it.
    async fn replay(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        loop {
            let segment = load_segment(
                &self.stores,
                &self.blobs,
                &pass.connection.id,
                &pass.point.run_id,
                pass.point.page,
            )
            .await?;
            let Some(segment) = segment else { break };
            self.check_allowed(pass).await?;
            if segment.phase == Phase::Teams {
                // Several of them may stand between two checkpoints.
                self.settle_moves(held, pass, &segment).await?;
                continue;
            }
            if matches!(segment.phase, Phase::Apply | Phase::Undo) {
                self.exchange_begun(pass, &segment).await?;
            }
            self.settle_begun(held, pass, &segment).await?;
            break;
        }
        match pass.point.follows {
            Some(page) => Box::pin(self.follow_begun(held, pass, page)).await,
            None => Ok(()),
        }
    }
}

/// Whether days of grace have ended, and what changed between runs is applied as it is found.
fn is_due(held: &Held, pass: &Pass, now: Timestamp) -> bool {
    held.work.next_due.is_some_and(|at| at <= now)
        && pass.settings.schedule.between_runs == BetweenRuns::Apply
}

/// A look leaves no checkpoint that counts its slices: the state counts those that got no page
/// further, and ends the look after the last.
fn given_up(held: &mut Held, pass: &Pass, reaction: Reaction) -> Reaction {
    held.work.look_hops += 1;
    if held.work.look_hops <= MAX_LOOK_HOPS {
        return reaction;
    }
    let last = pass.point.note.as_deref().unwrap_or("its time was always used up");
    Reaction::End {
        status: RunStatus::Failed,
        reason: format!("looking at what changed got nowhere, time after time: {last}"),
        attention: None,
    }
}
