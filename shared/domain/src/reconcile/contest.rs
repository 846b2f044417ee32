//! Contacts to which several people are led: nobody gets one that others want, too.
//!
//! Who they are is known when a run has read everybody, whatever the order and the borders of its
//! pages. Until then whoever would take over a contact that existed before, or
//! would be proposed for it, is put off.

use std::collections::{BTreeSet, HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::asking;
use super::{Rules, blank_item, user_address};
use crate::contact::{ContactField, Target};
use crate::directory::DirectoryUser;
use crate::email::email_key;
use crate::id::{ContactId, ObjectId, leading_bits};
use crate::review::{Question, ReviewList};
use crate::segment::{Outcome, SegmentItem};

impl SegmentItem {
    /// Whether it takes over a contact that existed before and to which a key led. Whoever gets his
    /// own contact back takes nothing over.
    pub fn takes_over(&self) -> bool {
        self.outcome == Outcome::Update && self.adopted && !self.wants.is_empty()
    }

    /// Whether it would take a contact over that existed before, or asks people to agree to it.
    pub fn claims(&self) -> bool {
        self.takes_over() || (self.outcome == Outcome::AwaitingReview && self.proposes())
    }

    /// Whether it would take over a contact or propose it, once it is known that nobody else wants
    /// it.
    pub fn is_put_off(&self) -> bool {
        self.outcome == Outcome::Deferred && (self.adopted || self.proposes())
    }

    /// Whether people are to agree that a contact is linked, to which a key led.
    pub(super) fn proposes(&self) -> bool {
        self.question.as_ref().is_some_and(|question| question.list == ReviewList::Matched)
    }

    /// What was put off, now that nobody else wants the contact.
    #[must_use]
    pub fn taking_over(self) -> Self {
        if self.proposes() {
            return Self { outcome: Outcome::AwaitingReview, ..self };
        }
        let question = self.question.filter(|question| question.list == ReviewList::Changes);
        Self { outcome: Outcome::Update, email: None, question, ..self }
    }

    /// What was put off and still cannot be done: another contact gets the address first, which the
    /// end of the run looks at.
    #[must_use]
    pub fn colliding(self) -> Self {
        Self {
            email: self.email,
            wants: self.wants,
            ..blank_item(&self.object_id, None, Outcome::Deferred)
        }
    }

    /// The claim key of the e-mail that the contact would newly get.
    fn new_email(&self) -> Option<String> {
        let email = Target::Field(ContactField::Email);
        let change = self.fields.iter().rev().find(|change| change.field == email)?;
        change.new.as_str().map(email_key)
    }
}

impl Rules {
    /// Puts a takeover off until everybody was read, and what asks people to agree to one; anything
    /// else stays as it is.
    #[must_use]
    pub fn put_off(&self, item: SegmentItem, user: &DirectoryUser) -> SegmentItem {
        if !item.claims() {
            return item;
        }
        let whose = || asking::about(ReviewList::Conflicts, user, item.wants.clone());
        SegmentItem {
            outcome: Outcome::Deferred,
            email: user_address(user),
            question: item.question.clone().or_else(|| Some(Box::new(whose()))),
            ..item
        }
    }

    /// Whether somebody said that this user and the contacts that he wants may stay as they are.
    pub fn lets_stay(&self, item: &SegmentItem) -> bool {
        self.has_refused_conflict(&item.object_id, &item.wants)
    }

    /// What becomes of a takeover that was put off where others want the contact, too: none of them
    /// gets it, and people are asked.
    #[must_use]
    pub fn ask_whose(&self, item: SegmentItem) -> SegmentItem {
        let contacts = item.wants;
        let asks = item
            .question
            .filter(|question| !self.has_refused_conflict(&question.user.object_id, &contacts));
        let versions = item.contact_id.filter(|contact| contacts.contains(contact));
        let versions = versions.map(|contact| (contact, item.version)).into_iter().collect();
        let question = asks.map(|question| {
            Box::new(Question {
                list: ReviewList::Conflicts,
                user: question.user,
                candidates: contacts.clone(),
                versions,
                suggested: None,
                departure: None,
                status: None,
            })
        });
        SegmentItem {
            email: item.email,
            reason: Some("several people in the directory match this contact".to_owned()),
            remedy: Some("choose whose contact it is".to_owned()),
            matched: item.matched,
            wants: contacts,
            question,
            ..blank_item(&item.object_id, None, Outcome::AwaitingReview)
        }
    }
}

/// Stands for somebody who is not known: no directory gives this id.
const NOBODY: u128 = 0;

/// Who wants which contact, over all pages of a run.
#[derive(Debug, Default)]
pub struct Wants {
    people: HashMap<u128, Want>,
    /// Contacts with those who want them.
    takers: BTreeSet<(u128, u128)>,
}

/// What the last page that named somebody told.
#[derive(Debug)]
struct Want {
    contacts: Box<[u128]>,
    /// The page that put him off, and the digest of the e-mail that the contact would newly get.
    put_off: Option<(u32, Option<u64>)>,
}

impl Wants {
    /// Notes what a page decided about somebody; a later page outdates it.
    pub fn note(&mut self, item: &SegmentItem, outcome: Outcome, page: u32) {
        if item.wants.is_empty() && self.people.is_empty() {
            return;
        }
        let user = item.object_id.as_u128();
        if let Some(before) = self.people.remove(&user) {
            for contact in before.contacts {
                self.takers.remove(&(contact, user));
            }
        }
        if item.wants.is_empty() {
            return;
        }
        let contacts: Box<[u128]> = item.wants.iter().map(ContactId::to_bits).collect();
        self.takers.extend(contacts.iter().map(|contact| (*contact, user)));
        let put_off = (item.is_put_off() && outcome == Outcome::Deferred)
            // What is only proposed gives nobody an address yet.
            .then(|| (page, item.new_email().filter(|_| item.adopted).as_deref().map(digest)));
        self.people.insert(user, Want { contacts, put_off });
    }

    /// Notes that people are asked already whether a contact is this user's.
    pub fn mark(&mut self, user: &ObjectId, contact: &ContactId) {
        self.takers.insert((contact.to_bits(), user.as_u128()));
    }

    /// Notes that somebody whom nobody knows any more may want a contact.
    pub fn mark_unknown(&mut self, contact: &ContactId) {
        self.takers.insert((contact.to_bits(), NOBODY));
    }

    /// Whether anybody else wants a contact that this item wants.
    pub fn has_rival(&self, item: &SegmentItem) -> bool {
        let user = item.object_id.as_u128();
        item.wants.iter().map(ContactId::to_bits).any(|contact| {
            let mut takers = self.takers.range((contact, u128::MIN)..=(contact, u128::MAX));
            takers.any(|(_, taker)| *taker != user)
        })
    }

    /// Whether nobody was put off.
    pub fn is_settled(&self) -> bool {
        self.people.values().all(|want| want.put_off.is_none())
    }

    /// The pages that put people off, in order.
    pub fn pages(&self) -> BTreeSet<u32> {
        self.people.values().filter_map(|want| Some(want.put_off?.0)).collect()
    }

    /// Whether this page put this user off, and no later one told of him.
    pub fn is_of(&self, user: &ObjectId, page: u32) -> bool {
        let want = self.people.get(&user.as_u128());
        want.and_then(|want| want.put_off).is_some_and(|(put_off, _)| put_off == page)
    }

    /// Whom this page put off, and of whom no later one told.
    pub fn put_off_on(&self, page: u32) -> impl Iterator<Item = ObjectId> {
        let put_off = self
            .people
            .iter()
            .filter(move |(_, want)| want.put_off.is_some_and(|(put_off, _)| put_off == page));
        put_off.map(|(user, _)| ObjectId::from_u128(*user))
    }

    /// Of those who were put off and would give their contacts the same new e-mail, all but one:
    /// the one with the smallest id, in whatever order they were read.
    pub fn too_late(&self) -> HashSet<u128> {
        let mut emails: Vec<(u64, u128)> =
            self.people.iter().filter_map(|(user, want)| Some((want.put_off?.1?, *user))).collect();
        emails.sort_unstable();
        let same = emails.iter().zip(emails.iter().skip(1)).filter(|(one, next)| one.0 == next.0);
        same.map(|(_, (_, user))| *user).collect()
    }

    /// Forgets everybody: the listing starts again.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

fn digest(email: &str) -> u64 {
    let bits = leading_bits(&Sha256::digest(email)) >> 64;
    u64::try_from(bits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contact::LinkState;
    use crate::segment::{FieldChange, LinkChange};

    fn contact(number: u128) -> ContactId {
        ContactId::from_bits(number)
    }

    fn put_off(user: u128, wants: u128, email: Option<&str>) -> SegmentItem {
        let change = |email: &str| FieldChange {
            field: Target::Field(ContactField::Email),
            old: json!(null),
            new: json!(email),
            source: "[mail]".to_owned(),
            rule: "overwrite".to_owned(),
        };
        SegmentItem {
            adopted: true,
            wants: vec![contact(wants)],
            contact_id: Some(contact(wants)),
            fields: email.map(change).into_iter().collect(),
            link: Some(LinkChange::new(None, LinkState::Linked)),
            ..blank_item(&ObjectId::from_u128(user), None, Outcome::Deferred)
        }
    }

    fn wants(items: &[(SegmentItem, u32)]) -> Wants {
        let mut wants = Wants::default();
        for (item, page) in items {
            wants.note(item, item.outcome, *page);
        }
        wants
    }

    #[test]
    fn whoever_wants_the_same_is_a_rival_on_whatever_page_and_his_own_item_is_none() {
        let (one, other, alone) = (put_off(1, 7, None), put_off(2, 7, None), put_off(3, 8, None));
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let all = [(one.clone(), 0), (other.clone(), 4), (alone.clone(), 4)];
            let wants = wants(&order.map(|place: usize| all[place].clone()));
            assert!(wants.has_rival(&one) && wants.has_rival(&other));
            assert!(!wants.has_rival(&alone));
            assert_eq!(wants.pages().into_iter().collect::<Vec<_>>(), [0, 4]);
        }
    }

    #[test]
    fn a_later_page_outdates_what_somebody_wanted() {
        let one = put_off(1, 7, None);
        let mut wants = wants(&[(one.clone(), 0), (put_off(2, 7, None), 1)]);
        let elsewhere = blank_item(&ObjectId::from_u128(2), None, Outcome::Create);
        wants.note(&elsewhere, Outcome::Create, 2);
        assert!(!wants.has_rival(&one));
        let again = put_off(1, 9, None);
        wants.note(&again, Outcome::Deferred, 3);
        assert!(!wants.is_of(&one.object_id, 0) && wants.is_of(&one.object_id, 3));
        wants.note(&again.taking_over(), Outcome::Update, 4);
        assert!(wants.is_settled(), "it is done");
    }

    #[test]
    fn whoever_is_asked_already_is_a_rival() {
        let one = put_off(1, 7, None);
        let mut wants = wants(&[(one.clone(), 0)]);
        wants.mark(&ObjectId::from_u128(5), &contact(7));
        assert!(wants.has_rival(&one));
    }

    #[test]
    fn of_those_who_get_one_new_address_the_smallest_id_is_first_in_any_order() {
        let all = [
            (put_off(9, 1, Some("Same@x")), 0),
            (put_off(4, 2, Some("same@x")), 1),
            (put_off(6, 3, Some("same@x ")), 2),
            (put_off(5, 4, Some("own@x")), 2),
            (put_off(3, 5, None), 2),
        ];
        for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [1, 2, 0, 4, 3]] {
            let wants = wants(&order.map(|place: usize| all[place].clone()));
            assert_eq!(wants.too_late(), HashSet::from([6, 9]));
        }
    }
}
