//! What people decided, as the writes that it made.

use super::Author;
use crate::actor::Actor;
use crate::contact::LinkState;
use crate::history::{HistoryEntry, HistoryKind};
use crate::id::ObjectId;
use crate::reconcile::blank_item;
use crate::review::{ReviewAction, ReviewList};
use crate::segment::{LinkChange, Outcome, SegmentItem, Trace};

impl Author<'_> {
    /// Where the value comes from that stands again, as changes tell it.
    pub(super) fn source(self) -> String {
        match self {
            Self::Page(place) => format!("run {}", place.run),
            Self::Person(entry) => format!("before what {} decided at {}", who(entry), entry.at),
        }
    }
}

/// Who did something, as people know them.
pub fn who(entry: &HistoryEntry) -> &str {
    let Actor { subject, name, role } = &entry.actor;
    name.as_ref().or(subject.as_ref()).unwrap_or(role)
}

/// What a decision about a user wrote on the contact that its entry is of, as a run would have
/// intended it; `None` where it wrote nothing that can be taken back.
pub fn written_by(entry: &HistoryEntry, user: &ObjectId) -> Option<SegmentItem> {
    use ReviewAction as A;
    let HistoryKind::Decided { list, action, .. } = &entry.what else { return None };
    let before = entry.before.as_deref();
    let outcome = match (action, before) {
        (A::Delete, Some(_)) => Outcome::Delete,
        (A::Delete, None) => return None,
        (A::Unlink, _) => Outcome::Unlink,
        (A::Accept, _) if *list == ReviewList::Removals => Outcome::Unlink,
        (A::Create | A::Accept | A::Link, None) => Outcome::Create,
        (A::Create | A::Accept | A::Link, Some(_)) => Outcome::Update,
        (A::Merge | A::Ignore | A::Unignore | A::Keep | A::Reject, _) => return None,
    };
    let ties = outcome == Outcome::Update && *list != ReviewList::Changes;
    let link = ties.then(|| {
        let old = before.and_then(|image| image.link.as_ref()).map(|link| link.state);
        LinkChange::new(old, LinkState::Linked)
    });
    let trace = Trace { before: entry.before.clone(), ..Trace::default() };
    Some(SegmentItem {
        version: entry.version.saturating_sub(1),
        fields: entry.changes.clone(),
        // Entries of earlier releases do not tell it: there it stays as it is.
        status: entry.status,
        link,
        adopted: ties,
        trace: Some(Box::new(trace)),
        ..blank_item(user, Some(entry.contact_id.clone()), outcome)
    })
}
