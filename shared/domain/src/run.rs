//! Runs: one pass each, with counts that must add up.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, ConnectionId, RunId};
use crate::proof::Proof;
use crate::query_plan::Reading;

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
}

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunKind {
    /// Reads the whole directory.
    Full,
    /// Reads what changed.
    Delta,
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
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunStatus {
    /// Waits for its turn.
    Queued,
    /// Works.
    Running,
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
            Self::Queued | Self::Running => false,
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
