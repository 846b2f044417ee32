//! The versions of a connection's settings: who made which, what each changed, and the way back.

use contact_sync_domain::account::Account;
use contact_sync_domain::id::{AccountId, ConnectionId};
use contact_sync_domain::settings::check::check;
use contact_sync_domain::settings::{Difference, Problem, differences};
use serde_json::Value;

use super::ignoring::keep_ignored;
use super::routing::keep_priority;
use super::{Saved, base, next, save, settings};
use crate::admin::document::Members;
use crate::admin::{AdminError, Caller, Outside, Page, Precondition};
use crate::port::{ConnectionStore, SettingsCause, SettingsStore, SettingsVersion};

/// Versions on a page: whole documents, which long lists of ignored people make large.
const MOST_VERSIONS: u16 = 20;

/// A version, and what it changed.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// The version.
    pub version: SettingsVersion,
    /// What differs from the version before it; of the first one, from the defaults.
    pub changes: Vec<Difference>,
}

/// The saved versions, newest first, each with what it changed. The cursor is the next version's
/// number.
pub async fn settings_history<S>(
    store: &S,
    account: &AccountId,
    id: &ConnectionId,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<HistoryEntry>, AdminError>
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
    let mut items: Vec<HistoryEntry> = Vec::new();
    let mut older = store.settings_version(account, id, oldest - 1).await?;
    for number in oldest..=newest {
        let found = store.settings_version(account, id, number).await?;
        items.extend(found.clone().map(|version| entry(older.as_ref(), version)));
        older = found;
    }
    items.reverse();
    let next = (oldest > 1).then(|| (oldest - 1).to_string());
    Ok(Page { items, next })
}

/// One version; version 0 are the defaults.
pub async fn settings_version<S>(
    store: &S,
    account: &AccountId,
    id: &ConnectionId,
    number: u64,
) -> Result<HistoryEntry, AdminError>
where
    S: ConnectionStore + SettingsStore,
{
    settings(store, account, id).await?;
    let found = store.settings_version(account, id, number).await?;
    let found = found.ok_or(AdminError::NotFound("version of the settings"))?;
    let older = match number.checked_sub(1) {
        Some(before) => store.settings_version(account, id, before).await?,
        None => None,
    };
    Ok(entry(older.as_ref(), found))
}

fn entry(older: Option<&SettingsVersion>, version: SettingsVersion) -> HistoryEntry {
    let changes =
        older.map(|older| differences(&older.settings, &version.settings)).unwrap_or_default();
    HistoryEntry { version, changes }
}

/// Takes an earlier version back: `{version}` names it. Its document becomes the next version, if
/// it still holds: an account's fields may have changed since. Otherwise everything that does not
/// hold any more is named by its place in that document.
pub async fn roll_back(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    id: &ConnectionId,
    precondition: &Precondition,
    document: &Value,
) -> Result<Saved, AdminError> {
    let number = read_version(document)?;
    let base = base(outside, account, id, precondition).await?;
    let earlier = if number <= base.current.version {
        outside.store().settings_version(&account.id, id, number).await?
    } else {
        None
    };
    let Some(earlier) = earlier else {
        let message = format!(
            "there is no version {number}; there are 0 (the defaults) to {}",
            base.current.version
        );
        return Err(AdminError::invalid("/version", message));
    };
    let stored = serde_json::to_value(&earlier.settings).unwrap_or_default();
    let mut settings = check(&stored, &account.custom_fields, &account.time_zone)
        .map_err(|problems| AdminError::Invalid(no_longer(number, problems)))?;
    keep_ignored(&base.current.settings, &mut settings)?;
    keep_priority(caller, &base.current.settings, &mut settings);
    let cause = SettingsCause::RolledBack { version: number };
    save(outside, account, base, next(outside, caller, settings, cause)).await
}

fn read_version(document: &Value) -> Result<u64, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let number = match members.value("version") {
        Some(value) => value.as_u64(),
        None => None,
    };
    if number.is_none() {
        members.problem("version", "expected the number of a version, as the history tells it");
    }
    let problems = members.finish();
    match number {
        Some(number) if problems.is_empty() => Ok(number),
        _ => Err(AdminError::Invalid(problems)),
    }
}

fn no_longer(number: u64, problems: Vec<Problem>) -> Vec<Problem> {
    let said = |problem: Problem| Problem {
        message: format!("version {number} does not hold any more: {}", problem.message),
        ..problem
    };
    problems.into_iter().map(said).collect()
}
