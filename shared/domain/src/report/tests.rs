use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::contact::{LinkState, Target};
use crate::drift::Moved;
use crate::id::TeamId;
use crate::reconcile::blank_item;
use crate::segment::{FieldChange, LinkChange, MembershipChange, Phase, Trace};
use crate::team::Origin;

fn item(user: u128, outcome: Outcome) -> SegmentItem {
    SegmentItem {
        version: u64::from(outcome != Outcome::Create),
        ..blank_item(&ObjectId::from_u128(user), Some(ContactId::from_bits(user)), outcome)
    }
}

fn segment(items: Vec<SegmentItem>) -> Segment {
    Segment::of(0, Phase::List, 1, items)
}

fn email_change(new: &str) -> FieldChange {
    FieldChange {
        field: Target::parse("email").unwrap(),
        old: Value::Null,
        new: json!(new),
        source: "[mail]".into(),
        rule: "overwrite".into(),
    }
}

fn lines(
    segment: &Segment,
    deviations: &[Deviation],
    kind: RunKind,
    form: ReportForm,
) -> Vec<String> {
    rows(segment.clone(), deviations, |id| Some(format!("{}@x", id.shard(255))))
        .iter()
        .filter(|row| row.is_listed(kind, form))
        .map(|row| row.cells(form).join(","))
        .collect()
}

fn everybody() -> Segment {
    let failed = SegmentItem {
        contact_id: None,
        version: 0,
        email: Some("=cmd@x".into()),
        reason: Some("city: the value is empty in Entra".into()),
        remedy: Some("Fill in city".into()),
        ..item(4, Outcome::Failed)
    };
    let skipped = SegmentItem {
        contact_id: None,
        version: 0,
        email: Some("skipped@x".into()),
        reason: Some("a guest".into()),
        ..item(5, Outcome::Skipped)
    };
    segment(vec![
        SegmentItem { fields: vec![email_change("new@x")], ..item(1, Outcome::Create) },
        SegmentItem { fields: vec![email_change("renamed@x")], ..item(2, Outcome::Update) },
        SegmentItem { email: Some("same@x".into()), ..item(3, Outcome::Unchanged) },
        failed,
        skipped,
        SegmentItem { email: Some("left@x".into()), ..item(6, Outcome::StopUpdating) },
        SegmentItem { email: Some("waits@x".into()), ..item(7, Outcome::AwaitingReview) },
    ])
}

#[test]
fn a_full_run_lists_everyone_processed_and_a_delta_what_changed_or_failed() {
    let failed = "'=cmd@x,New,Failed,The field city: the value is empty in Entra. Fill in city.";
    let full = lines(&everybody(), &[], RunKind::Full, ReportForm::Simple);
    assert_eq!(
        full,
        ["new@x,New,Success,", "renamed@x,Existing,Success,", "same@x,Existing,Success,", failed]
    );
    let delta = lines(&everybody(), &[], RunKind::Delta, ReportForm::Simple);
    assert_eq!(delta, ["new@x,New,Success,", "renamed@x,Existing,Success,", failed]);
}

#[test]
fn the_extended_form_adds_who_was_skipped_removed_or_waits() {
    let extended = lines(&everybody(), &[], RunKind::Full, ReportForm::Extended);
    assert_eq!(extended.len(), 7);
    let id = ObjectId::from_u128(5);
    assert_eq!(extended[4], format!("skipped@x,New,Success,,skipped,{id},A guest.,,,"));
    assert!(extended[5].starts_with("left@x,Existing,Success,,removed,"));
    assert!(extended[6].starts_with("waits@x,Existing,Success,,waiting for review,"));
    assert_eq!(header(ReportForm::Extended)[..4], SIMPLE_HEADER);
}

/// Whoever reads the table sees the same changes of teams as a program does.
#[test]
fn the_extended_form_tells_at_its_end_which_teams_people_joined_and_left() {
    let (user, team) = (ObjectId::from_u128(5), TeamId::from_bits);
    let held = Origin::Manual;
    let moved = |team_id, old: Option<Origin>, new: Option<Origin>| MembershipChange {
        team_id,
        version: 0,
        old: old.into_iter().collect(),
        new: new.into_iter().collect(),
        ended: None,
        moved: None,
    };
    let told = vec![moved(team(1), None, Some(held.clone())), moved(team(2), Some(held), None)];
    let mut only = item(5, Outcome::Unchanged);
    only.email = Some("teams@x".into());
    let trace = Trace { memberships: told, ..Trace::default() };
    only.trace = Some(Box::new(trace));
    let page = Segment::of(3, Phase::Teams, 1, vec![only]);
    let rows = rows(page, &[], |_| None);
    assert!(!rows[0].is_listed(RunKind::Full, ReportForm::Simple), "as agreed");
    assert!(rows[0].is_listed(RunKind::Delta, ReportForm::Extended));
    let cells = rows[0].cells(ReportForm::Extended);
    assert_eq!(cells[5], user.to_string());
    assert_eq!(cells[8], format!("joined {}; left {}", team(1), team(2)));
    assert_eq!(header(ReportForm::Extended)[8..], ["Teams", "Moved"]);
    assert_eq!(cells.len(), 10);
}

