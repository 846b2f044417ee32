//! Runs and their changes.

use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, RunId};
use contact_sync_domain::proof::Proof;
use contact_sync_domain::query_plan::Reading;
use contact_sync_domain::run::{Counts, GraphCost, Progress, Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::{FieldChange, LinkChange};
use contact_sync_engine::admin::AppliedChange;
use jiff::Timestamp;
use serde::Serialize;

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
    progress: Progress,
    settings_version: u64,
    graph: GraphCost,
    report_ready: bool,
    gap_seconds: Option<u64>,
    reading: Option<Reading>,
    proof: Option<Proof>,
    queued_at: Timestamp,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

impl From<Run> for RunShape {
    fn from(run: Run) -> Self {
        Self {
            id: run.id,
            account_id: run.account_id,
            connection_id: run.connection_id,
            kind: run.kind,
            trigger: run.trigger,
            status: run.status,
            reason: run.reason,
            counts: run.counts,
            progress: run.progress,
            settings_version: run.settings_version,
            graph: run.graph,
            report_ready: run.report_ready,
            gap_seconds: run.gap_seconds,
            reading: run.reading,
            proof: run.proof,
            queued_at: run.queued_at,
            started_at: run.started_at,
            ended_at: run.ended_at,
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
    result: &'static str,
    reason: Option<String>,
    remedy: Option<String>,
}

impl From<AppliedChange> for ChangeShape {
    fn from(change: AppliedChange) -> Self {
        let item = change.item;
        Self {
            kind: change.kind.name(),
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
