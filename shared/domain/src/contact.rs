//! Contacts: the host product's person records, and their tie to the directory.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{AccountId, ConnectionId, ContactId, ObjectId, TenantId};
use crate::reconcile::GoneCause;
use crate::settings::RemovalAction;
use crate::written::Written;

/// A person record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Its id; derived from the directory user for contacts that sync created.
    pub id: ContactId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Raised by every write, sync's or a person's; the event `sequence` and the ETag.
    pub version: u64,
    /// Whether the person is active.
    pub status: ContactStatus,
    /// Who made it.
    pub source: ContactSource,
    /// The standard fields that have a value, by [`ContactField`] name.
    pub fields: BTreeMap<ContactField, String>,
    /// The account's own fields that have a value.
    #[serde(default)]
    pub custom: BTreeMap<String, Value>,
    /// The targets that sync manages, in their text form (`email`, `custom.costCenter`).
    #[serde(default)]
    pub managed_fields: Vec<Target>,
    /// Whether it is linked, unlinked, deactivated or deleted only by a person's decision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// The tie to a directory user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// What sync keeps for itself; absent on contacts that sync never wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncMark>,
    /// Who wrote which fields last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written: Vec<Written>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What sync remembers on a contact to order its own writes and to recognise the unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncMark {
    /// The fence at which the page that wrote it was requested; compares within one connection.
    pub source_version: u64,
    /// The settings version it was decided under.
    pub settings_version: u64,
    /// Digest of everything the decision took from the directory (hexadecimal); absent after a
    /// person's edit, so that the next full run decides anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The run that last wrote it.
    pub run: String,
    /// In which of the run's pages that was decided, or [`Self::NO_PAGE`].
    #[serde(default)]
    pub page: u32,
    /// Whether sync made it where the settings welcome people: who returns keeps no such mark.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub welcome: bool,
    /// What sync had written where people put something else since and the settings let it stand;
    /// null where the field was empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replaced: BTreeMap<Target, Value>,
    /// Whether a person cut the contact's tie: it is nobody's own any more by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untied_by_hand: bool,
}

impl SyncMark {
    /// In place of a page: a person decided about what the run asked.
    pub const NO_PAGE: u32 = u32::MAX;
}

/// Whether a person is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ContactStatus {
    /// In use.
    Active,
    /// Kept, but not in use.
    Inactive,
}

/// Who made a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ContactSource {
    /// Sync.
    Entra,
    /// A person or the host product.
    Local,
}

/// The tie between a contact and a directory user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Through which connection.
    pub connection_id: ConnectionId,
    /// In which tenant.
    pub tenant_id: TenantId,
    /// Which user.
    pub object_id: ObjectId,
    /// The user's UPN when last seen; never a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_principal_name: Option<String>,
    /// Where the user stands.
    pub state: LinkState,
    /// From when on what is planned may be done to the contact; absent where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_at: Option<Timestamp>,
    /// What will be done to it then, as the settings said when the user left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<RemovalAction>,
    /// Why the user is no longer meant; absent while he is, and on links that earlier releases left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<GoneCause>,
}

/// Where the linked user stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkState {
    /// In the directory and in scope.
    Linked,
    /// In the directory, out of scope: no longer updated.
    OutOfScope,
    /// Gone from the directory.
    Removed,
}

