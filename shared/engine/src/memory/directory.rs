//! A directory that can be edited.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Mutex, MutexGuard};

use contact_sync_domain::directory::{DeltaEntry, DirectoryUser, RemovedReason, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::segment::NextStep;
use jiff::SignedDuration;

use super::locked;
use crate::port::{
    AdministrativeUnit, ByIds, DeltaPage, Directory, DirectoryError, Group, GroupChange, GroupPage,
    GroupsDeltaPage, Lane, MemberEdge, MemberKind, MemberPage, Organization, RemoteSubscription,
    UserPage,
};

/// Who is in the directory, and what happened in it: every tenant sees the same.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a trouble of its own")]
pub struct Entra {
    /// The users.
    pub users: BTreeMap<ObjectId, DirectoryUser>,
    /// Who is in the recycle bin.
    pub bin: BTreeMap<ObjectId, DirectoryUser>,
    /// The groups with the users and groups directly in them.
    pub groups: BTreeMap<ObjectId, (Group, Vec<ObjectId>, Vec<ObjectId>)>,
    /// The administrative units with the users in them.
    pub units: BTreeMap<ObjectId, (AdministrativeUnit, Vec<ObjectId>)>,
    /// Administrative units may not be read.
    pub hides_units: bool,
    /// Graph's subscriptions.
    pub subscriptions: Vec<(TenantId, RemoteSubscription)>,
    /// Every answer is "wait".
    pub is_throttled: bool,
    /// So many more answers, then every one is "wait".
    pub answers_left: Option<usize>,
    /// How many users a page of their list holds; all of them where it is left out.
    pub users_per_page: Option<usize>,
    /// These groups hide who is in them.
    pub hides_members: Vec<ObjectId>,
    /// Groups may not be counted.
    pub hides_group_count: bool,
    /// What somebody is directly in may not be read.
    pub hides_direct_groups: bool,
    /// Of these groups one member is told at once, and of the others nobody lives to hear.
    pub endless_groups: Vec<ObjectId>,
    changes: Vec<DeltaEntry>,
    group_changes: Vec<GroupChange>,
}

/// A directory in memory; a page of anything but its users holds all of it.
#[derive(Debug, Default)]
pub struct MemoryDirectory(Mutex<Entra>);

impl MemoryDirectory {
    /// A directory of these users.
    pub fn of(users: impl IntoIterator<Item = DirectoryUser>) -> Self {
        let users = users.into_iter().map(|user| (user.id.clone(), user)).collect();
        Self(Mutex::new(Entra { users, ..Entra::default() }))
    }

    /// What is there, to look at and to change.
    pub fn entra(&self) -> MutexGuard<'_, Entra> {
        locked(&self.0)
    }

    pub(super) fn asked(&self) -> Result<MutexGuard<'_, Entra>, DirectoryError> {
        let mut entra = self.entra();
        let waits = entra.is_throttled || entra.answers_left == Some(0);
        entra.answers_left = entra.answers_left.map(|left| left.saturating_sub(1));
        if waits {
            let retry_after = Some(SignedDuration::from_secs(17));
            return Err(DirectoryError::Throttled { retry_after });
        }
        Ok(entra)
    }
}

impl Entra {
    /// Adds or changes a user; deltas tell of it.
    pub fn put_user(&mut self, user: DirectoryUser) {
        self.bin.remove(&user.id);
        self.changes.push(DeltaEntry::Changed(user.clone()));
        self.users.insert(user.id.clone(), user);
    }

    /// Moves a user to the recycle bin, as deleting does in Entra; deltas tell of it.
    pub fn delete_user(&mut self, id: &ObjectId) {
        let user = self.users.remove(id);
        self.bin.extend(user.map(|user| (id.clone(), user)));
        let reason = RemovedReason::SoftDeleted;
        self.changes.push(DeltaEntry::Removed { id: id.clone(), reason });
    }

    /// Deletes a user for good, from the recycle bin or past it; deltas tell of it.
    pub fn remove_user(&mut self, id: &ObjectId) {
        self.users.remove(id);
        self.bin.remove(id);
        let reason = RemovedReason::Purged;
        self.changes.push(DeltaEntry::Removed { id: id.clone(), reason });
    }

    /// Adds or changes a group; deltas tell who joined or left.
    pub fn put_group(&mut self, group: Group, users: Vec<ObjectId>, groups: Vec<ObjectId>) {
        let before = self.groups.get(&group.id).cloned();
        let (_, old_users, old_groups) = before.unwrap_or((group.clone(), Vec::new(), Vec::new()));
        let members = [
            edges(MemberKind::User, &old_users, &users),
            edges(MemberKind::Group, &old_groups, &groups),
        ]
        .concat();
        self.group_changes.push(GroupChange::Changed { group: group.id.clone(), members });
        self.groups.insert(group.id.clone(), (group, users, groups));
    }

