//! Contacts that were somebody's own and lost their tie: what people wrote on them meanwhile is
//! written over only where the settings say so.

use super::*;
use crate::review::ReviewList;

/// The person's own contact without its tie, edited by hand since.
fn own(world: &World, by_hand: bool) -> (DirectoryUser, Contact) {
    let ada = user(json!({"jobTitle": "Clerk"}));
    let mut own = world.contact(7, ContactSource::Entra, None);
    own.id = ContactId::derived(&own.account_id, &world.tenant, &ada.id);
    own.fields.insert(ContactField::JobTitle, "Countess".to_owned());
    own.sync.as_mut().unwrap().untied_by_hand = by_hand;
    (ada, own)
}

#[test]
fn a_contact_whose_tie_a_person_cut_is_tied_again_as_the_settings_say() {
    let world = World::new();
    let (ada, own) = own(&world, true);
    for (mode, outcome) in [
        (LinkMode::Auto, Outcome::Update),
        (LinkMode::Review, Outcome::AwaitingReview),
        (LinkMode::Off, Outcome::Skipped),
        (LinkMode::Fail, Outcome::Failed),
    ] {
        let rules = rules(|settings| settings.policies.link = mode);
        let item = world.decide(&rules, &ada, Some(&own), Claimant::Contact(&own));
        assert_eq!(item.outcome, outcome, "{mode:?}");
        assert_eq!(item.link.is_some(), mode == LinkMode::Auto, "{mode:?}");
        if mode == LinkMode::Review {
            assert_eq!(item.question.as_ref().unwrap().list, ReviewList::Matched);
            assert_eq!(item.wants, std::slice::from_ref(&own.id));
            assert_eq!(item.fields.len(), 1, "people see what would be written over");
        }
        // Whoever accepts that gets all that was shown.
        let accepted = world.decide(&rules.approving(), &ada, Some(&own), Claimant::Nobody);
        assert_eq!((accepted.outcome, accepted.fields.len()), (Outcome::Update, 1), "{mode:?}");
    }
}

#[test]
fn whoever_is_tied_again_keeps_what_people_wrote_unless_updates_go_by_themselves() {
    let world = World::new();
    for by_hand in [true, false] {
        let (ada, own) = own(&world, by_hand);
        for (mode, written, waiting) in
            [(ChangeMode::Auto, 1, 0), (ChangeMode::Review, 0, 1), (ChangeMode::Off, 0, 0)]
        {
            let case = format!("{mode:?}, by hand: {by_hand}");
            let rules = rules(|settings| {
                settings.policies.update = mode;
                settings.policies.link = LinkMode::Auto;
            });
            let item = world.decide(&rules, &ada, Some(&own), Claimant::Nobody);
            assert_eq!((item.outcome, item.adopted), (Outcome::Update, true), "{case}");
            assert_eq!(item.link.as_ref().map(|link| link.new), Some(LinkState::Linked), "{case}");
            assert_eq!((item.fields.len(), item.pending.len()), (written, waiting), "{case}");
            let asked = item.question.as_ref().map(|question| question.list);
            assert_eq!(asked, (waiting > 0).then_some(ReviewList::Changes), "{case}");
            let is_settled = mode == ChangeMode::Auto;
            assert_eq!(item.fingerprint.is_some(), is_settled, "{case}: else it is decided anew");
        }
    }
}

/// Nobody finds the contact of a leaver active, say, which a person made inactive.
#[test]
fn the_status_of_whoever_is_tied_again_waits_with_the_fields() {
    let world = World::new();
    let (_, own) = own(&world, true);
    let rested = Contact { status: ContactStatus::Inactive, ..own };
    let same = user(json!({"jobTitle": "Countess"}));
    for (mode, status, asks) in [
        (ChangeMode::Auto, Some(ContactStatus::Active), false),
        (ChangeMode::Review, None, true),
        (ChangeMode::Off, None, false),
    ] {
        let rules = rules(|settings| {
            settings.policies.update = mode;
            settings.policies.link = LinkMode::Auto;
        });
        let item = world.decide(&rules, &same, Some(&rested), Claimant::Nobody);
        assert_eq!((item.status, item.question.is_some()), (status, asks), "{mode:?}");
    }
}

/// A contact that had existed before is found by a key, once a person took the note away.
#[test]
fn a_key_that_leads_back_to_what_a_person_untied_writes_nothing_over_either() {
    let world = World::new();
    let ada = user(json!({"jobTitle": "Clerk"}));
    let mut local = world.contact(8, ContactSource::Local, None);
    local.fields.insert(ContactField::JobTitle, "Countess".to_owned());
    let rules = rules(|settings| {
        settings.policies.update = ChangeMode::Review;
        settings.policies.link = LinkMode::Auto;
    });
    local.sync.as_mut().unwrap().untied_by_hand = true;
    let item = world.decide(&rules, &ada, None, Claimant::Contact(&local));
    assert_eq!((item.fields.len(), item.pending.len(), item.adopted), (0, 1, true));
}

#[test]
fn whoever_refused_to_tie_it_again_is_asked_no_more_and_nothing_is_written() {
    let world = World::new();
    let (ada, own) = own(&world, true);
    let refused = Rejected::Match { object_id: ada.id.clone(), contact_id: own.id.clone() };
    for mode in [LinkMode::Auto, LinkMode::Review] {
        let rules = rules(|settings| settings.policies.link = mode)
            .after_refusals([refused.key()].into_iter().collect());
        let item = world.decide(&rules, &ada, Some(&own), Claimant::Contact(&own));
        assert_eq!((item.outcome, item.link.is_some()), (Outcome::Skipped, false), "{mode:?}");
        let accepted = world.decide(&rules.approving(), &ada, Some(&own), Claimant::Nobody);
        assert_eq!(accepted.outcome, Outcome::Update, "{mode:?}: somebody links him after all");
    }
}
