//! Accounts.

use contact_sync_domain::account::Account;
use contact_sync_domain::id::AccountId;
use contact_sync_domain::retention::{CLASSES, Retention};
use contact_sync_domain::schedule::time_zone;
use contact_sync_domain::settings::Problem;
use serde_json::Value;

use super::document::Members;
use super::schedule::reschedule_account;
use super::{ATTEMPTS, AdminError, Caller, Outside, Page};
use crate::port::{AccountStore, Clock, Randomness};

/// What an account is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    external_id: String,
    name: String,
    time_zone: String,
    allowed_origins: Vec<String>,
}

impl NewAccount {
    /// Reads `{externalId, name, timeZone, allowedOrigins?}`.
    pub fn read(document: &Value) -> Result<Self, AdminError> {
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        let external_id = members.text("externalId", 128);
        let name = members.text("name", 256);
        let time_zone =
            members.text("timeZone", 64).and_then(|zone| known_zone(&mut members, &zone));
        let allowed_origins = origins(&mut members);
        let problems = members.finish();
        match (external_id, name, time_zone) {
            (Some(external_id), Some(name), Some(time_zone)) if problems.is_empty() => Ok(Self {
                external_id,
                name,
                time_zone,
                allowed_origins: allowed_origins.unwrap_or_default(),
            }),
            _ => Err(AdminError::Invalid(problems)),
        }
    }
}

/// What may change of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountChange {
    name: Option<String>,
    time_zone: Option<String>,
    allowed_origins: Option<Vec<String>>,
    retention: [Option<u16>; 3],
}

impl AccountChange {
    /// Reads the members that change:
    /// `{name?, timeZone?, allowedOrigins?, retention?: {historyDays?, reportDays?, deedDays?}}`.
    pub fn read(document: &Value) -> Result<Self, AdminError> {
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        let name = members.changed_text("name", 256);
        let time_zone =
            members.changed_text("timeZone", 64).and_then(|zone| known_zone(&mut members, &zone));
        let allowed_origins = origins(&mut members);
        let retention = members.value("retention").map(read_retention);
        let mut problems = members.finish();
        let retention = retention.unwrap_or(Ok([None; 3])).unwrap_or_else(|more| {
            problems.extend(more);
            [None; 3]
        });
        if problems.is_empty() {
            Ok(Self { name, time_zone, allowed_origins, retention })
        } else {
            Err(AdminError::Invalid(problems))
        }
    }
}

fn known_zone(members: &mut Members<'_>, name: &str) -> Option<String> {
    match time_zone(name) {
        Ok((_, name)) => Some(name),
        Err(error) => {
            members.problem("timeZone", error.to_string());
            None
        }
    }
}

/// Reads `{historyDays?, reportDays?, deedDays?}`, each one of the classes.
fn read_retention(document: &Value) -> Result<[Option<u16>; 3], Vec<Problem>> {
    let mut members = Members::of(document, "/retention")?;
    let days = ["historyDays", "reportDays", "deedDays"].map(|name| {
        let value = members.value(name)?;
        let days = value.as_u64().and_then(|days| u16::try_from(days).ok());
        let class = days.filter(|days| CLASSES.contains(days));
        if class.is_none() {
            members.problem(name, "expected 30, 90, 180 or 365");
        }
        class
    });
    let problems = members.finish();
    if problems.is_empty() { Ok(days) } else { Err(problems) }
}

fn origins(members: &mut Members<'_>) -> Option<Vec<String>> {
    let value = members.value("allowedOrigins")?;
    let Value::Array(items) = value else {
        members.problem("allowedOrigins", "expected a list of origins");
        return None;
    };
    let mut origins = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match item.as_str().filter(|text| is_origin(text)) {
            Some(origin) => origins.push(origin.to_owned()),
            None => members.problem_at(
                &format!("allowedOrigins/{index}"),
                "expected an origin like https://app.example.com, without a path",
            ),
        }
    }
    Some(origins)
}

/// An https origin (http on loopback), without user, path, query or fragment.
fn is_origin(text: &str) -> bool {
    let host = |rest: &str| {
        !rest.is_empty()
            && rest.len() <= 255
            && rest.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']')
            })
    };
    match text.split_once("://") {
        Some(("https", rest)) => host(rest),
        Some(("http", rest)) => {
            let name = rest.split(':').next().unwrap_or_default();
            host(rest) && matches!(name, "localhost" | "127.0.0.1")
        }
        _ => false,
    }
}

