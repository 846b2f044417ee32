use proptest::prelude::*;

use super::*;

const US: u128 = 1;
const THEM: u128 = 2;

fn connection(bits: u128) -> ConnectionId {
    ConnectionId::from_bits(bits)
}

mod past;
mod roles;

fn membership() -> Membership {
    Membership::none(AccountId::from_bits(1), TeamId::from_bits(1), ContactId::from_bits(1))
}

/// What one connection saw of one user in some groups.
#[derive(Debug, Clone)]
struct Look {
    connection: ConnectionId,
    user: Option<ObjectId>,
    standing: Standing,
    groups: Vec<(ObjectId, OnLeave, Evidence)>,
}

impl Look {
    fn linked(bits: u128, groups: &[(u128, OnLeave, Evidence)]) -> Self {
        let groups =
            groups.iter().map(|(group, rule, seen)| (ObjectId::from_u128(*group), *rule, *seen));
        Self {
            connection: connection(bits),
            user: Some(ObjectId::from_u128(77)),
            standing: Standing::Linked,
            groups: groups.collect(),
        }
    }

    fn standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    fn settle(&self, membership: Membership) -> Membership {
        let rows: Vec<TeamRow<'_>> = self
            .groups
            .iter()
            .map(|(group, on_leave, evidence)| TeamRow {
                group,
                on_leave: *on_leave,
                role: None,
                evidence: *evidence,
            })
            .collect();
        membership.settled(&Observed {
            connection: &self.connection,
            user: self.user.as_ref(),
            standing: self.standing,
            rows: &rows,
        })
    }
}

use Evidence::{Member, NotMember, Unknown};
use OnLeave::{Keep, Remove};

#[test]
fn a_membership_lasts_while_anything_holds_it() {
    let in_both = Look::linked(US, &[(5, Remove, Member), (6, Remove, Member)]);
    let in_one = Look::linked(US, &[(5, Remove, NotMember), (6, Remove, Member)]);
    let in_none = Look::linked(US, &[(5, Remove, NotMember), (6, Remove, NotMember)]);
    let joined = in_both.settle(membership());
    assert_eq!(joined.held_by(), Some(HeldBy::Entra));
    let joined = in_one.settle(joined);
    assert_eq!(joined.groups().count(), 1);
    assert!(joined.stands(), "the other group still holds it");
    assert!(!in_none.settle(joined).stands());
}

#[test]
fn what_leaving_means_is_what_the_settings_say_when_somebody_leaves() {
    for (at_joining, at_leaving, stays) in
        [(Remove, Remove, false), (Keep, Keep, true), (Remove, Keep, true), (Keep, Remove, false)]
    {
        let joined = Look::linked(US, &[(5, at_joining, Member)]).settle(membership());
        let left = Look::linked(US, &[(5, at_leaving, NotMember)]).settle(joined);
        assert_eq!(left.stands(), stays, "{at_joining:?} then {at_leaving:?}");
        assert_eq!(left.held_by(), stays.then_some(HeldBy::Manual));
        let back = Look::linked(US, &[(5, at_leaving, Member)]).settle(left);
        assert_eq!(back.origins.len(), 1, "who returns is held by the group alone");
        assert_eq!(back.held_by(), Some(HeldBy::Entra));
    }
}

#[test]
fn only_who_is_linked_joins_and_only_who_was_seen_outside_leaves() {
    let member = Look::linked(US, &[(5, Remove, Member)]);
    let outside = Look::linked(US, &[(5, Remove, NotMember)]);
    let doubted = Look::linked(US, &[(5, Remove, Unknown)]);
    let joined = member.settle(membership());
    for (look, standing, joins, stays) in [
        (&member, Standing::Linked, true, true),
        (&member, Standing::OutOfScope, false, true),
        (&member, Standing::Removed, false, true),
        (&member, Standing::Unlinked, false, false),
        (&member, Standing::Gone, false, false),
        (&outside, Standing::Linked, false, false),
        (&outside, Standing::OutOfScope, false, false),
        (&outside, Standing::Removed, false, true),
        (&doubted, Standing::Linked, false, true),
        (&doubted, Standing::OutOfScope, false, true),
    ] {
        let look = look.clone().standing(standing);
        assert_eq!(look.settle(membership()).stands(), joins, "joins: {look:?}");
        assert_eq!(look.settle(joined.clone()).stands(), stays, "stays: {look:?}");
    }
}

#[test]
fn a_mapping_that_is_taken_away_takes_its_members_along_unless_it_keeps_them() {
    for (rule, stays) in [(Remove, false), (Keep, true)] {
        let joined = Look::linked(US, &[(5, rule, Member)]).settle(membership());
        assert_eq!(Look::linked(US, &[]).settle(joined).stands(), stays, "{rule:?}");
    }
}

#[test]
fn names_that_people_take_for_the_same_are_the_same() {
    assert_eq!(name_key(" Büro Nord "), name_key("BU\u{308}RO nord"));
    assert_ne!(name_key("North"), name_key("South"));
}

