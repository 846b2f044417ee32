//! What a settings document names in the directory, and what of it does not exist there.

use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::settings::{AllOr, Problem, Settings};
use futures::future::try_join_all;

use crate::port::{Directory, DirectoryError};

/// How many groups are asked for at the same time.
const AT_ONCE: usize = 8;

/// What looking for the named objects showed.
#[derive(Debug, Default)]
pub(super) struct References {
    /// Groups, administrative units and users that the tenant does not have, each with its place.
    pub(super) unknown: Vec<Problem>,
    /// What could not be looked at, and why.
    pub(super) unchecked: Vec<Problem>,
    /// What it cost.
    pub(super) cost: GraphCost,
}

/// Every group and user that the document names, with its place.
fn named_groups(settings: &Settings) -> Vec<(String, ObjectId)> {
    let meant: &[ObjectId] = match &settings.scope.groups {
        AllOr::All => &[],
        AllOr::Any(groups) => &groups.any,
    };
    let listed = |base: &'static str, ids: &[ObjectId]| -> Vec<(String, ObjectId)> {
        let placed = |(index, id): (usize, &ObjectId)| (format!("{base}/{index}"), id.clone());
        ids.iter().enumerate().map(placed).collect()
    };
    let teams = settings.teams.iter().enumerate();
    listed("/scope/groups/any", meant)
        .into_iter()
        .chain(listed("/scope/ignoredGroups", &settings.scope.ignored_groups))
        .chain(teams.map(|(index, team)| (format!("/teams/{index}/group"), team.group.clone())))
        .collect()
}

/// Looks for every group, administrative unit and user that the document names.
pub(super) async fn look_up(
    directory: &impl Directory,
    tenant: &TenantId,
    settings: &Settings,
) -> Result<References, DirectoryError> {
    let mut references = References::default();
    look_up_groups(directory, tenant, settings, &mut references).await?;
    look_up_units(directory, tenant, settings, &mut references).await?;
    look_up_users(directory, tenant, settings, &mut references).await?;
    Ok(references)
}

async fn look_up_groups(
    directory: &impl Directory,
    tenant: &TenantId,
    settings: &Settings,
    into: &mut References,
) -> Result<(), DirectoryError> {
    let named = named_groups(settings);
    let mut ids: Vec<ObjectId> = named.iter().map(|(_, id)| id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    into.cost.add(GraphCost {
        requests: u64::try_from(ids.len()).unwrap_or(u64::MAX),
        ..GraphCost::default()
    });
    let missing = missing_groups(directory, tenant, &ids).await;
    match missing {
        Ok(missing) => {
            let unknown = named.into_iter().filter(|(_, id)| missing.contains(id));
            into.unknown.extend(unknown.map(|(pointer, id)| Problem {
                pointer,
                message: format!("the connected organisation has no group `{id}`"),
            }));
        }
        Err(DirectoryError::Forbidden { .. }) => into.unchecked.push(Problem {
            pointer: "/scope/groups".to_owned(),
            message: "groups could not be looked at: the permission GroupMember.Read.All is \
                      missing; an Entra admin grants it with a new consent"
                .to_owned(),
        }),
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn look_up_units(
    directory: &impl Directory,
    tenant: &TenantId,
    settings: &Settings,
    into: &mut References,
) -> Result<(), DirectoryError> {
    let AllOr::Any(units) = &settings.scope.administrative_units else { return Ok(()) };
    into.cost.add(GraphCost {
        requests: u64::try_from(units.len()).unwrap_or(u64::MAX),
        ..GraphCost::default()
    });
    for (number, some) in units.chunks(AT_ONCE).enumerate() {
        let asked = some.iter().map(|unit| directory.find_unit(tenant, unit));
        let found = match try_join_all(asked.collect::<Vec<_>>()).await {
            Ok(found) => found,
            Err(DirectoryError::Forbidden { .. }) => {
                into.unchecked.push(Problem {
                    pointer: "/scope/administrativeUnits".to_owned(),
                    message: "administrative units could not be looked at: the permission \
                              AdministrativeUnit.Read.All is missing; an Entra admin grants it \
                              with a new consent"
                        .to_owned(),
                });
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let gone = some.iter().zip(found).enumerate().filter(|(_, (_, found))| found.is_none());
        into.unknown.extend(gone.map(|(index, (unit, _))| Problem {
            pointer: format!("/scope/administrativeUnits/any/{}", number * AT_ONCE + index),
            message: format!("the connected organisation has no administrative unit `{unit}`"),
        }));
    }
    Ok(())
}

/// Those of the groups that do not exist.
async fn missing_groups(
    directory: &impl Directory,
    tenant: &TenantId,
    groups: &[ObjectId],
) -> Result<Vec<ObjectId>, DirectoryError> {
    let mut missing = Vec::new();
    for groups in groups.chunks(AT_ONCE) {
        let asked = groups.iter().map(|group| directory.find_group(tenant, group));
        let found = try_join_all(asked.collect::<Vec<_>>()).await?;
        let gone = groups.iter().zip(found).filter(|(_, found)| found.is_none());
        missing.extend(gone.map(|(group, _)| group.clone()));
    }
    Ok(missing)
}

async fn look_up_users(
    directory: &impl Directory,
    tenant: &TenantId,
    settings: &Settings,
    into: &mut References,
) -> Result<(), DirectoryError> {
    let ignored = &settings.scope.ignored_users;
    if ignored.is_empty() {
        return Ok(());
    }
    let read = directory.users_by_id(tenant, &UserSelection::default(), ignored).await?;
    into.cost.add(read.cost);
    for (index, id) in ignored.iter().enumerate() {
        if !read.found.iter().any(|user| user.id == *id) && !read.soft_deleted.contains(id) {
            into.unknown.push(Problem {
                pointer: format!("/scope/ignoredUsers/{index}"),
                message: format!("the connected organisation has no user `{id}`"),
            });
        }
    }
    Ok(())
}
