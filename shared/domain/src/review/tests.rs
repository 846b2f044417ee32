//! What each outcome does to the review item that stands.

use serde_json::json;

use super::*;
use crate::contact::{ContactField, Target};
use crate::id::AccountId;
use crate::reconcile::blank_item;
use crate::segment::{Outcome, SegmentItem};

fn seen<'a>(account: &'a AccountId, connection: &'a ConnectionId, fence: u64) -> Seen<'a> {
    Seen { account, connection, run: "run", fence, now: Timestamp::UNIX_EPOCH }
}

fn asking(list: ReviewList, outcome: Outcome) -> SegmentItem {
    let user = ObjectId::from_u128(1);
    SegmentItem {
        question: Some(Box::new(Question {
            list,
            user: ReviewUser {
                object_id: user.clone(),
                display_name: None,
                user_principal_name: None,
            },
            candidates: vec![],
            versions: BTreeMap::new(),
            suggested: None,
            departure: None,
            status: None,
        })),
        ..blank_item(&user, None, outcome)
    }
}

fn effect(item: &SegmentItem, standing: Option<&ReviewItem>, fence: u64) -> Effect {
    let (account, connection) = (AccountId::from_bits(1), ConnectionId::from_bits(1));
    Effect::of(item, item.outcome, standing, seen(&account, &connection, fence))
}

fn item(effect: Effect) -> ReviewItem {
    match effect {
        Effect::Ask(item) => *item,
        other => panic!("nothing is asked: {other:?}"),
    }
}

#[test]
fn the_same_question_is_asked_once_and_another_has_a_higher_version() {
    let question = asking(ReviewList::Available, Outcome::AwaitingReview);
    let first = item(effect(&question, None, 7));
    assert_eq!(first.version, 7);
    assert_eq!(effect(&question, Some(&first), 9), Effect::Stay, "a replay or the next run");
    let mut moved = question;
    moved.reason = Some("another one".to_owned());
    let second = item(effect(&moved, Some(&first), 7));
    assert!(second.version > first.version);
    assert_eq!(second.since, first.since);
}

#[test]
fn a_question_is_gone_when_it_is_moot_and_only_then() {
    use ReviewList as L;
    let cases = [
        (L::Available, Outcome::Create, Effect::Drop),
        (L::Matched, Outcome::Update, Effect::Drop),
        (L::Changes, Outcome::Unchanged, Effect::Drop),
        (L::Conflicts, Outcome::Skipped, Effect::Drop),
        (L::Available, Outcome::Keep, Effect::Drop),
        (L::Conflicts, Outcome::Deferred, Effect::Stay),
        (L::Removals, Outcome::Keep, Effect::Stay),
        (L::Removals, Outcome::Skipped, Effect::Stay),
        (L::Removals, Outcome::Update, Effect::Drop),
        (L::Removals, Outcome::Delete, Effect::Drop),
        (L::Ignored, Outcome::Skipped, Effect::Stay),
    ];
    for (list, outcome, expected) in cases {
        let standing = item(effect(&asking(list, Outcome::AwaitingReview), None, 1));
        let now = blank_item(&ObjectId::from_u128(1), None, outcome);
        assert_eq!(effect(&now, Some(&standing), 2), expected, "{list:?}, {outcome:?}");
        assert_eq!(effect(&now, None, 2), Effect::Stay, "{outcome:?} asks nothing");
    }
}

#[test]
fn what_was_refused_is_known_by_what_it_was_about() {
    let (user, one, two) =
        (ObjectId::from_u128(1), ContactId::from_bits(1), ContactId::from_bits(2));
    let field = Target::Field(ContactField::JobTitle);
    let value =
        Rejected::Value { contact_id: one.clone(), field: field.clone(), value: json!("CEO") };
    let conflict =
        Rejected::Conflict { object_id: user.clone(), candidates: vec![one.clone(), two.clone()] };
    let set: RejectedSet = [value.key(), conflict.key()].into_iter().collect();
    assert!(set.has_value(&one, &field, &json!("CEO")));
    assert!(!set.has_value(&one, &field, &json!("CTO")), "another value is asked about");
    assert!(!set.has_value(&two, &field, &json!("CEO")));
    assert!(set.has_conflict(&user, &[two, one.clone()]), "in any order");
    assert!(!set.has_conflict(&user, std::slice::from_ref(&one)), "another conflict");
    assert!(!set.has_match(&user, &one));
}

#[test]
fn every_word_of_lists_and_actions_is_read_as_it_is_written() {
    for list in ReviewList::ALL {
        assert_eq!(ReviewList::parse(list.name()), Some(list));
        assert_eq!(json!(list), json!(list.name()));
        assert!(!list.actions().is_empty());
    }
    for action in ReviewAction::ALL {
        assert_eq!(ReviewAction::parse(action.name()), Some(action));
        assert_eq!(json!(action), json!(action.name()));
    }
}
