//! Taking one person out of what a run left, so that the rest stands as it was.

use jiff::Timestamp;

use crate::id::{AccountId, ContactId, ObjectId, TenantId};
use crate::reconcile::blank_item;
use crate::segment::{Deviation, Outcome, Segment, SegmentItem};

/// What is told in the place of whatever was told of the person; where it is known, with the day.
pub const ERASED: &str = "erased at a person's request";

/// Nothing is made of whoever was erased, and nothing told of him.
pub fn passed_over(user: &ObjectId) -> SegmentItem {
    SegmentItem { reason: Some(ERASED.to_owned()), ..blank_item(user, None, Outcome::Skipped) }
}

/// Whether an item passes somebody over because he was erased.
pub fn is_passed_over(item: &SegmentItem) -> bool {
    item.outcome == Outcome::Skipped
        && item.contact_id.is_none()
        && item.reason.as_deref() == Some(ERASED)
}

/// The erased person of an item that stands where a run had written a contact, as an undo tells of
/// him; `None` of every other item.
pub fn erased_since(item: &SegmentItem) -> Option<SegmentItem> {
    let reason = item.reason.as_ref().filter(|reason| reason.starts_with(ERASED))?;
    let wrote = match item.outcome {
        Outcome::Create
        | Outcome::Update
        | Outcome::StopUpdating
        | Outcome::Unlink
        | Outcome::Deactivate
        | Outcome::Delete
        | Outcome::Restore => true,
        Outcome::AwaitingReview
        | Outcome::Unchanged
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::Deferred
        | Outcome::Keep
        | Outcome::Left => false,
    };
    (wrote && item.contact_id.is_none()).then(|| SegmentItem {
        reason: Some(not_taken_back(reason)),
        ..blank_item(&item.object_id, None, Outcome::Left)
    })
}

/// That nothing of an erased person is taken back. It names nobody.
pub fn not_taken_back(erased: &str) -> String {
    format!("{erased}, which cannot be taken back")
}

/// Who is to be forgotten, and what stands in his place.
#[derive(Debug, Clone)]
pub struct Forgotten<'a> {
    /// Whose.
    pub account: &'a AccountId,
    /// The organisation whose people a run read.
    pub tenant: Option<&'a TenantId>,
    /// The contact that was the person's.
    pub contact: &'a ContactId,
    /// Contacts that were his, too: merged into that one, or another of the same user.
    pub others: &'a [ContactId],
    /// Of these, the ones that keep the user from getting a contact: they alone tell whose they are.
    pub barred: &'a [ContactId],
    /// The user, where he is known.
    pub user: Option<&'a ObjectId>,
    /// What stands in the user's place.
    pub stands_for: &'a ObjectId,
    /// When that was asked for.
    pub requested_at: Timestamp,
}