macro_rules! contact_fields {
    ($($variant:ident => $name:literal : $doc:literal),+ $(,)?) => {
        /// The standard fields of a contact.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ContactField {
            $(#[doc = $doc] #[serde(rename = $name)] $variant,)+
        }

        impl ContactField {
            /// Every field, in the order pages show them.
            pub const ALL: &'static [ContactField] = &[$(ContactField::$variant),+];

            /// The name in JSON.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The field of that name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

contact_fields! {
    Email => "email": "The address; unique within the account.",
    DisplayName => "displayName": "The whole name.",
    FirstName => "firstName": "Given name.",
    LastName => "lastName": "Family name.",
    JobTitle => "jobTitle": "Position.",
    Department => "department": "Department.",
    CompanyName => "companyName": "Company.",
    MobilePhone => "mobilePhone": "Mobile phone.",
    BusinessPhone => "businessPhone": "Office phone.",
    OfficeLocation => "officeLocation": "Office.",
    StreetAddress => "streetAddress": "Street and number.",
    City => "city": "City.",
    State => "state": "State or province.",
    PostalCode => "postalCode": "Postal code.",
    Country => "country": "Country: its ISO 3166-1 alpha-2 code, or what the directory says where that is no country's name.",
    TimeZone => "timeZone": "Time zone: its IANA name, or what the directory says where that names none.",
    PreferredLanguage => "preferredLanguage": "Language tag, as BCP 47 writes it.",
    EmployeeId => "employeeId": "Staff number.",
    Manager => "manager": "The manager, as a reference to a contact.",
}

impl ContactField {
    /// Whether the field is a telephone number.
    pub fn is_phone(self) -> bool {
        matches!(self, Self::MobilePhone | Self::BusinessPhone)
    }

    /// Whether the field is part of the person's name.
    pub fn is_name(self) -> bool {
        matches!(self, Self::DisplayName | Self::FirstName | Self::LastName)
    }
}

/// Where a mapped value goes: a standard field, or `custom.<key>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// A standard field.
    Field(ContactField),
    /// One of the account's own fields.
    Custom(String),
}

impl Target {
    /// Reads `email` or `custom.costCenter`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("custom.") {
            Some(key) => is_custom_key(key).then(|| Self::Custom(key.to_owned())),
            None => ContactField::parse(text).map(Self::Field),
        }
    }
}

/// Whether a text can be the key of a custom field: 1 to 64 letters, digits, `_` or `-`.
pub fn is_custom_key(key: &str) -> bool {
    (1..=64).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

impl TryFrom<String> for Target {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no contact field"))
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => formatter.write_str(field.name()),
            Self::Custom(key) => write!(formatter, "custom.{key}"),
        }
    }
}

impl Contact {
    /// The value of a target; `None` when it has none.
    pub fn value(&self, target: &Target) -> Option<Value> {
        match target {
            Target::Field(field) => self.fields.get(field).map(|text| Value::String(text.clone())),
            Target::Custom(key) => self.custom.get(key).cloned(),
        }
    }

    /// Sets or (with `None`) clears a target. Standard fields take texts only.
    pub fn set(&mut self, target: &Target, value: Option<Value>) {
        match (target, value) {
            (Target::Field(field), Some(Value::String(text))) => {
                self.fields.insert(*field, text);
            }
            (Target::Field(field), Some(other)) => {
                self.fields.insert(*field, other.to_string());
            }
            (Target::Field(field), None) => {
                self.fields.remove(field);
            }
            (Target::Custom(key), Some(value)) => {
                self.custom.insert(key.clone(), value);
            }
            (Target::Custom(key), None) => {
                self.custom.remove(key);
            }
        }
    }

    /// The e-mail, when it has one.
    pub fn email(&self) -> Option<&str> {
        self.fields.get(&ContactField::Email).map(String::as_str)
    }

    /// Whether a person cut its tie and nothing was tied to it since.
    pub fn is_untied_by_hand(&self) -> bool {
        self.link.is_none() && self.sync.as_ref().is_some_and(|mark| mark.untied_by_hand)
    }

    /// Whether this contact is tied to the given user through the given connection.
    pub fn is_linked_to(&self, connection: &ConnectionId, user: &ObjectId) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| link.connection_id == *connection && link.object_id == *user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name_and_targets_survive_a_round_trip() {
        for field in ContactField::ALL {
            assert_eq!(ContactField::parse(field.name()), Some(*field));
            assert_eq!(Target::parse(field.name()), Some(Target::Field(*field)));
        }
        let custom = Target::parse("custom.costCenter").unwrap();
        assert_eq!(custom, Target::Custom("costCenter".into()));
        assert_eq!(custom.to_string(), "custom.costCenter");
        assert_eq!(Target::parse("custom."), None);
        assert_eq!(Target::parse("nickname"), None);
    }
}
