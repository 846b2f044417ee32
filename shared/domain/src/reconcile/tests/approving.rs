//! What a person approves of is done, and what was refused stays refused.

use super::*;
use crate::review::Rejected;

fn title() -> Target {
    Target::Field(ContactField::JobTitle)
}

/// What comes of accepting all that waits about Ada, whose contact is linked, after these refusals.
fn approved(rules: Rules, told: Value, contact: &Contact, refused: &[Rejected]) -> SegmentItem {
    let world = World::new();
    let rules = rules.after_refusals(refused.iter().map(Rejected::key).collect()).approving();
    let ada = user(told);
    let View::In(wanted) = rules.view(&ada, &Memberships::default()) else { panic!("in scope") };
    let (contact_id, claimant) = (contact.id.clone(), Claimant::Nobody);
    let existing = Some(contact);
    let found = Found { contact_id: &contact_id, existing, claimant, candidates: &[] };
    rules.approve(&ada, &wanted, found, world.tie())
}

fn fields(item: &SegmentItem) -> Vec<String> {
    item.fields.iter().map(|change| change.field.to_string()).collect()
}

/// Else nothing of this contact could be accepted any more, or a refused value came with the next.
#[test]
fn a_value_that_was_refused_comes_with_no_later_change() {
    let contact = World::new().contact(7, ContactSource::Entra, Some(1));
    let told = json!({"jobTitle": "Countess", "department": "Maths"});
    let refused = Rejected::Value {
        contact_id: contact.id.clone(),
        field: title(),
        value: json!("Countess"),
    };
    for waits in [ChangeMode::Review, ChangeMode::Auto] {
        let rules = rules(|settings| settings.policies.update = waits);
        let item = approved(rules, told.clone(), &contact, std::slice::from_ref(&refused));
        assert_eq!((item.outcome, fields(&item)), (Outcome::Update, vec!["department".to_owned()]));
        assert_eq!(item.fingerprint, None, "runs go on looking at what the contact lacks");
    }
    let item = approved(rules(|_| {}), told, &contact, &[]);
    assert_eq!(fields(&item), ["jobTitle", "department"]);
    assert!(item.fingerprint.is_some());
}

/// A field of its own review, of which another value was refused.
#[test]
fn a_field_that_waits_alone_is_accepted_alone() {
    let contact = World::new().contact(7, ContactSource::Entra, Some(1));
    let told = json!({"jobTitle": "Countess", "department": "Maths"});
    let alone = |settings: &mut Settings| {
        for row in &mut settings.mapping {
            if row.target == "department" {
                row.policy = Some(crate::settings::FieldPolicy::Review);
            }
        }
    };
    let managed_fields = rules(alone).managed_targets(ContactSource::Entra);
    let contact = Contact { managed_fields, ..contact };
    let refused = Rejected::Value {
        contact_id: contact.id.clone(),
        field: title(),
        value: json!("Countess"),
    };
    let item = approved(rules(alone), told, &contact, &[refused]);
    assert_eq!((item.outcome, fields(&item)), (Outcome::Update, vec!["department".to_owned()]));
    assert_eq!((item.pending.len(), item.question, item.fingerprint), (0, None, None));
}

/// Somebody said that it stays active; who accepts a title says nothing against that.
#[test]
fn a_contact_that_is_to_stay_active_stays_so_whatever_is_accepted() {
    let contact = World::new().contact(7, ContactSource::Entra, Some(1));
    let told = json!({"jobTitle": "Countess", "accountEnabled": false});
    let stays = Rejected::Removal { contact_id: contact.id.clone(), cause: GoneCause::Disabled };
    let inactive = |settings: &mut Settings| {
        settings.scope.disabled_accounts = DisabledAccounts::IncludeAsInactive;
    };
    let item = approved(rules(inactive), told, &contact, &[stays]);
    assert_eq!((fields(&item), item.status), (vec!["jobTitle".to_owned()], None));
}

/// Whoever links somebody by hand takes back that the two were said to be different people.
#[test]
fn a_match_that_was_refused_can_be_linked_by_hand_all_the_same() {
    let world = World::new();
    let local = world.contact(8, ContactSource::Local, None);
    let ada = user(json!({}));
    let refused = [
        Rejected::Match { object_id: ada.id.clone(), contact_id: local.id.clone() },
        Rejected::Conflict { object_id: ada.id.clone(), candidates: vec![local.id.clone()] },
    ];
    let set = || refused.iter().map(Rejected::key).collect();
    let by_run = rules(|_| {}).after_refusals(set());
    let item = world.decide(&by_run, &ada, None, Claimant::Contact(&local));
    assert!(!item.adopted, "no run does");
    let by_hand = by_run.approving();
    let item = world.decide(&by_hand, &ada, None, Claimant::Contact(&local));
    assert_eq!((item.outcome, item.contact_id), (Outcome::Update, Some(local.id)));
}
