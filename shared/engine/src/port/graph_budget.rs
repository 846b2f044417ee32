//! What all processes together may ask of Graph.

use std::future::Future;

use contact_sync_domain::id::TenantId;
use jiff::Timestamp;

use super::StoreError;

/// Whose limit of Graph's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitOf<'t> {
    /// The application's, over all tenants.
    App,
    /// The application's in one tenant.
    Tenant(&'t TenantId),
}

/// What asking for a share came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Taken.
    Granted,
    /// Nothing is left before this instant.
    Wait(Timestamp),
}

/// The share of Graph's limits that bulk reads have, kept where all processes see it. It is
/// politeness: whoever cannot reach it goes on, and Graph's own refusals are heeded as ever.
pub trait GraphBudget: Send + Sync {
    /// Takes so many resource units for bulk reads of a tenant, unless the tenant's or the
    /// application's share is used up, or one of them is held.
    fn take(
        &self,
        tenant: &TenantId,
        units: u32,
        now: Timestamp,
    ) -> impl Future<Output = Result<Grant, StoreError>> + Send;

    /// Gives nothing more of a limit before `until`: Graph said so. An earlier end changes nothing.
    fn hold(
        &self,
        limit: LimitOf<'_>,
        until: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
