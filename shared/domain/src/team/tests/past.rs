//! What is known of a membership's past.

use super::*;
use crate::team::{MOST_PAST, Turned};

const JOINED: [(u128, OnLeave, Evidence); 1] = [(5, Remove, Member)];
const LEFT: [(u128, OnLeave, Evidence); 1] = [(5, Remove, NotMember)];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn run(bits: u128) -> RunId {
    RunId::from_bits(bits)
}

/// A run looks, and writes what it makes of it.
fn looked(before: &Membership, groups: &[(u128, OnLeave, Evidence)], second: i64) -> Membership {
    let after = Look::linked(US, groups).settle(before.clone());
    let run = run(u128::try_from(second).unwrap());
    after.replacing(before, Some(&run), at(second))
}

fn told(membership: &Membership) -> Vec<(i64, Turned, Option<RunId>)> {
    let turns = membership.turns().into_iter();
    turns.map(|turn| (turn.at.as_second(), turn.change, turn.run)).collect()
}

/// A user who joined, left and joined again would seem to have been there all along, or never.
#[test]
fn whoever_joins_leaves_and_joins_again_is_told_to_have_done_all_of_it_by_which_run() {
    let first = looked(&membership(), &JOINED, 1);
    assert_eq!(serde_json::to_value(&first).unwrap().get("past"), None, "nothing was before");
    let left = looked(&first, &LEFT, 2);
    let again = looked(&left, &JOINED, 3);
    let expected = [
        // Told without its run, so that a membership that never changes stays small.
        (1, Turned::Joined, None),
        (2, Turned::Left, Some(run(2))),
        (3, Turned::Joined, Some(run(3))),
    ];
    assert_eq!(told(&again), expected);
    assert_eq!(again.version, 3);
    let stored = serde_json::to_value(&again).unwrap();
    assert_eq!(serde_json::from_value::<Membership>(stored).unwrap(), again);
    let turns = again.turns();
    assert!(matches!(turns[1].ended, Some(Ended::Group { .. })), "{turns:?}");
    assert_eq!(turns[2].origins, again.origins);
}

#[test]
fn what_people_did_between_is_not_told_as_sync_did_it_and_names_nobody() {
    let ada = || ByHand { subject: Some("ada".into()), name: Some("Ada".into()), at: at(1) };
    let none = membership();
    let by_hand = none.clone().joined_by(ada()).replacing(&none, None, at(1));
    assert_eq!(told(&by_hand), []);
    let held = looked(&by_hand, &JOINED, 2);
    let given = held.clone().with_role(Some("boss".into())).replacing(&held, None, at(3));
    let expected = [(2, Turned::Stayed, Some(run(2)))];
    assert_eq!(told(&given), expected, "a role by hand is told beside the contact");
    let ended = Ended::Person { subject: Some("ada".into()), name: Some("Ada".into()) };
    let taken_out = given.clone().end(ended).replacing(&given, None, at(4));
    assert_eq!(told(&taken_out), expected);
    let back = looked(&taken_out, &JOINED, 5);
    assert_eq!(told(&back), [expected[0].clone(), (5, Turned::Joined, Some(run(5)))]);
    let stored = serde_json::to_string(&back.past).unwrap();
    assert!(!stored.contains("ada") && !stored.contains("Ada"), "{stored}");
}

#[test]
fn of_a_membership_from_before_this_was_kept_its_last_state_is_told() {
    let joined = Look::linked(US, &JOINED).settle(membership()).next(at(1));
    assert_eq!(told(&joined), [(1, Turned::Joined, None)]);
    let left = Look::linked(US, &LEFT).settle(joined).next(at(2));
    assert_eq!(told(&left), [(2, Turned::Left, None)]);
    // A person's decision lets the groups hold it: no run wrote that.
    let again = Look::linked(US, &JOINED).settle(left.clone()).replacing(&left, None, at(3));
    assert_eq!(told(&again), [(2, Turned::Left, None), (3, Turned::Joined, None)]);
}

#[test]
fn whoever_changes_teams_all_the_time_keeps_the_newest_of_it() {
    let mut flickers = membership();
    for second in 1..=40 {
        let groups = if second % 2 == 1 { JOINED } else { LEFT };
        flickers = looked(&flickers, &groups, second);
    }
    assert_eq!(flickers.past.len(), MOST_PAST);
    let told = told(&flickers);
    assert_eq!((told.len(), told.last().unwrap().0), (MOST_PAST + 1, 40));
    assert!(serde_json::to_vec(&flickers).unwrap().len() < 4 * 1024, "a few write units at most");
}
