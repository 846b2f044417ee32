//! Runs and their changes.

use std::collections::BTreeMap;

use contact_sync_domain::actor::Actor;
use contact_sync_domain::drift::Moved;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, RunId, TeamId};
use contact_sync_domain::matching::Match;
use contact_sync_domain::plan::{Approved, GuardView, NewTeam, Plan, Reason, Summary, TeamsView};
use contact_sync_domain::proof::Proof;
use contact_sync_domain::query_plan::Reading;
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::report::Happened;
use contact_sync_domain::run::{
    Counts, GraphCost, Progress, Run, RunKind, RunStatus, Step, Trigger,
};
use contact_sync_domain::segment::{FieldChange, LinkChange, MembershipChange, SegmentItem};
use contact_sync_domain::team::role_of;
use contact_sync_domain::undo::Undoes;
use contact_sync_engine::admin::{AppliedChange, Step as Taken};
use jiff::Timestamp;
use serde::Serialize;

use super::StepShape;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunShape {
    id: RunId,
    account_id: AccountId,
    connection_id: ConnectionId,
    kind: RunKind,
    trigger: Trigger,
    status: RunStatus,
    reason: Option<String>,
    counts: Counts,
    progress: ProgressShape,
    settings_version: u64,
    graph: GraphCost,
    report_ready: bool,
    gap_seconds: Option<u64>,
    reading: Option<Reading>,
    proof: Option<Proof>,
    plan_hash: Option<String>,
    plan: Option<PlanShape>,
    undoes: Option<Undoes>,
    requested_by: Option<Actor>,
    user: Option<ObjectId>,
    group: Option<ObjectId>,
    steps: Option<Vec<StepShape>>,
    queued_at: Timestamp,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

/// How far a run is, in words and with an estimate while it works.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProgressShape {
    done: u64,
    total: Option<u64>,
    counting: &'static str,
    step: Option<Step>,
    per_second: Option<f64>,
    ends_at: Option<Timestamp>,
}

impl ProgressShape {
    fn of(run: &Run) -> Self {
        let Progress { done, total, step, at: _, pace: _ } = run.progress;
        let works = run.status == RunStatus::Running;
        Self {
            done,
            total,
            counting: if run.kind.reads_everybody() { "people" } else { "changes" },
            step: step.filter(|_| works),
            per_second: run.progress.per_second().filter(|_| works),
            ends_at: run.progress.ends_at().filter(|_| works),
        }
    }
}

impl From<Run> for RunShape {
    fn from(run: Run) -> Self {
        let progress = ProgressShape::of(&run);
        Self {
            progress,
            id: run.id,
            account_id: run.account_id,
            connection_id: run.connection_id,
            kind: run.kind,
            trigger: run.trigger,
            status: run.status,
            reason: run.reason,
            counts: run.counts,
            settings_version: run.settings_version,
            graph: run.graph,
            report_ready: run.report_ready,
            gap_seconds: run.gap_seconds,
            reading: run.reading,
            proof: run.proof,
            plan_hash: run.plan.as_ref().map(|plan| plan.hash.clone()),
            plan: run.plan.map(|plan| PlanShape::from(*plan)),
            undoes: run.undoes.map(|undoes| *undoes),
            requested_by: run.requested_by,
            user: run.user,
            group: run.group,
            steps: None,
            queued_at: run.queued_at,
            started_at: run.started_at,
            ended_at: run.ended_at,
        }
    }
}

impl RunShape {
    /// The same as it stands at `now`. While everything is paused nobody works, and an estimate that
    /// has passed is none: Graph asked to wait, or whoever worked is gone.
    pub(crate) fn seen_at(mut self, now: Timestamp, is_paused: bool) -> Self {
        let progress = &mut self.progress;
        progress.per_second = progress.per_second.filter(|_| !is_paused);
        progress.ends_at = progress.ends_at.filter(|ends_at| !is_paused && *ends_at > now);
        self
    }

    /// The same with the steps that a run about one person took.
    pub(crate) fn with_steps(self, steps: Option<Vec<Taken>>) -> Self {
        let steps = steps.map(|steps| steps.into_iter().map(StepShape::from).collect());
        Self { steps, ..self }
    }
}

/// What a run would do. Nothing of it is done yet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanShape {
    summary: SummaryShape,
    settings_version: u64,
    draft: bool,
    made_at: Timestamp,
    expires_at: Timestamp,
    approved: Option<ApprovedShape>,
}