/// Makes an account.
pub async fn create_account(
    outside: &impl Outside,
    new: NewAccount,
) -> Result<Account, AdminError> {
    let account = Account {
        id: AccountId::from_bits(outside.randomness().bits()),
        external_id: new.external_id,
        name: new.name,
        time_zone: new.time_zone,
        allowed_origins: new.allowed_origins,
        custom_fields: Vec::new(),
        retention: Retention::default(),
        version: 1,
        created_at: outside.clock().now(),
    };
    if outside.store().create_account(&account).await? {
        Ok(account)
    } else {
        Err(AdminError::ExternalIdTaken)
    }
}

/// Finds an account.
pub async fn account(store: &impl AccountStore, id: &AccountId) -> Result<Account, AdminError> {
    store.account(id).await?.ok_or(AdminError::NotFound("account"))
}

/// A page of the accounts that the caller may see: all, or just its own.
pub async fn accounts(
    store: &impl AccountStore,
    caller: &Caller,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<Account>, AdminError> {
    if let Some(own) = &caller.account {
        let items = store.account(own).await?.into_iter().collect();
        return Ok(Page { items, next: None });
    }
    match store.accounts(cursor, limit).await? {
        Some((items, next)) => Ok(Page { items, next }),
        None => Err(AdminError::BadCursor),
    }
}

/// Changes an account. A new time zone moves the schedules that follow it.
pub async fn change_account(
    outside: &impl Outside,
    id: &AccountId,
    change: AccountChange,
) -> Result<Account, AdminError> {
    for _ in 0..ATTEMPTS {
        let old = account(outside.store(), id).await?;
        let mut new = old.clone();
        new.version += 1;
        if let Some(name) = &change.name {
            new.name.clone_from(name);
        }
        if let Some(time_zone) = &change.time_zone {
            new.time_zone.clone_from(time_zone);
        }
        if let Some(origins) = &change.allowed_origins {
            new.allowed_origins.clone_from(origins);
        }
        let Retention { history_days, report_days, deed_days } = &mut new.retention;
        for (kept, days) in [history_days, report_days, deed_days].into_iter().zip(change.retention)
        {
            *kept = days.unwrap_or(*kept);
        }
        if outside.store().update_account(&new).await? {
            // Also when the zone is the same: an earlier request may have died between the two.
            if change.time_zone.is_some() {
                reschedule_account(outside, &new).await?;
            }
            return Ok(new);
        }
    }
    Err(AdminError::Moved)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(error: AdminError) -> Vec<String> {
        let AdminError::Invalid(problems) = error else { panic!("{error:?}") };
        problems.into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn an_account_needs_a_zone_that_exists_and_gets_its_proper_spelling() {
        let document = |zone: &str| json!({"externalId": "7", "name": "Acme", "timeZone": zone});
        let account = NewAccount::read(&document("europe/berlin")).unwrap();
        assert_eq!(account.time_zone, "Europe/Berlin");
        for zone in ["Europe/Berln", "Etc/Unknown", "+02:00"] {
            assert_eq!(pointers(NewAccount::read(&document(zone)).unwrap_err()), ["/timeZone"]);
        }
    }

    #[test]
    fn what_runs_did_is_kept_in_classes_of_days() {
        let read = |retention: Value| AccountChange::read(&json!({"retention": retention}));
        let change = read(json!({"historyDays": 365})).unwrap();
        assert_eq!(change.retention, [Some(365), None, None]);
        for (retention, pointer) in [
            (json!({"historyDays": 31}), "/retention/historyDays"),
            (json!({"reportDays": "90"}), "/retention/reportDays"),
            (json!({"days": 90}), "/retention/days"),
            (json!(90), "/retention"),
        ] {
            assert_eq!(pointers(read(retention).unwrap_err()), [pointer]);
        }
    }

    #[test]
    fn a_portal_may_return_to_origins_only() {
        for (text, expected) in [
            ("https://app.example.com", true),
            ("https://app.example.com:8443", true),
            ("http://localhost:3000", true),
            ("http://app.example.com", false),
            ("https://app.example.com/", false),
            ("https://user@app.example.com", false),
            ("javascript:alert(1)", false),
            ("http://localhost.example.com", false),
        ] {
            assert_eq!(is_origin(text), expected, "{text}");
        }
    }
}
