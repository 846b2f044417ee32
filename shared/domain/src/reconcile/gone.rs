//! What becomes of the contact of somebody who left.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Rules, Tie, blank_item, is_own};
use crate::contact::{Contact, ContactStatus, Link, LinkState};
use crate::id::ObjectId;
use crate::review::{Departure, Question, ReviewAction, ReviewList, ReviewUser};
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

impl GoneCause {
    /// Every cause.
    pub const ALL: [Self; 6] = [
        Self::SoftDeleted,
        Self::HardDeleted,
        Self::OutOfScope,
        Self::LeftGroup,
        Self::Disabled,
        Self::Elsewhere,
    ];

    /// Reads the word in JSON.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::SoftDeleted => "softDeleted",
            Self::HardDeleted => "hardDeleted",
            Self::OutOfScope => "outOfScope",
            Self::LeftGroup => "leftGroup",
            Self::Disabled => "disabled",
            Self::Elsewhere => "elsewhere",
        }
    }
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

    /// What becomes of the contact of a user who left, as a page finds it. Destructive actions are
    /// only named: they are staged and judged together at the end of a run. Where the policies give
    /// grace, the contact is no longer updated from now on, and its link says what is planned for
    /// when.
    pub fn decide_gone(
        &self,
        user: &ObjectId,
        contact: Option<&Contact>,
        cause: GoneCause,
        because: &str,
        tie: Tie<'_>,
    ) -> SegmentItem {
        self.decide_leaver(user, contact, (cause, because), tie, Moment::Found)
    }

    /// The same when the judgement comes to it, and the days of grace are over.
    pub fn decide_due(
        &self,
        user: &ObjectId,
        contact: Option<&Contact>,
        cause: GoneCause,
        because: &str,
        tie: Tie<'_>,
    ) -> SegmentItem {
        self.decide_leaver(user, contact, (cause, because), tie, Moment::Due)
    }

    fn decide_leaver(
        &self,
        user: &ObjectId,
        contact: Option<&Contact>,
        (cause, because): (GoneCause, &str),
        tie: Tie<'_>,
        moment: Moment,
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
        let link = contact.link.as_ref();
        let old = link.map(|link| link.state);
        item.contact_id = Some(contact.id.clone());
        item.version = contact.version;
        let is_planned = link.is_some_and(|link| link.planned.is_some());
        let comes_due = is_planned && moment == Moment::Due;
        // Removed outweighs out of scope: a user who left the scope first and the directory later.
        let known = link.filter(|_| old == Some(new) || old == Some(LinkState::Removed));
        let known = known.filter(|_| !comes_due);
        if known.is_some_and(|link| !self.goes_further(contact, link, cause)) {
            return item;
        }
        let spared = known.is_some_and(|link| self.was_spared(contact, link));
        let action = match self.removal_action(cause) {
            // Nothing takes a protected contact away but a person, nor what a person let be before.
            action if (contact.protected || spared) && action.is_destructive() => {
                RemovalAction::Review
            }
            // The settings spare him by now; what was planned is no more.
            RemovalAction::Keep if comes_due => RemovalAction::StopUpdating,
            action => action,
        };
        let asked = |departure: Departure| {
            Some(Box::new(Question {
                list: ReviewList::Removals,
                user: ReviewUser::of_contact(user, contact),
                candidates: Vec::new(),
                versions: BTreeMap::new(),
                suggested: Some(if departure.action.is_some() {
                    ReviewAction::Accept
                } else {
                    ReviewAction::Unlink
                }),
                departure: Some(Box::new(departure)),
                status: None,
            }))
        };
        let departure = Departure::of(cause);
        if self.holds && action.is_destructive() {
            // The link stays as it is, so that the next run finds the removal again and does it.
            item.question = asked(departure);
            return item;
        }
        let mut change = LinkChange { cause: Some(cause), ..LinkChange::new(old, new) };
        if action.is_destructive()
            && moment == Moment::Found
            && let Some(acts_at) = self.grace_ends(self.now)
        {
            change.acts_at = Some(acts_at);
            change.planned = Some(action);
            item.question =
                asked(Departure { action: Some(action), acts_at: Some(acts_at), ..departure });
            item.outcome = Outcome::StopUpdating;
        } else {
            item.outcome = match action {
                RemovalAction::Keep => return item,
                RemovalAction::StopUpdating => Outcome::StopUpdating,
                RemovalAction::Review => {
                    item.question = asked(departure);
                    Outcome::AwaitingReview
                }
                RemovalAction::Unlink => Outcome::Unlink,
                RemovalAction::Deactivate => Outcome::Deactivate,
                RemovalAction::Delete => Outcome::Delete,
            };
        }
        item.link = Some(change);
        let protected = contact.protected && self.removal_action(cause).is_destructive();
        let trace = Trace::of_leaver(contact, cause, item.outcome);
        item.trace = Some(Box::new(Trace { protected, ..trace }));
        item
    }

    /// Whether the contact of somebody who left before is to lose more now that there is another
    /// cause of it: who was in the recycle bin is gone for good, say.
    fn goes_further(&self, contact: &Contact, link: &Link, cause: GoneCause) -> bool {
        use RemovalAction as A;
        let Some(before) = cause_before(link).filter(|before| *before != cause) else {
            return false;
        };
        let done = match link.planned {
            Some(planned) => planned,
            None if contact.status == ContactStatus::Inactive => A::Deactivate,
            None => A::StopUpdating,
        };
        match self.removal_action(cause) {
            A::Keep | A::StopUpdating => false,
            A::Review => link.planned.is_none() && self.removal_action(before) != A::Review,
            A::Unlink => !matches!(done, A::Unlink | A::Delete),
            A::Deactivate => !matches!(done, A::Unlink | A::Deactivate | A::Delete),
            A::Delete => done != A::Delete,
        }
    }

    /// Whether what was to be done to the contact when its user left was not: somebody said that it
    /// stays, or the settings did then.
    fn was_spared(&self, contact: &Contact, link: &Link) -> bool {
        let meant = cause_before(link).map(|before| self.removal_action(before));
        link.planned.is_none()
            && contact.status == ContactStatus::Active
            && meant.is_some_and(RemovalAction::is_destructive)
    }

    /// Whether a full run asks the directory for a linked user whom nothing that it read named: for
    /// those who stood in it, and for those in the recycle bin where leaving that has an action of
    /// its own.
    pub fn looks_for(&self, state: LinkState, cause: Option<GoneCause>) -> bool {
        let removal = &self.policies.removal;
        let (soft, hard) = (removal.soft_deleted, removal.hard_deleted);
        match state {
            LinkState::Linked => true,
            LinkState::OutOfScope => soft != RemovalAction::Keep || hard != RemovalAction::Keep,
            LinkState::Removed => {
                cause == Some(GoneCause::SoftDeleted)
                    && soft != hard
                    && (hard.is_destructive() || hard == RemovalAction::Review)
            }
        }
    }

    /// When the days of grace end for whoever left at this instant; `None` where there are none.
    pub fn grace_ends(&self, since: Timestamp) -> Option<Timestamp> {
        let grace = self.grace();
        grace.is_positive().then(|| since.checked_add(grace).unwrap_or(Timestamp::MAX))
    }

    /// When the days of grace began that end at this instant.
    pub fn grace_began(&self, acts_at: Timestamp) -> Timestamp {
        acts_at.checked_sub(self.grace()).unwrap_or(Timestamp::MIN)
    }

    fn grace(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.policies.removal.grace_days) * 24)
    }
}

/// Why the user of a link left. Earlier releases did not say: who left the directory was in the
/// recycle bin first.
fn cause_before(link: &Link) -> Option<GoneCause> {
    link.cause.or((link.state == LinkState::Removed).then_some(GoneCause::SoftDeleted))
}

/// When it is decided about somebody who left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// A page found them gone.
    Found,
    /// What waited is judged.
    Due,
}
