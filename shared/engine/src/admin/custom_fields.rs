//! An account's own contact fields.

use contact_sync_domain::account::{Account, CustomField, CustomFieldType};
use contact_sync_domain::contact::{Target, is_custom_key};
use contact_sync_domain::id::AccountId;
use contact_sync_domain::mapping::Mapping;
use contact_sync_domain::settings::{Problem, Settings};
use serde_json::Value;

use super::accounts::account;
use super::document::{Members, plain_text};
use super::{ATTEMPTS, AdminError, Outside};
use crate::port::{AccountStore, ConnectionStore, SettingsStore};

/// Own fields an account may have.
const MOST_CUSTOM_FIELDS: usize = 200;

/// Choices a select field may have.
const MOST_OPTIONS: usize = 500;

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

/// Replaces the account's own fields. A field that a connection's settings use can neither go nor
/// become something that they cannot use.
pub async fn set_custom_fields(
    outside: &impl Outside,
    id: &AccountId,
    fields: &[CustomField],
) -> Result<Account, AdminError> {
    for _ in 0..ATTEMPTS {
        let old = account(outside.store(), id).await?;
        if let Some(key) = broken_use(outside.store(), &old, fields).await? {
            return Err(AdminError::CustomFieldInUse { key });
        }
        let new =
            Account { custom_fields: fields.to_vec(), version: old.version + 1, ..old.clone() };
        if outside.store().update_account(&new).await? {
            return Ok(new);
        }
    }
    Err(AdminError::Moved)
}

/// The first field that some connection's settings use and could not use any more.
async fn broken_use<S>(
    store: &S,
    account: &Account,
    fields: &[CustomField],
) -> Result<Option<String>, AdminError>
where
    S: ConnectionStore + SettingsStore,
{
    let changed: Vec<&CustomField> =
        account.custom_fields.iter().filter(|field| !fields.contains(field)).collect();
    if changed.is_empty() {
        return Ok(None);
    }
    for connection in store.connections(&account.id).await? {
        let settings = store.settings(&account.id, &connection.id).await?.settings;
        let broken = changed.iter().find(|field| is_broken(&settings, field, fields));
        if let Some(field) = broken {
            return Ok(Some(field.key.clone()));
        }
    }
    Ok(None)
}

fn is_broken(settings: &Settings, field: &CustomField, fields: &[CustomField]) -> bool {
    let target = Target::Custom(field.key.clone()).to_string();
    let is_gone = fields.iter().all(|kept| kept.key != field.key);
    let is_mapped = settings.mapping.iter().any(|row| row.target == target);
    let is_matched = settings.matching.contains(&target);
    (is_gone && is_matched)
        || (is_mapped && (is_gone || Mapping::compile(settings, fields).is_err()))
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
