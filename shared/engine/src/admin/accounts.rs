//! Accounts and their own contact fields.

use contact_sync_domain::account::{Account, CustomField, CustomFieldType};
use contact_sync_domain::contact::{Target, is_custom_key};
use contact_sync_domain::id::AccountId;
use contact_sync_domain::schedule::time_zone;
use contact_sync_domain::settings::Problem;
use serde_json::Value;

use super::document::{Members, plain_text};
use super::schedule::reschedule_account;
use super::{ATTEMPTS, AdminError, Caller, Outside, Page};
use crate::port::{AccountStore, Clock, ConnectionStore, Randomness, SettingsStore};

/// Own fields an account may have.
const MOST_CUSTOM_FIELDS: usize = 200;

/// Choices a select field may have.
const MOST_OPTIONS: usize = 500;

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
}

impl AccountChange {
    /// Reads the members that change: `{name?, timeZone?, allowedOrigins?}`.
    pub fn read(document: &Value) -> Result<Self, AdminError> {
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        let name = members.changed_text("name", 256);
        let time_zone =
            members.changed_text("timeZone", 64).and_then(|zone| known_zone(&mut members, &zone));
        let allowed_origins = origins(&mut members);
        let problems = members.finish();
        if problems.is_empty() {
            Ok(Self { name, time_zone, allowed_origins })
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

/// Reads the account's whole list of own contact fields.
pub fn read_custom_fields(document: &Value) -> Result<Vec<CustomField>, AdminError> {
    let Value::Array(items) = document else {
        return Err(AdminError::invalid("", "expected a list of fields"));
    };
    let mut problems = Vec::new();
    let mut fields: Vec<CustomField> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match read_custom_field(item, &format!("/{index}")) {
            Ok(field) if fields.iter().any(|other| other.key == field.key) => {
                problems.push(Problem {
                    pointer: format!("/{index}/key"),
                    message: format!("the key `{}` is there twice", field.key),
                });
            }
            Ok(field) => fields.push(field),
            Err(wrong) => problems.extend(wrong),
        }
    }
    if items.len() > MOST_CUSTOM_FIELDS {
        let message = format!("at most {MOST_CUSTOM_FIELDS} fields");
        problems.push(Problem { pointer: String::new(), message });
    }
    if problems.is_empty() { Ok(fields) } else { Err(AdminError::Invalid(problems)) }
}

fn read_custom_field(item: &Value, base: &str) -> Result<CustomField, Vec<Problem>> {
    let mut members = Members::of(item, base)?;
    let key = members.text("key", 64).filter(|key| {
        let valid = is_custom_key(key);
        if !valid {
            members.problem("key", "1 to 64 letters, digits, `_` or `-`");
        }
        valid
    });
    let label = members.text("label", 128);
    let kind = field_type(&mut members);
    let required = match members.value("required") {
        None => false,
        Some(Value::Bool(required)) => *required,
        Some(_) => {
            members.problem("required", "expected true or false");
            false
        }
    };
    let options = options(&mut members, kind);
    let problems = members.finish();
    match (key, label, kind) {
        (Some(key), Some(label), Some(kind)) if problems.is_empty() => {
            Ok(CustomField { key, label, kind, required, options })
        }
        _ => Err(problems),
    }
}

fn field_type(members: &mut Members<'_>) -> Option<CustomFieldType> {
    let kind = members.value("type").map(|word| serde_json::from_value(word.clone()));
    if let Some(Ok(kind)) = kind {
        return Some(kind);
    }
    members.problem("type", "one of text, number, boolean, date, singleSelect, multiSelect");
    None
}

fn options(members: &mut Members<'_>, kind: Option<CustomFieldType>) -> Vec<String> {
    let takes_options =
        matches!(kind, Some(CustomFieldType::SingleSelect | CustomFieldType::MultiSelect));
    let items = match members.value("options") {
        None => &[][..],
        Some(Value::Array(items)) => items.as_slice(),
        Some(_) => {
            members.problem("options", "expected a list of texts");
            return Vec::new();
        }
    };
    if kind.is_some() && takes_options == items.is_empty() {
        let message = if takes_options {
            "a select field needs its options"
        } else {
            "only select fields have options"
        };
        members.problem("options", message);
    }
    if items.len() > MOST_OPTIONS {
        members.problem("options", format!("at most {MOST_OPTIONS} options"));
    }
    let mut options: Vec<String> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match plain_text(item, 128) {
            Ok(Some(option)) if !options.contains(&option) => options.push(option),
            Ok(Some(_)) => {
                members.problem_at(&format!("options/{index}"), "this option is there twice");
            }
            Ok(None) => members.problem_at(&format!("options/{index}"), "this cannot be empty"),
            Err(message) => members.problem_at(&format!("options/{index}"), message),
        }
    }
    options
}

/// Replaces the account's own fields. A field that a connection's mapping still writes stays.
pub async fn set_custom_fields(
    outside: &impl Outside,
    id: &AccountId,
    fields: &[CustomField],
) -> Result<Account, AdminError> {
    for _ in 0..ATTEMPTS {
        let old = account(outside.store(), id).await?;
        for field in &old.custom_fields {
            if fields.iter().all(|kept| kept.key != field.key)
                && is_mapped(outside.store(), &old, &field.key).await?
            {
                return Err(AdminError::CustomFieldInUse { key: field.key.clone() });
            }
        }
        let new =
            Account { custom_fields: fields.to_vec(), version: old.version + 1, ..old.clone() };
        if outside.store().update_account(&new).await? {
            return Ok(new);
        }
    }
    Err(AdminError::Moved)
}

async fn is_mapped<S>(store: &S, account: &Account, key: &str) -> Result<bool, AdminError>
where
    S: ConnectionStore + SettingsStore,
{
    let target = Target::Custom(key.to_owned()).to_string();
    for connection in store.connections(&account.id).await? {
        let current = store.settings(&account.id, &connection.id).await?;
        if current.settings.mapping.iter().any(|row| row.target == target) {
            return Ok(true);
        }
    }
    Ok(false)
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

    #[test]
    fn all_mistakes_in_a_list_of_fields_are_told_with_their_places() {
        let document = json!([
            {"key": "size", "label": "Size", "type": "singleSelect"},
            {"key": "a b", "label": "", "type": "colour"},
            {"key": "day", "label": "Day", "type": "date", "options": ["x"]},
            {"key": "ok", "label": "Fine", "type": "text", "required": true},
            {"key": "ok", "label": "Again", "type": "text"},
        ]);
        assert_eq!(
            pointers(read_custom_fields(&document).unwrap_err()),
            ["/0/options", "/1/key", "/1/label", "/1/type", "/2/options", "/4/key"]
        );
    }
}
