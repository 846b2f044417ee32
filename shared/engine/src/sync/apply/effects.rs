//! What an item does to a contact, as far as others ask.

use contact_sync_domain::contact::{ContactStatus, LinkState};
use contact_sync_domain::segment::{Outcome, SegmentItem};

/// Whether an item says that the user left the directory.
pub(crate) fn is_gone(item: &SegmentItem) -> bool {
    item.link.as_ref().is_some_and(|link| link.new == LinkState::Removed)
}

/// Whether an item does what the guard counts. Emptying a required field is no such thing: the
/// mapping fails that record instead.
pub(crate) fn is_removal(item: &SegmentItem) -> bool {
    matches!(item.outcome, Outcome::Unlink | Outcome::Deactivate | Outcome::Delete)
        || turns_inactive(item)
}

/// Whether an item that came out so has done what the guard counts.
pub(crate) fn is_done_removal(item: &SegmentItem, outcome: Outcome) -> bool {
    // What people approved of leaves the window alone.
    if item.approved().is_some() {
        return false;
    }
    match outcome {
        Outcome::Unlink | Outcome::Deactivate | Outcome::Delete => true,
        Outcome::Update => turns_inactive(item),
        Outcome::Create
        | Outcome::Unchanged
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::AwaitingReview
        | Outcome::Deferred
        | Outcome::StopUpdating
        | Outcome::Keep
        | Outcome::Restore
        | Outcome::Left => false,
    }
}

/// Whether an update makes the contact of somebody in scope inactive.
pub(crate) fn turns_inactive(item: &SegmentItem) -> bool {
    item.outcome == Outcome::Update && item.status == Some(ContactStatus::Inactive)
}

/// Whether an item changes a contact.
pub(crate) fn writes(item: &SegmentItem) -> bool {
    match item.outcome {
        Outcome::Create
        | Outcome::Update
        | Outcome::StopUpdating
        | Outcome::Unlink
        | Outcome::Deactivate
        | Outcome::Delete
        | Outcome::Restore => true,
        // A removal that waits for a person is marked on the link at once.
        Outcome::AwaitingReview => item.link.is_some(),
        Outcome::Unchanged
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::Deferred
        | Outcome::Keep
        | Outcome::Left => false,
    }
}