    /// Deletes a group; deltas tell of it.
    pub fn remove_group(&mut self, group: &ObjectId) {
        self.groups.remove(group);
        self.group_changes.push(GroupChange::Gone(group.clone()));
    }

    /// Adds everybody in a group and, with `nested`, in the groups inside it.
    fn collect(&self, group: &ObjectId, nested: bool, page: &mut MemberPage) {
        let Some((_, users, groups)) = self.groups.get(group) else { return };
        page.users.extend(users.iter().cloned());
        for inner in groups {
            if !page.groups.contains(inner) {
                page.groups.push(inner.clone());
                if nested {
                    self.collect(inner, nested, page);
                }
            }
        }
    }
}

/// Who joined and who left.
fn edges(kind: MemberKind, before: &[ObjectId], after: &[ObjectId]) -> Vec<MemberEdge> {
    let edge = |id: &ObjectId, is_gone| MemberEdge { id: id.clone(), kind, is_gone };
    let left = before.iter().filter(|id| !after.contains(id)).map(|id| edge(id, true));
    let joined = after.iter().filter(|id| !before.contains(id)).map(|id| edge(id, false));
    left.chain(joined).collect()
}

/// A link to the users behind so many others.
const USERS_BEHIND: &str = "https://graph.example/v1.0/users?$skiptoken=";

/// What a link of ours stands for: so many changes were seen.
fn seen(link: &str) -> Result<usize, DirectoryError> {
    let number = link.strip_prefix("seen-").and_then(|number| number.parse().ok());
    number.ok_or(DirectoryError::Gone { restart: None })
}

/// A user as a read of these attributes tells him.
fn told(user: &DirectoryUser, select: &UserSelection) -> DirectoryUser {
    let mut user = user.clone();
    let manager = user.manager().flatten();
    user.attributes.retain(|name, _| select.names(name));
    if select.has_manager() {
        user.tell_manager(manager.as_ref());
    }
    user
}

fn is_meant(user: &DirectoryUser, query: &str) -> bool {
    ["displayName", "userPrincipalName", "mail"]
        .into_iter()
        .filter_map(|name| user.text(name))
        .any(|text| text.starts_with(query))
}

impl Directory for MemoryDirectory {
    async fn latest_users_link(
        &self,
        _: &TenantId,
        _: &UserSelection,
    ) -> Result<(String, GraphCost), DirectoryError> {
        let link = format!("seen-{}", self.asked()?.changes.len());
        Ok((link, GraphCost::default()))
    }

    async fn list_users(
        &self,
        _: &TenantId,
        select: &UserSelection,
        link: Option<&str>,
        _: Lane,
    ) -> Result<UserPage, DirectoryError> {
        let entra = self.asked()?;
        let behind = link.and_then(|link| link.strip_prefix(USERS_BEHIND)?.parse().ok());
        let begin: usize = behind.unwrap_or_default();
        let most = entra.users_per_page.unwrap_or(usize::MAX);
        let end = begin.saturating_add(most);
        let users = entra.users.values().skip(begin).take(most).map(|user| told(user, select));
        let next = NextStep::Next(format!("{USERS_BEHIND}{end}"));
        let next = if end < entra.users.len() { next } else { NextStep::End };
        Ok(UserPage { users: users.collect(), next, cost: GraphCost::default() })
    }

    async fn users_delta(&self, _: &TenantId, link: &str) -> Result<DeltaPage, DirectoryError> {
        let entra = self.asked()?;
        let entries = entra.changes.iter().skip(seen(link)?).cloned().collect();
        let next = NextStep::Delta(format!("seen-{}", entra.changes.len()));
        Ok(DeltaPage { entries, next, cost: GraphCost::default() })
    }

    async fn users_by_id(
        &self,
        _: &TenantId,
        select: &UserSelection,
        ids: &[ObjectId],
    ) -> Result<ByIds, DirectoryError> {
        let entra = self.asked()?;
        let found = ids
            .iter()
            .filter_map(|id| entra.users.get(id))
            .map(|user| told(user, select))
            .collect();
        let soft_deleted = ids.iter().filter(|id| entra.bin.contains_key(id)).cloned().collect();
        Ok(ByIds { found, soft_deleted, cost: GraphCost::default() })
    }

    async fn find_user(
        &self,
        _: &TenantId,
        select: &UserSelection,
        key: &str,
    ) -> Result<Option<DirectoryUser>, DirectoryError> {
        let entra = self.asked()?;
        let is_meant = |user: &&DirectoryUser| {
            let texts = [user.text("userPrincipalName"), user.text("mail")];
            user.id.as_str() == key || texts.contains(&Some(key))
        };
        Ok(entra.users.values().find(is_meant).map(|user| told(user, select)))
    }

