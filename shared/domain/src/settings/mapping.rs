//! How fields get their values, as the document says it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How one contact field gets its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MappingRow {
    /// Which field; text form of a [`Target`](crate::contact::Target).
    pub target: String,
    /// Where from: an attribute in brackets, a quoted text, or a function of those.
    pub source: String,
    /// Whether a user without it fails.
    #[serde(default)]
    pub required: bool,
    /// When the field is written; the defaults' where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<FieldPolicy>,
    /// What an empty source means; the defaults' where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_empty: Option<WhenEmpty>,
    /// The value for `whenEmpty: "default"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

impl MappingRow {
    /// A row that writes what the directory says and keeps what stands where it says nothing.
    pub(super) fn overwriting(target: &str, source: &str) -> Self {
        Self {
            target: target.to_owned(),
            source: source.to_owned(),
            required: false,
            policy: Some(FieldPolicy::Overwrite),
            when_empty: Some(WhenEmpty::Keep),
            default: None,
        }
    }

    /// The row of the e-mail, without which there is no contact.
    pub(super) fn email(source: &str) -> Self {
        let when_empty = Some(WhenEmpty::Fail);
        Self { required: true, when_empty, ..Self::overwriting("email", source) }
    }
}

/// When a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldPolicy {
    /// Always what the directory says.
    Overwrite,
    /// Only while the contact has no value.
    FillIfEmpty,
    /// Only when the contact is made.
    CreateOnly,
    /// A person decides.
    Review,
    /// Never.
    Never,
}

/// What an empty source means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WhenEmpty {
    /// The contact keeps its value.
    Keep,
    /// The contact's value is cleared.
    Clear,
    /// The row's default.
    Default,
    /// The record fails.
    Fail,
}

/// What rows leave out, by kind of target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MappingDefaults {
    /// For custom fields.
    pub custom: FieldDefaults,
    /// For telephone numbers.
    pub phones: FieldDefaults,
}

/// Defaults of one kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FieldDefaults {
    /// When it is written.
    pub policy: FieldPolicy,
    /// What an empty source means.
    pub when_empty: WhenEmpty,
}