/// Whoever mends drift from the files would not know whether the directory is ahead or somebody
/// edited the contact.
#[test]
fn the_files_of_a_drift_audit_name_the_sides_that_moved_as_its_page_does() {
    let moved = |of_contact: Option<Moved>, of_teams: &[Moved]| {
        let membership = |(number, side): (u128, &Moved)| MembershipChange {
            team_id: TeamId::from_bits(number),
            version: 0,
            old: BTreeSet::new(),
            new: BTreeSet::from([Origin::Manual]),
            ended: None,
            moved: Some(*side),
        };
        let mut item = item(5, Outcome::Update);
        let memberships = (1..).zip(of_teams).map(membership).collect();
        item.trace = Some(Box::new(Trace { moved: of_contact, memberships, ..Trace::default() }));
        rows(segment(vec![item]), &[], |_| None).remove(0)
    };
    let nowhere = moved(None, &[]);
    assert_eq!(nowhere.cells(ReportForm::Extended)[9], "", "a run that no audit is");
    assert_eq!(json!(ReportLine::of(&nowhere)).get("moved"), None);
    let edited = moved(Some(Moved::Contact), &[]);
    assert_eq!(edited.cells(ReportForm::Extended)[9], "contact");
    assert_eq!(edited.cells(ReportForm::Simple).len(), 4, "as agreed");
    let both = moved(Some(Moved::Contact), &[Moved::Settings, Moved::Entra, Moved::Entra]);
    assert_eq!(both.cells(ReportForm::Extended)[9], "entra; contact; settings");
    let line = json!(ReportLine::of(&both));
    assert_eq!(line["moved"], json!(["entra", "contact", "settings"]));
    assert_eq!(line["memberships"][0]["moved"], "settings");
    // The contact and its teams are told by pages of their own.
    let mut teams = moved(None, &[Moved::Entra]);
    teams.only_teams = true;
    let one = moved(Some(Moved::Contact), &[]).followed_by(teams);
    assert_eq!(one.cells(ReportForm::Extended)[9], "entra; contact");
}

#[test]
fn a_contact_that_stays_is_not_told_to_be_removed() {
    let left = |user, contact_id| SegmentItem {
        contact_id,
        email: Some("left@x".into()),
        reason: Some("deleted in Entra for good".into()),
        ..item(user, Outcome::Keep)
    };
    let known = left(1, Some(ContactId::from_bits(1)));
    let segment = segment(vec![known, left(2, None)]);
    let told = rows(segment, &[], |_| None);
    assert_eq!((told[0].what, told[0].what.name()), (Happened::Kept, "kept"));
    assert_eq!(told[1].what, Happened::Skipped, "nobody's contact can be kept");
    let waiting = told[0].clone().held_back();
    assert_eq!(waiting.what.name(), "waiting for review");
    assert!(waiting.cells(ReportForm::Extended)[7].contains("list of removals"), "{waiting:?}");
    for row in told {
        assert!(!row.is_listed(RunKind::Full, ReportForm::Simple));
        assert!(row.is_listed(RunKind::Delta, ReportForm::Extended));
    }
}

#[test]
fn results_are_sentences_that_an_admin_reads() {
    for (text, expected) in [
        ("", ""),
        ("another contact has this e-mail", "Another contact has this e-mail."),
        (
            "mobilePhone (from mobilePhone): the mapped phone is empty in Entra",
            "The field mobilePhone (from mobilePhone): the mapped phone is empty in Entra.",
        ),
        ("custom.size: no option", "The field custom.size: no option."),
        ("mobilePhone is required, but empty", "The field mobilePhone is required, but empty."),
        ("userType is Guest", "userType is Guest."),
        ("city people move often", "City people move often."),
        ("Entra did not tell it.", "Entra did not tell it."),
        ("über alles", "Über alles."),
    ] {
        assert_eq!(sentence(text), expected);
    }
}

