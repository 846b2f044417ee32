//! What a person sees of the connected directory: pickers, and the view that shows whose it is.

use contact_sync_domain::connection::{Connection, ConnectionStatus, Tenant};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::{AccountId, ConnectionId};
use futures::future::join4;

use super::connections::connection;
use super::{AdminError, Outside};
use crate::port::{Directory, DirectoryError, Group};

/// People shown so that somebody can tell whether this is the right organisation.
const SAMPLE: u16 = 10;

/// A connected tenant, as Graph tells it now.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantView {
    /// Who it is.
    pub tenant: Tenant,
    /// The first of its people.
    pub sample: Vec<DirectoryUser>,
}

/// The first users whose name or address begins with the text.
pub async fn directory_users(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    query: &str,
    limit: u16,
) -> Result<Vec<DirectoryUser>, AdminError> {
    let tenant = connected(outside, account, id).await?;
    Ok(outside.directory().search_users(&tenant.id, query, limit).await?)
}

/// The first groups whose name begins with the text.
pub async fn directory_groups(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    query: &str,
    limit: u16,
) -> Result<Vec<Group>, AdminError> {
    let tenant = connected(outside, account, id).await?;
    Ok(outside.directory().search_groups(&tenant.id, query, limit).await?)
}

/// Whose directory this is: name, domains, counts and ten of its people, before anything is synced.
pub async fn tenant_view(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
) -> Result<TenantView, AdminError> {
    let known = connected(outside, account, id).await?;
    let directory = outside.directory();
    let (organization, users, groups, sample) = join4(
        directory.organization(&known.id),
        directory.count_users(&known.id),
        directory.count_groups(&known.id),
        directory.search_users(&known.id, "", SAMPLE),
    )
    .await;
    let (name, verified_domains) = match organization {
        Ok(organization) => (organization.name, organization.verified_domains),
        // That permission is not needed to sync; what consent learned will do.
        Err(DirectoryError::Forbidden { .. }) => (known.name, known.verified_domains),
        Err(error) => return Err(error.into()),
    };
    let tenant = Tenant {
        id: known.id,
        name,
        verified_domains,
        user_count: users.ok().map(|(count, _)| count).or(known.user_count),
        group_count: groups.ok().map(|(count, _)| count).or(known.group_count),
    };
    Ok(TenantView { tenant, sample: sample? })
}

/// The tenant of a connection that may read it.
pub(super) async fn connected(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
) -> Result<Tenant, AdminError> {
    let Connection { status, tenant, .. } = connection(outside.store(), account, id).await?;
    match (status, tenant) {
        (ConnectionStatus::Invited | ConnectionStatus::Disconnected, _) | (_, None) => {
            Err(AdminError::NotNow { from: status, fix: "an Entra admin must consent first" })
        }
        (_, Some(tenant)) => Ok(tenant),
    }
}
