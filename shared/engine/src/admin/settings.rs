//! A connection's settings: reading, checking, saving as versions.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::contact::Link;
use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::run::{RunKind, Trigger};
use contact_sync_domain::settings::check::check;
use contact_sync_domain::settings::{Problem, Settings, SettingsTakeEffect};
use serde_json::Value;

use super::connections::connection;
use super::lifecycle::check_requirements;
use super::runs::queue_run;
use super::schedule::set_schedule;
use super::{ATTEMPTS, AdminError, Caller, Outside, Page, Precondition};
use crate::port::{Clock, ConnectionStore, SettingsStore, SettingsVersion};

/// Versions on a page: whole documents, which long lists of ignored people make large.
const MOST_VERSIONS: u16 = 20;

/// The settings as they are; the defaults, as version 0, when none were saved.
pub async fn settings<S>(
    store: &S,
    account: &AccountId,
    id: &ConnectionId,
) -> Result<SettingsVersion, AdminError>
where
    S: ConnectionStore + SettingsStore,
{
    connection(store, account, id).await?;
    Ok(store.settings(account, id).await?)
}

/// Everything that is wrong with a document; nothing is saved.
pub fn validate(document: &Value, account: &Account) -> Vec<Problem> {
    check(document, &account.custom_fields, &account.time_zone).err().unwrap_or_default()
}

/// What saving settings did.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// The version that is current now.
    pub version: SettingsVersion,
    /// The run that was queued, where the settings take effect at once.
    pub run: Option<RunId>,
}

/// Saves the next version. The schedule follows; where the settings say so, a full run is queued.
pub async fn save_settings(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    id: &ConnectionId,
    precondition: &Precondition,
    document: &Value,
) -> Result<Saved, AdminError> {
    let store = outside.store();
    let found = connection(store, &account.id, id).await?;
    if *precondition == Precondition::None {
        return Err(AdminError::VersionNeeded);
    }
    let current = store.settings(&account.id, id).await?;
    if !precondition.holds(current.version) {
        return Err(AdminError::Stale);
    }
    let settings =
        check(document, &account.custom_fields, &account.time_zone).map_err(AdminError::Invalid)?;
    let version = SettingsVersion {
        version: current.version + 1,
        settings,
        saved_by: caller.subject.clone(),
        saved_at: Some(outside.clock().now()),
    };
    if !store.save_settings(&account.id, id, &version).await? {
        return Err(AdminError::Stale);
    }
    if found.status.keeps_cursors() {
        set_schedule(outside, account, &found, &version.settings, found.status).await?;
    }
    let at_once = version.settings.schedule.settings_take_effect == SettingsTakeEffect::Now
        && found.status == ConnectionStatus::Enabled
        && check_requirements(&version.settings).is_ok();
    let run = if at_once {
        let run = queue_run(outside, &account.id, id, RunKind::Full, Trigger::Settings).await?;
        Some(run.id)
    } else {
        None
    };
    Ok(Saved { version, run })
}

/// The saved versions, newest first. The cursor is the next version's number.
pub async fn settings_history<S>(
    store: &S,
    account: &AccountId,
    id: &ConnectionId,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<SettingsVersion>, AdminError>
where
    S: ConnectionStore + SettingsStore,
{
    let limit = limit.min(MOST_VERSIONS);
    let current = settings(store, account, id).await?.version;
    let newest = match cursor {
        None => current,
        Some(cursor) => match cursor.parse::<u64>() {
            Ok(version) if (1..=current).contains(&version) => version,
            Ok(_) | Err(_) => return Err(AdminError::BadCursor),
        },
    };
    let oldest = newest.saturating_sub(u64::from(limit.saturating_sub(1))).max(1);
    let mut items = Vec::new();
    for version in (oldest..=newest).rev() {
        items.extend(store.settings_version(account, id, version).await?);
    }
    let next = (oldest > 1).then(|| (oldest - 1).to_string());
    Ok(Page { items, next })
}

/// Puts a linked user on its connection's ignore list, as the next version of the settings. A
/// connection that was deleted has none.
pub(super) async fn ignore_user(
    outside: &impl Outside,
    caller: &Caller,
    account: &AccountId,
    link: &Link,
) -> Result<(), AdminError> {
    let store = outside.store();
    if store.connection(account, &link.connection_id).await?.is_none() {
        return Ok(());
    }
    for _ in 0..ATTEMPTS {
        let current = store.settings(account, &link.connection_id).await?;
        if current.settings.scope.ignored_users.contains(&link.object_id) {
            return Ok(());
        }
        let mut settings: Settings = current.settings;
        settings.scope.ignored_users.push(link.object_id.clone());
        let version = SettingsVersion {
            version: current.version + 1,
            settings,
            saved_by: caller.subject.clone(),
            saved_at: Some(outside.clock().now()),
        };
        if store.save_settings(account, &link.connection_id, &version).await? {
            return Ok(());
        }
    }
    Err(AdminError::Moved)
}
