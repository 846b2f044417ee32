//! The members of the groups and administrative units that settings name, as sorted sets of ids.

use std::collections::{BTreeMap, HashSet};

use contact_sync_domain::guard::GroupLimit;
use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::scope::Memberships;
use contact_sync_domain::segment::NextStep;
use contact_sync_domain::settings::{AllOr, Scope};
use contact_sync_domain::team::Evidence;

use super::member_set::{Doubt, MemberSet};
use super::watched::{ReadAs, Watched};
use crate::port::{Blobs, Directory, DirectoryError, GroupChange, MemberPage, StoreError};
use crate::segments::state_prefix;

/// Graph has been seen to answer with chains that never end; no real group needs this many pages.
const MAX_PAGES: usize = 2_000;

/// Member sets by group and by whether members of nested groups count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MemberSets {
    sets: BTreeMap<(ObjectId, ReadAs), MemberSet>,
}

/// How reading a scope's groups can fail beyond reading.
#[derive(Debug)]
pub(crate) enum GroupsError {
    /// A group does not exist: stop and ask, never "no members".
    Missing(ObjectId),
    /// Nor does an administrative unit.
    UnitMissing(ObjectId),
    /// The directory failed.
    Directory(DirectoryError),
}

/// What reading groups gave.
#[derive(Debug)]
pub(crate) struct ReadGroups {
    /// The users in each group.
    pub(crate) members: MemberSets,
    /// What it cost.
    pub(crate) cost: GraphCost,
}

