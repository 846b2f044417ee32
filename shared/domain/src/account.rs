//! Accounts: the host product's customers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::AccountId;
use crate::retention::Retention;

/// A customer of the host product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Our id.
    pub id: AccountId,
    /// The host product's own id of this customer; unique.
    pub external_id: String,
    /// What people call it.
    pub name: String,
    /// IANA name; schedules without a zone of their own run in it.
    pub time_zone: String,
    /// Origins a portal session may return to.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// The account's own contact fields.
    #[serde(default)]
    pub custom_fields: Vec<CustomField>,
    /// For how long what its runs do is kept, from the next run on.
    #[serde(default, skip_serializing_if = "Retention::is_usual")]
    pub retention: Retention,
    /// Raised by every write; guards concurrent edits.
    #[serde(default)]
    pub version: u64,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// A contact field that the account defined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomField {
    /// Its key in `custom.<key>`: letters, digits, `_` and `-`, at most 64.
    pub key: String,
    /// What people read.
    pub label: String,
    /// What values it takes.
    #[serde(rename = "type")]
    pub kind: CustomFieldType,
    /// Whether a contact without it is refused.
    #[serde(default)]
    pub required: bool,
    /// The choices of a select field; empty for the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// The kinds of custom field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CustomFieldType {
    /// Any text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A calendar date (`YYYY-MM-DD`).
    Date,
    /// One of the options.
    SingleSelect,
    /// Any of the options.
    MultiSelect,
}
