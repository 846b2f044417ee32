//! Runs: one pass each, with counts that must add up.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use std::ops::Range;

use crate::actor::Actor;
use crate::id::{AccountId, ConnectionId, ObjectId, RunId};
use crate::plan::Plan;
use crate::proof::Proof;
use crate::query_plan::Reading;
use crate::retention::Retention;
use crate::sync_state::{Lane, Stage};
use crate::undo::Undoes;

/// One pass over a connection's directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its id; ids sort by start.
    pub id: RunId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Through which connection.
    pub connection_id: ConnectionId,
    /// What it does.
    pub kind: RunKind,
    /// What caused it.
    pub trigger: Trigger,
    /// Where it stands.
    pub status: RunStatus,
    /// Why it failed, was blocked or is partial; a sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it did so far.
    pub counts: Counts,
    /// How far it is.
    pub progress: Progress,
    /// The settings it runs under, from start to end.
    pub settings_version: u64,
    /// What it asked of Graph.
    #[serde(default)]
    pub graph: GraphCost,
    /// How many segments it wrote (pages read).
    #[serde(default)]
    pub pages: u32,
    /// When it was asked for.
    pub queued_at: Timestamp,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Whether its report can be read.
    #[serde(default)]
    pub report_ready: bool,
    /// The time since the last pass in which changes may have gone unnoticed and were found now
    /// without a notification, in seconds; absent when notifications told everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_seconds: Option<u64>,
    /// How a full run reads people; absent before it chose, and for runs of other kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// That everybody whom it read is accounted for; absent before the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// For how long what it did is kept.
    #[serde(default, skip_serializing_if = "Retention::is_usual")]
    pub kept: Retention,
    /// What it would do, where it was asked to show that first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<Plan>>,
    /// The one person whom a run of that kind is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ObjectId>,
    /// The group whose members a run of that kind is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<ObjectId>,
    /// What it takes back, where it is of that kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<Box<Undoes>>,
    /// Who asked for it; absent where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<Actor>,
}

impl Run {
    /// A run that waits for its turn.
    pub fn queued(
        id: RunId,
        (account_id, connection_id): (AccountId, ConnectionId),
        (kind, trigger): (RunKind, Trigger),
        settings_version: u64,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            account_id,
            connection_id,
            kind,
            trigger,
            status: RunStatus::Queued,
            reason: None,
            counts: Counts::default(),
            progress: Progress::default(),
            settings_version,
            graph: GraphCost::default(),
            pages: 0,
            queued_at: now,
            started_at: None,
            ended_at: None,
            report_ready: false,
            gap_seconds: None,
            reading: None,
            proof: None,
            kept: Retention::default(),
            plan: None,
            user: None,
            group: None,
            undoes: None,
            requested_by: None,
        }
    }

    /// In which lane it works: plans are made beside what syncs, and applied where everything is.
    pub fn lane(&self) -> Lane {
        let is_approved = self.plan.as_ref().is_some_and(|plan| plan.approved.is_some());
        if is_approved { Lane::Main } else { self.kind.lane() }
    }

    /// The pages that tell what it did, or would do while it is only planned.
    pub fn told_pages(&self) -> Range<u32> {
        match &self.plan {
            // What only planned did nothing.
            None if self.kind.lane() == Lane::Plan => 0..0,
            None => 0..self.pages,
            Some(plan) if self.status == RunStatus::Planned => 0..plan.pages,
            Some(plan) => plan.pages..self.pages.max(plan.pages),
        }
    }
}

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunKind {
    /// Reads the whole directory.
    Full,
    /// Reads what changed.
    Delta,
    /// Reads one person, or the members of one group, whatever is known of them.
    User,
    /// Finds out what a full run would do, and does it only when somebody approves.
    Preview,
    /// Compares the whole directory with the contacts, and changes nothing.
    Drift,
    /// Finds out how what earlier runs did can be taken back, and does it only when somebody
    /// approves.
    Undo,
}

impl RunKind {
    /// Whether it reads the whole directory.
    pub fn reads_everybody(self) -> bool {
        match self {
            Self::Full | Self::Preview | Self::Drift => true,
            Self::Delta | Self::User | Self::Undo => false,
        }
    }