#[test]
fn what_really_happened_stands_over_what_was_intended() {
    let segment = segment(vec![SegmentItem {
        fields: vec![email_change("new@x")],
        email: Some("old@x".into()),
        ..item(2, Outcome::Update)
    }]);
    let deviation = Deviation {
        object_id: ObjectId::from_u128(2),
        outcome: Outcome::Failed,
        reason: Some("taken".into()),
        remedy: None,
        item: None,
    };
    assert_eq!(
        lines(&segment, &[deviation], RunKind::Full, ReportForm::Simple),
        ["old@x,Existing,Failed,Taken."]
    );
}

#[test]
fn a_contact_whose_email_the_segment_does_not_hold_is_looked_up() {
    let segment = segment(vec![item(3, Outcome::Unchanged)]);
    let rows = rows(segment, &[], |_| Some("now@x".into()));
    assert_eq!(rows[0].email, "now@x");
}

#[test]
fn a_person_met_twice_in_a_run_has_one_row_that_says_what_the_run_did() {
    let row = |outcome, email: &str| {
        let item = SegmentItem { email: Some(email.to_owned()), ..item(1, outcome) };
        rows(segment(vec![item]), &[], |_| None).remove(0)
    };
    let (new, existing) = (ContactKind::New, ContactKind::Existing);
    for (first, second, what, kind) in [
        (Outcome::Create, Outcome::Unchanged, Happened::Created, new),
        (Outcome::Create, Outcome::Update, Happened::Created, new),
        (Outcome::Create, Outcome::Failed, Happened::Failed, new),
        (Outcome::Update, Outcome::Unchanged, Happened::Updated, existing),
        (Outcome::AwaitingReview, Outcome::Update, Happened::Updated, existing),
        (Outcome::Update, Outcome::Failed, Happened::Failed, existing),
        (Outcome::Unchanged, Outcome::StopUpdating, Happened::Removed, existing),
    ] {
        let merged = row(first, "a@x").followed_by(row(second, ""));
        assert_eq!((merged.what, merged.kind), (what, kind), "{first:?} then {second:?}");
        assert_eq!(merged.email, "a@x");
    }
}

#[test]
fn who_left_is_told_to_have_left_though_a_later_page_finds_him_gone_already() {
    let row = |outcome, new: Option<LinkState>| {
        let link = new.map(|new| LinkChange::new(Some(LinkState::Linked), new));
        let item = SegmentItem { link, reason: Some(format!("{outcome:?}")), ..item(1, outcome) };
        rows(segment(vec![item]), &[], |_| None).remove(0)
    };
    let (out, removed) = (Some(LinkState::OutOfScope), Some(LinkState::Removed));
    for (first, link, second, what) in [
        (Outcome::StopUpdating, out, Outcome::Skipped, Happened::Removed),
        (Outcome::StopUpdating, removed, Outcome::Keep, Happened::Removed),
        (Outcome::Delete, removed, Outcome::Keep, Happened::Removed),
        (Outcome::AwaitingReview, out, Outcome::Skipped, Happened::AwaitingReview),
        (Outcome::AwaitingReview, removed, Outcome::Keep, Happened::AwaitingReview),
        // Whose new contact waited for review has none that could be left.
        (Outcome::AwaitingReview, None, Outcome::Skipped, Happened::Skipped),
    ] {
        let merged = row(first, link).followed_by(row(second, None));
        assert_eq!(merged.what, what, "{first:?} then {second:?}");
        let told = if what == Happened::Skipped { second } else { first };
        assert_eq!(merged.reason, format!("{told:?}"));
    }
}

#[test]
fn no_cell_is_a_formula() {
    for cell in
        ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x", "  =1"]
    {
        assert_eq!(defused(cell), format!("'{cell}"));
    }
    for cell in ["", "ana@x", "a=b", "1-2"] {
        assert_eq!(defused(cell), cell);
    }
}

fn city(old: Value, new: Value) -> FieldChange {
    FieldChange {
        field: Target::parse("city").unwrap(),
        old,
        new,
        source: "[city]".into(),
        rule: "overwrite".into(),
    }
}

fn told(outcome: Outcome, fields: Vec<FieldChange>) -> ReportRow {
    let version = u64::from(outcome != Outcome::Create);
    rows(segment(vec![SegmentItem { version, fields, ..item(1, outcome) }]), &[], |_| None)
        .remove(0)
}

