//! Directory users as Graph tells them: each attribute absent, null, or with a value.

mod selection;

use serde_json::{Map, Value};

use crate::id::{ContactId, ObjectId};

pub use selection::UserSelection;

/// The attributes that are always read and tracked, in `$select` order. Changing this list means a
/// new baseline for everybody: delta tokens are bound to it (Graph: delta query).
pub const USER_SELECT: &[&str] = &[
    "id",
    "userPrincipalName",
    "mail",
    "otherMails",
    "proxyAddresses",
    "displayName",
    "givenName",
    "surname",
    "jobTitle",
    "department",
    "companyName",
    "officeLocation",
    "businessPhones",
    "mobilePhone",
    "faxNumber",
    "streetAddress",
    "city",
    "state",
    "postalCode",
    "country",
    "usageLocation",
    "preferredLanguage",
    "employeeId",
    "employeeType",
    "employeeHireDate",
    "employeeOrgData",
    "userType",
    "accountEnabled",
    "createdDateTime",
    "externalUserState",
    "onPremisesExtensionAttributes",
];

/// A user as one Graph answer told it.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectoryUser {
    /// The object id.
    pub id: ObjectId,
    /// What the answer held besides the id; a selected attribute that is missing here is *absent*.
    pub attributes: Map<String, Value>,
}

/// One attribute's three states.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SourceValue<'a> {
    /// The answer did not mention it: in an update "unchanged or never set", in a full read "none".
    Absent,
    /// Explicitly empty.
    Null,
    /// Has this value.
    Value(&'a Value),
}

/// Where the manager's object id stands among a user's attributes. No expression can name it: what
/// `[manager]` reads is the manager's contact.
const MANAGER_ID: &str = "manager@id";

/// Where the manager's contact stands.
const MANAGER: &str = "manager";

impl DirectoryUser {
    /// Notes who the manager is, as a read told it: nobody, or the user of this id.
    pub fn tell_manager(&mut self, manager: Option<&ObjectId>) {
        let id = manager.map(|manager| manager.as_str().to_owned());
        self.attributes.insert(MANAGER_ID.to_owned(), id.into());
    }

    /// Who the manager is; absent and null as for any attribute.
    pub fn manager(&self) -> Option<Option<ObjectId>> {
        let told = self.attributes.get(MANAGER_ID)?;
        Some(told.as_str().and_then(|id| ObjectId::parse(id).ok()))
    }

    /// Puts the manager's contact where `[manager]` reads it; without one, `[manager]` is empty.
    pub fn set_manager_contact(&mut self, contact: Option<&ContactId>) {
        let id = contact.map(|contact| contact.as_str().to_owned());
        self.attributes.insert(MANAGER.to_owned(), id.into());
    }

    /// The manager, where he was looked for among the contacts and has none.
    pub fn manager_without_contact(&self) -> Option<ObjectId> {
        let missing = self.attributes.get(MANAGER).is_some_and(Value::is_null);
        if missing { self.manager().flatten() } else { None }
    }

    /// The attribute at a dotted path, for instance `employeeOrgData.costCenter`. A null or absent
    /// parent makes its members null or absent.
    pub fn attribute(&self, path: &str) -> SourceValue<'_> {
        let (root, member) = match path.split_once('.') {
            Some((root, member)) => (root, Some(member)),
            None => (path, None),
        };
        let Some(mut value) = self.attributes.get(root) else { return SourceValue::Absent };
        for part in member.into_iter().flat_map(|member| member.split('.')) {
            match value {
                Value::Object(members) => match members.get(part) {
                    Some(member) => value = member,
                    None => return SourceValue::Null,
                },
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_) => return SourceValue::Null,
            }
        }
        if value.is_null() { SourceValue::Null } else { SourceValue::Value(value) }
    }

    /// Takes whichever of these attributes was not told as empty.
    pub fn lack<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            self.attributes.entry(name).or_insert(Value::Null);
        }
    }

    /// A text attribute, when it has a value that is not blank.
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.attribute(path) {
            SourceValue::Value(Value::String(text)) if !text.trim().is_empty() => Some(text),
            SourceValue::Value(_) | SourceValue::Null | SourceValue::Absent => None,
        }
    }

    /// Whether sign-in is allowed; `None` when the answer did not say.
    pub fn account_enabled(&self) -> Option<bool> {
        match self.attribute("accountEnabled") {
            SourceValue::Value(Value::Bool(enabled)) => Some(*enabled),
            SourceValue::Value(_) | SourceValue::Null | SourceValue::Absent => None,
        }
    }
}

/// One entry of a delta page.
#[derive(Debug, Clone, PartialEq)]
pub enum DeltaEntry {
    /// Created, changed or restored; attributes may be absent.
    Changed(DirectoryUser),
    /// `@removed`.
    Removed {
        /// Who.
        id: ObjectId,
        /// Why.
        reason: RemovedReason,
    },
}

impl DeltaEntry {
    /// Whom the entry is about.
    pub fn id(&self) -> &ObjectId {
        match self {
            Self::Changed(user) => &user.id,
            Self::Removed { id, .. } => id,
        }
    }
}

/// `@removed.reason` (Graph: delta query).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovedReason {
    /// `changed`: in the recycle bin, restorable for 30 days.
    SoftDeleted,
    /// `deleted`, or any reason that a later Graph invents: gone for good.
    Purged,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(attributes: Value) -> DirectoryUser {
        let Value::Object(attributes) = attributes else { panic!("an object") };
        DirectoryUser { id: ObjectId::from_u128(1), attributes }
    }

    #[test]
    fn absent_null_and_value_are_told_apart() {
        let user =
            user(json!({"mail": null, "jobTitle": "CEO", "employeeOrgData": {"costCenter": "7"},
                               "onPremisesExtensionAttributes": null}));
        assert_eq!(user.attribute("mobilePhone"), SourceValue::Absent);
        assert_eq!(user.attribute("mail"), SourceValue::Null);
        assert_eq!(user.attribute("jobTitle"), SourceValue::Value(&json!("CEO")));
        assert_eq!(user.attribute("employeeOrgData.costCenter"), SourceValue::Value(&json!("7")));
        assert_eq!(user.attribute("employeeOrgData.division"), SourceValue::Null);
        assert_eq!(
            user.attribute("onPremisesExtensionAttributes.extensionAttribute1"),
            SourceValue::Null
        );
    }

    #[test]
    fn a_manager_is_his_contact_and_nobody_takes_his_object_id_for_it() {
        let mut user = user(json!({}));
        assert_eq!((user.manager(), user.attribute("manager")), (None, SourceValue::Absent));
        let manager = ObjectId::from_u128(2);
        user.tell_manager(Some(&manager));
        assert_eq!(user.manager(), Some(Some(manager.clone())));
        assert_eq!(user.attribute("manager"), SourceValue::Absent, "nobody looked for his contact");
        assert_eq!(user.manager_without_contact(), None);
        user.set_manager_contact(None);
        assert_eq!(user.attribute("manager"), SourceValue::Null);
        assert_eq!(user.manager_without_contact(), Some(manager));
        let contact = ContactId::from_bits(7);
        user.set_manager_contact(Some(&contact));
        assert_eq!(user.attribute("manager"), SourceValue::Value(&json!(contact.as_str())));
        assert_eq!(user.manager_without_contact(), None);
        user.tell_manager(None);
        assert_eq!(user.manager(), Some(None));
    }

    #[test]
    fn a_blank_text_is_no_text() {
        assert_eq!(user(json!({"mail": "  "})).text("mail"), None);
    }
}
