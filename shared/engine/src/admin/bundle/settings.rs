//! Settings in a bundle: what decides, without the constants that may name somebody.

use contact_sync_domain::account::Account;
use contact_sync_domain::contact::Target;
use contact_sync_domain::id::ConnectionId;
use contact_sync_domain::mapping::Mapping;
use contact_sync_domain::settings::{AllOr, Policies, Scope, Settings};
use serde_json::{Value, json};

use super::veil::Veil;
use crate::admin::{AdminError, Outside};
use crate::port::SettingsStore;

/// The version that is named, or the one that stands.
pub(super) async fn told(
    outside: &impl Outside,
    veil: &mut Veil,
    account: &Account,
    (connection, version): (&ConnectionId, Option<u64>),
) -> Result<Value, AdminError> {
    let store = outside.store();
    let found = match version {
        Some(version) => store.settings_version(&account.id, connection, version).await?,
        None => Some(store.settings(&account.id, connection).await?),
    };
    let (settings, cause, saved_at) = match &found {
        Some(found) => (found.settings.clone(), Some(cause(&found.cause)), found.saved_at),
        // Nobody saved any: the defaults.
        None => (Settings::default(), None, None),
    };
    let rows = mapping(veil, account, &settings);
    let teams: Vec<Value> = settings
        .teams
        .iter()
        .map(|one| {
            json!({
                "group": veil.id("group", one.group.as_str()),
                "team": veil.id("team", &one.team),
                "onLeave": one.on_leave,
                "role": veil.text_value(one.role.as_deref()),
            })
        })
        .collect();
    for text in settings.notifications.users.iter().chain(&settings.notifications.emails) {
        veil.text_value(Some(text));
    }
    Ok(json!({
        "version": version.or_else(|| found.as_ref().map(|found| found.version)).unwrap_or(0),
        "cause": cause,
        "savedAt": saved_at,
        "mode": settings.mode,
        "scope": scope(veil, &settings.scope),
        "mapping": rows,
        "mappingDefaults": settings.mapping_defaults,
        "matching": settings.matching,
        "policies": policies(veil, &settings.policies),
        "schedule": {
            "frequency": settings.schedule.frequency,
            "timeOfDay": settings.schedule.time_of_day,
            "timeZone": settings.schedule.time_zone,
            "betweenRuns": settings.schedule.between_runs,
            "settingsTakeEffect": settings.schedule.settings_take_effect,
        },
        "teams": teams,
        "notifications": {
            "users": settings.notifications.users.len(),
            "emails": settings.notifications.emails.len(),
            "kinds": settings.notifications.kinds,
            "digest": settings.notifications.digest,
        },
        "requires": settings.requires,
        "routing": settings.routing,
        "features": settings.features,
    }))
}

/// The policies, the groups that have a limit under other names.
fn policies(veil: &mut Veil, policies: &Policies) -> Value {
    let groups = policies.guard.groups.iter().map(|one| {
        json!({
            "group": veil.id("group", one.group.as_str()),
            "maxCount": one.max_count,
            "maxPercent": one.max_percent,
        })
    });
    let groups: Vec<Value> = groups.collect();
    let mut told = json!(policies);
    if let Some(guard) = told.get_mut("guard").and_then(Value::as_object_mut) {
        guard.insert("groups".to_owned(), json!(groups));
    }
    told
}

/// By what kind of act a version was made.
fn cause(cause: &crate::port::SettingsCause) -> Value {
    json!(cause).get("kind").cloned().unwrap_or_default()
}

fn scope(veil: &mut Veil, scope: &Scope) -> Value {
    let groups = match &scope.groups {
        AllOr::All => json!("all"),
        AllOr::Any(groups) => {
            let any = groups.any.iter().map(|group| veil.id("group", group.as_str()));
            json!({"any": any.collect::<Vec<_>>(), "includeNested": groups.include_nested})
        }
    };
    let units = match &scope.administrative_units {
        AllOr::All => json!("all"),
        AllOr::Any(units) => units.iter().map(|unit| veil.id("unit", unit.as_str())).collect(),
    };
    let user_types = match &scope.user_types {
        AllOr::All => json!("all"),
        AllOr::Any(kinds) => json!(kinds),
    };
    let ignored = scope.ignored_groups.iter().map(|group| veil.id("group", group.as_str()));
    let ignored: Vec<String> = ignored.collect();
    for user in &scope.ignored_users {
        veil.id("user", user.as_str());
    }
    json!({
        "groups": groups,
        "administrativeUnits": units,
        "userTypes": user_types,
        "departments": texts(veil, &scope.departments),
        "officeLocations": texts(veil, &scope.office_locations),
        "domains": texts(veil, &scope.domains),
        "disabledAccounts": scope.disabled_accounts,
        "expression": scope.expression.as_deref().map(|text| veil.expression(text)),
        "ignoredUsers": scope.ignored_users.len(),
        "ignoredGroups": ignored,
    })
}

fn texts(veil: &mut Veil, wanted: &AllOr<Vec<String>>) -> Value {
    match wanted {
        AllOr::All => json!("all"),
        AllOr::Any(texts) => {
            texts.iter().map(|text| veil.text_value(Some(text))).collect::<Vec<_>>().into()
        }
    }
}

/// The rows, each with what it reads and by which rule it decides.
fn mapping(veil: &mut Veil, account: &Account, settings: &Settings) -> Vec<Value> {
    let compiled = Mapping::compile(settings, &account.custom_fields).ok();
    settings
        .mapping
        .iter()
        .map(|row| {
            let target = Target::parse(&row.target);
            let told = target
                .and_then(|target| compiled.as_ref().and_then(|mapping| mapping.row_of(&target)));
            json!({
                "target": row.target,
                "source": veil.expression(&row.source),
                "attributes": told.as_ref().map(|told| &told.attributes),
                "rule": told.as_ref().map(|told| told.rule),
                "required": row.required,
                "policy": row.policy,
                "whenEmpty": row.when_empty,
                "default": row.default.as_ref().map(|default| veil.value(default)),
            })
        })
        .collect()
}
