//! What the contacts must be, worked out from the directory itself and not by the product's code.

use std::collections::BTreeMap;

use serde_json::Value;

use super::first_sync::CUSTOM_FIELD;

/// The fields of the default mapping that are copied, with the property each comes from.
const COPIED: [(&str, &str); 7] = [
    ("displayName", "displayName"),
    ("firstName", "givenName"),
    ("lastName", "surname"),
    ("jobTitle", "jobTitle"),
    ("department", "department"),
    ("mobilePhone", "mobilePhone"),
    ("officeLocation", "officeLocation"),
];

/// A contact as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExpectedContact {
    pub(super) object_id: String,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) custom: Option<String>,
}

/// Who gets a contact by the default settings: members (an absent type counts as one) whose
/// account is enabled.
pub(super) fn is_in_scope(user: &Value) -> bool {
    let is_live = user.get("_state").and_then(Value::as_str) == Some("live");
    let kind = user.get("userType").and_then(Value::as_str).unwrap_or("Member");
    let is_enabled = user.get("accountEnabled").and_then(Value::as_bool) == Some(true);
    is_live && kind == "Member" && is_enabled
}

/// The contact of one user by the default mapping.
pub(super) fn contact(user: &Value) -> ExpectedContact {
    let text = |property: &str| {
        let value = user.get(property).and_then(Value::as_str).map(str::trim);
        value.filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let mut fields = BTreeMap::new();
    let mut set = |field: &str, value: Option<String>| {
        if let Some(value) = value {
            fields.insert(field.to_owned(), value);
        }
    };
    set("email", text("mail").or_else(|| text("userPrincipalName")));
    for (field, property) in COPIED {
        set(field, text(property));
    }
    let phones = user.get("businessPhones").and_then(Value::as_array);
    let phone = phones.and_then(|phones| phones.first()).and_then(Value::as_str);
    set("businessPhone", phone.map(|phone| phone.trim().to_owned()).filter(|p| !p.is_empty()));
    ExpectedContact {
        object_id: user.get("id").and_then(Value::as_str).unwrap_or_default().to_owned(),
        fields,
        custom: text(CUSTOM_FIELD.1),
    }
}

/// The form in which addresses are compared.
pub(super) fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}
