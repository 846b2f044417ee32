//! Roles that groups give: who has which, and that nothing but the settings' order decides.

use super::*;

/// What one connection saw of one user: groups in the settings' order, each with its role.
#[derive(Debug, Clone)]
struct Seen {
    connection: ConnectionId,
    standing: Standing,
    rows: Vec<(ObjectId, OnLeave, Option<&'static str>, Evidence)>,
}

impl Seen {
    fn of(bits: u128, rows: &[(u128, Option<&'static str>, Evidence)]) -> Self {
        let rows = rows.iter().map(|(group, role, seen)| {
            let rule = if group % 2 == 0 { Keep } else { Remove };
            (ObjectId::from_u128(*group), rule, *role, *seen)
        });
        Self { connection: connection(bits), standing: Standing::Linked, rows: rows.collect() }
    }

    fn settle(&self, membership: Membership) -> Membership {
        let user = ObjectId::from_u128(77);
        let rows: Vec<TeamRow<'_>> = self
            .rows
            .iter()
            .map(|(group, on_leave, role, evidence)| TeamRow {
                group,
                on_leave: *on_leave,
                role: *role,
                evidence: *evidence,
            })
            .collect();
        membership.settled(&Observed {
            connection: &self.connection,
            user: Some(&user),
            standing: self.standing,
            rows: &rows,
        })
    }

    /// By hand: the first of the rows that has the user and says a role.
    fn expected(&self) -> Option<&'static str> {
        let mut members = self.rows.iter().filter(|(.., evidence)| *evidence == Member);
        members.find_map(|(_, _, role, _)| *role)
    }
}

#[test]
fn of_several_groups_the_first_row_that_says_a_role_gives_it() {
    // Rows in the settings' order, and the role that comes of them.
    for (rows, role) in [
        (vec![(5, Some("lead"), Member)], Some("lead")),
        (vec![(5, None, Member)], None),
        (vec![(5, Some("lead"), NotMember)], None),
        (vec![(5, Some("lead"), Unknown)], None),
        (vec![(5, Some("lead"), Member), (3, Some("diver"), Member)], Some("lead")),
        (vec![(3, Some("diver"), Member), (5, Some("lead"), Member)], Some("diver")),
        (vec![(3, Some("diver"), NotMember), (5, Some("lead"), Member)], Some("lead")),
        (vec![(3, None, Member), (5, Some("lead"), Member)], Some("lead")),
    ] {
        let settled = Seen::of(US, &rows).settle(membership());
        assert_eq!(settled.role(), role, "{rows:?}");
        let given =
            settled.origins.iter().filter(|one| matches!(one, Origin::Group { role: Some(_), .. }));
        assert_eq!(given.count(), usize::from(role.is_some()), "one group gives it: {rows:?}");
    }
}

#[test]
fn a_role_goes_with_its_group_and_the_next_row_takes_over() {
    let both = [(5, Some("lead"), Member), (3, Some("diver"), Member)];
    let joined = Seen::of(US, &both).settle(membership());
    let left = Seen::of(US, &[(5, Some("lead"), NotMember), (3, Some("diver"), Member)]);
    assert_eq!(left.settle(joined.clone()).role(), Some("diver"));
    let unmapped = Seen::of(US, &[(3, Some("diver"), Member)]);
    assert_eq!(unmapped.settle(joined.clone()).role(), Some("diver"));
    // Whose group cannot be read keeps the membership, and its role with it.
    let doubted = Seen::of(US, &[(5, Some("lead"), Unknown), (3, Some("diver"), Member)]);
    assert_eq!(doubted.settle(joined.clone()), joined);
    // Who stays after leaving (an even group keeps) stays without the group's role.
    let kept = Seen::of(US, &[(6, Some("lead"), Member)]).settle(membership());
    let kept = Seen::of(US, &[(6, Some("lead"), NotMember)]).settle(kept);
    assert_eq!((kept.stands(), kept.role()), (true, None));
}

#[test]
fn another_role_in_the_settings_is_another_role_of_those_who_are_updated() {
    let joined = Seen::of(US, &[(5, Some("lead"), Member)]).settle(membership());
    let renamed = Seen::of(US, &[(5, Some("head"), Member)]);
    let none = Seen::of(US, &[(5, None, Member)]);
    for (standing, role) in [
        (Standing::Linked, Some("head")),
        (Standing::OutOfScope, Some("head")),
        // As he was, for who comes back.
        (Standing::Removed, Some("lead")),
    ] {
        let look = Seen { standing, ..renamed.clone() };
        assert_eq!(look.settle(joined.clone()).role(), role, "{standing:?}");
    }
    let without = none.settle(joined);
    assert_eq!(without.role(), None);
    let json = serde_json::to_value(&without).unwrap();
    assert_eq!(json["origins"][0].get("role"), None, "as the last release wrote it");
}

#[test]
fn a_role_by_hand_goes_before_the_groups_and_survives_every_look() {
    let group = Seen::of(US, &[(5, Some("lead"), Member)]);
    let by_hand = membership().joined_by_hand().with_role(Some("guest".to_owned()));
    let held = group.settle(by_hand.clone());
    assert_eq!((held.role(), role_of(&held.origins)), (Some("guest"), Some("lead")));
    let gone = Seen::of(US, &[(5, Some("lead"), NotMember)]).settle(held.clone());
    assert_eq!(gone.role(), Some("guest"));
    assert_eq!(held.clone().with_role(None).role(), Some("lead"), "the group's again");
    let out = held.end(Ended::Person { subject: None, name: None });
    assert_eq!(out.role(), None);
    let user = ObjectId::from_u128(77);
    assert_eq!(membership().taking_over(&by_hand, &user).role(), Some("guest"));
}

#[test]
fn a_membership_of_the_last_release_is_read_and_unchanged() {
    let stored = serde_json::json!({
        "accountId": AccountId::from_bits(1), "teamId": TeamId::from_bits(1),
        "contactId": ContactId::from_bits(1), "version": 3,
        "origins": [{
            "by": "group", "connectionId": connection(US), "groupId": ObjectId::from_u128(5),
            "userId": ObjectId::from_u128(77), "onLeave": "remove"
        }],
        "updatedAt": "2026-01-01T00:00:00Z"
    });
    let read: Membership = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(Seen::of(US, &[(5, None, Member)]).settle(read.clone()), read);
    assert_eq!(serde_json::to_value(&read).unwrap(), stored);
}

fn seen(of: u128) -> impl Strategy<Value = Seen> {
    let role = prop_oneof![Just(None), Just(Some("lead")), Just(Some("diver"))];
    let evidence = prop_oneof![3 => Just(Member), 2 => Just(NotMember), 1 => Just(Unknown)];
    let rows = proptest::collection::btree_map(0_u128..5, (role, evidence), 0..5);
    (rows, any::<prop::sample::Index>(), 0_u8..6).prop_map(move |(rows, turn, standing)| {
        let mut rows: Vec<_> =
            rows.into_iter().map(|(group, (role, seen))| (group, role, seen)).collect();
        if !rows.is_empty() {
            let middle = turn.index(rows.len());
            rows.rotate_left(middle);
        }
        let standing = match standing {
            0 => Standing::OutOfScope,
            1 => Standing::Removed,
            2 => Standing::Unlinked,
            _ => Standing::Linked,
        };
        Seen { standing, ..Seen::of(of, &rows) }
    })
}

proptest! {
    #[test]
    fn the_same_look_again_changes_no_role(
        before in proptest::collection::vec(prop_oneof![seen(US), seen(THEM)], 0..6),
        look in seen(US),
    ) {
        let stored = before.iter().fold(membership(), |stored, look| look.settle(stored));
        let once = look.settle(stored);
        prop_assert_eq!(look.settle(once.clone()), once);
    }

    #[test]
    fn the_order_of_connections_and_of_people_never_matters(
        ours in seen(US),
        theirs in seen(THEM),
        before in proptest::collection::vec(prop_oneof![seen(US), seen(THEM)], 0..6),
    ) {
        let stored = before.iter().fold(membership(), |stored, look| look.settle(stored));
        let hand = |one: Membership| one.joined_by_hand().with_role(Some("guest".to_owned()));
        let one = theirs.settle(hand(ours.settle(stored.clone())));
        let other = ours.settle(theirs.settle(hand(stored)));
        prop_assert_eq!(one.role(), Some("guest"));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn the_role_is_that_of_the_first_row_whatever_was_before(
        before in proptest::collection::vec(seen(US), 0..6),
        look in seen(US),
    ) {
        let known: Vec<_> = look.rows.iter().filter(|(.., seen)| *seen != Unknown).cloned().collect();
        let look = Seen { rows: known, standing: Standing::Linked, ..look };
        let stored = before.iter().fold(membership(), |stored, look| look.settle(stored));
        let settled = look.settle(stored);
        prop_assert_eq!(role_of(&settled.origins), look.expected());
        let new = look.settle(membership());
        prop_assert_eq!(new.role(), look.expected(), "nor how one came in");
    }
}
