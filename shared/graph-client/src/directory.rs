//! The directory port, each method where its resource is.

use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_engine::port::{
    ByIds, Clock, DeltaPage, Directory, DirectoryError, GraphBudget, Group, GroupPage,
    GroupsDeltaPage, Lane, MemberPage, Organization, UserPage,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::client::GraphClient;
use crate::credential::CredentialSource;

/// What may stand unescaped in a query value.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A value for a query string.
pub(crate) fn escape(value: &str) -> String {
    utf8_percent_encode(value, VALUE).to_string()
}

/// A text literal in a filter: an apostrophe doubles.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(crate) fn add(sum: &mut GraphCost, cost: GraphCost) {
    sum.requests += cost.requests;
    sum.resource_units += cost.resource_units;
}

impl<S: CredentialSource, C: Clock, B: GraphBudget> Directory for GraphClient<S, C, B> {
    async fn latest_users_link(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
    ) -> Result<(String, GraphCost), DirectoryError> {
        self.users_latest(tenant, select).await
    }

    async fn list_users(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        link: Option<&str>,
        lane: Lane,
    ) -> Result<UserPage, DirectoryError> {
        self.user_page(tenant, select, link, lane).await
    }

    async fn users_delta(
        &self,
        tenant: &TenantId,
        link: &str,
    ) -> Result<DeltaPage, DirectoryError> {
        self.user_changes(tenant, link).await
    }

    async fn users_by_id(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        ids: &[ObjectId],
    ) -> Result<ByIds, DirectoryError> {
        self.users_by_ids(tenant, select, ids).await
    }

    async fn find_user(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        key: &str,
    ) -> Result<Option<DirectoryUser>, DirectoryError> {
        self.user_by_key(tenant, select, key).await
    }

    async fn search_users(
        &self,
        tenant: &TenantId,
        query: &str,
        limit: u16,
    ) -> Result<Vec<DirectoryUser>, DirectoryError> {
        self.users_beginning_with(tenant, query, limit).await
    }

    async fn count_users(&self, tenant: &TenantId) -> Result<(u64, GraphCost), DirectoryError> {
        self.count(tenant, "the count of users", "/users/$count").await
    }

    async fn count_groups(&self, tenant: &TenantId) -> Result<(u64, GraphCost), DirectoryError> {
        self.count(tenant, "the count of groups", "/groups/$count").await
    }

    async fn find_group(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
    ) -> Result<Option<Group>, DirectoryError> {
        self.group_by_id(tenant, group).await
    }

    async fn shows_members(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
    ) -> Result<(bool, GraphCost), DirectoryError> {
        self.group_visibility(tenant, group).await
    }

    async fn search_groups(
        &self,
        tenant: &TenantId,
        query: &str,
        limit: u16,
    ) -> Result<Vec<Group>, DirectoryError> {
        self.groups_beginning_with(tenant, query, limit).await
    }

    async fn group_members(
        &self,
        tenant: &TenantId,
        group: &ObjectId,
        nested: bool,
        link: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        self.members(tenant, group, nested, link).await
    }

    async fn user_groups(
        &self,
        tenant: &TenantId,
        user: &ObjectId,
        nested: bool,
        link: Option<&str>,
    ) -> Result<GroupPage, DirectoryError> {
        self.groups_around(tenant, user, nested, link).await
    }

    async fn latest_groups_link(
        &self,
        tenant: &TenantId,
    ) -> Result<(String, GraphCost), DirectoryError> {
        self.groups_latest(tenant).await
    }

    async fn groups_delta(
        &self,
        tenant: &TenantId,
        link: &str,
    ) -> Result<GroupsDeltaPage, DirectoryError> {
        self.group_changes(tenant, link).await
    }

    async fn organization(&self, tenant: &TenantId) -> Result<Organization, DirectoryError> {
        self.tenant_record(tenant).await
    }

    async fn forget_token(&self, tenant: &TenantId) {
        self.tokens.forget(tenant).await;
    }
}
