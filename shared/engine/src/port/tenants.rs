//! Who uses which tenant, and who may.

use std::future::Future;

use contact_sync_domain::id::{AccountId, ConnectionId, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreError;

/// Who uses a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantClaim {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Through which connection.
    pub connection_id: ConnectionId,
}

/// Why a tenant cannot be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantTaken {
    /// This connection has it: another account's, or another one of the same account.
    By(TenantClaim),
    /// An operator granted it to other accounts.
    GrantedToOthers,
}

/// Which accounts may use a tenant side by side, as an operator says. Without a grant a tenant
/// belongs to whoever connects it first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantGrant {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The accounts, each once.
    pub accounts: Vec<AccountId>,
    /// Raised by every change, and by every claim that the grant allows.
    pub version: u64,
    /// Who granted it: the `sub` of the caller's token.
    pub granted_by: Option<String>,
    /// When it last changed.
    pub granted_at: Timestamp,
}

/// What became of a change to a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// It holds.
    Done,
    /// Somebody else changed it, or claimed the tenant, at the same time.
    Moved,
    /// This account uses the tenant and would lose it.
    InUse(AccountId),
}

/// Tenants.
pub trait TenantStore: Send + Sync {
    /// Claims a tenant for an account, one connection of it. A claim by the same account and
    /// connection is fine. A second account needs a grant.
    fn claim_tenant(
        &self,
        claim: &TenantClaim,
    ) -> impl Future<Output = Result<Result<(), TenantTaken>, StoreError>> + Send;

    /// Everybody who uses a tenant.
    fn tenant_claims(
        &self,
        tenant: &TenantId,
    ) -> impl Future<Output = Result<Vec<TenantClaim>, StoreError>> + Send;

    /// Gives a tenant up, if this connection has it.
    fn release_tenant(
        &self,
        claim: &TenantClaim,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives the tenant that `claim` has to another account, in one step where the two cannot have
    /// it side by side: at no moment it is free for a third. Done also where `to` has it already
    /// through the same connection.
    fn pass_tenant(
        &self,
        claim: &TenantClaim,
        to: &AccountId,
    ) -> impl Future<Output = Result<Result<(), TenantTaken>, StoreError>> + Send;

    /// Who may use a tenant side by side; `None` without a grant.
    fn tenant_grant(
        &self,
        tenant: &TenantId,
    ) -> impl Future<Output = Result<Option<TenantGrant>, StoreError>> + Send;

    /// Stores a grant whose stored `version` is one below (or which is new at version 1). One for
    /// no account ends it. Whoever uses the tenant must be among the accounts.
    fn put_tenant_grant(
        &self,
        grant: &TenantGrant,
    ) -> impl Future<Output = Result<Granted, StoreError>> + Send;
}