    async fn search_users(
        &self,
        _: &TenantId,
        query: &str,
        limit: u16,
    ) -> Result<Vec<DirectoryUser>, DirectoryError> {
        let entra = self.asked()?;
        let meant = entra.users.values().filter(|user| is_meant(user, query));
        Ok(meant.take(usize::from(limit)).cloned().collect())
    }

    async fn count_users(&self, _: &TenantId) -> Result<(u64, GraphCost), DirectoryError> {
        let count = u64::try_from(self.asked()?.users.len()).unwrap_or(u64::MAX);
        Ok((count, GraphCost::default()))
    }

    async fn count_groups(&self, _: &TenantId) -> Result<(u64, GraphCost), DirectoryError> {
        let entra = self.asked()?;
        if entra.hides_group_count {
            let code = "Authorization_RequestDenied".to_owned();
            return Err(DirectoryError::Forbidden { what: "groups", code });
        }
        Ok((u64::try_from(entra.groups.len()).unwrap_or(u64::MAX), GraphCost::default()))
    }

    async fn find_group(
        &self,
        _: &TenantId,
        group: &ObjectId,
    ) -> Result<Option<Group>, DirectoryError> {
        Ok(self.asked()?.groups.get(group).map(|(group, _, _)| group.clone()))
    }

    async fn shows_members(
        &self,
        _: &TenantId,
        group: &ObjectId,
    ) -> Result<(bool, GraphCost), DirectoryError> {
        let entra = self.asked()?;
        if !entra.groups.contains_key(group) {
            return Err(DirectoryError::NotFound { what: "a group" });
        }
        Ok((!entra.hides_members.contains(group), GraphCost::default()))
    }

    async fn search_groups(
        &self,
        _: &TenantId,
        query: &str,
        limit: u16,
    ) -> Result<Vec<Group>, DirectoryError> {
        let entra = self.asked()?;
        let is_meant = |group: &&Group| {
            group.display_name.as_deref().is_some_and(|name| name.starts_with(query))
        };
        let meant = entra.groups.values().map(|(group, _, _)| group).filter(is_meant);
        Ok(meant.take(usize::from(limit)).cloned().collect())
    }

    async fn group_members(
        &self,
        _: &TenantId,
        group: &ObjectId,
        nested: bool,
        link: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        if !self.asked()?.groups.contains_key(group) {
            return Err(DirectoryError::NotFound { what: "a group" });
        }
        let is_endless = self.asked()?.endless_groups.contains(group);
        if is_endless && link.is_some() {
            return pending().await;
        }
        let mut page = MemberPage {
            users: Vec::new(),
            groups: Vec::new(),
            next: NextStep::End,
            cost: GraphCost::default(),
        };
        self.asked()?.collect(group, nested, &mut page);
        if is_endless {
            page.users.truncate(1);
            page.next = NextStep::Next("the others".to_owned());
        }
        Ok(page)
    }

    async fn user_groups(
        &self,
        _: &TenantId,
        user: &ObjectId,
        nested: bool,
        _: Option<&str>,
    ) -> Result<GroupPage, DirectoryError> {
        let entra = self.asked()?;
        if !entra.users.contains_key(user) {
            return Err(DirectoryError::NotFound { what: "a user" });
        }
        if !nested && entra.hides_direct_groups {
            let code = "Authorization_RequestDenied".to_owned();
            return Err(DirectoryError::Forbidden { what: "a user's groups", code });
        }
        let groups = entra.groups.values().filter(|(group, users, _)| {
            if !nested {
                return users.contains(user);
            }
            let next = NextStep::End;
            let cost = GraphCost::default();
            let mut page = MemberPage { users: Vec::new(), groups: Vec::new(), next, cost };
            entra.collect(&group.id, true, &mut page);
            page.users.contains(user)
        });
        let groups = groups.map(|(group, _, _)| group.clone()).collect();
        Ok(GroupPage { groups, next: NextStep::End, cost: GraphCost::default() })
    }

    async fn latest_groups_link(
        &self,
        _: &TenantId,
    ) -> Result<(String, GraphCost), DirectoryError> {
        let link = format!("seen-{}", self.asked()?.group_changes.len());
        Ok((link, GraphCost::default()))
    }

    async fn groups_delta(
        &self,
        _: &TenantId,
        link: &str,
    ) -> Result<GroupsDeltaPage, DirectoryError> {
        let entra = self.asked()?;
        let changes = entra.group_changes.iter().skip(seen(link)?).cloned().collect();
        let next = NextStep::Delta(format!("seen-{}", entra.group_changes.len()));
        Ok(GroupsDeltaPage { changes, next, cost: GraphCost::default() })
    }

    async fn organization(&self, tenant: &TenantId) -> Result<Organization, DirectoryError> {
        drop(self.asked()?);
        Ok(Organization {
            id: tenant.clone(),
            name: Some("Contoso".to_owned()),
            verified_domains: vec!["contoso.example".to_owned()],
        })
    }

    async fn forget_token(&self, _: &TenantId) {}
}
