//! The items in which decisions are written down.

use crate::directory::DirectoryUser;
use crate::id::{ContactId, ObjectId};
use crate::mapping::FieldFailure;
use crate::segment::{Outcome, SegmentItem};

pub(super) fn failed(
    item: SegmentItem,
    user: &DirectoryUser,
    failures: &[FieldFailure],
) -> SegmentItem {
    let join =
        |part: fn(&FieldFailure) -> &str| failures.iter().map(part).collect::<Vec<_>>().join("; ");
    SegmentItem {
        outcome: Outcome::Failed,
        reason: Some(join(|failure| &failure.reason)),
        remedy: Some(join(|failure| &failure.remedy)),
        email: user_address(user),
        ..item
    }
}

/// The address under which a report names a user whom no contact bears.
pub fn user_address(user: &DirectoryUser) -> Option<String> {
    user.text("mail").or_else(|| user.text("userPrincipalName")).map(str::to_owned)
}

pub(super) fn item_of(
    user: &DirectoryUser,
    contact: Option<ContactId>,
    outcome: Outcome,
) -> SegmentItem {
    blank_item(&user.id, contact, outcome)
}

/// An item that says nothing yet.
pub fn blank_item(user: &ObjectId, contact: Option<ContactId>, outcome: Outcome) -> SegmentItem {
    SegmentItem {
        object_id: user.clone(),
        contact_id: contact,
        outcome,
        version: 0,
        fields: Vec::new(),
        pending: Vec::new(),
        awaits: None,
        reason: None,
        remedy: None,
        email: None,
        link: None,
        fingerprint: None,
        adopted: false,
        wants: Vec::new(),
        status: None,
        matched: None,
        question: None,
        trace: None,
    }
}

/// The hexadecimal form in which fingerprints are stored.
pub fn hex(fingerprint: u128) -> String {
    format!("{fingerprint:032x}")
}
