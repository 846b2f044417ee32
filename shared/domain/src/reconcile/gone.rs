//! What becomes of the contact of somebody who left.

use serde::{Deserialize, Serialize};

use super::{Rules, Tie, blank_item, is_own};
use crate::contact::{Contact, LinkState};
use crate::id::ObjectId;
use crate::review::{Question, ReviewAction, ReviewList, ReviewUser};
use crate::segment::{LinkChange, Outcome, SegmentItem, Trace};
use crate::settings::RemovalAction;

/// Why a linked user is no longer meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GoneCause {
    /// In the recycle bin.
    SoftDeleted,
    /// Not in the directory at all.
    HardDeleted,
    /// No longer meant by the scope.
    OutOfScope,
    /// Left the scope's groups.
    LeftGroup,
    /// Sign-in blocked.
    Disabled,
    /// Meant by the scope, but another organisation of the tenant goes first. What others set up
    /// never costs more than the updates, whatever this connection's policies say of leavers.
    Elsewhere,
}

impl Rules {
    /// The action that the policies name for a cause.
    pub fn removal_action(&self, cause: GoneCause) -> RemovalAction {
        let removal = &self.policies.removal;
        match cause {
            GoneCause::SoftDeleted => removal.soft_deleted,
            GoneCause::HardDeleted => removal.hard_deleted,
            GoneCause::OutOfScope => removal.out_of_scope,
            GoneCause::LeftGroup => removal.left_group,
            GoneCause::Disabled => removal.disabled,
            GoneCause::Elsewhere => match removal.out_of_scope {
                RemovalAction::Keep => RemovalAction::Keep,
                RemovalAction::StopUpdating
                | RemovalAction::Review
                | RemovalAction::Unlink
                | RemovalAction::Deactivate
                | RemovalAction::Delete => RemovalAction::StopUpdating,
            },
        }
    }

    /// What becomes of the contact of a user who left. Destructive actions are only named: they
    /// are staged and judged together at the end of the run.
    pub fn decide_gone(
        &self,
        user: &ObjectId,
        contact: Option<&Contact>,
        cause: GoneCause,
        because: &str,
        tie: Tie<'_>,
    ) -> SegmentItem {
        let left_scope = match cause {
            GoneCause::OutOfScope
            | GoneCause::LeftGroup
            | GoneCause::Disabled
            | GoneCause::Elsewhere => true,
            GoneCause::SoftDeleted | GoneCause::HardDeleted => false,
        };
        let mut item = SegmentItem {
            reason: Some(because.to_owned()),
            ..blank_item(user, None, if left_scope { Outcome::Skipped } else { Outcome::Keep })
        };
        let new = if left_scope { LinkState::OutOfScope } else { LinkState::Removed };
        let Some(contact) = contact.filter(|contact| is_own(contact, user, tie)) else {
            return item;
        };
        let old = contact.link.as_ref().map(|link| link.state);
        item.contact_id = Some(contact.id.clone());
        item.version = contact.version;
        // Removed outweighs out of scope: a user who left the scope first and the directory later.
        if old == Some(new) || old == Some(LinkState::Removed) {
            return item;
        }
        let asked = || {
            Some(Box::new(Question {
                list: ReviewList::Removals,
                user: ReviewUser::of_contact(user, contact),
                candidates: Vec::new(),
                suggested: Some(ReviewAction::Unlink),
            }))
        };
        let action = match self.removal_action(cause) {
            // Nothing takes a protected contact away but a person.
            action if contact.protected && action.is_destructive() => RemovalAction::Review,
            action => action,
        };
        if self.holds && action.is_destructive() {
            // The link stays as it is, so that the next run finds the removal again and does it.
            item.question = asked();
            return item;
        }
        item.outcome = match action {
            RemovalAction::Keep => return item,
            RemovalAction::StopUpdating => Outcome::StopUpdating,
            RemovalAction::Review => {
                item.question = asked();
                Outcome::AwaitingReview
            }
            RemovalAction::Unlink => Outcome::Unlink,
            RemovalAction::Deactivate => Outcome::Deactivate,
            RemovalAction::Delete => Outcome::Delete,
        };
        item.link = Some(LinkChange { old, new, user_principal_name: None });
        item.trace = Some(Box::new(Trace::of_leaver(contact, cause)));
        item
    }
}
