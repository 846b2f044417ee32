//! A connection's settings: reading, checking, saving as versions.

mod coverage;
mod drafts;
mod file;
mod findings;
mod history;
mod ignoring;
mod mail;
mod people;
mod profile;
mod references;
mod routing;
mod survey;
mod teams;
mod tester;
mod validate;
mod verdict;

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionStatus, PausedFor};
use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::run::{RunKind, Trigger};
use contact_sync_domain::settings::check::check;
use contact_sync_domain::settings::presets::presets;
use contact_sync_domain::settings::{Settings, SettingsTakeEffect};
use serde_json::Value;

use super::connections::connection;
use super::lifecycle::{check_requirements, resume};
use super::runs::queue_run;
use super::schedule::set_schedule;
use super::sharing::ask_sharers_after;
use super::{AdminError, Caller, Outside, Precondition};
use crate::port::{Clock, ConnectionStore, SettingsCause, SettingsStore, SettingsVersion};

use teams::{find_teams, make_teams};

pub use coverage::AttributeCoverage;
pub(super) use drafts::{checked_draft, save_planned, take_back_planned};
pub use file::{FileTenant, Import, Imported, SettingsFile, export_settings, import_settings};
pub use findings::{
    ClauseCount, Counted, Example, GuardForecast, LeavingCount, ReasonCount, SharedEmail, Surveyed,
    TeamCount,
};
pub use history::{HistoryEntry, roll_back, settings_history, settings_version};
pub(super) use ignoring::{Ignoring, change_ignored, forget_ignored};
pub use people::Stopped;
pub use profile::{CoverageProfile, coverage};
pub use teams::TeamToMake;
pub use tester::{Trial, Tried, try_settings};
pub use validate::{NeededPermission, Validation, validate};

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
    let base = base(outside, account, id, precondition).await?;
    let mut settings =
        check(document, &account.custom_fields, &account.time_zone).map_err(AdminError::Invalid)?;
    routing::check_priority(caller, &base.current.settings, document, &mut settings)?;
    let cause = cause_of(&settings);
    save(outside, account, base, next(outside, caller, settings, cause)).await
}

/// What makes a version that somebody saves: a preset where it is one, whomever it ignores.
fn cause_of(settings: &Settings) -> SettingsCause {
    let bare = |settings: &Settings| {
        let mut bare = settings.clone();
        bare.scope.ignored_users.clear();
        bare
    };
    let saved = bare(settings);
    let preset = presets().into_iter().find(|preset| bare(&preset.settings) == saved);
    match preset {
        Some(preset) => SettingsCause::Preset { id: preset.id.to_owned() },
        None => SettingsCause::Saved,
    }
}

/// What a new version is based on.
struct Base {
    connection: Connection,
    current: SettingsVersion,
}

/// The connection and its settings, if they stand as the request believes.
async fn base(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    precondition: &Precondition,
) -> Result<Base, AdminError> {
    let store = outside.store();
    let connection = connection(store, &account.id, id).await?;
    if *precondition == Precondition::None {
        return Err(AdminError::VersionNeeded);
    }
    let current = store.settings(&account.id, id).await?;
    if !precondition.holds(current.version) {
        return Err(AdminError::Stale);
    }
    Ok(Base { connection, current })
}

/// A version by this caller, its number still open.
fn next(
    outside: &impl Outside,
    caller: &Caller,
    settings: Settings,
    cause: SettingsCause,
) -> SettingsVersion {
    SettingsVersion {
        version: 0,
        settings,
        saved_by: caller.subject.clone(),
        saved_at: Some(outside.clock().now()),
        saved_by_name: caller.name.clone(),
        saved_by_role: Some(caller.role.to_string()),
        cause,
    }
}

/// Refuses settings that name what is not there, and has them name the teams that are by their ids;
/// answers which teams are still to be made, `drafted` telling whether a draft gave them ids.
async fn check_outside(
    outside: &impl Outside,
    found: &Connection,
    settings: &mut Settings,
    drafted: bool,
) -> Result<Vec<TeamToMake>, AdminError> {
    let mut teams = find_teams(outside, found, settings, drafted).await?;
    teams.problems.extend(mail::unsent(outside, &found.account_id, settings).await?);
    if teams.problems.is_empty() {
        Ok(teams.make)
    } else {
        Err(AdminError::Invalid(teams.problems))
    }
}

/// Saves a checked version after the one it is based on, and sets in motion what follows from it.
async fn save(
    outside: &impl Outside,
    account: &Account,
    base: Base,
    mut next: SettingsVersion,
) -> Result<Saved, AdminError> {
    let Base { connection: found, current } = base;
    check_outside(outside, &found, &mut next.settings, false).await?;
    // Should saving fail now, the next attempt finds them by their names.
    make_teams(outside, &account.id, &mut next.settings).await?;
    let version = SettingsVersion { version: current.version + 1, ..next };
    if !outside.store().save_settings(&account.id, &found.id, &version).await? {
        return Err(AdminError::Stale);
    }
    follow(outside, account, &found, &current, &version).await?;
    if found.paused_for == Some(PausedFor::Undone) && check_requirements(&version.settings).is_ok()
    {
        // What was taken back will not be done again: other settings hold now.
        let run = resume(outside, account, &found.id).await?;
        return Ok(Saved { version, run: Some(run) });
    }
    let run = take_effect(outside, &found, &version).await?;
    Ok(Saved { version, run })
}

/// Has the schedule follow a version, and the tenant's other connections.
async fn follow(
    outside: &impl Outside,
    account: &Account,
    found: &Connection,
    before: &SettingsVersion,
    version: &SettingsVersion,
) -> Result<(), AdminError> {
    if found.status.keeps_cursors() {
        set_schedule(outside, account, found, &version.settings, found.status).await?;
    }
    ask_sharers_after(outside, found, &before.settings, &version.settings).await;
    Ok(())
}

/// Queues a full run where a version says that it takes effect at once.
pub(super) async fn take_effect(
    outside: &impl Outside,
    found: &Connection,
    version: &SettingsVersion,
) -> Result<Option<RunId>, AdminError> {
    let at_once = version.settings.schedule.settings_take_effect == SettingsTakeEffect::Now
        && found.status == ConnectionStatus::Enabled
        && check_requirements(&version.settings).is_ok();
    if !at_once {
        return Ok(None);
    }
    let (account, id) = (&found.account_id, &found.id);
    let run = queue_run(outside, account, id, RunKind::Full, Trigger::Settings).await?;
    Ok(Some(run.id))
}
