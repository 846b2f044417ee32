//! Reading member sets, from Graph and from where the last look left them, and storing them.

use std::collections::{BTreeMap, HashSet};

use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::segment::NextStep;

use super::MemberSets;
use crate::port::{Blobs, Directory, DirectoryError, GroupChange, MemberPage, StoreError};
use crate::segments::state_prefix;
use crate::sync::member_set::{Doubt, MemberSet};
use crate::sync::watched::{ReadAs, Watched};

/// Graph has been seen to answer with chains that never end; no real group needs this many pages.
const MAX_PAGES: usize = 2_000;

/// Of so many groups in one another it is asked whether they show their members.
const MOST_INNER: usize = 20;

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

    /// Deletes the stored sets of groups and units that nobody looks at any more: no run reads them
    /// again, and so none would ever hear that somebody is gone from them.
    pub(crate) async fn drop_unwatched(
        blobs: &impl Blobs,
        account: &AccountId,
        connection: &ConnectionId,
        watched: &[Watched],
    ) -> Result<(), StoreError> {
        let kept: HashSet<String> =
            watched.iter().map(|one| key(account, connection, &one.key())).collect();
        let state = state_prefix(account, connection);
        for folder in ["groups/", "units/"] {
            let stored = blobs.keys(&format!("{state}{folder}")).await?;
            for key in stored.iter().filter(|key| !kept.contains(*key)) {
                blobs.delete_prefix(key).await?;
            }
        }
        Ok(())
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
            let set = self.confirmed(directory, tenant, watched, (set, &mut *cost)).await?;
            sets.insert(watched.key(), set);
        }
        Ok(Self { sets })
    }

    /// A set that reads empty once more, after an earlier full reading did: believed of a group that
    /// is mapped to teams alone, and shows its members. Anything else stays doubted.
    async fn confirmed(
        &self,
        directory: &impl Directory,
        tenant: &TenantId,
        watched: &Watched,
        (set, cost): (MemberSet, &mut GraphCost),
    ) -> Result<MemberSet, GroupsError> {
        let is_doubted = |set: &MemberSet| set.doubt == Some(Doubt::Emptied);
        let was_doubted = self.sets.get(&watched.key()).is_some_and(is_doubted);
        let is_mapped_alone = watched.by.teams && !watched.by.scope && !watched.by.rivals;
        if !(was_doubted && is_doubted(&set) && is_mapped_alone) {
            return Ok(set);
        }
        // Members of a group inside it may be hidden just as well.
        let inner = set.inner.iter().map(|group| ObjectId::from_u128(*group));
        let groups: Vec<ObjectId> = std::iter::once(watched.group.clone()).chain(inner).collect();
        if groups.len() > MOST_INNER {
            return Ok(set);
        }
        for group in groups {
            match directory.shows_members(tenant, &group).await {
                Ok((shows, asked)) => {
                    cost.add(asked);
                    if !shows {
                        return Ok(set);
                    }
                }
                // An inner group that is gone hides nobody; the group itself was read a moment ago.
                Err(DirectoryError::NotFound { .. }) if group != watched.group => {}
                Err(DirectoryError::NotFound { .. } | DirectoryError::Forbidden { .. }) => {
                    return Ok(set);
                }
                Err(error) => return Err(GroupsError::Directory(error)),
            }
        }
        // Whoever joins a group inside it is told by that group.
        Ok(MemberSet { inner: set.inner, left: set.left, ..MemberSet::default() })
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
    /// doubted; of one that is empty, until another full reading confirms it.
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
                if !is_emptied {
                    return Ok(set);
                }
                // Groups that are inside it by now may hide who was in it.
                let mut emptied = doubted(Doubt::Emptied);
                emptied.inner.extend(set.inner);
                emptied.sort();
                Ok(emptied)
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
