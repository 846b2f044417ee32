//! The members of the groups that a scope names, as sorted sets of ids.

use std::collections::BTreeMap;

use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::scope::Memberships;
use contact_sync_domain::segment::NextStep;
use contact_sync_domain::settings::{AllOr, Scope};

use crate::port::{Blobs, Directory, DirectoryError, StoreError};
use crate::segments::state_prefix;

/// Graph has been seen to answer with chains that never end; no real group needs this many pages.
const MAX_PAGES: usize = 2_000;

/// Sorted member sets by group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MemberSets {
    sets: BTreeMap<ObjectId, Vec<u128>>,
}

/// What reading the scope's groups gave.
#[derive(Debug)]
pub(crate) struct ReadGroups {
    /// The users in each group.
    pub(crate) members: MemberSets,
    /// The groups themselves and all groups nested in them.
    pub(crate) closure: Vec<ObjectId>,
    /// What it cost.
    pub(crate) cost: GraphCost,
}

/// How reading a scope's groups can fail beyond reading.
#[derive(Debug)]
pub(crate) enum GroupsError {
    /// A group does not exist: stop and ask, never "no members".
    Missing(ObjectId),
    /// The directory failed.
    Directory(DirectoryError),
}

/// The groups that a scope needs to know the members of.
pub(crate) fn scope_groups(scope: &Scope) -> Vec<(ObjectId, bool)> {
    let mut groups: Vec<(ObjectId, bool)> = match &scope.groups {
        AllOr::All => Vec::new(),
        AllOr::Any(groups) => {
            groups.any.iter().map(|group| (group.clone(), groups.include_nested)).collect()
        }
    };
    for group in &scope.ignored_groups {
        if !groups.iter().any(|(known, _)| known == group) {
            groups.push((group.clone(), true));
        }
    }
    groups
}

/// Digest of which groups are read, and how.
pub(crate) fn groups_digest(groups: &[(ObjectId, bool)]) -> String {
    let text: Vec<String> =
        groups.iter().map(|(group, nested)| format!("{group} {nested}")).collect();
    super::short_digest(&text.join(","))
}

impl MemberSets {
    /// A group that the scope means, had members and has none in the newer sets. A group that it
    /// ignores may be emptied: nobody leaves the scope by that.
    pub(crate) fn emptied_in(&self, newer: &MemberSets, scope: &Scope) -> Option<&ObjectId> {
        let AllOr::Any(meant) = &scope.groups else { return None };
        self.sets
            .iter()
            .find(|(group, set)| {
                meant.any.contains(group)
                    && !set.is_empty()
                    && newer.sets.get(group).is_some_and(Vec::is_empty)
            })
            .map(|(group, _)| group)
    }

    /// The sets as the scope asks for them: members of its groups, and of the ignored ones.
    pub(crate) fn memberships(&self, scope: &Scope) -> Memberships {
        let of = |groups: &[ObjectId]| {
            let sets: Vec<&Vec<u128>> =
                groups.iter().filter_map(|group| self.sets.get(group)).collect();
            sets.into_iter().flatten().copied().collect::<Vec<u128>>()
        };
        let scoped = match &scope.groups {
            AllOr::All => Vec::new(),
            AllOr::Any(groups) => of(&groups.any),
        };
        Memberships::new(scoped, of(&scope.ignored_groups))
    }

    /// Users whose membership of any group differs between the two.
    pub(crate) fn differing(&self, other: &MemberSets) -> Vec<ObjectId> {
        let mut users = Vec::new();
        for group in self.sets.keys().chain(other.sets.keys()) {
            let empty = Vec::new();
            let ours = self.sets.get(group).unwrap_or(&empty);
            let theirs = other.sets.get(group).unwrap_or(&empty);
            users.extend(ours.iter().filter(|user| theirs.binary_search(user).is_err()));
            users.extend(theirs.iter().filter(|user| ours.binary_search(user).is_err()));
        }
        users.sort_unstable();
        users.dedup();
        users.into_iter().map(ObjectId::from_u128).collect()
    }

