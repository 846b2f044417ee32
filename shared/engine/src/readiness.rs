//! Whether a connected tenant lets us do what we need: each needed permission is tried by calling
//! what it is for, since a token and a consent prove nothing.

mod probe;
#[cfg(test)]
mod tests;
mod verdict;

use contact_sync_domain::connection::{Connection, ConnectionStatus, PermissionOutcome};
use contact_sync_domain::id::{AccountId, ConnectionId, TenantId};
use contact_sync_domain::settings::{AllOr, Settings};
use jiff::SignedDuration;
use thiserror::Error;

use crate::port::{Clock, ConnectionStore, Directory, DirectoryError, SettingsStore, StoreError};
use probe::{Needs, probe};
use verdict::{Verdict, judge};

/// So long after consent a refusal may be replication: Entra tells its own parts step by step.
const REPLICATION: SignedDuration = SignedDuration::from_mins(15);

/// What reads administrative units; tried and told of only where settings name some.
const UNITS_PERMISSION: &str = "AdministrativeUnit.Read.All";

/// How often a connection may change under our hands.
const TRIES: u8 = 5;

/// What trying a connection showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Everything needed works; the connection stands in this state now.
    Works(ConnectionStatus),
    /// Try again: the consent still spreads, or Graph did not answer usefully.
    Retry {
        /// After so long.
        after: SignedDuration,
        /// Why, for the log.
        because: String,
    },
    /// A person must act; the connection says what.
    NeedsAttention {
        /// The stable word.
        reason: &'static str,
    },
    /// There is nothing to try in this state.
    NotConnected,
}

/// Why trying failed.
#[derive(Debug, Error)]
pub enum ReadinessError {
    /// The store failed.
    #[error("the state store failed")]
    Store(#[from] StoreError),
    /// The directory failed in a way that no admin of the tenant can mend.
    #[error("the directory could not be tried")]
    Directory(#[source] DirectoryError),
    /// The connection kept changing under our hands.
    #[error("the connection kept changing")]
    Contended,
}

impl ReadinessError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Directory(error) => error.is_transient(),
            Self::Contended => true,
        }
    }
}

/// Calls what each permission is for, notes what worked with the tenant's name, domains and counts,
/// and lets the connection become ready, or asks for a person. Attention that was raised for such a
/// reason ends by itself when everything works again.
pub async fn try_connection<S: ConnectionStore + SettingsStore>(
    stores: &S,
    directory: &impl Directory,
    clock: &impl Clock,
    account: &AccountId,
    id: &ConnectionId,
) -> Result<Readiness, ReadinessError> {
    let Some(connection) = stores.connection(account, id).await? else {
        return Ok(Readiness::NotConnected);
    };
    let (Some(tenant), false) = (&connection.tenant, is_let_go(connection.status)) else {
        return Ok(Readiness::NotConnected);
    };
    let tenant = tenant.id.clone();
    let needs = Needs::of(&stores.settings(account, id).await?.settings);
    let seen = probe(directory, &tenant, needs).await;
    let mut connection = connection;
    for _ in 0..TRIES {
        let verdict = judge(&connection, &seen, clock.now());
        let (next, readiness) = match verdict {
            Verdict::Retry { after, because } => return Ok(Readiness::Retry { after, because }),
            Verdict::Ours => break,
            Verdict::Works(next) => {
                let status = next.status;
                (next, Readiness::Works(status))
            }
            Verdict::Needs { next, reason } => (next, Readiness::NeedsAttention { reason }),
        };
        if *next == connection {
            return Ok(readiness);
        }
        let stamped =
            Connection { version: connection.version + 1, updated_at: clock.now(), ..*next };
        if stores.update_connection(&stamped).await? {
            return Ok(readiness);
        }
        match stores.connection(account, id).await? {
            Some(moved)
                if moved.tenant.as_ref().is_some_and(|known| known.id == tenant)
                    && !is_let_go(moved.status) =>
            {
                connection = moved;
            }
            Some(_) | None => return Ok(Readiness::NotConnected),
        }
    }
    Err(match seen {
        Err(error) => ReadinessError::Directory(error),
        Ok(_) => ReadinessError::Contended,
    })
}

/// A permission that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    pub(crate) name: &'static str,
    /// The members of the settings that need it.
    pub(crate) needed_by: Vec<String>,
    pub(crate) state: PermissionOutcome,
}

/// Tries what these settings need, saved or not.
pub(crate) async fn try_permissions(
    directory: &impl Directory,
    tenant: &TenantId,
    settings: &Settings,
) -> Result<Vec<Tried>, DirectoryError> {
    let seen = probe(directory, tenant, Needs::of(settings)).await?;
    let selects = !matches!(settings.scope.groups, AllOr::All);
    let by = |needs: bool, pointer: &str| needs.then(|| pointer.to_owned());
    let groups = [
        by(selects, "/scope/groups"),
        by(!settings.scope.ignored_groups.is_empty(), "/scope/ignoredGroups"),
        by(!settings.teams.is_empty(), "/teams"),
    ];
    let units = by(!settings.scope.administrative_units.is_all(), "/scope/administrativeUnits");
    let mut tried = vec![
        Tried {
            name: "User.Read.All",
            needed_by: vec!["/scope".to_owned(), "/mapping".to_owned()],
            state: seen.users,
        },
        Tried {
            name: "GroupMember.Read.All",
            needed_by: groups.into_iter().flatten().collect(),
            state: seen.groups,
        },
    ];
    tried.extend(seen.units.map(|state| Tried {
        name: UNITS_PERMISSION,
        needed_by: units.into_iter().collect(),
        state,
    }));
    Ok(tried)
}

fn is_let_go(status: ConnectionStatus) -> bool {
    matches!(status, ConnectionStatus::Invited | ConnectionStatus::Disconnected)
}
