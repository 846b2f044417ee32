//! One tenant split over several organisations: whom each of its connections means.
//!
//! Whoever shares a tenant follows the groups of the others by itself: what one connection does or
//! leaves undone makes no set of another's stale.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId, TenantId};
use contact_sync_domain::routing::Rival;
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::scope::{Memberships, ScopeRule};
use contact_sync_domain::settings::{Routing, Settings};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::port::{
    Blobs, ByIds, ConnectionStore, Directory, DirectoryError, SettingsStore, StoreError,
    TenantStore,
};
use crate::sync::{GroupsError, MemberSets, Watched, read_groups, scope_groups};

/// A connection to a tenant, and whom it means.
#[derive(Debug, Clone)]
pub(crate) struct Sharer {
    pub(crate) account_id: AccountId,
    pub(crate) connection_id: ConnectionId,
    pub(crate) status: ConnectionStatus,
    pub(crate) settings: Settings,
    pub(crate) scope: ScopeRule,
}

impl Sharer {
    /// The groups whose members its scope needs.
    pub(crate) fn groups(&self) -> Vec<Watched> {
        scope_groups(&self.settings.scope)
    }

    /// The same, as another connection sees it; `None` where nobody knows who belongs to its groups.
    pub(crate) fn into_rival(self, memberships: Option<Memberships>) -> Rival {
        let priority = self.settings.routing.priority;
        Rival { scope: self.scope, memberships, priority }
    }

    /// The same, as another connection sees it that knows these members of groups.
    pub(crate) fn as_rival(&self, members: &MemberSets) -> Rival {
        let is_known = self.groups().iter().all(|group| members.tells_of(group));
        Rival {
            scope: self.scope.clone(),
            memberships: is_known.then(|| members.memberships(&self.settings.scope)),
            priority: self.settings.routing.priority,
        }
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
pub(crate) async fn sharers<S>(
    stores: &S,
    tenant: &TenantId,
    but: Option<&ConnectionId>,
) -> Result<Vec<Sharer>, StoreError>
where
    S: ConnectionStore + SettingsStore + TenantStore,
{
    let mut sharers = Vec::new();
    for claim in stores.tenant_claims(tenant).await? {
        let (account, id) = (&claim.account_id, &claim.connection_id);
        if Some(id) == but {
            continue;
        }
        let status = stores.connection(account, id).await?.map(|found| found.status);
        let Some(status) = status.filter(|status| claims_people(*status)) else { continue };
        let settings = stores.settings(account, id).await?.settings;
        // Settings that no longer hold stop that connection's runs; it takes nobody.
        let Ok(scope) = ScopeRule::compile(&settings.scope) else { continue };
        sharers.push(Sharer {
            account_id: claim.account_id,
            connection_id: claim.connection_id,
            status,
            settings,
            scope,
        });
    }
    Ok(sharers)
}

/// The same, of those alone whose claims count for a connection with this routing.
pub(crate) async fn rivals_of<S>(
    stores: &S,
    tenant: &TenantId,
    own: &ConnectionId,
    routing: &Routing,
) -> Result<Vec<Sharer>, StoreError>
where
    S: ConnectionStore + SettingsStore + TenantStore,
{
    if !routing.heeds_anybody() {
        return Ok(Vec::new());
    }
    let mut found = sharers(stores, tenant, Some(own)).await?;
    found.retain(|other| routing.heeds(other.settings.routing.priority));
    Ok(found)
}

/// Digest of everything by which others decide whom they mean; empty where there is nobody. Who is
/// on their ignore lists is left out: people decide so one by one, and the next full run sees it.
pub(crate) fn digest(rivals: &[Sharer]) -> String {
    if rivals.is_empty() {
        return String::new();
    }
    let mut lines: Vec<String> = rivals
        .iter()
        .map(|rival| {
            let mut scope = rival.settings.scope.clone();
            scope.ignored_users.clear();
            let scope = serde_json::to_string(&scope).unwrap_or_default();
            format!("{} {} {scope}", rival.connection_id, rival.settings.routing.priority)
        })
        .collect();
    lines.sort_unstable();
    let digest = Sha256::digest(lines.join("\n"));
    let bits = digest.iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    format!("{bits:016x}")
}

/// Who belongs to a connection's groups, where a person asks: as its sync read them last, else as
/// the directory tells now, for one that rests follows nothing. `None` where a group is gone, or may
/// not be read: it may have had anybody. What asking cost is added.
pub(crate) async fn memberships(
    directory: &impl Directory,
    blobs: &impl Blobs,
    tenant: &TenantId,
    sharer: &Sharer,
    cost: &mut GraphCost,
) -> Result<Option<Memberships>, SplitError> {
    let groups = sharer.groups();
    let stored = if sharer.status == ConnectionStatus::Enabled {
        MemberSets::load(blobs, &sharer.account_id, &sharer.connection_id, &groups).await?
    } else {
        None
    };
    let sets = match stored {
        Some(sets) => sets,
        None => match read_groups(directory, tenant, &groups).await {
            Ok(read) => {
                cost.add(read.cost);
                read.members
            }
            // A group that is gone, or is not told, stops that connection until a person decides.
            Err(
                GroupsError::Missing(_)
                | GroupsError::UnitMissing(_)
                | GroupsError::Directory(DirectoryError::Forbidden { .. }),
            ) => return Ok(None),
            Err(GroupsError::Directory(error)) => return Err(error.into()),
        },
    };
    Ok(Some(sets.memberships(&sharer.settings.scope)))
}

/// Reads users by id, with what the others decide by. Whatever those named, be it unknown to this
/// directory, stops nobody here: what is not told of it counts as empty.
pub(crate) async fn read_people(
    directory: &impl Directory,
    tenant: &TenantId,
    (all, own): (&UserSelection, &UserSelection),
    ids: &[ObjectId],
) -> Result<ByIds, DirectoryError> {
    let mut read = match directory.users_by_id(tenant, all, ids).await {
        Err(DirectoryError::UnknownAttribute { .. } | DirectoryError::Refused { .. })
            if all != own =>
        {
            directory.users_by_id(tenant, own, ids).await?
        }
        read => read?,
    };
    for user in &mut read.found {
        user.lack(all.beyond(own));
    }
    Ok(read)
}

/// Whether a connection in this state takes people, or holds them while it rests.
pub(crate) fn claims_people(status: ConnectionStatus) -> bool {
    match status {
        ConnectionStatus::Enabled | ConnectionStatus::Paused | ConnectionStatus::Attention => true,
        ConnectionStatus::Invited
        | ConnectionStatus::Authorized
        | ConnectionStatus::Ready
        | ConnectionStatus::Disabled
        | ConnectionStatus::Disconnected => false,
    }
}