#[test]
fn a_machine_reads_each_field_and_nothing_is_quoted_for_it() {
    let change = FieldChange { new: json!("=cmd|' /C calc'!A0"), ..email_change("") };
    let link = LinkChange {
        user_principal_name: Some("ana@contoso.example".into()),
        ..LinkChange::new(None, LinkState::Linked)
    };
    let made = SegmentItem { fields: vec![change], link: Some(link), ..item(1, Outcome::Create) };
    let row = rows(segment(vec![made]), &[], |_| None).remove(0);
    let line = serde_json::to_value(ReportLine::of(&row)).unwrap();
    assert_eq!(
        line,
        json!({
            "email": "=cmd|' /C calc'!A0", "type": "New", "status": "Success", "result": "",
            "happened": "created", "objectId": ObjectId::from_u128(1),
            "contactId": ContactId::from_bits(1), "reason": null, "remedy": null,
            "fields": [{
                "field": "email", "old": null, "new": "=cmd|' /C calc'!A0", "source": "[mail]",
                "rule": "overwrite",
            }],
            "pending": [],
            "link": {"new": "linked", "userPrincipalName": "ana@contoso.example"},
            "evidence": null,
            "memberships": [],
        })
    );
}

#[test]
fn who_only_joins_a_team_is_told_in_all_but_the_agreed_form_and_others_have_one_row() {
    let moves = |user: u128| SegmentItem {
        trace: Some(Box::new(Trace {
            memberships: vec![MembershipChange {
                team_id: TeamId::from_bits(7),
                version: 0,
                old: BTreeSet::new(),
                new: BTreeSet::from([Origin::Manual]),
                ended: None,
                moved: None,
            }],
            ..Trace::default()
        })),
        ..item(user, Outcome::Unchanged)
    };
    let teams = Segment { phase: Phase::Teams, ..segment(vec![moves(1)]) };
    let moved = rows(teams, &[], |_| None).remove(0);
    assert!(!moved.is_listed(RunKind::Full, ReportForm::Simple), "as agreed");
    assert!(moved.is_listed(RunKind::Full, ReportForm::Extended));
    assert!(moved.has_line(RunKind::Delta));
    let line = serde_json::to_value(ReportLine::of(&moved)).unwrap();
    let joined = json!([{"team": TeamId::from_bits(7), "change": "joined", "role": null}]);
    assert_eq!(line["memberships"], joined);

    let made = || told(Outcome::Create, Vec::new());
    for row in [made().followed_by(moved.clone()), moved.followed_by(made())] {
        assert_eq!(row.what, Happened::Created);
        assert!(row.is_listed(RunKind::Delta, ReportForm::Simple));
        assert_eq!(serde_json::to_value(ReportLine::of(&row)).unwrap()["memberships"], joined);
    }
}

#[test]
fn fields_of_several_pages_lead_from_the_first_value_to_the_last() {
    let bern = || city(json!(null), json!("Bern"));
    let rome = || city(json!("Bern"), json!("Rome"));
    let fields = |row: ReportRow| row.changes.fields;

    let twice = told(Outcome::Create, vec![bern(), email_change("new@x")])
        .followed_by(told(Outcome::Update, vec![rome()]));
    assert_eq!(fields(twice), [city(json!(null), json!("Rome")), email_change("new@x")]);

    let back = told(Outcome::Update, vec![rome()])
        .followed_by(told(Outcome::Update, vec![city(json!("Rome"), json!("Bern"))]));
    assert_eq!(fields(back), [], "it ends as it began");

    let then_right =
        told(Outcome::Update, vec![rome()]).followed_by(told(Outcome::Unchanged, vec![]));
    assert_eq!(fields(then_right), [rome()], "what was written stays told");

    let then_failed =
        told(Outcome::Create, vec![bern()]).followed_by(told(Outcome::Failed, vec![rome()]));
    assert_eq!(fields(then_failed), [bern()], "what was not written is no change");

    let at_last =
        told(Outcome::Failed, vec![bern()]).followed_by(told(Outcome::Update, vec![rome()]));
    assert_eq!(fields(at_last), [rome()]);
}

#[test]
fn whom_nothing_happened_to_has_no_fields() {
    let wanted = vec![city(json!(null), json!("Bern"))];
    let deviation = Deviation {
        object_id: ObjectId::from_u128(1),
        outcome: Outcome::Unchanged,
        reason: None,
        remedy: None,
        item: None,
    };
    let item = SegmentItem { fields: wanted.clone(), ..item(1, Outcome::Update) };
    let row = rows(segment(vec![item]), &[deviation], |_| None).remove(0);
    assert_eq!(row.changes.fields, [], "somebody else had done it by then");
    assert_eq!(told(Outcome::Failed, wanted.clone()).changes.fields, wanted, "what was wanted");
}
