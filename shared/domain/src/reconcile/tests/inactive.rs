//! Whether a contact becomes inactive, or active again, is asked like its fields.

use super::*;
use crate::review::Rejected;

fn asks(settings: &mut Settings) {
    settings.scope.disabled_accounts = DisabledAccounts::IncludeAsInactive;
    settings.policies.update = ChangeMode::Review;
}

fn by_itself(settings: &mut Settings) {
    asks(settings);
    settings.policies.update = ChangeMode::Auto;
}

fn contact(status: ContactStatus) -> Contact {
    Contact { status, ..World::new().contact(7, ContactSource::Entra, Some(1)) }
}

fn decided(rules: &Rules, enabled: bool, contact: &Contact) -> SegmentItem {
    let ada = user(json!({"accountEnabled": enabled}));
    World::new().decide(rules, &ada, Some(contact), Claimant::Nobody)
}

/// Else who accepts an item without any change makes a contact inactive.
#[test]
fn what_becomes_of_the_status_is_part_of_the_question() {
    use ContactStatus::{Active, Inactive};
    for rules in [rules(asks), rules(by_itself).holding()] {
        for (enabled, before, asked) in [(false, Active, Inactive), (true, Inactive, Active)] {
            let item = decided(&rules, enabled, &contact(before));
            assert_eq!((item.outcome, item.status), (Outcome::AwaitingReview, None));
            assert_eq!(item.question.unwrap().status, Some(asked));
        }
        let item = decided(&rules, false, &contact(Inactive));
        assert_eq!(item.outcome, Outcome::Unchanged);
    }
    let item = decided(&rules(by_itself), false, &contact(Active));
    assert_eq!((item.status, item.question), (Some(Inactive), None), "nobody is asked");
}

#[test]
fn what_was_refused_of_the_status_is_neither_asked_nor_done_until_that_is_over() {
    use ContactStatus::{Active, Inactive};
    for (enabled, before, refused) in [(false, Active, Inactive), (true, Inactive, Active)] {
        let contact = contact(before);
        let refusal = Rejected::status(&contact.id, refused);
        for rules in [rules(asks), rules(by_itself)] {
            let rules = rules.after_refusals([refusal.key()].into_iter().collect());
            assert_eq!(decided(&rules, enabled, &contact).outcome, Outcome::Unchanged);
            let over = |enabled: bool| {
                let ada = user(json!({"accountEnabled": enabled}));
                rules.overcome(Some(&rules.wanted(&ada).unwrap()), &contact.id)
            };
            assert_eq!((over(enabled), over(!enabled)), (None, Some(refusal.clone())));
            let left = rules.overcome(None, &contact.id);
            assert_eq!(left.is_some(), refused == Active, "who left does not come back active");
        }
    }
}

/// Whom people link sees what becomes of the contact that was there.
#[test]
fn a_match_says_what_becomes_of_the_status() {
    let world = World::new();
    let local = world.contact(8, ContactSource::Local, None);
    let rules = rules(|settings| {
        asks(settings);
        settings.policies.link = LinkMode::Review;
    });
    let ada = user(json!({"accountEnabled": false}));
    let item = world.decide(&rules, &ada, None, Claimant::Contact(&local));
    assert_eq!(item.question.unwrap().status, Some(ContactStatus::Inactive));
}
