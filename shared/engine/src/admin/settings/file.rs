//! Settings as a file: taken out of one connection, brought into another.

use contact_sync_domain::account::{Account, CustomField};
use contact_sync_domain::connection::{Connection, ConnectionStatus, Tenant};
use contact_sync_domain::id::{ConnectionId, TenantId};
use contact_sync_domain::settings::check::check;
use contact_sync_domain::settings::{Difference, Problem, Settings, differences};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::ignoring::keep_ignored;
use super::references::{References, look_up};
use super::routing::keep_priority;
use super::teams::{TeamToMake, find_teams};
use super::{Saved, base, next, save, settings};
use crate::admin::connections::connection;
use crate::admin::document::Members;
use crate::admin::{AdminError, Caller, Outside, Precondition};
use crate::port::{Clock, SettingsCause, TeamStore};

/// What such a file calls itself.
const FORMAT: &str = "entra-contact-sync/settings";

/// The files' version that this release writes and reads.
const SCHEMA_VERSION: u64 = 1;

/// A file of settings. It names nothing of the connection that it comes from; groups, users and
/// teams in it are those of `tenant` and its account, teams by their names, too.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsFile {
    /// What kind of file it is.
    pub format: &'static str,
    /// Of which version.
    pub schema_version: u64,
    /// When it was written.
    pub exported_at: Timestamp,
    /// Which version of the connection's settings it is.
    pub version: u64,
    /// The organisation whose groups and users the settings name.
    pub tenant: Option<FileTenant>,
    /// The account's own fields that the settings write or match by.
    pub custom_fields: Vec<CustomField>,
    /// The document.
    pub settings: Settings,
}

/// The organisation that a file's object ids belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileTenant {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub name: Option<String>,
}

/// A file to import.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// The file.
    pub document: &'a Value,
    /// Whether nothing shall be saved.
    pub only_try: bool,
    /// Whether teams that the account does not have are made, under the names in the file.
    pub create_teams: bool,
}

/// What importing a file did, or would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The settings that the file says.
    pub settings: Settings,
    /// What differs from the settings as they were.
    pub changes: Vec<Difference>,
    /// What the importer should know.
    pub warnings: Vec<Problem>,
    /// Teams that importing made, or would make; their rows as pointers into the file.
    pub teams_to_make: Vec<TeamToMake>,
    /// The new version; absent where the import was only tried.
    pub saved: Option<Saved>,
}

/// Writes a connection's settings as a file.
pub async fn export_settings(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
) -> Result<SettingsFile, AdminError> {
    let found = connection(outside.store(), &account.id, id).await?;
    let current = settings(outside.store(), &account.id, id).await?;
    let teams = outside.store().teams(&account.id).await?;
    let mut settings = current.settings;
    // Another account finds its own teams by their names.
    for row in &mut settings.teams {
        let team = teams.iter().find(|team| team.id.as_str() == row.team);
        row.team_name = team.map(|team| team.name.clone());
    }
    let text = serde_json::to_string(&settings).unwrap_or_default();
    let named = |field: &&CustomField| text.contains(&format!("custom.{}", field.key));
    Ok(SettingsFile {
        format: FORMAT,
        schema_version: SCHEMA_VERSION,
        exported_at: outside.clock().now(),
        version: current.version,
        tenant: found.tenant.map(|tenant| FileTenant { id: tenant.id, name: tenant.name }),
        custom_fields: account.custom_fields.iter().filter(named).cloned().collect(),
        settings,
    })
}

