//! By which groups somebody is in a mapped group.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::id::ObjectId;

/// Which groups were seen to be directly inside which, and which have the person directly in them.
/// Groups may contain each other in a circle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupEdges {
    inside: BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    with_person: BTreeSet<ObjectId>,
}

impl GroupEdges {
    /// Notes a group directly inside another one.
    pub fn put_inside(&mut self, outer: &ObjectId, inner: ObjectId) {
        self.inside.entry(outer.clone()).or_default().insert(inner);
    }

    /// Notes a group that has the person directly in it.
    pub fn put_person(&mut self, group: ObjectId) {
        self.with_person.insert(group);
    }

    /// The groups that were seen directly inside a group.
    pub fn inside(&self, group: &ObjectId) -> impl Iterator<Item = &ObjectId> {
        self.inside.get(group).into_iter().flatten()
    }

    /// The shortest way from a group down to the person, beginning with the group itself and ending
    /// with the one that has the person directly; of several the one with the smallest ids. `None`
    /// where what was seen leads to no person.
    pub fn path_from(&self, group: &ObjectId) -> Option<Vec<ObjectId>> {
        let mut came_from: BTreeMap<&ObjectId, Option<&ObjectId>> = BTreeMap::new();
        came_from.insert(group, None);
        let mut waiting = VecDeque::from([group]);
        while let Some(current) = waiting.pop_front() {
            if self.with_person.contains(current) {
                let mut path = vec![current.clone()];
                let mut place = current;
                while let Some(Some(outer)) = came_from.get(place).copied() {
                    path.push(outer.clone());
                    place = outer;
                }
                path.reverse();
                return Some(path);
            }
            for inner in self.inside.get(current).into_iter().flatten() {
                if !came_from.contains_key(inner) {
                    came_from.insert(inner, Some(current));
                    waiting.push_back(inner);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: u128) -> ObjectId {
        ObjectId::from_u128(number)
    }

    fn edges(inside: &[(u128, u128)], with_person: &[u128]) -> GroupEdges {
        let mut edges = GroupEdges::default();
        for (outer, inner) in inside {
            edges.put_inside(&id(*outer), id(*inner));
        }
        for group in with_person {
            edges.put_person(id(*group));
        }
        edges
    }

    #[test]
    fn the_shortest_way_is_told_and_circles_end() {
        for (case, inside, with_person, expected) in [
            ("directly", &[(1, 2)][..], &[1, 2][..], Some(&[1][..])),
            ("one group inside", &[(1, 2)], &[2], Some(&[1, 2])),
            ("two deep", &[(1, 2), (2, 3)], &[3], Some(&[1, 2, 3])),
            ("the shorter", &[(1, 2), (2, 3), (1, 4), (4, 5), (5, 3)], &[3], Some(&[1, 2, 3])),
            ("smallest ids", &[(1, 3), (1, 2), (2, 4), (3, 4)], &[4], Some(&[1, 2, 4])),
            ("a circle with a way out", &[(1, 2), (2, 1), (2, 3)], &[3], Some(&[1, 2, 3])),
            ("a circle without", &[(1, 2), (2, 1)], &[9], None),
            ("a group in itself", &[(1, 1)], &[], None),
            ("nothing known", &[], &[], None),
        ] {
            let expected = expected.map(|path| path.iter().copied().map(id).collect::<Vec<_>>());
            assert_eq!(edges(inside, with_person).path_from(&id(1)), expected, "{case}");
        }
    }

    proptest! {
        #[test]
        fn every_path_is_made_of_edges_that_were_seen_and_names_no_group_twice(
            inside in proptest::collection::vec((0_u128..12, 0_u128..12), 0..40),
            with_person in proptest::collection::vec(0_u128..12, 0..4),
        ) {
            let edges = edges(&inside, &with_person);
            if let Some(path) = edges.path_from(&id(0)) {
                prop_assert_eq!(path.first(), Some(&id(0)));
                prop_assert!(path.last().is_some_and(|last| edges.with_person.contains(last)));
                let distinct: BTreeSet<&ObjectId> = path.iter().collect();
                prop_assert_eq!(distinct.len(), path.len());
                for step in path.windows(2) {
                    prop_assert!(edges.inside(&step[0]).any(|inner| *inner == step[1]));
                }
            }
        }
    }
}
