//! The members of the groups and administrative units that settings name, as sorted sets of ids.

mod reading;

use std::collections::BTreeMap;

use contact_sync_domain::guard::GroupLimit;
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::scope::Memberships;
use contact_sync_domain::settings::{AllOr, Scope};
use contact_sync_domain::team::Evidence;

pub(crate) use self::reading::{GroupsError, page_of, read_groups};
use super::member_set::{Doubt, MemberSet};
use super::watched::{ReadAs, Watched};

/// Member sets by group and by whether members of nested groups count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MemberSets {
    sets: BTreeMap<(ObjectId, ReadAs), MemberSet>,
}

impl MemberSets {
    /// A group or unit that the scope means, had members and has none in the newer sets. A group that
    /// it ignores may be emptied: nobody leaves the scope by that.
    pub(crate) fn emptied_in(
        &self,
        newer: &MemberSets,
        scope: &Scope,
    ) -> Option<(&ObjectId, ReadAs)> {
        let is_meant = |(id, as_what): &(ObjectId, ReadAs)| match (as_what, &scope.groups) {
            (ReadAs::Unit, _) => names(&scope.administrative_units, id),
            (ReadAs::Group | ReadAs::Nested, AllOr::All) => false,
            (ReadAs::Group | ReadAs::Nested, AllOr::Any(meant)) => {
                *as_what == ReadAs::of_group(meant.include_nested) && meant.any.contains(id)
            }
        };
        self.sets
            .iter()
            .find(|(key, set)| {
                is_meant(key)
                    && !set.users.is_empty()
                    && newer.sets.get(key).is_some_and(|newer| newer.users.is_empty())
            })
            .map(|((id, as_what), _)| (id, *as_what))
    }

    /// Whether the members of a group were ever read.
    pub(crate) fn tells_of(&self, watched: &Watched) -> bool {
        self.sets.contains_key(&watched.key())
    }

    /// How many members a group was read to have.
    pub(crate) fn size(&self, watched: &Watched) -> usize {
        self.sets.get(&watched.key()).map_or(0, |set| set.users.len())
    }

    /// The sets as the scope asks for them: members of its groups and units, and of the ignored
    /// groups.
    pub(crate) fn memberships(&self, scope: &Scope) -> Memberships {
        let of = |group: &ObjectId, as_what| self.sets.get(&(group.clone(), as_what));
        let users = |sets: Vec<&MemberSet>| {
            sets.into_iter().flat_map(|set| set.users.iter().copied()).collect::<Vec<u128>>()
        };
        let scoped = match &scope.groups {
            AllOr::All => Vec::new(),
            AllOr::Any(groups) => {
                let as_what = ReadAs::of_group(groups.include_nested);
                users(groups.any.iter().filter_map(|group| of(group, as_what)).collect())
            }
        };
        let ignored = scope.ignored_groups.iter();
        let ignored = ignored
            .filter_map(|group| of(group, ReadAs::Nested).or_else(|| of(group, ReadAs::Group)));
        let memberships = Memberships::new(scoped, users(ignored.collect()));
        let AllOr::Any(units) = &scope.administrative_units else { return memberships };
        let members = |unit: &ObjectId| of(unit, ReadAs::Unit).map(|set| set.users.clone());
        let units = units.iter().map(|unit| (unit.clone(), members(unit).unwrap_or_default()));
        memberships.within(units, !scope.groups.is_all())
    }

    /// Whether a group is one of these, or inside one of them.
    pub(crate) fn are_of(&self, groups: &[Watched], group: &ObjectId) -> bool {
        groups.iter().any(|watched| !watched.is_unit() && watched.group == *group)
            || self.sets.values().any(|set| set.inner.binary_search(&group.as_u128()).is_ok())
    }

    /// Whether a group that is mapped to a team has this user.
    pub(crate) fn evidence(&self, group: &ObjectId, user: &ObjectId) -> Evidence {
        match self.sets.get(&(group.clone(), ReadAs::Nested)) {
            Some(set) if set.doubt.is_none() => {
                let has = set.users.binary_search(&user.as_u128()).is_ok();
                if has { Evidence::Member } else { Evidence::NotMember }
            }
            Some(_) | None => Evidence::Unknown,
        }
    }

