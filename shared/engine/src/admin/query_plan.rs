//! How a full run would read the directory, and what that costs.

use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::id::{AccountId, ConnectionId};
use contact_sync_domain::query_plan::{ListOf, MemberList, QueryPlan, Sizes};
use contact_sync_domain::scope::ScopeRule;

use super::directory::connected;
use super::{AdminError, Outside};
use crate::port::{Directory, DirectoryError, SettingsStore};
use crate::sync::{GroupsError, MemberSets, ReadAs, Watched, read_groups, scope_groups};

/// The plan for the settings as they are, and what it is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanView {
    /// The plan.
    pub plan: QueryPlan,
    /// What it is made from.
    pub sizes: Sizes,
}

/// The plan of a connection's next full run. Members are taken as sync read them last; only where
/// it never did the directory is asked.
pub async fn query_plan(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
) -> Result<PlanView, AdminError> {
    let tenant = connected(outside, account, id).await?;
    let settings = outside.store().settings(account, id).await?.settings;
    let scope = ScopeRule::compile(&settings.scope).map_err(AdminError::Invalid)?;
    let groups = scope_groups(&settings.scope);
    let directory = outside.directory();
    let sets = match MemberSets::load(outside.blobs(), account, id, &groups).await? {
        Some(sets) => sets,
        None => match read_groups(directory, &tenant.id, &groups).await {
            Ok(read) => read.members,
            Err(GroupsError::Missing(group)) => {
                let message = format!("the directory has no group {group}");
                return Err(AdminError::invalid("/scope/groups/any", message));
            }
            Err(GroupsError::UnitMissing(unit)) => {
                let message = format!("the directory has no administrative unit {unit}");
                return Err(AdminError::invalid("/scope/administrativeUnits/any", message));
            }
            Err(GroupsError::Directory(error)) => return Err(error.into()),
        },
    };
    let users = match directory.count_users(&tenant.id).await {
        Ok((users, _)) => Some(users),
        Err(error @ (DirectoryError::ConsentLost { .. } | DirectoryError::Blocked { .. })) => {
            return Err(error.into());
        }
        Err(_) => None,
    };
    let count = |many: usize| u64::try_from(many).unwrap_or(u64::MAX);
    let memberships = sets.memberships(&settings.scope);
    let sizes = Sizes {
        users,
        lists: groups
            .iter()
            .map(|watched| MemberList { members: count(sets.size(watched)), of: list_of(watched) })
            .collect(),
        people: scope.is_by_members().then(|| count(memberships.in_scope().len())),
        managers: UserSelection::of(&settings).has_manager(),
    };
    Ok(PlanView { plan: QueryPlan::cheapest(&sizes), sizes })
}

fn list_of(watched: &Watched) -> ListOf {
    match watched.as_what {
        ReadAs::Group => ListOf::Group,
        ReadAs::Nested => ListOf::NestedGroups,
        ReadAs::Unit => ListOf::Unit,
    }
}
