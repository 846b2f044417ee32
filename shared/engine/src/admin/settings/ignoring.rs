//! The users whom a connection leaves alone, one by one.

use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId};
use contact_sync_domain::settings::Settings;
use contact_sync_domain::settings::check::MOST_IGNORED_USERS;

use super::next;
use crate::admin::{ATTEMPTS, AdminError, Caller, Outside};
use crate::port::{ConnectionStore, ErasureStore, SettingsCause, SettingsStore, SettingsVersion};

/// What becomes of users on the ignore list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::admin) enum Ignoring {
    /// They are put on it.
    Begin,
    /// They are taken off it.
    End,
}

/// Changes a connection's ignore list, as the next version of the settings. A connection that was
/// deleted has none. Several may do so at the same time. A list never grows beyond what a document
/// may hold: it could not be saved again.
pub(in crate::admin) async fn change_ignored(
    outside: &impl Outside,
    caller: &Caller,
    account: &AccountId,
    id: &ConnectionId,
    ignoring: Ignoring,
    users: &[ObjectId],
) -> Result<(), AdminError> {
    let store = outside.store();
    if store.connection(account, id).await?.is_none() {
        return Ok(());
    }
    for _ in 0..ATTEMPTS {
        let current = store.settings(account, id).await?;
        let mut settings: Settings = current.settings;
        let ignored = &mut settings.scope.ignored_users;
        let before = ignored.len();
        match ignoring {
            Ignoring::Begin => {
                put_on(ignored, users)?;
            }
            Ignoring::End => ignored.retain(|one| !users.contains(one)),
        }
        if ignored.len() == before {
            return Ok(());
        }
        let version = SettingsVersion {
            version: current.version + 1,
            ..next(outside, caller, settings, SettingsCause::IgnoreList)
        };
        if store.save_settings(account, id, &version).await? {
            return Ok(());
        }
    }
    Err(AdminError::Moved)
}

/// Takes somebody who is forgotten off the ignore list for good: off the current settings with a
/// version of its own, so that whoever saves on what he read before is refused, then off all that
/// is kept of earlier ones. The tombstone keeps the person away instead. Says how many named him.
pub(in crate::admin) async fn forget_ignored(
    outside: &impl Outside,
    caller: &Caller,
    account: &AccountId,
    id: &ConnectionId,
    user: &ObjectId,
) -> Result<u64, AdminError> {
    let store = outside.store();
    for _ in 0..ATTEMPTS {
        let current = store.settings(account, id).await?;
        if !current.settings.scope.ignored_users.contains(user) {
            return Ok(store.forget_in_settings(id, user).await?);
        }
        let mut settings: Settings = current.settings;
        settings.scope.ignored_users.retain(|one| one != user);
        let version = SettingsVersion {
            version: current.version + 1,
            ..next(outside, caller, settings, SettingsCause::Erasure)
        };
        store.save_settings(account, id, &version).await?;
    }
    Err(AdminError::Moved)
}

/// Lets a document ignore whom the connection ignores now, too: whose contact people deleted does
/// not come back with an earlier mapping or with a file. Says how many that added.
pub(super) fn keep_ignored(
    current: &Settings,
    settings: &mut Settings,
) -> Result<usize, AdminError> {
    put_on(&mut settings.scope.ignored_users, &current.scope.ignored_users)
}

/// Adds whoever is missing, where all of them find room. Says how many were added.
fn put_on(ignored: &mut Vec<ObjectId>, users: &[ObjectId]) -> Result<usize, AdminError> {
    let before = ignored.len();
    for user in users {
        if !ignored.contains(user) {
            ignored.push(user.clone());
        }
    }
    let added = ignored.len() - before;
    if added > 0 && ignored.len() > MOST_IGNORED_USERS {
        return Err(AdminError::IgnoreListFull { limit: MOST_IGNORED_USERS });
    }
    Ok(added)
}
