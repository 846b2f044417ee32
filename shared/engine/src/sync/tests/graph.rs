//! A directory that is read in small pages, and fails when told to.

use std::collections::VecDeque;
use std::sync::Mutex;

use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::segment::NextStep;

use crate::memory::MemoryDirectory;
use crate::port::{
    AdministrativeUnit, AdministrativeUnits, ByIds, DeltaPage, Directory, DirectoryError, Group,
    GroupPage, GroupsDeltaPage, Lane, MemberPage, Organization, UnitPage, UserPage,
};

type Cost = Result<(u64, GraphCost), DirectoryError>;
type Linked = Result<(String, GraphCost), DirectoryError>;

/// The directory of a test.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) inner: MemoryDirectory,
    pub(super) page_size: usize,
    /// The n-th page asked for from now on (0 = the next) fails so.
    pub(super) faults: Mutex<VecDeque<(usize, DirectoryError)>>,
    /// Users whom the listing's page from this position names once more, as they were then.
    pub(super) named_again: Mutex<Vec<(usize, DirectoryUser)>>,
    /// Attributes that this directory does not have: who selects one is refused.
    pub(super) unknown: Mutex<Vec<String>>,
    /// Users whom reads by id do not find, although they are there: replicas lag.
    pub(super) hidden: Mutex<Vec<ObjectId>>,
    /// Users whom the listing leaves out, although they are there.
    pub(super) unlisted: Mutex<Vec<ObjectId>>,
    /// Who is listed first; everybody else follows by id.
    pub(super) order: Mutex<Vec<ObjectId>>,
    /// The n-th page of a unit's members from now on (0 = the next) fails so.
    pub(super) unit_faults: Mutex<VecDeque<(usize, DirectoryError)>>,
    /// How many requests were made.
    pub(super) requests: Mutex<usize>,
}

impl Graph {
    pub(super) fn fail_page(&self, number: usize, error: DirectoryError) {
        self.faults.lock().unwrap().push_back((number, error));
    }

    pub(super) fn requests(&self) -> usize {
        *self.requests.lock().unwrap()
    }

    fn asked(&self) {
        *self.requests.lock().unwrap() += 1;
    }

    fn unit_fault(&self) -> Result<(), DirectoryError> {
        let mut faults = self.unit_faults.lock().unwrap();
        match faults.front_mut() {
            Some((0, _)) => return Err(faults.pop_front().unwrap().1),
            Some((left, _)) => *left -= 1,
            None => {}
        }
        Ok(())
    }

    fn page_asked(&self) -> Result<(), DirectoryError> {
        self.asked();
        let mut faults = self.faults.lock().unwrap();
        let Some((left, _)) = faults.front_mut() else { return Ok(()) };
        if *left > 0 {
            *left -= 1;
            return Ok(());
        }
        Err(faults.pop_front().unwrap().1)
    }
}

fn offset(link: &str) -> usize {
    link.rsplit('-').next().unwrap().parse().unwrap()
}

impl Directory for Graph {
    async fn latest_users_link(&self, tenant: &TenantId, select: &UserSelection) -> Linked {
        self.asked();
        self.inner.latest_users_link(tenant, select).await
    }

    async fn list_users(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        link: Option<&str>,
        lane: Lane,
    ) -> Result<UserPage, DirectoryError> {
        self.page_asked()?;
        let start = link.map_or(0, offset);
        let mut all = self.inner.list_users(tenant, select, None, lane).await?.users;
        let unlisted = self.unlisted.lock().unwrap().clone();
        all.retain(|user| !unlisted.contains(&user.id));
        let order = self.order.lock().unwrap().clone();
        let place = |id: &ObjectId| order.iter().position(|listed| listed == id);
        all.sort_by_key(|user| place(&user.id).unwrap_or(usize::MAX));
        let end = (start + self.page_size).min(all.len());
        let next =
            if end < all.len() { NextStep::Next(format!("list-{end}")) } else { NextStep::End };
        let again = self.named_again.lock().unwrap();
        let again = again.iter().filter(|(position, _)| *position == start);
        let users = all[start..end].iter().cloned().chain(again.map(|(_, user)| user.clone()));
        Ok(UserPage { users: users.collect(), next, cost: GraphCost::default() })
    }

