//! Everything that is kept of one person, in one document.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::header;
use contact_sync_domain::contact::Target;
use contact_sync_domain::id::TeamId;
use contact_sync_domain::review::Decision;
use contact_sync_domain::team::{ByHand, Ended, Membership, Origin};
use contact_sync_domain::welcome::Welcome;
use contact_sync_engine::admin::{Exported, Outside, account, export_person};
use contact_sync_engine::port::KeptRecord;
use jiff::Timestamp;
use serde::Serialize;

use super::Reply;
use super::answers::{EntryShape, ProvenanceShape};
use super::erasure::ReceiptShape;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::shape::{ContactShape, PhotoShape, RunShape};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportShape {
    exported_at: Timestamp,
    contact: Option<ContactShape>,
    photo: Option<PhotoShape>,
    provenance: BTreeMap<Target, ProvenanceShape>,
    memberships: Vec<HeldShape>,
    timeline: Vec<EntryShape>,
    timeline_next: Option<String>,
    decisions: Vec<Decision>,
    decisions_complete: bool,
    runs: Vec<RunShape>,
    records: Vec<KeptRecord>,
    welcome: Option<Welcome>,
    erasure: Option<ReceiptShape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HeldShape {
    team: TeamId,
    origins: Vec<Origin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    by_hand: Option<ByHand>,
    ended: Option<Ended>,
    updated_at: Timestamp,
}

impl From<Membership> for HeldShape {
    fn from(membership: Membership) -> Self {
        Self {
            role: membership.role().map(str::to_owned),
            team: membership.team_id,
            origins: membership.origins.into_iter().collect(),
            by_hand: membership.by_hand,
            ended: membership.ended,
            updated_at: membership.updated_at,
        }
    }
}

pub(super) async fn export<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let id = call.contact()?;
    let Exported {
        at,
        contact,
        photo,
        provenance,
        memberships,
        timeline,
        timeline_next,
        decisions,
        knows_all_decisions,
        runs,
        records,
        welcome,
        erasure,
    } = export_person(&api.outside, &account, &id).await?;
    let provenance = provenance.into_iter().map(|(target, told)| (target, told.into()));
    let shape = ExportShape {
        exported_at: at,
        contact: contact.map(|contact| ContactShape::from(*contact)),
        photo: photo.map(PhotoShape::from),
        provenance: provenance.collect(),
        memberships: memberships.into_iter().map(HeldShape::from).collect(),
        timeline: timeline.into_iter().map(|entry| EntryShape::of(&id, entry)).collect(),
        timeline_next,
        decisions,
        decisions_complete: knows_all_decisions,
        runs: runs.into_iter().map(RunShape::from).collect(),
        records,
        welcome,
        erasure: erasure.map(ReceiptShape::from),
    };
    let name = format!("attachment; filename=\"{id}.json\"");
    Ok(Answer::ok(&shape).with_header(header::CONTENT_DISPOSITION, name))
}
