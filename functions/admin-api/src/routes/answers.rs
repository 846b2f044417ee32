//! What happened to a contact, and where its values come from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contact_sync_domain::actor::Actor;
use contact_sync_domain::contact::{ContactStatus, Target};
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId, ReviewId, RunId, TeamId};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::review::{ReviewItem, ReviewList};
use contact_sync_domain::run::{RunKind, Trigger};
use contact_sync_domain::segment::{FieldChange, LinkChange};
use contact_sync_domain::team::{Ended, Origin, Turn};
use contact_sync_engine::admin::{
    BySync, Outside, Provenance, TimelineEntry, Writer, account, provenance as provenance_of,
    timeline as timeline_of,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;

#[derive(Serialize)]
struct ProvenancesShape {
    fields: BTreeMap<Target, ProvenanceShape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProvenanceShape {
    value: Value,
    by: &'static str,
    source: Option<String>,
    attributes: BTreeSet<String>,
    rule: Option<String>,
    run: Option<RunId>,
    settings_version: Option<u64>,
    at: Option<Timestamp>,
    actor: Option<Actor>,
    approved_by: Option<Actor>,
    locked: bool,
}

pub(super) async fn provenance<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let account = account(api.outside.store(), &call.account()?).await?;
    let told = provenance_of(&api.outside, &account, &call.contact()?).await?;
    let fields = told.into_iter().map(|(target, told)| (target, ProvenanceShape::from(told)));
    Ok(Answer::ok(&ProvenancesShape { fields: fields.collect() }))
}

impl From<Provenance> for ProvenanceShape {
    fn from(told: Provenance) -> Self {
        let Provenance { value, writer, at, source, attributes, rule, locked } = told;
        let (by, run, settings_version, actor, approved_by) = match writer {
            Writer::Run { run, settings_version } => {
                ("run", Some(run), Some(settings_version), None, None)
            }
            Writer::Approved { run, settings_version, by } => {
                ("approval", run, settings_version, None, Some(by))
            }
            Writer::Person { by } => ("person", None, None, Some(by), None),
            Writer::Unknown => ("unknown", None, None, None, None),
        };
        Self {
            value,
            by,
            source,
            attributes,
            rule,
            run,
            settings_version,
            at,
            actor,
            approved_by,
            locked,
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(super) enum EntryShape {
    Run(Box<BySyncShape>),
    Person(Box<DeedShape>),
    Decision(Box<DeedShape>),
    Membership(Box<MembershipShape>),
    Waiting(WaitingShape),
    Older { before: Timestamp },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BySyncShape {
    at: Timestamp,
    sequence: u64,
    event_id: Option<String>,
    connection_id: ConnectionId,
    object_id: ObjectId,
    run: RunId,
    page: u32,
    run_kind: Option<RunKind>,
    trigger: Option<Trigger>,
    change: &'static str,
    changes: Vec<FieldChange>,
    link: Option<LinkChange>,
    status: Option<ContactStatus>,
    evidence: Option<String>,
    /// What led to it, where the user left.
    cause: Option<GoneCause>,
    approved_by: Option<Actor>,
    reason: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeedShape {
    at: Timestamp,
    sequence: u64,
    event_id: Option<String>,
    actor: Actor,
    #[serde(flatten)]
    what: HistoryKind,
    changes: Vec<FieldChange>,
    reason: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MembershipShape {
    at: Timestamp,
    team: TeamId,
    change: &'static str,
    origins: Vec<Origin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    ended: Option<Ended>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WaitingShape {
    at: Timestamp,
    connection_id: ConnectionId,
    review: ReviewId,
    list: ReviewList,
    changes: Vec<FieldChange>,
    reason: Option<String>,
}

pub(super) async fn timeline<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let (account, contact) = (call.account()?, call.contact()?);
    let page = timeline_of(&api.outside, &account, &contact, call.cursor(), call.limit()?).await?;
    Ok(Answer::list(page, |entry| EntryShape::of(&contact, entry)))
}

impl EntryShape {
    pub(super) fn of(contact: &ContactId, entry: TimelineEntry) -> Self {
        match entry {
            TimelineEntry::Sync(change) => Self::Run(Box::new(BySyncShape::of(contact, *change))),
            TimelineEntry::Person(entry) => {
                let is_decision = matches!(entry.what, HistoryKind::Decided { .. });
                let deed = Box::new(DeedShape::of(contact, *entry));
                if is_decision { Self::Decision(deed) } else { Self::Person(deed) }
            }
            TimelineEntry::Membership(one) => Self::Membership(Box::new((*one).into())),
            TimelineEntry::Waiting(item) => Self::Waiting((*item).into()),
            TimelineEntry::Older { before } => Self::Older { before },
        }
    }
}

fn event_id(contact: &ContactId, sequence: u64) -> String {
    format!("{contact}:{sequence}")
}

impl BySyncShape {
    fn of(contact: &ContactId, change: BySync) -> Self {
        let (is_written, approved_by) = (change.is_written(), change.approved_by());
        let kind = change.kind().name();
        let BySync { place, connection_id, run, item, deviation, version, at } = change;
        let is_first = deviation.is_none();
        let reason = deviation.and_then(|other| other.reason).or(item.reason);
        Self {
            at,
            sequence: version,
            event_id: is_written.then(|| event_id(contact, version)),
            connection_id,
            object_id: item.object_id,
            run: place.run,
            page: place.page,
            run_kind: run.as_ref().map(|run| run.kind),
            trigger: run.as_ref().map(|run| run.trigger),
            change: kind,
            // Of what was decided twice only the first decision is kept, which was not written.
            changes: if is_first { item.fields } else { Vec::new() },
            link: item.link.filter(|_| is_first),
            status: item.status.filter(|_| is_first),
            evidence: item.matched.as_deref().map(ToString::to_string),
            cause: item.trace.as_ref().and_then(|trace| trace.cause),
            approved_by,
            reason,
        }
    }
}

impl DeedShape {
    fn of(contact: &ContactId, entry: HistoryEntry) -> Self {
        Self {
            at: entry.at,
            sequence: entry.version,
            event_id: entry.what.writes().then(|| event_id(contact, entry.version)),
            actor: entry.actor,
            what: entry.what,
            changes: entry.changes,
            reason: entry.reason,
        }
    }
}

impl From<Turn> for MembershipShape {
    fn from(turn: Turn) -> Self {
        let Turn { at, team_id: team, change, origins, role, ended, run } = turn;
        let (change, origins) = (change.name(), origins.into_iter().collect());
        Self { at, team, change, origins, role, ended, run }
    }
}

impl From<ReviewItem> for WaitingShape {
    fn from(item: ReviewItem) -> Self {
        Self {
            at: item.since,
            review: item.id(),
            connection_id: item.connection_id,
            list: item.list,
            changes: item.changes,
            reason: item.reason,
        }
    }
}
