//! Runs: one pass each, with counts that must add up.

mod counts;
mod progress;
#[cfg(test)]
mod tests;

use std::ops::Range;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::id::{AccountId, ConnectionId, ObjectId, RunId};
use crate::plan::{Approved, Plan};
use crate::proof::Proof;
use crate::query_plan::Reading;
use crate::retention::Retention;
use crate::sync_state::Lane;
use crate::undo::Undoes;

pub use counts::{Counts, GraphCost};
pub use progress::{Progress, SliceStart, Step};

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

/// Why a run reads everybody anew although nobody asked for it, for people.
pub const TOKEN_GONE: &str = "delta token no longer valid (Graph 410): everything was read anew, \
                              nobody was removed by absence alone";

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

    /// From when on it wrote. What is applied of a plan begins anew, after it was approved.
    pub fn wrote_from(&self) -> Timestamp {
        let began = self.started_at.unwrap_or(self.queued_at);
        self.approved().map_or(began, |approved| approved.at.max(began))
    }

    /// Who had it do what it shows. Of removals that the guard held back in a run, whoever approved
    /// them had another run do them: of what this one did nobody approved.
    pub fn approved(&self) -> Option<&Approved> {
        let plan = self.plan.as_ref().filter(|_| self.kind.lane() == Lane::Plan)?;
        plan.approved.as_ref()
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
