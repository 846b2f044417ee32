//! What waits for people.

use contact_sync_domain::contact::ContactStatus;
use contact_sync_domain::id::{ContactId, ReviewId};
use contact_sync_domain::matching::{Evidence, Match};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::review::{ReviewAction, ReviewList, ReviewUser};
use contact_sync_domain::segment::FieldChange;
use contact_sync_domain::settings::RemovalAction;
use contact_sync_engine::admin::{Decided, ListDecided, Page, ReviewEntry};
use jiff::Timestamp;
use serde::Serialize;

use super::ContactShape;
use crate::problem::Problem;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReviewShape {
    id: ReviewId,
    list: ReviewList,
    version: u64,
    user: ReviewUser,
    contact_id: Option<ContactId>,
    contact: Option<ContactShape>,
    candidates: Vec<ContactShape>,
    changes: Vec<FieldChange>,
    status: Option<ContactStatus>,
    matched_by: Option<String>,
    /// In a sentence, for people; field by field in `comparison`.
    evidence: Option<String>,
    comparison: Vec<Evidence>,
    actions: &'static [ReviewAction],
    suggested_action: Option<ReviewAction>,
    cause: Option<GoneCause>,
    action: Option<RemovalAction>,
    acts_at: Option<Timestamp>,
    held: bool,
    reason: Option<String>,
    remedy: Option<String>,
    since: Timestamp,
}

impl From<ReviewEntry> for ReviewShape {
    fn from(entry: ReviewEntry) -> Self {
        let ReviewEntry { item, contact, candidates } = entry;
        Self {
            id: item.id(),
            list: item.list,
            version: item.version,
            user: item.user,
            contact_id: item.contact_id,
            contact: contact.map(ContactShape::from),
            candidates: candidates.into_iter().map(ContactShape::from).collect(),
            changes: item.changes,
            status: item.status,
            matched_by: item.matched.as_ref().map(|matched| matched.key.clone()),
            evidence: item.matched.as_ref().map(Match::told),
            comparison: item.matched.map(|matched| matched.evidence).unwrap_or_default(),
            actions: item.list.actions(),
            suggested_action: item.suggested,
            cause: item.departure.as_ref().map(|left| left.cause),
            action: item.departure.as_ref().and_then(|left| left.action),
            acts_at: item.departure.as_ref().and_then(|left| left.acts_at),
            held: item.departure.is_some_and(|left| left.held),
            reason: item.reason,
            remedy: item.remedy,
            since: item.since,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReviewListShape {
    items: Vec<ReviewShape>,
    next_cursor: Option<String>,
    /// What whoever decides all of the list names.
    as_of: u64,
}

impl ReviewListShape {
    pub(crate) fn of(page: Page<ReviewEntry>, as_of: u64) -> Self {
        let items = page.items.into_iter().map(ReviewShape::from).collect();
        Self { items, next_cursor: page.next, as_of }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DecidedShape {
    id: ReviewId,
    action: ReviewAction,
    contact: Option<ContactShape>,
}

impl From<Decided> for DecidedShape {
    fn from(decided: Decided) -> Self {
        Self {
            id: decided.item,
            action: decided.action,
            contact: decided.contact.map(ContactShape::from),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListDecidedShape {
    done: usize,
    failed: Vec<UndecidedShape>,
    /// Whether the list goes on behind this part of it.
    more: bool,
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
struct UndecidedShape {
    id: ReviewId,
    reason: String,
}

impl From<ListDecided> for ListDecidedShape {
    fn from(decided: ListDecided) -> Self {
        let failed = decided
            .failed
            .into_iter()
            .map(|(id, error)| UndecidedShape { id, reason: Problem::from(error).into_detail() });
        Self {
            done: decided.done,
            failed: failed.collect(),
            more: decided.next.is_some(),
            next_cursor: decided.next,
        }
    }
}
