//! What only a person can decide, as it is put to people.

use std::collections::BTreeMap;

use super::{Claimant, Rules, Tie, Wanted};
use crate::contact::{Contact, ContactField, LinkState, Target};
use crate::directory::DirectoryUser;
use crate::id::{ContactId, ObjectId};
use crate::matching::{Finding, Match, MatchKey};
use crate::review::{Question, ReviewAction, ReviewList, ReviewUser};
use crate::segment::{Outcome, SegmentItem};

/// A question about a user, and the contacts that come into question.
pub(super) fn about(
    list: ReviewList,
    user: &DirectoryUser,
    candidates: impl IntoIterator<Item = ContactId>,
) -> Question {
    Question {
        list,
        user: ReviewUser::of(user),
        candidates: candidates.into_iter().collect(),
        versions: BTreeMap::new(),
        suggested: None,
        departure: None,
        status: None,
    }
}

impl Question {
    /// The question with what we would do.
    #[expect(clippy::unnecessary_wraps, reason = "as a segment's item holds it")]
    pub(super) fn suggesting(self, suggested: Option<ReviewAction>) -> Option<Box<Self>> {
        Some(Box::new(Self { suggested, ..self }))
    }
}

impl Rules {
    /// The item that the wanted e-mail's claimant makes of this one, if it stands in the way.
    pub(super) fn refused(
        &self,
        item: &SegmentItem,
        user: &DirectoryUser,
        wanted: &Wanted,
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
        let conflict = self.conflict(item, user, wanted, owner);
        // Within one connection the other may be about to give the address up: decided at the end.
        match &owner.link {
            Some(link) if link.connection_id == *tie.connection => {
                Some(SegmentItem { outcome: Outcome::Deferred, ..conflict })
            }
            None if self.has_refused_match(&user.id, &owner.id) => Some(SegmentItem {
                outcome: Outcome::AwaitingReview,
                reason: Some(
                    "the contact with this e-mail is another person's, as somebody decided"
                        .to_owned(),
                ),
                remedy: Some("link the user to another contact, or ignore him".to_owned()),
                question: about(ReviewList::Available, user, []).suggesting(None),
                ..conflict
            }),
            // So may a contact to which another key leads somebody.
            None if self.keys.looked_up().next().is_some() => {
                Some(SegmentItem { outcome: Outcome::Deferred, ..conflict })
            }
            Some(_) | None => Some(conflict),
        }
    }

    /// An item that failed because another contact has the e-mail.
    pub(super) fn conflict(
        &self,
        item: &SegmentItem,
        user: &DirectoryUser,
        wanted: &Wanted,
        owner: &Contact,
    ) -> SegmentItem {
        let key = MatchKey::Target(Target::Field(ContactField::Email));
        let matched = Match::of(&key, &wanted.mapped, owner);
        let (reason, remedy, suggested) = match owner.link.as_ref().map(|link| link.state) {
            Some(LinkState::Removed) if is_same_person(user, &matched, owner) => (
                "the person seems to have been made anew in Entra: the contact of the one who left \
                 has the same e-mail",
                "link this contact to the new user, or give one of the two another e-mail",
                Some(ReviewAction::Link),
            ),
            Some(LinkState::Removed) => (
                "the e-mail passed on to another person: the contact of the one who left still has \
                 it",
                "delete that contact or change its e-mail; or link it if it is the same person",
                None,
            ),
            Some(LinkState::Linked | LinkState::OutOfScope) => (
                "another person in the directory has this e-mail",
                "give one of the two another e-mail in Entra",
                None,
            ),
            None => (
                "another contact has this e-mail",
                "correct the e-mail in Entra, or remove it from the other contact",
                Some(ReviewAction::Link).filter(|_| item.contact_id.is_none()),
            ),
        };
        SegmentItem {
            outcome: Outcome::Failed,
            fields: Vec::new(),
            reason: Some(reason.to_owned()),
            remedy: Some(remedy.to_owned()),
            matched: Some(Box::new(matched)),
            question: self.ask_conflict(user, &[owner], suggested),
            ..item.clone()
        }
    }

    /// Whether somebody said that this contact is not this user's, and nobody the contrary since.
    pub(super) fn has_refused_match(&self, user: &ObjectId, contact: &ContactId) -> bool {
        !self.approved && self.rejected.has_match(user, contact)
    }

    /// Whether somebody said that this conflict may stay, and nobody the contrary since.
    pub(super) fn has_refused_conflict(&self, user: &ObjectId, candidates: &[ContactId]) -> bool {
        !self.approved && self.rejected.has_conflict(user, candidates)
    }

    /// The question of a conflict, unless somebody said that it may stay.
    pub(super) fn ask_conflict(
        &self,
        user: &DirectoryUser,
        contacts: &[&Contact],
        suggested: Option<ReviewAction>,
    ) -> Option<Box<Question>> {
        let candidates: Vec<ContactId> = contacts.iter().map(|one| one.id.clone()).collect();
        if self.has_refused_conflict(&user.id, &candidates) {
            return None;
        }
        let state = |one: &Contact| one.link.as_ref().map(|link| link.state);
        let by_people = contacts.iter().filter(|one| state(one) != Some(LinkState::Linked));
        let versions = by_people.map(|one| (one.id.clone(), one.version)).collect();
        let asked = Question { versions, ..about(ReviewList::Conflicts, user, candidates) };
        asked.suggesting(suggested)
    }
}

/// Whether a contact whose user left is this new user's: an object id that is new, everything by
/// which people know each other as before.
fn is_same_person(user: &DirectoryUser, matched: &Match, owner: &Contact) -> bool {
    let former = owner.link.as_ref().and_then(|link| link.user_principal_name.as_deref());
    let same_name = user
        .text("userPrincipalName")
        .zip(former)
        .is_some_and(|(upn, former)| upn.eq_ignore_ascii_case(former));
    let equal = |field: ContactField| {
        let field = Target::Field(field);
        matched.evidence.iter().any(|one| one.field == field && one.finding == Finding::Equal)
    };
    same_name || equal(ContactField::EmployeeId) || equal(ContactField::DisplayName)
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