    /// The same sets, in which each of these users stands as in the former ones.
    #[must_use]
    pub(crate) fn with_former(mut self, former: &MemberSets, users: &[ObjectId]) -> Self {
        let nobody = Vec::new();
        for (group, set) in &mut self.sets {
            let before = former.sets.get(group).unwrap_or(&nobody);
            for user in users.iter().map(ObjectId::as_u128) {
                match (set.binary_search(&user), before.binary_search(&user)) {
                    (Ok(at), Err(_)) => {
                        set.remove(at);
                    }
                    (Err(at), Ok(_)) => set.insert(at, user),
                    (Ok(_), Ok(_)) | (Err(_), Err(_)) => {}
                }
            }
        }
        self
    }

    /// Whether a user is in any of the groups.
    pub(crate) fn has(&self, user: &ObjectId) -> bool {
        self.sets.values().any(|set| set.binary_search(&user.as_u128()).is_ok())
    }

    /// Takes over the sets of other groups.
    pub(crate) fn absorb(&mut self, others: MemberSets) {
        self.sets.extend(others.sets);
    }

    /// Reads the stored sets; `None` when one of them is missing.
    pub(crate) async fn load(
        blobs: &impl Blobs,
        account: &AccountId,
        connection: &ConnectionId,
        groups: &[(ObjectId, bool)],
    ) -> Result<Option<Self>, StoreError> {
        let mut sets = BTreeMap::new();
        for (group, _) in groups {
            let Some(bytes) = blobs.get(&key(account, connection, group)).await? else {
                return Ok(None);
            };
            let set = bytes
                .chunks_exact(16)
                .filter_map(|chunk| chunk.try_into().ok().map(u128::from_be_bytes))
                .collect();
            sets.insert(group.clone(), set);
        }
        Ok(Some(Self { sets }))
    }

    /// Stores the sets for the next slices and deltas.
    pub(crate) async fn store(
        &self,
        blobs: &impl Blobs,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<(), StoreError> {
        for (group, set) in &self.sets {
            let bytes = set.iter().flat_map(|user| user.to_be_bytes()).collect();
            blobs.put(&key(account, connection, group), bytes, "application/octet-stream").await?;
        }
        Ok(())
    }
}

fn key(account: &AccountId, connection: &ConnectionId, group: &ObjectId) -> String {
    format!("{}members/{group}", state_prefix(account, connection))
}

/// Reads the members of all groups from the directory.
pub(crate) async fn read_groups(
    directory: &impl Directory,
    tenant: &TenantId,
    groups: &[(ObjectId, bool)],
) -> Result<ReadGroups, GroupsError> {
    let mut read = ReadGroups {
        members: MemberSets::default(),
        closure: Vec::new(),
        cost: GraphCost::default(),
    };
    for (group, nested) in groups {
        let mut set = Vec::new();
        let mut link: Option<String> = None;
        for page_number in 0.. {
            if page_number >= MAX_PAGES {
                return Err(GroupsError::Directory(endless()));
            }
            let page = match directory.group_members(tenant, group, *nested, link.as_deref()).await
            {
                Ok(page) => page,
                Err(DirectoryError::NotFound { .. }) => {
                    return Err(GroupsError::Missing(group.clone()));
                }
                Err(error) => return Err(GroupsError::Directory(error)),
            };
            read.cost.add(page.cost);
            set.extend(page.users.iter().map(ObjectId::as_u128));
            if *nested {
                read.closure.extend(page.groups);
            }
            match page.next {
                NextStep::Next(next) if link.as_ref() == Some(&next) => {
                    return Err(GroupsError::Directory(endless()));
                }
                NextStep::Next(next) => link = Some(next),
                NextStep::Delta(_) | NextStep::End => break,
            }
        }
        set.sort_unstable();
        set.dedup();
        read.closure.push(group.clone());
        read.members.sets.insert(group.clone(), set);
    }
    read.closure.sort();
    read.closure.dedup();
    Ok(read)
}

fn endless() -> DirectoryError {
    DirectoryError::Unavailable { what: "a member list that never ends".to_owned(), source: None }
}
