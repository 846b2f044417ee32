//! One tenant split over several organisations: whom each of its connections means.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::{AccountId, ConnectionId, TenantId};
use contact_sync_domain::routing::Rival;
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::scope::{Memberships, ScopeRule};
use contact_sync_domain::settings::Settings;
use thiserror::Error;

use crate::port::{
    Blobs, ConnectionStore, Directory, DirectoryError, SettingsStore, StoreError, TenantStore,
};
use crate::sync::{GroupsError, MemberSets, read_groups, scope_groups};

/// A connection to a tenant, and whom it means.
#[derive(Debug, Clone)]
pub(crate) struct Sharer {
    pub(crate) account_id: AccountId,
    pub(crate) connection_id: ConnectionId,
    pub(crate) settings: Settings,
    pub(crate) scope: ScopeRule,
    pub(crate) memberships: Memberships,
}

impl Sharer {
    /// The same, as another connection sees it.
    pub(crate) fn into_rival(self) -> Rival {
        let priority = self.settings.routing.priority;
        Rival { scope: self.scope, memberships: self.memberships, priority }
    }
}

/// Why it is not known whom a connection means.
#[derive(Debug, Error)]
pub(crate) enum SplitError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The directory did not tell the members of a group.
    #[error("the members of a group could not be read")]
    Directory(#[from] DirectoryError),
}

/// Every connection that syncs with a tenant, or would if it were not paused or in need of
/// attention: a person is not passed on because somebody's sync rests. `but` is left out.
///
/// Members of groups are taken from what each connection read last; only where it never read them
/// the directory is asked. What that cost comes along.
pub(crate) async fn sharers<S>(
    stores: &S,
    directory: &impl Directory,
    blobs: &impl Blobs,
    tenant: &TenantId,
    but: Option<&ConnectionId>,
) -> Result<(Vec<Sharer>, GraphCost), SplitError>
where
    S: ConnectionStore + SettingsStore + TenantStore,
{
    let mut sharers = Vec::new();
    let mut cost = GraphCost::default();
    for claim in stores.tenant_claims(tenant).await? {
        let (account, id) = (&claim.account_id, &claim.connection_id);
        if Some(id) == but {
            continue;
        }
        let status = stores.connection(account, id).await?.map(|found| found.status);
        if !status.is_some_and(claims_people) {
            continue;
        }
        let settings = stores.settings(account, id).await?.settings;
        // Settings that no longer hold stop that connection's runs; it takes nobody.
        let Ok(scope) = ScopeRule::compile(&settings.scope) else { continue };
        let groups = scope_groups(&settings.scope);
        let sets = match MemberSets::load(blobs, account, id, &groups).await? {
            Some(sets) => sets,
            None => match read_groups(directory, tenant, &groups).await {
                Ok(read) => {
                    cost.add(read.cost);
                    read.members
                }
                // A group that is gone stops that connection until a person decides.
                Err(GroupsError::Missing(_)) => MemberSets::default(),
                Err(GroupsError::Directory(error)) => return Err(error.into()),
            },
        };
        let memberships = sets.memberships(&settings.scope);
        sharers.push(Sharer {
            account_id: claim.account_id,
            connection_id: claim.connection_id,
            settings,
            scope,
            memberships,
        });
    }
    Ok((sharers, cost))
}

fn claims_people(status: ConnectionStatus) -> bool {
    match status {
        ConnectionStatus::Enabled | ConnectionStatus::Paused | ConnectionStatus::Attention => true,
        ConnectionStatus::Invited
        | ConnectionStatus::Authorized
        | ConnectionStatus::Ready
        | ConnectionStatus::Disabled
        | ConnectionStatus::Disconnected => false,
    }
}
