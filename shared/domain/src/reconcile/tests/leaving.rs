//! Who left for one reason and then for another, and who is back where updating waits.

use super::*;

const CAUSES: [GoneCause; 3] =
    [GoneCause::SoftDeleted, GoneCause::HardDeleted, GoneCause::LeftGroup];

/// Rules of what is done when somebody is deleted, and for the other causes when he is gone for good
/// or leaves the group.
fn then(first: RemovalAction, later: RemovalAction) -> Rules {
    rules(|settings| {
        let removal = &mut settings.policies.removal;
        removal.soft_deleted = first;
        (removal.hard_deleted, removal.left_group) = (later, later);
    })
}

impl World {
    /// The contact of somebody who was found deleted under these rules.
    fn left(&self, rules: &Rules) -> Contact {
        let mut contact = self.contact(7, ContactSource::Entra, Some(1));
        let (item, contact_now) =
            (self.gone(rules, &contact, GoneCause::SoftDeleted), &mut contact);
        if let (Some(link), Some(change)) = (&mut contact_now.link, item.link) {
            (link.state, link.cause) = (change.new, change.cause);
            (link.planned, link.acts_at) = (change.planned, change.acts_at);
        }
        if item.outcome == Outcome::Deactivate {
            contact.status = ContactStatus::Inactive;
        }
        contact
    }

    fn gone(&self, rules: &Rules, contact: &Contact, cause: GoneCause) -> SegmentItem {
        let user = ObjectId::from_u128(1);
        rules.decide_gone(&user, Some(contact), cause, "because", self.tie())
    }
}

/// He who goes by way of the recycle bin goes as the settings say of those who are gone for good.
#[test]
fn another_cause_takes_what_the_first_one_left() {
    use RemovalAction as A;
    let world = World::new();
    for (first, later, expected) in [
        (A::StopUpdating, A::StopUpdating, Outcome::Keep),
        (A::StopUpdating, A::Review, Outcome::AwaitingReview),
        (A::StopUpdating, A::Unlink, Outcome::Unlink),
        (A::StopUpdating, A::Deactivate, Outcome::Deactivate),
        (A::StopUpdating, A::Delete, Outcome::Delete),
        (A::Review, A::Review, Outcome::Keep),
        (A::Review, A::Delete, Outcome::Delete),
        (A::Deactivate, A::StopUpdating, Outcome::Keep),
        (A::Deactivate, A::Deactivate, Outcome::Keep),
        (A::Deactivate, A::Review, Outcome::AwaitingReview),
        (A::Deactivate, A::Unlink, Outcome::Unlink),
        (A::Deactivate, A::Delete, Outcome::Delete),
        (A::Keep, A::Delete, Outcome::Delete),
    ] {
        let rules = then(first, later);
        let contact = world.left(&rules);
        let again = world.gone(&rules, &contact, GoneCause::SoftDeleted);
        assert_eq!(again.outcome, Outcome::Keep, "{first:?} again");
        let item = world.gone(&rules, &contact, GoneCause::HardDeleted);
        assert_eq!(item.outcome, expected, "{first:?}, then {later:?}");
        if expected != Outcome::Keep {
            let link = item.link.expect("the link says why");
            let told = (link.new, link.cause);
            assert_eq!(told, (LinkState::Removed, Some(GoneCause::HardDeleted)), "{later:?}");
        }
    }
    // Restored, but in no group of the scope any more.
    let rules = then(A::StopUpdating, A::Delete);
    let item = world.gone(&rules, &world.left(&rules), GoneCause::LeftGroup);
    assert_eq!(item.outcome, Outcome::Delete);
    assert_eq!(item.link.map(|link| link.new), Some(LinkState::OutOfScope));
}

/// The release before kept no cause: a contact that stands as removed was in the recycle bin.
#[test]
fn what_earlier_releases_left_goes_when_its_user_is_gone_for_good() {
    let world = World::new();
    let rules = then(RemovalAction::StopUpdating, RemovalAction::Delete);
    let mut contact = world.left(&rules);
    let link = contact.link.as_mut().expect("a link");
    link.cause = None;
    assert_eq!(world.gone(&rules, &contact, GoneCause::HardDeleted).outcome, Outcome::Delete);
    assert_eq!(world.gone(&rules, &contact, GoneCause::SoftDeleted).outcome, Outcome::Keep);
    // Who was out of scope, and why, nobody knows: the settings may have changed since.
    contact.link.as_mut().expect("a link").state = LinkState::OutOfScope;
    for cause in [GoneCause::LeftGroup, GoneCause::OutOfScope, GoneCause::Disabled] {
        assert_eq!(world.gone(&rules, &contact, cause).outcome, Outcome::Skipped, "{cause:?}");
    }
}