fn looks(of: u128) -> impl Strategy<Value = Look> {
    let rule = prop_oneof![Just(Remove), Just(Keep)];
    let evidence = prop_oneof![Just(Member), Just(NotMember), Just(Unknown)];
    let rows = proptest::collection::btree_map(0_u128..4, (rule, evidence), 0..4);
    let standing = prop_oneof![
        4 => Just(Standing::Linked),
        1 => Just(Standing::OutOfScope),
        1 => Just(Standing::Removed),
        1 => Just(Standing::Unlinked),
        1 => Just(Standing::Gone),
    ];
    (rows, standing).prop_map(move |(rows, standing)| {
        let rows: Vec<_> =
            rows.into_iter().map(|(group, (rule, seen))| (group, rule, seen)).collect();
        Look::linked(of, &rows).standing(standing)
    })
}

proptest! {
    #[test]
    fn the_same_look_again_changes_nothing(
        before in proptest::collection::vec(prop_oneof![looks(US), looks(THEM)], 0..6),
        look in looks(US),
    ) {
        let stored = before.iter().fold(membership(), |stored, look| look.settle(stored));
        let once = look.settle(stored);
        prop_assert_eq!(look.settle(once.clone()), once);
    }

    #[test]
    fn what_people_hold_survives_every_look(
        looks in proptest::collection::vec(prop_oneof![looks(US), looks(THEM)], 0..12),
    ) {
        let end = looks.iter().fold(membership().joined_by_hand(), |stored, look| look.settle(stored));
        prop_assert!(end.origins.contains(&Origin::Manual));
    }

    #[test]
    fn the_order_of_looks_of_different_connections_and_of_people_never_matters(
        ours in looks(US),
        theirs in looks(THEM),
        before in proptest::collection::vec(prop_oneof![looks(US), looks(THEM)], 0..6),
    ) {
        let stored = before.iter().fold(membership(), |stored, look| look.settle(stored));
        let one = theirs.settle(ours.settle(stored.clone()).joined_by_hand());
        let other = ours.settle(theirs.settle(stored.joined_by_hand()));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn the_order_in_which_groups_are_mapped_never_matters(
        before in proptest::collection::vec(looks(US), 0..4),
        look in looks(US),
    ) {
        let stored = before.iter().fold(membership(), |stored, look| look.settle(stored));
        let mut turned = look.clone();
        turned.groups.reverse();
        prop_assert_eq!(look.settle(stored.clone()), turned.settle(stored));
    }
}

#[test]
fn what_ended_a_membership_is_kept_until_somebody_joins_again() {
    let group_id = ObjectId::from_u128(5);
    let connection_id = connection(US);
    let joined = Look::linked(US, &[(5, Remove, Member)]).settle(membership());
    assert_eq!(joined.ended, None);
    for (look, expected) in [
        (
            Look::linked(US, &[(5, Remove, NotMember)]),
            Ended::Group { connection_id: connection_id.clone(), group_id: group_id.clone() },
        ),
        (Look::linked(US, &[]), Ended::Mapping { connection_id: connection_id.clone(), group_id }),
        (
            Look::linked(US, &[]).standing(Standing::Unlinked),
            Ended::Link { connection_id: connection_id.clone() },
        ),
        (Look::linked(US, &[]).standing(Standing::Gone), Ended::Contact),
    ] {
        let left = look.settle(joined.clone());
        assert_eq!(left.ended, Some(expected));
        assert_eq!(left.clone().joined_by_hand().ended, None);
        let back = Look::linked(US, &[(5, Remove, Member)]).settle(left);
        assert_eq!(back.ended, None);
    }
    let gone = joined.clone().without_connection(&connection_id);
    assert_eq!(gone.ended, Some(Ended::Connection { connection_id }));
    let of_others = joined.clone().without_connection(&connection(THEM));
    assert_eq!(of_others, joined);
}

#[test]
fn of_two_contacts_that_are_one_person_the_staying_one_keeps_every_team() {
    let user = ObjectId::from_u128(77);
    let who = ByHand { subject: None, name: Some("Ada".to_owned()), at: Timestamp::UNIX_EPOCH };
    let by_hand = membership().joined_by(who.clone());
    let taken = membership().taking_over(&by_hand, &user);
    assert_eq!((taken.origins, taken.by_hand), (by_hand.origins.clone(), Some(who)));

    let by_group = Look::linked(US, &[(5, Remove, Member)]).settle(membership());
    let taken = membership().taking_over(&by_group, &user);
    assert_eq!(taken.origins, by_group.origins, "the user will be linked to the one that stays");
    let of_another = membership().taking_over(&by_group, &ObjectId::from_u128(78));
    assert!(!of_another.stands());

    let kept = Look::linked(US, &[(5, Keep, NotMember)])
        .settle(Look::linked(US, &[(5, Keep, Member)]).settle(membership()));
    assert_eq!(membership().taking_over(&kept, &user).origins, kept.origins);
    let both = by_group.clone().taking_over(&kept, &user);
    assert_eq!(both, by_group, "a group is named once");
    let once = by_group.taking_over(&by_hand, &user);
    assert_eq!(once.clone().taking_over(&by_hand, &user), once);
}

#[test]
fn who_put_somebody_there_first_is_kept() {
    let who = |name: &str| ByHand {
        subject: None,
        name: Some(name.to_owned()),
        at: Timestamp::UNIX_EPOCH,
    };
    let once = membership().joined_by(who("Ada"));
    assert_eq!(once.clone().joined_by(who("Ben")), once);
    let out = once.end(Ended::Person { subject: None, name: Some("Ben".to_owned()) });
    assert!(!out.stands() && out.by_hand.is_none() && out.ended.is_some());
    assert_eq!(out.joined_by(who("Cleo")).by_hand, Some(who("Cleo")));
}