/// Reads the members of all groups from the directory, whatever was known of them.
pub(crate) async fn read_groups(
    directory: &impl Directory,
    tenant: &TenantId,
    groups: &[Watched],
) -> Result<ReadGroups, GroupsError> {
    let mut cost = GraphCost::default();
    let members = MemberSets::default().read(directory, tenant, groups, &mut cost).await?;
    Ok(ReadGroups { members, cost })
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

    /// Reads the stored sets; `None` when one of them is missing that is needed for more than to
    /// know whom others mean.
    pub(crate) async fn load(
        blobs: &impl Blobs,
        account: &AccountId,
        connection: &ConnectionId,
        groups: &[Watched],
    ) -> Result<Option<Self>, StoreError> {
        let stored = Self::load_known(blobs, account, connection, groups).await?;
        Ok(stored.are_all(groups).then_some(stored))
    }

    /// Reads those of the sets that are stored.
    pub(crate) async fn load_known(
        blobs: &impl Blobs,
        account: &AccountId,
        connection: &ConnectionId,
        groups: &[Watched],
    ) -> Result<Self, StoreError> {
        let mut sets = BTreeMap::new();
        for watched in groups {
            let bytes = blobs.get(&key(account, connection, &watched.key())).await?;
            if let Some(set) = bytes.and_then(|bytes| MemberSet::from_bytes(&bytes)) {
                sets.insert(watched.key(), set);
            }
        }
        Ok(Self { sets })
    }

    /// Whether all of these are among them that are needed for more than to know whom others mean.
    pub(crate) fn are_all(&self, groups: &[Watched]) -> bool {
        let is_known =
            |one: &Watched| one.is_only_for_rivals() || self.sets.contains_key(&one.key());
        groups.iter().all(is_known)
    }

    /// Stores what differs from the stored sets for the next slices and deltas.
    pub(crate) async fn store(
        &self,
        stored: &Self,
        blobs: &impl Blobs,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<(), StoreError> {
        for (place, set) in &self.sets {
            if stored.sets.get(place) != Some(set) {
                let key = key(account, connection, place);
                blobs.put(&key, set.to_bytes(), "application/octet-stream").await?;
            }
        }
        Ok(())
    }

    /// Reads the members of all these groups; `self` is what was known of them before.
    pub(crate) async fn read(
        &self,
        directory: &impl Directory,
        tenant: &TenantId,
        groups: &[Watched],
        cost: &mut GraphCost,
    ) -> Result<Self, GroupsError> {
        let mut sets = BTreeMap::new();
        for watched in groups {
            let set = self.read_one(directory, tenant, watched, cost).await?;
            sets.insert(watched.key(), set);
        }
        Ok(Self { sets })
    }

    /// The sets after these changes, in the order in which Graph told of them. Where the edges that
    /// it named tell all, nothing is read; a group with others inside it is read again, and so are
    /// units with `reads_units`, of which no change tells.
    pub(crate) async fn follow(
        &self,
        directory: &impl Directory,
        tenant: &TenantId,
        groups: &[Watched],
        (changes, reads_units): (&[GroupChange], bool),
        cost: &mut GraphCost,
    ) -> Result<Self, GroupsError> {
        let touched: HashSet<&ObjectId> = changes.iter().map(GroupChange::group).collect();
        let mut sets = BTreeMap::new();
        for watched in groups {
            let known = self.sets.get(&watched.key());
            let set = match known {
                Some(known) if watched.is_unit() && !reads_units => known.clone(),
                Some(_) if watched.is_unit() => {
                    self.read_one(directory, tenant, watched, cost).await?
                }
                Some(known) if !known.is_touched(watched, &touched) => known.clone(),
                Some(known) => match known.with_edges(watched, changes) {
                    Some(set) => set,
                    None => self.read_one(directory, tenant, watched, cost).await?,
                },
                None => self.read_one(directory, tenant, watched, cost).await?,
            };
            sets.insert(watched.key(), set);
        }
        Ok(Self { sets })
    }

    /// Reads a group. One that is only mapped to teams, or is another connection's, stops nobody's
    /// sync: while it cannot be read, or is empty all at once, what was known of it stays and it is
    /// doubted.
    async fn read_one(
        &self,
        directory: &impl Directory,
        tenant: &TenantId,
        watched: &Watched,
        cost: &mut GraphCost,
    ) -> Result<MemberSet, GroupsError> {
        let known = self.sets.get(&watched.key());
        let doubted = |doubt| {
            let known = known.cloned().unwrap_or_default();
            MemberSet { doubt: Some(doubt), ..known }
        };
        match read_members(directory, tenant, watched, cost).await {
            Ok(set) => {
                let is_emptied = set.users.is_empty()
                    && known.is_some_and(|known| !known.users.is_empty())
                    && !watched.by.scope;
                Ok(if is_emptied { doubted(Doubt::Emptied) } else { set })
            }
            Err(DirectoryError::NotFound { .. }) if watched.by.scope && watched.is_unit() => {
                Err(GroupsError::UnitMissing(watched.group.clone()))
            }
            Err(DirectoryError::NotFound { .. }) if watched.by.scope => {
                Err(GroupsError::Missing(watched.group.clone()))
            }
            Err(DirectoryError::NotFound { .. }) => Ok(doubted(Doubt::Missing)),
            Err(DirectoryError::Forbidden { .. }) if !watched.by.scope => {
                Ok(doubted(Doubt::Unreadable))
            }
            Err(error) => Err(GroupsError::Directory(error)),
        }
    }
}

fn key(
    account: &AccountId,
    connection: &ConnectionId,
    (group, as_what): &(ObjectId, ReadAs),
) -> String {
    let kind = match as_what {
        ReadAs::Group => "groups/direct",
        ReadAs::Nested => "groups/nested",
        ReadAs::Unit => "units",
    };
    format!("{}{kind}/{group}", state_prefix(account, connection))
}

/// Whether a list names this; `"all"` names nobody.
fn names(listed: &AllOr<Vec<ObjectId>>, id: &ObjectId) -> bool {
    matches!(listed, AllOr::Any(ids) if ids.contains(id))
}

/// Reads a group's members to the end.
async fn read_members(
    directory: &impl Directory,
    tenant: &TenantId,
    watched: &Watched,
    cost: &mut GraphCost,
) -> Result<MemberSet, DirectoryError> {
    let mut set = MemberSet::default();
    let mut link: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let page = page_of(directory, tenant, watched, link.as_deref()).await?;
        cost.add(page.cost);
        set.users.extend(page.users.iter().map(ObjectId::as_u128));
        if watched.is_nested() {
            set.inner.extend(page.groups.iter().map(ObjectId::as_u128));
        }
        match page.next {
            NextStep::Next(next) if link.as_ref() == Some(&next) => return Err(endless()),
            NextStep::Next(next) => link = Some(next),
            NextStep::Delta(_) | NextStep::End => {
                set.sort();
                return Ok(set);
            }
        }
    }
    Err(endless())
}

/// A page of the members of a group or unit.
pub(crate) async fn page_of(
    directory: &impl Directory,
    tenant: &TenantId,
    watched: &Watched,
    link: Option<&str>,
) -> Result<MemberPage, DirectoryError> {
    if watched.is_unit() {
        return directory.unit_members(tenant, &watched.group, link).await;
    }
    directory.group_members(tenant, &watched.group, watched.is_nested(), link).await
}

fn endless() -> DirectoryError {
    DirectoryError::Unavailable { what: "a member list that never ends".to_owned(), source: None }
}