    async fn users_delta(
        &self,
        tenant: &TenantId,
        link: &str,
    ) -> Result<DeltaPage, DirectoryError> {
        self.page_asked()?;
        let start = offset(link);
        let mut page = self.inner.users_delta(tenant, &format!("seen-{start}")).await?;
        if page.entries.len() > self.page_size {
            page.entries.truncate(self.page_size);
            page.next = NextStep::Next(format!("next-{}", start + self.page_size));
        }
        Ok(page)
    }

    async fn users_by_id(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        ids: &[ObjectId],
    ) -> Result<ByIds, DirectoryError> {
        self.asked();
        if let Some(name) = self.unknown.lock().unwrap().iter().find(|name| select.names(name)) {
            return Err(DirectoryError::UnknownAttribute { name: name.clone() });
        }
        let mut read = self.inner.users_by_id(tenant, select, ids).await?;
        let hidden = self.hidden.lock().unwrap();
        read.found.retain(|user| !hidden.contains(&user.id));
        Ok(read)
    }

    async fn find_user(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        key: &str,
    ) -> Result<Option<DirectoryUser>, DirectoryError> {
        self.inner.find_user(tenant, select, key).await
    }

    async fn search_users(
        &self,
        tenant: &TenantId,
        query: &str,
        limit: u16,
    ) -> Result<Vec<DirectoryUser>, DirectoryError> {
        self.inner.search_users(tenant, query, limit).await
    }

    async fn count_users(&self, tenant: &TenantId) -> Cost {
        self.inner.count_users(tenant).await
    }

    async fn count_groups(&self, tenant: &TenantId) -> Cost {
        self.inner.count_groups(tenant).await
    }

    async fn find_group(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
    ) -> Result<Option<Group>, DirectoryError> {
        self.inner.find_group(tenant, group).await
    }

    async fn shows_members(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
    ) -> Result<(bool, GraphCost), DirectoryError> {
        self.asked();
        self.inner.shows_members(tenant, group).await
    }

    async fn search_groups(
        &self,
        tenant: &TenantId,
        query: &str,
        limit: u16,
    ) -> Result<Vec<Group>, DirectoryError> {
        self.inner.search_groups(tenant, query, limit).await
    }

    async fn group_members(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
        nested: bool,
        link: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        self.asked();
        self.inner.group_members(tenant, group, nested, link).await
    }

    async fn user_groups(
        &self,
        tenant: &TenantId,
        user: &ObjectId,
        nested: bool,
        link: Option<&str>,
    ) -> Result<GroupPage, DirectoryError> {
        self.asked();
        self.inner.user_groups(tenant, user, nested, link).await
    }

    async fn latest_groups_link(&self, tenant: &TenantId) -> Linked {
        self.asked();
        self.inner.latest_groups_link(tenant).await
    }

    async fn groups_delta(
        &self,
        tenant: &TenantId,
        link: &str,
    ) -> Result<GroupsDeltaPage, DirectoryError> {
        self.page_asked()?;
        self.inner.groups_delta(tenant, link).await
    }

    async fn organization(&self, tenant: &TenantId) -> Result<Organization, DirectoryError> {
        self.inner.organization(tenant).await
    }

    async fn forget_token(&self, tenant: &TenantId) {
        self.inner.forget_token(tenant).await;
    }
}

impl AdministrativeUnits for Graph {
    async fn units(
        &self,
        tenant: &TenantId,
        link: Option<&str>,
    ) -> Result<UnitPage, DirectoryError> {
        self.inner.units(tenant, link).await
    }

    async fn find_unit(
        &self,
        tenant: &TenantId,
        unit: &ObjectId,
    ) -> Result<Option<AdministrativeUnit>, DirectoryError> {
        self.inner.find_unit(tenant, unit).await
    }

    /// In pages of ten.
    async fn unit_members(
        &self,
        tenant: &TenantId,
        unit: &ObjectId,
        link: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        self.asked();
        self.unit_fault()?;
        let start = link.map_or(0, offset);
        let mut page = self.inner.unit_members(tenant, unit, None).await?;
        let all = page.users.len();
        page.users = page.users.into_iter().skip(start).take(10).collect();
        if start + 10 < all {
            page.next = NextStep::Next(format!("unit-{}", start + 10));
        }
        Ok(page)
    }

    async fn count_unit(
        &self,
        tenant: &TenantId,
        unit: &ObjectId,
    ) -> Result<(u64, GraphCost), DirectoryError> {
        self.inner.count_unit(tenant, unit).await
    }
}
