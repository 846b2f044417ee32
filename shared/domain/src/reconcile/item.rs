//! The items in which decisions are written down.

use super::{Claimant, Tie};
use crate::directory::DirectoryUser;
use crate::id::{ContactId, ObjectId};
use crate::mapping::FieldFailure;
use crate::segment::{Outcome, SegmentItem};

/// The item that the wanted e-mail's claimant makes of this one, if it stands in the way.
pub(super) fn refused_by_claimant(
    item: &SegmentItem,
    claimant: Claimant<'_>,
    tie: Tie<'_>,
) -> Option<SegmentItem> {
    let owner = match claimant {
        Claimant::Nobody => return None,
        Claimant::SamePage => return Some(deferred(item)),
        Claimant::Contact(owner) => owner,
    };
    if item.contact_id.as_ref() == Some(&owner.id) {
        return None;
    }
    // Within one connection the other may be about to give the address up: decided at the end.
    match &owner.link {
        Some(link) if link.connection_id == *tie.connection => Some(deferred(item)),
        Some(_) | None => Some(SegmentItem {
            outcome: Outcome::Failed,
            fields: Vec::new(),
            reason: Some("another contact has this e-mail".to_owned()),
            remedy: Some(
                "correct the e-mail in Entra, or remove it from the other contact".to_owned(),
            ),
            ..item.clone()
        }),
    }
}

fn deferred(item: &SegmentItem) -> SegmentItem {
    SegmentItem {
        outcome: Outcome::Deferred,
        fields: Vec::new(),
        reason: Some("another person in the directory has this e-mail".to_owned()),
        remedy: Some("give one of the two another e-mail in Entra".to_owned()),
        ..item.clone()
    }
}

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
        reason: None,
        remedy: None,
        email: None,
        link: None,
        fingerprint: None,
        adopted: false,
        status: None,
    }
}

/// The hexadecimal form in which fingerprints are stored.
pub fn hex(fingerprint: u128) -> String {
    format!("{fingerprint:032x}")
}