/// Who had it applied.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ApprovedShape {
    by: Actor,
    at: Timestamp,
    /// The number of removals that they confirmed.
    removals: Option<u64>,
    /// The people about whom alone it is applied.
    items: Option<Vec<ObjectId>>,
}

impl From<Approved> for ApprovedShape {
    fn from(approved: Approved) -> Self {
        let Approved { by, at, removals, items } = approved;
        Self { by, at, removals, items }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SummaryShape {
    by_kind: BTreeMap<Happened, u64>,
    by_field: BTreeMap<String, u64>,
    by_reason: Vec<ReasonShape>,
    removals: BTreeMap<GoneCause, u64>,
    leaving: BTreeMap<GoneCause, u64>,
    guard: GuardView,
    teams: TeamsView,
    /// How many people would be welcomed by mail at most.
    welcomes: u64,
    /// Of an undo, how many of those whom it deletes were to be welcomed when they were made.
    welcomed: u64,
    /// Of an undo, how many people come off the ignore list.
    unignored: u64,
    /// Teams that applying it makes first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    new_teams: Vec<NewTeam>,
    /// Of a drift audit, how many differences came of which side.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    moved: BTreeMap<Moved, u64>,
}

#[derive(Debug, Serialize)]
struct ReasonShape {
    reason: String,
    remedy: Option<String>,
    count: u64,
}

impl From<Plan> for PlanShape {
    fn from(plan: Plan) -> Self {
        let Summary {
            by_kind,
            by_field,
            by_reason,
            removals,
            leaving,
            guard,
            teams,
            welcomes,
            welcomed,
            unignored,
            new_teams,
            moved,
        } = plan.summary;
        let shape =
            |Reason { reason, remedy, count }: Reason| ReasonShape { reason, remedy, count };
        let by_reason = by_reason.into_iter().map(shape).collect();
        Self {
            summary: SummaryShape {
                by_kind,
                by_field,
                by_reason,
                removals,
                leaving,
                guard,
                teams,
                welcomes,
                welcomed,
                unignored,
                new_teams,
                moved,
            },
            settings_version: plan.basis.settings_version,
            draft: plan.basis.draft,
            made_at: plan.made_at,
            expires_at: plan.expires_at,
            approved: plan.approved.map(ApprovedShape::from),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangeShape {
    contact_id: Option<ContactId>,
    object_id: ObjectId,
    kind: &'static str,
    fields: Vec<FieldChange>,
    link: Option<LinkChange>,
    /// What led to it, where the user left.
    cause: Option<GoneCause>,
    /// Who approved of it, where the removal guard or days of grace would have kept it.
    approved_by: Option<Actor>,
    memberships: Vec<MoveShape>,
    /// Whether it waits because the contact is protected.
    protected: bool,
    /// What led to a contact that existed before.
    evidence: Option<Match>,
    /// Of a drift audit, which side moved; of memberships each says its own where they differ.
    moved: Option<Moved>,
    result: &'static str,
    reason: Option<String>,
    remedy: Option<String>,
}

/// What changes of a membership in a team.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MoveShape {
    team: TeamId,
    change: &'static str,
    /// The role by the groups, before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_role: Option<String>,
    /// Of a drift audit, which side moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<Moved>,
}

impl From<&MembershipChange> for MoveShape {
    fn from(change: &MembershipChange) -> Self {
        Self {
            team: change.team_id.clone(),
            change: change.name(),
            role: role_of(&change.new).map(str::to_owned),
            old_role: role_of(&change.old).map(str::to_owned),
            moved: change.moved,
        }
    }
}

/// The side that moved, where it was one.
fn the_side(item: &SegmentItem) -> Option<Moved> {
    let first = item.sides().next()?;
    item.sides().all(|side| side == first).then_some(first)
}

impl From<AppliedChange> for ChangeShape {
    fn from(change: AppliedChange) -> Self {
        let item = change.item;
        Self {
            kind: change.kind.name(),
            cause: item.cause(),
            approved_by: item.approved().map(|approved| approved.by.clone()),
            memberships: item.memberships().iter().map(MoveShape::from).collect(),
            protected: item.trace.as_ref().is_some_and(|trace| trace.protected),
            moved: the_side(&item),
            evidence: item.matched.map(|matched| *matched),
            contact_id: item.contact_id,
            object_id: item.object_id,
            fields: item.fields,
            link: item.link,
            result: change.result.name(),
            reason: change.reason,
            remedy: change.remedy,
        }
    }
}
