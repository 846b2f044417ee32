//! Drafts: settings that a plan is made under before anybody saves them.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::RunId;
use contact_sync_domain::settings::check::check;
use contact_sync_domain::settings::{Problem, Settings};
use serde_json::Value;

use super::routing::check_priority;
use super::{check_outside, follow, make_teams, next};
use crate::admin::lifecycle::check_requirements;
use crate::admin::{AdminError, Caller, Outside};
use crate::port::{SettingsCause, SettingsStore, SettingsVersion};

/// A draft, if it could be saved after the current version. Its number is the one it goes beyond.
/// Teams that saving it makes have ids already, and are not made.
pub(in crate::admin) async fn checked_draft(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    (found, current): (&Connection, &SettingsVersion),
    document: &Value,
) -> Result<SettingsVersion, AdminError> {
    let draft = Draft { document, drafted: false };
    let settings = checked(outside, caller, account, (found, &current.settings), draft).await;
    let mut settings = settings.map_err(in_request)?;
    for row in &mut settings.teams {
        row.reserve(&found.id, current.version);
    }
    let draft = next(outside, caller, settings, SettingsCause::Saved);
    Ok(SettingsVersion { version: current.version, ..draft })
}

/// Saves the draft of an approved plan as the version after the one that it goes beyond; an earlier
/// request that saved it and died is gone on with.
pub(in crate::admin) async fn save_planned(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    found: &Connection,
    run: &RunId,
    draft: SettingsVersion,
) -> Result<SettingsVersion, AdminError> {
    let store = outside.store();
    let current = store.settings(&account.id, &found.id).await?;
    let cause = SettingsCause::Planned { run: run.clone() };
    if current.cause == cause {
        return Ok(current);
    }
    if current.version != draft.version {
        return Err(AdminError::PlanMoved { version: current.version });
    }
    // What it names may be gone since it was planned.
    let document = serde_json::to_value(&draft.settings).unwrap_or_default();
    let draft_of = Draft { document: &document, drafted: true };
    let planned = (found, &current.settings);
    let mut settings = checked(outside, caller, account, planned, draft_of).await?;
    make_teams(outside, &account.id, &mut settings).await?;
    let version =
        SettingsVersion { version: draft.version + 1, ..next(outside, caller, settings, cause) };
    if !store.save_settings(&account.id, &found.id, &version).await? {
        return Err(AdminError::Moved);
    }
    follow(outside, account, found, &current, &version).await?;
    Ok(version)
}

/// Puts back the version before one that was saved with a plan which was cancelled in that moment,
/// unless somebody saved another since: nobody asked for the settings without the plan.
pub(in crate::admin) async fn take_back_planned(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    found: &Connection,
    saved: &SettingsVersion,
) -> Result<(), AdminError> {
    let store = outside.store();
    let number = saved.version.saturating_sub(1);
    let former = store.settings_version(&account.id, &found.id, number).await?;
    let Some(former) = former else { return Ok(()) };
    let cause = SettingsCause::RolledBack { version: number };
    let again = next(outside, caller, former.settings, cause);
    let again = SettingsVersion { version: saved.version + 1, ..again };
    if store.save_settings(&account.id, &found.id, &again).await? {
        follow(outside, account, found, saved, &again).await?;
    }
    Ok(())
}

/// A draft as a document.
#[derive(Clone, Copy)]
struct Draft<'a> {
    document: &'a Value,
    /// Whether it was planned: what is to be made has its ids.
    drafted: bool,
}

async fn checked(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    (found, current): (&Connection, &Settings),
    Draft { document, drafted }: Draft<'_>,
) -> Result<Settings, AdminError> {
    let mut settings =
        check(document, &account.custom_fields, &account.time_zone).map_err(AdminError::Invalid)?;
    check_priority(caller, current, document, &mut settings)?;
    check_outside(outside, found, &mut settings, drafted).await?;
    check_requirements(&settings)?;
    Ok(settings)
}

/// Pointers into the settings, as pointers into the request.
fn in_request(error: AdminError) -> AdminError {
    let AdminError::Invalid(problems) = error else { return error };
    let moved = problems.into_iter().map(|Problem { pointer, message }| Problem {
        pointer: format!("/settings{pointer}"),
        message,
    });
    AdminError::Invalid(moved.collect())
}
