//! Administrative units by their names, where the scope's clause about them is explained.

use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::scope::{Clause, ClauseVerdict, Memberships, Stance};
use contact_sync_domain::settings::{AllOr, Scope};
use futures::future::join_all;

use crate::port::AdministrativeUnits;

/// More units are counted instead of named.
const NAMED: usize = 5;

/// Adds to what the clause says which units it means: those that the user is in, or all that the
/// scope lists. A unit whose name cannot be read is told by its id.
pub(super) async fn name_units(
    directory: &impl AdministrativeUnits,
    tenant: &TenantId,
    scope: &Scope,
    (memberships, user): (&Memberships, &ObjectId),
    told: &mut [ClauseVerdict],
) {
    let AllOr::Any(listed) = &scope.administrative_units else { return };
    let is_ours = |one: &&mut ClauseVerdict| one.clause == Clause::AdministrativeUnits;
    let Some(verdict) = told.iter_mut().find(is_ours) else { return };
    let meant: Vec<ObjectId> = match verdict.verdict {
        Stance::In => memberships.units_of(user).collect(),
        Stance::Out | Stance::Unknown => listed.clone(),
    };
    let asked = meant.iter().take(NAMED).map(|unit| async move {
        let found = directory.find_unit(tenant, unit).await.ok().flatten();
        found.and_then(|found| found.display_name).unwrap_or_else(|| unit.to_string())
    });
    let names = join_all(asked.collect::<Vec<_>>()).await.join(", ");
    let more = match meant.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    verdict.because = format!("{} ({names}{more})", verdict.because);
}