    /// Whether a group that is mapped to a team was read to have no groups inside it.
    pub(crate) fn is_flat(&self, group: &ObjectId) -> bool {
        self.sets.get(&(group.clone(), ReadAs::Nested)).is_some_and(|set| set.inner.is_empty())
    }

    /// The members of a group that is mapped to a team; nobody while it is doubted.
    pub(crate) fn team_members(&self, group: &ObjectId) -> &[u128] {
        let set = self.sets.get(&(group.clone(), ReadAs::Nested)).filter(|set| set.doubt.is_none());
        set.map_or(&[], |set| &set.users)
    }

    /// The groups that are doubted, and why.
    pub(crate) fn doubts(&self) -> impl Iterator<Item = (&ObjectId, Doubt)> {
        self.sets.iter().filter_map(|((group, _), set)| Some((group, set.doubt?)))
    }

    /// A group of which only some members were read.
    pub(crate) fn sample(watched: &Watched, users: &[ObjectId]) -> Self {
        let mut set = MemberSet::default();
        set.users.extend(users.iter().map(ObjectId::as_u128));
        set.sort();
        Self { sets: BTreeMap::from([(watched.key(), set)]) }
    }

    /// Users whose membership of any of these groups differs between the two.
    pub(crate) fn differing(&self, other: &MemberSets, of: &[&Watched]) -> Vec<ObjectId> {
        let empty = MemberSet::default();
        let mut users = Vec::new();
        for watched in of {
            let key = watched.key();
            let ours = self.sets.get(&key).unwrap_or(&empty);
            let theirs = other.sets.get(&key).unwrap_or(&empty);
            users.extend(ours.without(theirs));
            users.extend(theirs.without(ours));
        }
        users.sort_unstable();
        users.dedup();
        users.into_iter().map(ObjectId::from_u128).collect()
    }

    /// Whether a user is in any of the groups.
    pub(crate) fn has(&self, user: &ObjectId) -> bool {
        self.sets.values().any(|set| set.knows(user))
    }

    /// Remembers who left the groups that have a limit of removals, as last known: the guard counts
    /// them to their group until they are judged.
    pub(crate) fn note_left(&mut self, known: &MemberSets, limits: &[GroupLimit]) {
        for (key, set) in &mut self.sets {
            set.left.clear();
            if let Some(before) = known.sets.get(key)
                && limits.iter().any(|limit| limit.group == key.0)
            {
                set.note_left(before);
            }
        }
    }

    /// Whether anybody is remembered who left.
    pub(crate) fn remembers_left(&self) -> bool {
        self.sets.values().any(|set| !set.left.is_empty())
    }

    /// Forgets those who left and of whom this is not so.
    pub(crate) fn keep_left(&mut self, is_open: impl Fn(&ObjectId) -> bool) {
        for set in self.sets.values_mut() {
            set.left.retain(|user| is_open(&ObjectId::from_u128(*user)));
        }
    }

    /// To which of these limits a removal of the user counts: he is in the group, or left it and has
    /// not been judged since.
    pub(crate) fn limits_of(&self, user: &ObjectId, limits: &[GroupLimit]) -> Vec<ObjectId> {
        let counts = |limit: &&GroupLimit| {
            let sets = self.sets.iter().filter(|((group, _), _)| *group == limit.group);
            sets.into_iter().any(|(_, set)| set.counts(user))
        };
        limits.iter().filter(counts).map(|limit| limit.group.clone()).collect()
    }

    /// Everybody whose removal counts to a group, each once.
    pub(crate) fn counted_to(&self, group: &ObjectId) -> Vec<ObjectId> {
        let sets = self.sets.iter().filter(|((one, _), _)| one == group);
        let mut users: Vec<u128> =
            sets.flat_map(|(_, set)| set.users.iter().chain(&set.left)).copied().collect();
        users.sort_unstable();
        users.dedup();
        users.into_iter().map(ObjectId::from_u128).collect()
    }

    /// Takes over the sets of other groups.
    pub(crate) fn absorb(&mut self, others: MemberSets) {
        self.sets.extend(others.sets);
    }
}

/// Whether a list names this; `"all"` names nobody.
fn names(listed: &AllOr<Vec<ObjectId>>, id: &ObjectId) -> bool {
    matches!(listed, AllOr::Any(ids) if ids.contains(id))
}