    /// In which lane it works until somebody approves its plan.
    pub fn lane(self) -> Lane {
        match self {
            Self::Full | Self::Delta | Self::User => Lane::Main,
            Self::Preview | Self::Drift | Self::Undo => Lane::Plan,
        }
    }
}

/// What caused a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trigger {
    /// The connection was enabled.
    Enable,
    /// Its schedule came due.
    Schedule,
    /// Graph notified.
    Notification,
    /// A person or the host product asked.
    Manual,
    /// The connection was resumed after a pause.
    Resume,
    /// The settings changed and take effect at once.
    Settings,
    /// The five-minute sweep found something undone.
    Sweep,
    /// Somebody asked for contacts to be decided as if nothing were known of them.
    Reset,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunStatus {
    /// Waits for its turn.
    Queued,
    /// Works.
    Running,
    /// Says what it would do, and waits for somebody to approve it.
    Planned,
    /// Ended; everything was applied.
    Succeeded,
    /// Ended; some records failed.
    Partial,
    /// Ended without reaching its end.
    Failed,
    /// Ended on request.
    Cancelled,
    /// Ended; its removals wait because the guard stopped them.
    Blocked,
}

impl RunStatus {
    /// Whether the run has ended.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Planned => false,
            Self::Succeeded | Self::Partial | Self::Failed | Self::Cancelled | Self::Blocked => {
                true
            }
        }
    }
}

/// What happened to the people of a run. `seen = in_scope + skipped` and
/// `in_scope = created + updated + unchanged + failed + awaiting_review`; removed stands apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// Directory users read.
    pub seen: u64,
    /// Of them, those the scope means.
    pub in_scope: u64,
    /// Contacts made.
    pub created: u64,
    /// Contacts changed.
    pub updated: u64,
    /// Contacts that were right already.
    pub unchanged: u64,
    /// Users outside the scope.
    pub skipped: u64,
    /// Users whose contact could not be written, each with its reason in the report.
    pub failed: u64,
    /// Linked users that left the directory or the scope and were dealt with.
    pub removed: u64,
    /// Users (or removals, which are not `seen`) that wait for a person's decision.
    pub awaiting_review: u64,
}

/// How far a run is; `total` is Graph's own count and informs only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Progress {
    /// Directory users dealt with.
    pub done: u64,
    /// How many there will be, as far as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What it was at when this was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// When this was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// What a run is at, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// It reads groups and how many people there are.
    Preparing,
    /// It lists everybody.
    Listing,
    /// It reads the people it is about.
    Reading,
    /// It reads what changed.
    Changes,
    /// It asks for whoever was not listed.
    Absent,
    /// It decides what only the whole can tell: takeovers, addresses that collide, managers.
    Collisions,
    /// It judges who is to be removed.
    Removals,
    /// It compares teams.
    Teams,
    /// It applies the pages of its plan.
    Applying,
    /// It finds out how earlier pages are taken back.
    TakingBack,
    /// It writes down its end.
    Ending,
}

impl From<&Stage> for Step {
    fn from(stage: &Stage) -> Self {
        match stage {
            Stage::Baseline => Self::Preparing,
            Stage::List { .. } => Self::Listing,
            Stage::Person { .. } | Stage::Members { .. } => Self::Reading,
            Stage::Drain { .. } | Stage::Delta { .. } | Stage::Groups => Self::Changes,
            Stage::Absence => Self::Absent,
            Stage::Takeovers | Stage::Collisions | Stage::References => Self::Collisions,
            Stage::Judge => Self::Removals,
            Stage::Teams => Self::Teams,
            Stage::Apply { .. } => Self::Applying,
            Stage::Undo { .. } => Self::TakingBack,
            Stage::Finish => Self::Ending,
        }
    }
}

impl Progress {
    /// How many were dealt with in a second so far, since the run began.
    pub fn per_second(&self, started_at: Option<Timestamp>) -> Option<f64> {
        let took = self.at?.duration_since(started_at?).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let done = self.done as f64;
        (took >= 1.0 && self.done > 0).then(|| done / took)
    }