/// A person said of the one who was deleted that his contact stays; for good it goes by nobody's
/// word but a person's.
#[test]
fn what_a_person_let_be_is_asked_about_again_and_not_taken() {
    let world = World::new();
    let rules = then(RemovalAction::Delete, RemovalAction::Delete);
    let mut spared = world.contact(7, ContactSource::Entra, Some(1));
    let link = spared.link.as_mut().expect("a link");
    (link.state, link.cause) = (LinkState::Removed, Some(GoneCause::SoftDeleted));
    let item = world.gone(&rules, &spared, GoneCause::HardDeleted);
    assert_eq!(item.outcome, Outcome::AwaitingReview);
    let departure = item.question.and_then(|asked| asked.departure).expect("a question");
    assert_eq!((departure.cause, departure.action), (GoneCause::HardDeleted, None));
    spared.link.as_mut().expect("a link").cause = Some(GoneCause::HardDeleted);
    assert_eq!(world.gone(&rules, &spared, GoneCause::HardDeleted).outcome, Outcome::Keep, "once");
}

#[test]
fn days_of_grace_go_on_where_the_new_cause_asks_for_no_more_and_are_told_anew_where_it_does() {
    use RemovalAction as A;
    let world = World::new();
    let with_grace = |first, later| {
        let mut rules = then(first, later);
        rules.policies.removal.grace_days = 7;
        rules
    };
    for (first, later, replans) in [
        (A::Delete, A::Delete, None),
        (A::Delete, A::Deactivate, None),
        (A::Deactivate, A::Delete, Some(A::Delete)),
        (A::Deactivate, A::Unlink, Some(A::Unlink)),
    ] {
        let rules = with_grace(first, later);
        let contact = world.left(&rules);
        assert_eq!(contact.link.as_ref().and_then(|link| link.planned), Some(first));
        let item = world.gone(&rules, &contact, GoneCause::HardDeleted);
        let told = item.link.as_ref().and_then(|link| link.planned);
        assert_eq!(told, replans, "{first:?}, then {later:?}");
        let asked = item.question.and_then(|asked| asked.departure);
        assert_eq!(asked.and_then(|departure| departure.action), replans, "{first:?} {later:?}");
    }
}

/// Who is asked for by id at the end of a full run: whoever may have been deleted unseen.
#[test]
fn a_full_run_looks_for_those_whose_leaving_the_directory_would_mean_something() {
    use RemovalAction as A;
    let look = |soft, hard, state, cause| then(soft, hard).looks_for(state, cause);
    let (out, removed) = (LinkState::OutOfScope, LinkState::Removed);
    assert!(look(A::Keep, A::Keep, LinkState::Linked, None));
    assert!(look(A::StopUpdating, A::StopUpdating, out, Some(GoneCause::Disabled)));
    assert!(!look(A::Keep, A::Keep, out, None), "nothing would come of it");
    assert!(look(A::Deactivate, A::Delete, removed, Some(CAUSES[0])));
    for cause in [None, Some(CAUSES[1]), Some(CAUSES[2])] {
        assert!(!look(A::Deactivate, A::Delete, removed, cause), "{cause:?}");
    }
    assert!(!look(A::Review, A::Review, removed, Some(CAUSES[0])), "nor would of this");
}

/// Updating is off, or waits for a person: who returns is linked all the same, with what he brings
/// held back. Else his next departure would be nobody's business.
#[test]
fn who_returns_is_linked_where_updating_is_off_or_waits_for_a_person() {
    let world = World::new();
    let gone = world.left(&then(RemovalAction::Deactivate, RemovalAction::Delete));
    for (mode, asks) in [(ChangeMode::Review, 1), (ChangeMode::Off, 0)] {
        let rules = rules(|settings| settings.policies.update = mode);
        let back = user(json!({"displayName": "Ada L"}));
        let item = world.decide(&rules, &back, Some(&gone), Claimant::Nobody);
        assert_eq!(item.outcome, Outcome::Update, "{mode:?}");
        let link = item.link.as_ref().map(|link| (link.new, link.cause));
        assert_eq!(link, Some((LinkState::Linked, None)), "{mode:?}");
        assert_eq!((&item.fields, item.status, item.fingerprint.as_ref()), (&vec![], None, None));
        assert_eq!((item.pending.len(), item.question.is_some()), (asks, asks == 1), "{mode:?}");
        // Linked, he is asked about as everybody is.
        let linked = world.contact(7, ContactSource::Entra, Some(1));
        let item = world.decide(&rules, &back, Some(&linked), Claimant::Nobody);
        assert_eq!((item.link, item.fields.len()), (None, asks), "{mode:?}");
    }
}