/// Brings a file's settings into a connection as its next version; where it is only tried nothing is
/// saved. Whom the connection ignores it ignores afterwards, too. Everything that does not fit is
/// named by its place in the file: what saving would refuse, and, where the file comes from another
/// organisation, the groups and users that this one does not have.
pub async fn import_settings(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    id: &ConnectionId,
    precondition: &Precondition,
    import: Import<'_>,
) -> Result<Imported, AdminError> {
    let Import { document, only_try, create_teams } = import;
    let file = ReadFile::read(document)?;
    let base = base(outside, account, id, precondition).await?;
    let mut settings = check(file.settings, &account.custom_fields, &account.time_zone)
        .map_err(|problems| AdminError::Invalid(in_file(problems)))?;
    let mut warnings = field_warnings(&file.custom_fields, account);
    for row in settings.teams.iter_mut().filter(|row| create_teams && row.team_name.is_some()) {
        row.create_team = true;
    }
    let teams = find_teams(outside, &base.connection, &mut settings, false).await?;
    if !teams.problems.is_empty() {
        return Err(AdminError::Invalid(in_file(teams.problems)));
    }
    warnings.extend(in_file(teams.taken));
    let teams_to_make = teams.make.into_iter().map(rows_in_file).collect();
    if keep_priority(caller, &base.current.settings, &mut settings) {
        warnings.push(Problem {
            pointer: "/settings/routing/priority".to_owned(),
            message: "kept as it is: only an operator changes who goes first in a shared tenant"
                .to_owned(),
        });
    }
    match references(outside, &base.connection, &settings).await? {
        Some(references) => {
            let own = base.connection.tenant.as_ref().map(|tenant| tenant.id.as_str());
            let unknown = in_file(references.unknown);
            // A group that was deleted since may stand in a file of the same organisation, as it
            // may in saved settings.
            if own == file.tenant.as_deref() {
                warnings.extend(unknown);
            } else if !unknown.is_empty() {
                return Err(AdminError::Invalid(unknown));
            }
            warnings.extend(in_file(references.unchecked));
        }
        None => warnings.push(Problem {
            pointer: "/settings".to_owned(),
            message: "groups and users could not be looked up: no organisation is connected"
                .to_owned(),
        }),
    }
    let kept = keep_ignored(&base.current.settings, &mut settings)?;
    if kept > 0 {
        warnings.push(Problem {
            pointer: "/settings/scope/ignoredUsers".to_owned(),
            message: format!(
                "{kept} more users, whom this connection ignores already, stay ignored: whose \
                 contact was deleted does not get a new one by a file; take them off the list to \
                 sync them again"
            ),
        });
    }
    let before = base.current.settings.clone();
    let saved = if only_try {
        None
    } else {
        let next = next(outside, caller, settings.clone(), SettingsCause::Imported);
        Some(save(outside, account, base, next).await?)
    };
    if let Some(saved) = &saved {
        settings.clone_from(&saved.version.settings);
    }
    let changes = differences(&before, &settings);
    Ok(Imported { settings, changes, warnings, teams_to_make, saved })
}

/// Places of rows in the settings, as places in the file.
fn rows_in_file(mut team: TeamToMake) -> TeamToMake {
    for row in &mut team.rows {
        row.insert_str(0, "/settings");
    }
    team
}

/// What the settings name, looked up where there is a directory to look into.
async fn references(
    outside: &impl Outside,
    connection: &Connection,
    settings: &Settings,
) -> Result<Option<References>, AdminError> {
    match (connection.status, &connection.tenant) {
        (ConnectionStatus::Invited | ConnectionStatus::Disconnected, _) | (_, None) => Ok(None),
        (_, Some(Tenant { id, .. })) => Ok(Some(look_up(outside.directory(), id, settings).await?)),
    }
}

/// A file as read: what it says of itself is right, what it holds is not judged yet.
struct ReadFile<'a> {
    settings: &'a Value,
    tenant: Option<String>,
    custom_fields: Vec<Option<CustomField>>,
}

impl<'a> ReadFile<'a> {
    fn read(document: &'a Value) -> Result<Self, AdminError> {
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        if members.value("format").and_then(Value::as_str) != Some(FORMAT) {
            members.problem("format", format!("expected a file of the format `{FORMAT}`"));
        }
        match members.value("schemaVersion").and_then(Value::as_u64) {
            Some(SCHEMA_VERSION) => {}
            Some(later) if later > SCHEMA_VERSION => members.problem(
                "schemaVersion",
                format!("version {later} of the format is newer than this installation's 1"),
            ),
            Some(_) | None => members.problem("schemaVersion", "expected 1"),
        }
        for informs in ["exportedAt", "version"] {
            members.value(informs);
        }
        let tenant = members.value("tenant").and_then(|tenant| tenant.get("id"));
        let tenant = tenant.and_then(Value::as_str).map(str::to_owned);
        let fields = members.value("customFields").and_then(Value::as_array);
        let custom_fields = fields
            .into_iter()
            .flatten()
            .map(|field| serde_json::from_value(field.clone()).ok())
            .collect();
        let settings = members.value("settings");
        if settings.is_none() {
            members.problem("settings", "this member is needed");
        }
        let problems = members.finish();
        match settings {
            Some(settings) if problems.is_empty() => Ok(Self { settings, tenant, custom_fields }),
            _ => Err(AdminError::Invalid(problems)),
        }
    }
}

/// Pointers into the settings, as pointers into the file.
fn in_file(problems: Vec<Problem>) -> Vec<Problem> {
    let moved = |Problem { pointer, message }: Problem| Problem {
        pointer: format!("/settings{pointer}"),
        message,
    };
    problems.into_iter().map(moved).collect()
}

/// Fields that mean something else here than where the file comes from.
fn field_warnings(fields: &[Option<CustomField>], account: &Account) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let Some(field) = field else { continue };
        let own = account.custom_fields.iter().find(|own| own.key == field.key);
        let what = match own {
            Some(own) if own.kind != field.kind => "has another type here",
            Some(own) if own.options != field.options => "has other options here",
            Some(own) if own.required && !field.required => "is required here",
            Some(_) | None => continue,
        };
        warnings.push(Problem {
            pointer: format!("/customFields/{index}"),
            message: format!("the field `custom.{}` {what}", field.key),
        });
    }
    warnings
}