    /// When everybody will have been dealt with, if it goes on like this.
    pub fn ends_at(&self, started_at: Option<Timestamp>) -> Option<Timestamp> {
        let left = self.total?.checked_sub(self.done)?;
        let rate = self.per_second(started_at)?;
        #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
        let wait = SignedDuration::try_from_secs_f64(left as f64 / rate).ok()?;
        self.at?.checked_add(wait).ok()
    }
}

/// What a run asked of Graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GraphCost {
    /// Requests sent, retries included.
    pub requests: u64,
    /// Resource units that Graph's answers named (`x-ms-resource-unit`).
    pub resource_units: u64,
}

impl GraphCost {
    /// Adds another's numbers.
    pub fn add(&mut self, other: GraphCost) {
        self.requests += other.requests;
        self.resource_units += other.resource_units;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::{Approved, Basis, Summary};

    fn run(kind: RunKind) -> Run {
        let whose = (AccountId::from_bits(1), ConnectionId::from_bits(2));
        let how = (kind, Trigger::Manual);
        Run::queued(RunId::from_bits(3), whose, how, 0, Timestamp::UNIX_EPOCH)
    }

    fn planned(approved: Option<Approved>) -> Run {
        let plan = Plan {
            hash: "00".into(),
            pages: 4,
            basis: Basis { settings_version: 1, draft: false },
            summary: Summary::default(),
            made_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH + crate::plan::PLAN_LIFE,
            approved,
        };
        let status = RunStatus::Planned;
        Run { plan: Some(Box::new(plan)), pages: 4, status, ..run(RunKind::Preview) }
    }

    #[test]
    fn what_a_run_tells_is_its_plan_until_it_is_applied_and_then_only_what_was_applied() {
        assert_eq!(Run { pages: 7, ..run(RunKind::Full) }.told_pages(), 0..7);
        assert_eq!(planned(None).told_pages(), 0..4);
        let applied = Run { pages: 6, status: RunStatus::Succeeded, ..planned(None) };
        assert_eq!(applied.told_pages(), 4..6);
        let cancelled = Run { status: RunStatus::Cancelled, ..planned(None) };
        assert!(cancelled.told_pages().is_empty(), "nothing of it was done");
    }

    #[test]
    fn a_plan_is_made_beside_what_syncs_and_applied_in_its_place() {
        assert_eq!(run(RunKind::Full).lane(), Lane::Main);
        assert_eq!(run(RunKind::Preview).lane(), Lane::Plan);
        let approved = Approved {
            by: Actor::default(),
            at: Timestamp::UNIX_EPOCH,
            removals: None,
            items: None,
        };
        assert_eq!(planned(None).lane(), Lane::Plan);
        assert_eq!(planned(Some(approved)).lane(), Lane::Main);
    }

    #[test]
    fn an_estimate_needs_a_rate_and_a_total_and_never_lies_in_the_past() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let progress = |done, total| Progress { done, total, step: None, at: Some(at(110)) };
        let started = Some(at(100));
        assert_eq!(progress(50, Some(150)).per_second(started), Some(5.0));
        assert_eq!(progress(50, Some(150)).ends_at(started), Some(at(130)));
        assert_eq!(progress(150, Some(150)).ends_at(started), Some(at(110)));
        for (unknown, started) in [
            (progress(0, Some(10)), started),
            (progress(5, None), started),
            (progress(5, Some(10)), None),
            (progress(5, Some(10)), Some(at(110))),
            (Progress { at: None, ..progress(5, Some(10)) }, Some(at(1))),
        ] {
            assert_eq!(unknown.ends_at(started), None, "{unknown:?}");
        }
    }

    #[test]
    fn a_run_that_an_earlier_release_stored_is_read_and_written_back_as_it_was() {
        let stored = json!({
            "id": RunId::from_bits(3), "accountId": AccountId::from_bits(1),
            "connectionId": ConnectionId::from_bits(2), "kind": "full", "trigger": "manual",
            "status": "partial", "reason": "one failed", "counts": Counts::default(),
            "progress": {"done": 3}, "settingsVersion": 4, "graph": GraphCost::default(),
            "pages": 2, "queuedAt": "1970-01-01T00:00:00Z", "reportReady": true
        });
        let read: Run = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), stored);
    }
}
