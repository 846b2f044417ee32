use super::*;
use crate::port::MemberEdge;
use crate::sync::watched::{ReadAs, WatchedBy};

const ROOT: u128 = 900;
const INNER: u128 = 901;

fn id(number: u128) -> ObjectId {
    ObjectId::from_u128(number)
}

fn watched(nested: bool) -> Watched {
    let as_what = ReadAs::of_group(nested);
    Watched { group: id(ROOT), as_what, by: WatchedBy::default() }
}

fn set(users: &[u128], inner: &[u128]) -> MemberSet {
    MemberSet { users: users.to_vec(), inner: inner.to_vec(), ..MemberSet::default() }
}

fn edge(number: u128, kind: MemberKind, is_gone: bool) -> MemberEdge {
    MemberEdge { id: id(number), kind, is_gone }
}

fn joins(number: u128) -> MemberEdge {
    edge(number, MemberKind::User, false)
}

fn leaves(number: u128) -> MemberEdge {
    edge(number, MemberKind::User, true)
}

fn changed(group: u128, members: &[MemberEdge]) -> GroupChange {
    GroupChange::Changed { group: id(group), members: members.to_vec() }
}

fn followed(set: &MemberSet, changes: &[GroupChange]) -> Option<Vec<u128>> {
    set.with_edges(&watched(true), changes).map(|set| set.users)
}

#[test]
fn slices_of_a_large_group_add_up_and_the_last_word_on_a_member_counts() {
    let group = set(&[1, 2, 3], &[]);
    let slices = [
        changed(ROOT, &[joins(5), leaves(2)]),
        changed(ROOT, &[]),
        changed(ROOT, &[joins(2), joins(4), joins(5)]),
        changed(ROOT, &[leaves(4)]),
    ];
    assert_eq!(followed(&group, &slices), Some(vec![1, 2, 3, 5]));
    assert_eq!(followed(&set(&[1, 2, 3, 5], &[]), &slices), Some(vec![1, 2, 3, 5]), "told twice");
    assert_eq!(followed(&group, &[changed(ROOT, &[])]), Some(vec![1, 2, 3]), "a rename");
}

#[test]
fn the_last_member_who_is_told_to_leave_leaves() {
    assert_eq!(followed(&set(&[1], &[]), &[changed(ROOT, &[leaves(1)])]), Some(vec![]));
}

#[test]
fn what_the_edges_do_not_tell_is_read() {
    let nested = set(&[1, 2], &[INNER]);
    for (what, changes) in [
        ("a group inside it came", vec![changed(ROOT, &[edge(7, MemberKind::Group, false)])]),
        ("a group inside it went", vec![changed(ROOT, &[edge(INNER, MemberKind::Group, true)])]),
        ("who leaves may be in the inner group too", vec![changed(ROOT, &[leaves(1)])]),
        ("who leaves the inner group may be in the outer", vec![changed(INNER, &[leaves(1)])]),
        (
            "a group inside the inner one",
            vec![changed(INNER, &[edge(7, MemberKind::Group, false)])],
        ),
        ("it is gone", vec![GroupChange::Gone(id(ROOT))]),
        ("the inner one is gone", vec![GroupChange::Gone(id(INNER))]),
        (
            "Graph does not say what it is",
            vec![changed(ROOT, &[edge(8, MemberKind::Unknown, false)])],
        ),
    ] {
        assert_eq!(followed(&nested, &changes), None, "{what}");
    }
    let doubted = MemberSet { doubt: Some(Doubt::Emptied), ..set(&[1], &[]) };
    assert_eq!(followed(&doubted, &[changed(ROOT, &[joins(1)])]), None, "a doubt needs a reading");
}

#[test]
fn who_joins_an_inner_group_joins_the_outer() {
    let nested = set(&[1], &[INNER]);
    assert_eq!(followed(&nested, &[changed(INNER, &[joins(2)])]), Some(vec![1, 2]));
    let device = changed(INNER, &[edge(9, MemberKind::Other, true)]);
    assert_eq!(followed(&nested, &[device]), Some(vec![1]));
}

#[test]
fn of_a_group_without_its_nested_ones_the_edges_tell_all() {
    let changes = [changed(ROOT, &[edge(INNER, MemberKind::Group, false), leaves(1), joins(3)])];
    let direct = set(&[1, 2], &[]).with_edges(&watched(false), &changes);
    assert_eq!(direct.map(|set| set.users), Some(vec![2, 3]));
    let unnamed = [changed(ROOT, &[edge(8, MemberKind::Unknown, false)])];
    let direct = set(&[1, 2], &[]).with_edges(&watched(false), &unnamed);
    assert_eq!(direct, None, "it may be a device: nobody is a member before a reading says so");
}

#[test]
fn whoever_left_is_remembered_until_he_is_back_or_judged() {
    let before = MemberSet { left: vec![4, 9], ..set(&[1, 2, 3], &[]) };
    let mut now = set(&[2, 4, 6], &[]);
    now.note_left(&before);
    assert_eq!(now.left, [1, 3, 9], "one is back");
    for (user, counts) in [(2, true), (3, true), (9, true), (4, true), (5, false)] {
        assert_eq!(now.counts(&id(user)), counts, "{user}");
    }
}

#[test]
fn a_set_is_read_back_as_it_was_stored() {
    for doubt in [None, Some(Doubt::Missing), Some(Doubt::Unreadable), Some(Doubt::Emptied)] {
        let stored = MemberSet { doubt, ..set(&[1, 2, u128::MAX], &[7]) };
        assert_eq!(MemberSet::from_bytes(&stored.to_bytes()), Some(stored));
    }
    let left = MemberSet { left: vec![4, 5], ..set(&[1, 2, u128::MAX], &[7]) };
    assert_eq!(MemberSet::from_bytes(&left.to_bytes()), Some(left));
    assert_eq!(MemberSet::from_bytes(&[]), None);
    assert_eq!(MemberSet::from_bytes(&1_u128.to_be_bytes()), None, "another form");
}
