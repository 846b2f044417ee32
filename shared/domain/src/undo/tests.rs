//! For each kind of write what undoes it, what keeps it from being undone, and what needs nothing.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::actor::Actor;
use crate::contact::{ContactField, ContactSource};
use crate::history::HistoryKind;
use crate::id::{AccountId, ConnectionId, HistoryId, ObjectId, ReviewId, TenantId};
use crate::reconcile::GoneCause;
use crate::review::{ReviewAction, ReviewList};

fn user() -> ObjectId {
    ObjectId::from_u128(7)
}

fn place() -> Prior {
    Prior { run: RunId::from_bits(1), page: 3 }
}

fn own() -> RunId {
    RunId::from_bits(2)
}

fn link(state: LinkState) -> Link {
    Link {
        connection_id: ConnectionId::from_bits(1),
        tenant_id: TenantId::from_u128(1),
        object_id: user(),
        user_principal_name: None,
        state,
        acts_at: None,
        planned: None,
        cause: None,
    }
}

fn contact() -> Contact {
    Contact {
        id: ContactId::from_bits(5),
        account_id: AccountId::from_bits(1),
        version: 4,
        status: ContactStatus::Active,
        source: ContactSource::Entra,
        fields: BTreeMap::from([(ContactField::City, "Bern".to_owned())]),
        custom: BTreeMap::new(),
        managed_fields: vec![Target::Field(ContactField::City)],
        protected: false,
        link: Some(link(LinkState::Linked)),
        sync: None,
        written: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

fn done(outcome: Outcome) -> SegmentItem {
    blank_item(&user(), Some(contact().id), outcome)
}

fn city(old: Value, new: Value) -> FieldChange {
    let field = Target::Field(ContactField::City);
    FieldChange { field, old, new, source: "[city]".into(), rule: "overwrite".into() }
}

fn over(before: &Contact) -> Box<Trace> {
    Box::new(Trace::replacing(before, Image::of(before)))
}

fn now(item: &SegmentItem, contact: &Contact) -> Inverse {
    inverse(item, Author::Page(&place()), &[own()], Stands::Contact(contact))
}

fn undone(inverse: Inverse) -> SegmentItem {
    match inverse {
        Inverse::Undo(item) => *item,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_changed_value_comes_back_while_it_is_the_runs_and_is_somebodys_once_it_is_another() {
    let item =
        SegmentItem { fields: vec![city(json!("Rome"), json!("Bern"))], ..done(Outcome::Update) };
    let back = undone(now(&item, &contact()));
    assert_eq!((back.outcome, back.version), (Outcome::Restore, 4));
    assert_eq!((&back.fields[0].old, &back.fields[0].new), (&json!("Bern"), &json!("Rome")));
    let mut edited = contact();
    let deed = WriteId::from(&HistoryId::from_bits(9));
    let field = Target::Field(ContactField::City);
    edited.set(&field, Some(json!("Basel")));
    edited.wrote(deed, [&field]);
    assert_eq!(
        now(&item, &edited),
        Inverse::Refused(Refusal::Field { field: field.clone(), by: Some(deed) })
    );
    edited.set(&field, Some(json!("Rome")));
    assert_eq!(now(&item, &edited), Inverse::Nothing, "somebody typed it in again");
    let other = Target::Field(ContactField::JobTitle);
    let mut elsewhere = contact();
    elsewhere.set(&other, Some(json!("Boss")));
    let back = undone(now(&item, &elsewhere));
    assert_eq!(back.fields.len(), 1, "what the run did not write stays");
}

#[test]
fn status_link_and_managed_fields_come_back_and_a_link_that_moved_on_keeps_all() {
    let mut before = contact();
    before.managed_fields.clear();
    let item = SegmentItem {
        link: Some(LinkChange::new(Some(LinkState::Linked), LinkState::Removed)),
        trace: Some(over(&before)),
        ..done(Outcome::Deactivate)
    };
    let gone = Contact {
        status: ContactStatus::Inactive,
        link: Some(link(LinkState::Removed)),
        ..contact()
    };
    let back = undone(now(&item, &gone));
    let after = back.trace.unwrap().after.unwrap();
    assert_eq!((after.status, after.link), (ContactStatus::Active, before.link.clone()));
    assert!(after.managed_fields.is_empty());
    let elsewhere = Contact { link: Some(link(LinkState::OutOfScope)), ..gone.clone() };
    assert_eq!(now(&item, &elsewhere), Inverse::Refused(Refusal::Link));
    let cut = SegmentItem { trace: Some(over(&before)), ..done(Outcome::Unlink) };
    let unlinked = Contact { link: None, managed_fields: Vec::new(), ..contact() };
    let back = undone(now(&cut, &unlinked));
    assert!(back.adopted && back.link.is_some(), "whose it is is told again");
    let unkept = SegmentItem { trace: None, ..item };
    assert_eq!(now(&unkept, &gone), Inverse::Refused(Refusal::NotKept));
}

#[test]
fn a_takeover_is_cut_again_unless_somebody_protected_the_contact_since() {
    let before = Contact { link: None, managed_fields: Vec::new(), ..contact() };
    let item = SegmentItem {
        adopted: true,
        link: Some(LinkChange::new(None, LinkState::Linked)),
        trace: Some(over(&before)),
        ..done(Outcome::Update)
    };
    let back = undone(now(&item, &contact()));
    assert!(back.link.is_none() && back.trace.unwrap().after.unwrap().link.is_none());
    let protected = Contact { protected: true, ..contact() };
    assert_eq!(now(&item, &protected), Inverse::Refused(Refusal::Protected));
}

#[test]
fn a_contact_that_was_made_goes_again_with_nothing_of_anybody_elses_on_it() {
    let item =
        SegmentItem { fields: vec![city(Value::Null, json!("Bern"))], ..done(Outcome::Create) };
    let back = undone(now(&item, &contact()));
    assert_eq!((back.outcome, back.version), (Outcome::Delete, 4));
    let kept = back.trace.unwrap().before.unwrap();
    assert!(kept.whole.is_some(), "what goes is kept, to be had again");
    let mut noted = contact();
    noted.set(&Target::Custom("note".into()), Some(json!("call her")));
    assert!(matches!(now(&item, &noted), Inverse::Refused(Refusal::Field { .. })));
    let protected = Contact { protected: true, ..contact() };
    assert_eq!(now(&item, &protected), Inverse::Refused(Refusal::Protected));
    let let_go = Contact { link: None, ..contact() };
    assert_eq!(now(&item, &let_go), Inverse::Refused(Refusal::Link));
    let nobody = Stands::Nothing;
    assert_eq!(inverse(&item, Author::Page(&place()), &[own()], nobody), Inverse::Nothing);
}

#[test]
fn a_deleted_contact_stands_again_with_all_that_it_had_unless_others_came_first() {
    let mut before = Contact { protected: true, ..contact() };
    before.set(&Target::Custom("note".into()), Some(json!("call her")));
    let trace = Trace::of_leaver(&before, GoneCause::SoftDeleted, Outcome::Delete);
    let item = SegmentItem { trace: Some(Box::new(trace)), ..done(Outcome::Delete) };
    let (own_page, elsewhere) = (place(), Prior { page: 4, ..place() });
    let undoing = Prior { run: own(), page: 9 };
    let stands = |by| Stands::Removed { by, version: 8, erased: false };
    for stands in [stands(Some(&own_page)), stands(Some(&undoing)), Stands::Nothing] {
        let back = undone(inverse(&item, Author::Page(&place()), &[own()], stands));
        assert_eq!((back.outcome, back.version, back.fields.len()), (Outcome::Restore, 0, 2));
        let after = back.trace.unwrap().after.unwrap();
        assert!(after.protected && after.whole.is_none());
        assert_eq!(after.link, before.link);
    }
    let cases = [
        (stands(None), Refusal::Removed),
        (stands(Some(&elsewhere)), Refusal::Removed),
        (Stands::Removed { by: Some(&own_page), version: 8, erased: true }, Refusal::Erased),
        (Stands::Contact(&before), Refusal::MadeAnew),
    ];
    for (stands, refusal) in cases {
        let found = inverse(&item, Author::Page(&place()), &[own()], stands);
        assert_eq!(found, Inverse::Refused(refusal));
    }
    let unkept = SegmentItem { trace: None, ..item };
    let found = inverse(&unkept, Author::Page(&place()), &[own()], stands(Some(&own_page)));
    assert_eq!(found, Inverse::Refused(Refusal::NotKept));
}

#[test]
fn what_wrote_nothing_needs_no_undoing() {
    for outcome in [
        Outcome::Unchanged,
        Outcome::Skipped,
        Outcome::Failed,
        Outcome::Deferred,
        Outcome::Keep,
        Outcome::Left,
        Outcome::AwaitingReview,
    ] {
        assert_eq!(now(&done(outcome), &contact()), Inverse::Nothing, "{outcome:?}");
    }
}

#[test]
fn values_go_back_only_on_the_contact_of_whom_they_were_written_for() {
    let item =
        SegmentItem { fields: vec![city(json!("Rome"), json!("Bern"))], ..done(Outcome::Update) };
    let mut moved = contact();
    moved.link.as_mut().unwrap().object_id = ObjectId::from_u128(8);
    assert_eq!(now(&item, &moved), Inverse::Refused(Refusal::Link));
    let mut cut = contact();
    cut.link = None;
    assert_eq!(undone(now(&item, &cut)).fields[0].new, json!("Rome"), "his, although not tied");
}

/// Everything since a moment is taken back in two portions: what the first one removed again is no
/// later deed of somebody else for the second.
#[test]
fn what_an_earlier_portion_removed_comes_back_with_the_next_one() {
    let item = SegmentItem {
        trace: Some(Box::new(Trace::replacing(&contact(), Image::whole(&contact())))),
        ..done(Outcome::Delete)
    };
    let first = RunId::from_bits(3);
    let by = Prior { run: first.clone(), page: 0 };
    let gone = Stands::Removed { by: Some(&by), version: 9, erased: false };
    let place = place();
    let author = Author::Page(&place);
    let alone = inverse(&item, author, &[own()], gone);
    assert_eq!(alone, Inverse::Refused(Refusal::Removed));
    let back = undone(inverse(&item, author, &[own(), first], gone));
    assert_eq!(back.outcome, Outcome::Restore);
}

/// A leaver's contact that somebody gave to another user rests again once that is taken back.
#[test]
fn a_status_that_a_decision_changed_comes_back_unless_somebody_changed_it_since() {
    let left = Contact {
        status: ContactStatus::Inactive,
        link: Some(link(LinkState::Removed)),
        ..contact()
    };
    let other = ObjectId::from_u128(8);
    let given = Contact {
        version: 5,
        link: Some(Link { object_id: other.clone(), ..link(LinkState::Linked) }),
        ..contact()
    };
    let entry = |action: ReviewAction, status: Option<ContactStatus>| HistoryEntry {
        id: HistoryId::from_bits(9),
        contact_id: left.id.clone(),
        version: given.version,
        at: Timestamp::UNIX_EPOCH,
        actor: Actor::default(),
        what: HistoryKind::Decided {
            review: ReviewId::of(&other),
            list: ReviewList::Conflicts,
            action,
            run: String::new(),
        },
        changes: Vec::new(),
        before: Some(Box::new(Image::of(&left))),
        status,
        prior: None,
        reason: None,
        kept_days: None,
    };
    for action in [ReviewAction::Link, ReviewAction::Accept] {
        for (told, now, expected) in [
            (Some(ContactStatus::Active), ContactStatus::Active, ContactStatus::Inactive),
            (Some(ContactStatus::Active), ContactStatus::Inactive, ContactStatus::Inactive),
            // What an earlier release wrote down does not tell it.
            (None, ContactStatus::Active, ContactStatus::Active),
        ] {
            let entry = entry(action, told);
            let item = written_by(&entry, &other).unwrap();
            let now = Contact { status: now, ..given.clone() };
            let stands = Stands::Contact(&now);
            let back = undone(inverse(&item, Author::Person(&entry), &[own()], stands));
            let after = back.trace.unwrap().after.unwrap();
            assert_eq!((after.status, &after.link), (expected, &left.link), "{action:?}");
        }
    }
}
