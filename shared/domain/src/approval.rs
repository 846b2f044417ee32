//! A person's word that a removal may be done although the guard would hold it back, or before its
//! days of grace are over.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::actor::Actor;
use crate::contact::ContactStatus;
use crate::guard::Removal;
use crate::id::{ContactId, ObjectId, leading_bits};
use crate::reconcile::GoneCause;
use crate::review::ReviewItem;
use crate::segment::{Outcome, SegmentItem};
use crate::settings::RemovalAction;

/// How long an approval counts: who approved saw the directory as it was then.
pub const APPROVAL_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// What somebody approved of: this action on this contact as it was, for this reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The contact.
    pub contact_id: ContactId,
    /// In which version it was shown.
    pub version: u64,
    /// What was to be done to it.
    pub action: RemovalAction,
    /// Why the user was no longer meant; earlier releases did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<GoneCause>,
    /// The plan that was approved as a whole, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Until when it counts.
    pub expires_at: Timestamp,
}

impl Approval {
    /// Whether it counts at `now` for this removal: the same action on the contact as it was, for
    /// the same reason.
    pub fn covers(&self, item: &SegmentItem, now: Timestamp) -> bool {
        now < self.expires_at
            && item.contact_id.as_ref() == Some(&self.contact_id)
            && item.version == self.version
            && removal_of(item) == Some(self.action)
            && self.cause.is_none_or(|cause| cause == Removal::of(item).cause)
    }

    /// Whether it was said of somebody who left the directory.
    pub fn has_left(&self) -> bool {
        matches!(self.cause, Some(GoneCause::SoftDeleted | GoneCause::HardDeleted))
    }
}

/// What an item would do that the guard counts; `None` when it does nothing of the kind.
pub fn removal_of(item: &SegmentItem) -> Option<RemovalAction> {
    match item.outcome {
        Outcome::Unlink => Some(RemovalAction::Unlink),
        Outcome::Deactivate => Some(RemovalAction::Deactivate),
        Outcome::Delete => Some(RemovalAction::Delete),
        Outcome::Update => {
            (item.status == Some(ContactStatus::Inactive)).then_some(RemovalAction::Deactivate)
        }
        Outcome::Create
        | Outcome::Unchanged
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::AwaitingReview
        | Outcome::Deferred
        | Outcome::StopUpdating
        | Outcome::Keep
        | Outcome::Restore
        | Outcome::Left => None,
    }
}

/// The removals that the guard held back, as people were shown them: what approving them all binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSet(Vec<HeldRemoval>);

/// One of them: whose, which contact in which version, what would be done, and why.
type HeldRemoval = (ObjectId, ContactId, u64, RemovalAction, GoneCause);

impl HeldSet {
    /// Of the questions that wait.
    pub fn asked<'i>(items: impl Iterator<Item = &'i ReviewItem>) -> Self {
        Self::sorted(items.filter_map(|item| {
            let left = item.departure.as_deref().filter(|left| left.held)?;
            let user = item.user.object_id.clone();
            Some((user, item.contact_id.clone()?, left.version?, left.action?, left.cause))
        }))
    }

    /// Of what a run decided.
    pub fn decided<'i>(items: impl Iterator<Item = &'i SegmentItem>) -> Self {
        Self::sorted(items.filter_map(|item| {
            let user = item.object_id.clone();
            let cause = Removal::of(item).cause;
            Some((user, item.contact_id.clone()?, item.version, removal_of(item)?, cause))
        }))
    }

    fn sorted(held: impl Iterator<Item = HeldRemoval>) -> Self {
        let mut held: Vec<_> = held.collect();
        held.sort_unstable();
        Self(held)
    }

    /// Their digest (64 hexadecimal digits).
    pub fn hash(&self) -> String {
        let mut digest = Sha256::new();
        for (user, contact, version, action, cause) in &self.0 {
            let cause = cause.name();
            let held = format!("{user} {contact} {version} {action:?} {cause}\n");
            digest = digest.chain_update(held);
        }
        let digest = digest.finalize();
        let (first, second) = (leading_bits(&digest), digest.get(16..).map_or(0, leading_bits));
        format!("{first:032x}{second:032x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::blank_item;
    use crate::segment::Trace;

    #[test]
    fn an_approval_counts_for_what_was_shown_and_only_for_a_day() {
        let contact = ContactId::from_bits(7);
        let at = Timestamp::UNIX_EPOCH;
        let approval = Approval {
            contact_id: contact.clone(),
            version: 3,
            action: RemovalAction::Unlink,
            cause: Some(GoneCause::SoftDeleted),
            plan: None,
            by: Actor::default(),
            at,
            expires_at: at + APPROVAL_LIFE,
        };
        let shown = SegmentItem {
            version: 3,
            trace: Some(Box::new(Trace {
                cause: Some(GoneCause::SoftDeleted),
                ..Trace::default()
            })),
            ..blank_item(&ObjectId::from_u128(1), Some(contact), Outcome::Unlink)
        };
        let hours = |hours| at + SignedDuration::from_hours(hours);
        assert!(approval.covers(&shown, hours(23)));
        assert!(!approval.covers(&shown, hours(24)), "it expires");
        let edited = SegmentItem { version: 4, ..shown.clone() };
        assert!(!approval.covers(&edited, at), "somebody edited the contact since");
        let harsher = SegmentItem { outcome: Outcome::Delete, ..shown.clone() };
        assert!(!approval.covers(&harsher, at), "the settings ask for more by now");
        let mut elsewhy = shown.clone();
        elsewhy.trace.get_or_insert_default().cause = Some(GoneCause::LeftGroup);
        assert!(!approval.covers(&elsewhy, at), "the user is back, and left the group");
        let earlier = Approval { cause: None, ..approval.clone() };
        assert!(earlier.covers(&elsewhy, at), "earlier releases did not say why");
        let other = SegmentItem { contact_id: Some(ContactId::from_bits(8)), ..shown };
        assert!(!approval.covers(&other, at), "another contact");
    }
}
