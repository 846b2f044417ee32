//! Calling what each permission is for.

use contact_sync_domain::connection::PermissionOutcome;
use contact_sync_domain::id::TenantId;
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::settings::{AllOr, Settings};

use crate::port::{Directory, DirectoryError, Organization};

/// What the settings need beyond people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    /// Groups select or sort people.
    pub(super) groups: bool,
    /// Administrative units select people.
    pub(super) units: bool,
}

impl Needs {
    pub(super) fn of(settings: &Settings) -> Self {
        let selects = match settings.scope.groups {
            AllOr::All => false,
            AllOr::Any(_) => true,
        };
        Self {
            groups: selects || !settings.teams.is_empty(),
            units: !settings.scope.administrative_units.is_all(),
        }
    }
}

/// What a tenant answered.
#[derive(Debug)]
pub(super) struct Seen {
    /// Its own record; absent where it may not be read.
    pub(super) organization: Option<Organization>,
    pub(super) users: PermissionOutcome,
    pub(super) groups: PermissionOutcome,
    /// Of administrative units; not asked for where nothing needs them.
    pub(super) units: Option<PermissionOutcome>,
    pub(super) user_count: Option<u64>,
    pub(super) group_count: Option<u64>,
}

/// Asks for everything once. What fails for the whole tenant is an error; a permission that is
/// missing is an outcome.
pub(super) async fn probe(
    directory: &impl Directory,
    tenant: &TenantId,
    needs: Needs,
) -> Result<Seen, DirectoryError> {
    let organization = match directory.organization(tenant).await {
        Ok(organization) => Some(organization),
        // Which of its fields `User.Read.All` may read is not documented.
        Err(DirectoryError::Forbidden { .. } | DirectoryError::Refused { .. }) => None,
        Err(error) => return Err(error),
    };
    let users = outcome(directory.search_users(tenant, "", 1).await, true)?;
    let groups = outcome(directory.search_groups(tenant, "", 1).await, needs.groups)?;
    let units =
        if needs.units { Some(outcome(directory.units(tenant, None).await, true)?) } else { None };
    let granted = |outcome| outcome == PermissionOutcome::Granted;
    Ok(Seen {
        organization,
        users,
        groups,
        units,
        user_count: if granted(users) {
            informed(directory.count_users(tenant).await)
        } else {
            None
        },
        group_count: if granted(groups) {
            informed(directory.count_groups(tenant).await)
        } else {
            None
        },
    })
}

fn outcome<T>(
    answer: Result<T, DirectoryError>,
    needed: bool,
) -> Result<PermissionOutcome, DirectoryError> {
    match answer {
        Ok(_) => Ok(PermissionOutcome::Granted),
        Err(DirectoryError::Forbidden { .. }) if needed => Ok(PermissionOutcome::Missing),
        Err(DirectoryError::Forbidden { .. }) => Ok(PermissionOutcome::Unused),
        Err(error) => Err(error),
    }
}

/// Counts inform only; without one nothing is lost.
fn informed(answer: Result<(u64, GraphCost), DirectoryError>) -> Option<u64> {
    answer.ok().map(|(count, _)| count)
}
