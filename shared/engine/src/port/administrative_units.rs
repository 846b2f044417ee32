//! The administrative units of the customer's directory.

use std::future::Future;

use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::segment::NextStep;

use super::{DirectoryError, MemberPage};

/// An administrative unit, as pickers show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdministrativeUnit {
    /// Its object id.
    pub id: ObjectId,
    /// Its display name.
    pub display_name: Option<String>,
}

/// A page of the administrative units.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitPage {
    /// The units; may be empty although more pages follow.
    pub units: Vec<AdministrativeUnit>,
    /// `Next` or `End`.
    pub next: NextStep,
    /// What it cost.
    pub cost: GraphCost,
}

/// The administrative units of any connected tenant. Only settings that name some need them: the
/// permission for them (`AdministrativeUnit.Read.All`) is asked of nobody else.
pub trait AdministrativeUnits: Send + Sync {
    /// A page of the units: the first, or the one behind a next link.
    fn units(
        &self,
        tenant: &TenantId,
        link: Option<&str>,
    ) -> impl Future<Output = Result<UnitPage, DirectoryError>> + Send;

    /// A unit; `None` when it does not exist.
    fn find_unit(
        &self,
        tenant: &TenantId,
        unit: &ObjectId,
    ) -> impl Future<Output = Result<Option<AdministrativeUnit>, DirectoryError>> + Send;

    /// A page of a unit's direct members. Who is in a group inside it is no member (Entra).
    fn unit_members(
        &self,
        tenant: &TenantId,
        unit: &ObjectId,
        link: Option<&str>,
    ) -> impl Future<Output = Result<MemberPage, DirectoryError>> + Send;

    /// How many users are in a unit, as Graph counts; informs only.
    fn count_unit(
        &self,
        tenant: &TenantId,
        unit: &ObjectId,
    ) -> impl Future<Output = Result<(u64, GraphCost), DirectoryError>> + Send;
}
