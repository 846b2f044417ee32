//! A directory whose few answers can be replaced.

use std::sync::Mutex;

use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::segment::NextStep;

use crate::port::{
    AdministrativeUnit, AdministrativeUnits, ByIds, DeltaPage, Directory, DirectoryError, Group,
    GroupPage, GroupsDeltaPage, Lane, MemberPage, Organization, UnitPage, UserPage,
};

type Answer<T> = Mutex<Option<fn() -> Result<T, DirectoryError>>>;

/// Answers what consent and readiness ask.
#[derive(Default)]
pub(crate) struct FakeDirectory {
    pub(crate) forgotten: Mutex<Vec<TenantId>>,
    pub(crate) organization: Answer<Organization>,
    pub(crate) users: Answer<Vec<DirectoryUser>>,
    pub(crate) groups: Answer<Vec<Group>>,
    pub(crate) units: Answer<UnitPage>,
    pub(crate) counts: Answer<(u64, GraphCost)>,
}

fn told<T>(
    answer: &Answer<T>,
    otherwise: impl FnOnce() -> Result<T, DirectoryError>,
) -> Result<T, DirectoryError> {
    match *answer.lock().unwrap() {
        Some(answer) => answer(),
        None => otherwise(),
    }
}

impl Directory for FakeDirectory {
    async fn latest_users_link(
        &self,
        _: &TenantId,
        _: &UserSelection,
    ) -> Result<(String, GraphCost), DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }
    async fn list_users(
        &self,
        _: &TenantId,
        _: &UserSelection,
        _: Option<&str>,
        _: Lane,
    ) -> Result<UserPage, DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }
    async fn users_delta(&self, _: &TenantId, _: &str) -> Result<DeltaPage, DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }
    async fn users_by_id(
        &self,
        _: &TenantId,
        _: &UserSelection,
        _: &[ObjectId],
    ) -> Result<ByIds, DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }
    async fn find_user(
        &self,
        _: &TenantId,
        _: &UserSelection,
        _: &str,
    ) -> Result<Option<DirectoryUser>, DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }
    async fn search_users(
        &self,
        _: &TenantId,
        _: &str,
        _: u16,
    ) -> Result<Vec<DirectoryUser>, DirectoryError> {
        told(&self.users, || Ok(Vec::new()))
    }
    async fn count_users(&self, _: &TenantId) -> Result<(u64, GraphCost), DirectoryError> {
        told(&self.counts, || Ok((2_000, GraphCost::default())))
    }
    async fn count_groups(&self, _: &TenantId) -> Result<(u64, GraphCost), DirectoryError> {
        told(&self.counts, || Ok((12, GraphCost::default())))
    }
    async fn find_group(
        &self,
        _: &TenantId,
        _: &ObjectId,
    ) -> Result<Option<Group>, DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }
    async fn shows_members(
        &self,
        _: &TenantId,
        _: &ObjectId,
    ) -> Result<(bool, GraphCost), DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }
    async fn search_groups(
        &self,
        _: &TenantId,
        _: &str,
        _: u16,
    ) -> Result<Vec<Group>, DirectoryError> {
        told(&self.groups, || Ok(Vec::new()))
    }
    async fn group_members(
        &self,
        _: &TenantId,
        _: &ObjectId,
        _: bool,
        _: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }
    async fn user_groups(
        &self,
        _: &TenantId,
        _: &ObjectId,
        _: bool,
        _: Option<&str>,
    ) -> Result<GroupPage, DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }

    async fn latest_groups_link(
        &self,
        _: &TenantId,
    ) -> Result<(String, GraphCost), DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }
    async fn groups_delta(&self, _: &TenantId, _: &str) -> Result<GroupsDeltaPage, DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }
    async fn organization(&self, asked: &TenantId) -> Result<Organization, DirectoryError> {
        told(&self.organization, || {
            Ok(Organization {
                id: asked.clone(),
                name: Some("Contoso".into()),
                verified_domains: vec!["contoso.com".into(), "contoso.onmicrosoft.com".into()],
            })
        })
    }
    async fn forget_token(&self, tenant: &TenantId) {
        self.forgotten.lock().unwrap().push(tenant.clone());
    }
}

impl AdministrativeUnits for FakeDirectory {
    async fn units(&self, _: &TenantId, _: Option<&str>) -> Result<UnitPage, DirectoryError> {
        told(&self.units, || {
            let next = NextStep::End;
            Ok(UnitPage { units: Vec::new(), next, cost: GraphCost::default() })
        })
    }

    async fn find_unit(
        &self,
        _: &TenantId,
        _: &ObjectId,
    ) -> Result<Option<AdministrativeUnit>, DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }

    async fn unit_members(
        &self,
        _: &TenantId,
        _: &ObjectId,
        _: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }

    async fn count_unit(
        &self,
        _: &TenantId,
        _: &ObjectId,
    ) -> Result<(u64, GraphCost), DirectoryError> {
        unreachable!("consent and readiness never ask this")
    }
}