impl Forgotten<'_> {
    /// Whether a user is the person.
    pub fn is(&self, user: &ObjectId) -> bool {
        let derives = |tenant| {
            let own = ContactId::derived(self.account, tenant, user);
            own == *self.contact || self.barred.contains(&own)
        };
        self.user == Some(user) || self.tenant.is_some_and(derives)
    }

    /// Whether a contact was the person's.
    fn has(&self, contact: &ContactId) -> bool {
        contact == self.contact || self.others.contains(contact)
    }

    /// What is told in the person's place, with the day (UTC).
    fn told(&self) -> String {
        format!("{ERASED} on {}", self.requested_at.strftime("%Y-%m-%d"))
    }

    fn is_item(&self, item: &SegmentItem) -> bool {
        match &item.contact_id {
            // Of somebody who lives on with another contact, too, this one may have been.
            Some(contact) => self.has(contact) || self.user == Some(&item.object_id),
            None => self.is(&item.object_id),
        }
    }

    /// Takes the person out of a page; whether it named him. Of a run that has ended the outcome
    /// stays, so that its numbers do; a run that goes on does nothing for him.
    pub fn take_from(&self, segment: &mut Segment, has_ended: bool) -> bool {
        let mut named = false;
        for user in segment.unclear.iter_mut().filter(|user| self.is(user)) {
            *user = self.stands_for.clone();
            named = true;
        }
        for item in &mut segment.items {
            if self.is_item(item) {
                let outcome = if has_ended { item.outcome } else { Outcome::Skipped };
                *item = SegmentItem {
                    reason: Some(self.told()),
                    ..blank_item(self.stands_for, None, outcome)
                };
                named = true;
            } else {
                named |= self.take_from_other(item);
            }
        }
        named
    }

    /// What is told of somebody else may name the person, too.
    fn take_from_other(&self, item: &mut SegmentItem) -> bool {
        let mut named = false;
        if item.awaits.as_ref().is_some_and(|manager| self.is(manager)) {
            item.awaits = None;
            named = true;
        }
        let before = item.wants.len();
        item.wants.retain(|contact| !self.has(contact));
        named |= item.wants.len() != before;
        if let Some(question) = &mut item.question {
            let before = question.candidates.len();
            question.candidates.retain(|contact| !self.has(contact));
            named |= question.candidates.len() != before;
        }
        for change in item.fields.iter_mut().chain(&mut item.pending) {
            for value in [&mut change.old, &mut change.new] {
                let contact = value.as_str().and_then(|text| ContactId::parse(text).ok());
                if contact.is_some_and(|contact| self.has(&contact)) {
                    *value = serde_json::Value::Null;
                    named = true;
                }
            }
        }
        for text in [&mut item.reason, &mut item.remedy].into_iter().flatten() {
            named |= self.take_from_text(text);
        }
        named
    }

    fn take_from_text(&self, text: &mut String) -> bool {
        let user = self.user.map(ObjectId::as_str);
        let contacts = self.others.iter().chain([self.contact]).map(ContactId::as_str);
        let mut named = false;
        for name in contacts.chain(user) {
            if text.contains(name) {
                *text = text.replace(name, "(erased)");
                named = true;
            }
        }
        named
    }

    /// The same of what deviated on a page.
    pub fn take_from_deviations(&self, deviations: &mut [Deviation]) -> bool {
        let mut named = false;
        for one in deviations {
            if self.is(&one.object_id) {
                one.object_id = self.stands_for.clone();
                one.reason = Some(self.told());
                one.remedy = None;
                one.item = None;
                named = true;
            }
            if let Some(item) = &mut one.item {
                named |= self.take_from_other(item);
            }
            for text in [&mut one.reason, &mut one.remedy].into_iter().flatten() {
                named |= self.take_from_text(text);
            }
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Phase;

    #[test]
    fn who_is_forgotten_stands_on_no_page_and_everybody_else_as_before() {
        let account = AccountId::from_bits(1);
        let (contact, merged) = (ContactId::from_bits(7), ContactId::from_bits(6));
        let (user, other) = (ObjectId::from_u128(7), ObjectId::from_u128(8));
        let stands_for = ObjectId::from_u128(99);
        let forgotten = Forgotten {
            account: &account,
            tenant: None,
            contact: &contact,
            others: std::slice::from_ref(&merged),
            barred: &[],
            user: Some(&user),
            stands_for: &stands_for,
            requested_at: Timestamp::UNIX_EPOCH,
        };
        let own = SegmentItem {
            email: Some("canary@contoso.example".into()),
            ..blank_item(&user, Some(contact.clone()), Outcome::Update)
        };
        let theirs = SegmentItem {
            reason: Some(format!("the address is {contact}'s")),
            wants: vec![contact.clone(), merged.clone()],
            remedy: Some(format!("or {merged}'s")),
            ..blank_item(&other, Some(ContactId::from_bits(8)), Outcome::Failed)
        };
        // A run that dealt with what was merged since told of another user.
        let former = SegmentItem {
            email: Some("canary2@contoso.example".into()),
            ..blank_item(&ObjectId::from_u128(5), Some(merged.clone()), Outcome::Update)
        };
        let mut segment = Segment::of(0, Phase::List, 1, vec![own, theirs.clone(), former]);
        assert!(forgotten.take_from(&mut segment, true));
        let text = serde_json::to_string(&segment).unwrap();
        for mark in ["canary", contact.as_str(), user.as_str(), merged.as_str()] {
            assert!(!text.contains(mark), "{mark}: {text}");
        }
        assert_eq!(segment.items[0].outcome, Outcome::Update, "numbers stay");
        let left = erased_since(&segment.items[0]).unwrap();
        assert_eq!((left.outcome, &left.object_id), (Outcome::Left, &stands_for));
        let reason = "erased at a person's request on 1970-01-01, which cannot be taken back";
        assert_eq!(left.reason.as_deref(), Some(reason));
        assert_eq!(erased_since(&segment.items[1]), None, "nobody else");
        assert_eq!(segment.items[1].contact_id, theirs.contact_id);
        assert!(!forgotten.take_from(&mut segment, true), "a second time nothing is left to take");
        let mut at_work =
            Segment::of(0, Phase::List, 1, vec![blank_item(&user, None, Outcome::Create)]);
        forgotten.take_from(&mut at_work, false);
        assert_eq!(at_work.items[0].outcome, Outcome::Skipped, "a run at work makes nobody");
    }
}
