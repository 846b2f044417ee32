//! What several workers share: a port behind an `Arc` is that port.

use std::sync::Arc;

use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use jiff::{SignedDuration, Timestamp};

use super::{
    AdministrativeUnit, AdministrativeUnits, ByIds, Clock, DeltaPage, Directory, DirectoryError,
    Group, GroupPage, GroupsDeltaPage, Lane, MemberPage, Organization, Randomness, UnitPage,
    UserPage,
};

impl<T: Clock> Clock for Arc<T> {
    fn now(&self) -> Timestamp {
        T::now(self)
    }

    async fn sleep(&self, duration: SignedDuration) {
        T::sleep(self, duration).await;
    }
}

impl<T: Randomness> Randomness for Arc<T> {
    fn bits(&self) -> u128 {
        T::bits(self)
    }

    fn ordered_bits(&self) -> u128 {
        T::ordered_bits(self)
    }

    fn secret(&self) -> String {
        T::secret(self)
    }
}

impl<T: AdministrativeUnits> AdministrativeUnits for Arc<T> {
    async fn units(
        &self,
        tenant: &TenantId,
        link: Option<&str>,
    ) -> Result<UnitPage, DirectoryError> {
        T::units(self, tenant, link).await
    }

    async fn find_unit(
        &self,
        tenant: &TenantId,
        unit: &ObjectId,
    ) -> Result<Option<AdministrativeUnit>, DirectoryError> {
        T::find_unit(self, tenant, unit).await
    }

    async fn unit_members(
        &self,
        tenant: &TenantId,
        unit: &ObjectId,
        link: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        T::unit_members(self, tenant, unit, link).await
    }

    async fn count_unit(
        &self,
        tenant: &TenantId,
        unit: &ObjectId,
    ) -> Result<(u64, GraphCost), DirectoryError> {
        T::count_unit(self, tenant, unit).await
    }
}

impl<T: Directory> Directory for Arc<T> {
    async fn latest_users_link(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
    ) -> Result<(String, GraphCost), DirectoryError> {
        T::latest_users_link(self, tenant, select).await
    }

    async fn list_users(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        link: Option<&str>,
        lane: Lane,
    ) -> Result<UserPage, DirectoryError> {
        T::list_users(self, tenant, select, link, lane).await
    }

    async fn users_delta(
        &self,
        tenant: &TenantId,
        link: &str,
    ) -> Result<DeltaPage, DirectoryError> {
        T::users_delta(self, tenant, link).await
    }

    async fn users_by_id(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        ids: &[ObjectId],
    ) -> Result<ByIds, DirectoryError> {
        T::users_by_id(self, tenant, select, ids).await
    }

    async fn find_user(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        key: &str,
    ) -> Result<Option<DirectoryUser>, DirectoryError> {
        T::find_user(self, tenant, select, key).await
    }

    async fn search_users(
        &self,
        tenant: &TenantId,
        query: &str,
        limit: u16,
    ) -> Result<Vec<DirectoryUser>, DirectoryError> {
        T::search_users(self, tenant, query, limit).await
    }

    async fn count_users(&self, tenant: &TenantId) -> Result<(u64, GraphCost), DirectoryError> {
        T::count_users(self, tenant).await
    }

    async fn count_groups(&self, tenant: &TenantId) -> Result<(u64, GraphCost), DirectoryError> {
        T::count_groups(self, tenant).await
    }

    async fn find_group(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
    ) -> Result<Option<Group>, DirectoryError> {
        T::find_group(self, tenant, group).await
    }

    async fn shows_members(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
    ) -> Result<(bool, GraphCost), DirectoryError> {
        T::shows_members(self, tenant, group).await
    }

    async fn search_groups(
        &self,
        tenant: &TenantId,
        query: &str,
        limit: u16,
    ) -> Result<Vec<Group>, DirectoryError> {
        T::search_groups(self, tenant, query, limit).await
    }

    async fn group_members(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
        nested: bool,
        link: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        T::group_members(self, tenant, group, nested, link).await
    }

    async fn user_groups(
        &self,
        tenant: &TenantId,
        user: &ObjectId,
        nested: bool,
        link: Option<&str>,
    ) -> Result<GroupPage, DirectoryError> {
        T::user_groups(self, tenant, user, nested, link).await
    }

    async fn latest_groups_link(
        &self,
        tenant: &TenantId,
    ) -> Result<(String, GraphCost), DirectoryError> {
        T::latest_groups_link(self, tenant).await
    }

    async fn groups_delta(
        &self,
        tenant: &TenantId,
        link: &str,
    ) -> Result<GroupsDeltaPage, DirectoryError> {
        T::groups_delta(self, tenant, link).await
    }

    async fn organization(&self, tenant: &TenantId) -> Result<Organization, DirectoryError> {
        T::organization(self, tenant).await
    }

    async fn forget_token(&self, tenant: &TenantId) {
        T::forget_token(self, tenant).await;
    }
}
