//! People of the directory, and what a contact should say of them: the product's default mapping
//! and scope, written once more by hand.

use std::collections::BTreeMap;

use serde_json::Value;

/// One person as the simulated directory has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Person(Value);

impl Person {
    pub(crate) fn new(document: Value) -> Self {
        Self(document)
    }

    pub fn id(&self) -> &str {
        self.0["id"].as_str().expect("everybody has an id")
    }

    /// A text attribute that is not blank.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.0[attribute].as_str().filter(|text| !text.trim().is_empty())
    }

    pub fn upn(&self) -> &str {
        self.text("userPrincipalName").expect("everybody has a user principal name")
    }

    /// The address that a contact of this person has.
    pub fn address(&self) -> &str {
        self.text("mail").unwrap_or_else(|| self.upn())
    }

    /// The names of all attributes.
    pub fn attributes(&self) -> Vec<String> {
        self.0.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default()
    }

    pub fn attribute(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// Whether the person is neither in the recycle bin nor gone.
    pub fn is_live(&self) -> bool {
        self.0["_state"] == "live"
    }
}

/// Whether the settings that nobody changed mean this person.
pub fn in_default_scope(person: &Person) -> bool {
    person.is_live()
        && person.text("userType").is_none_or(|kind| kind == "Member")
        && person.attribute("accountEnabled") != &Value::Bool(false)
}

/// The fields a contact has by the default mapping.
pub fn wanted_fields(person: &Person) -> BTreeMap<String, String> {
    let office_phone = person.attribute("businessPhones").get(0).and_then(Value::as_str);
    let fields = [
        ("email", Some(person.address())),
        ("displayName", person.text("displayName")),
        ("firstName", person.text("givenName")),
        ("lastName", person.text("surname")),
        ("jobTitle", person.text("jobTitle")),
        ("department", person.text("department")),
        ("mobilePhone", person.text("mobilePhone")),
        ("businessPhone", office_phone),
        ("officeLocation", person.text("officeLocation")),
    ];
    fields
        .into_iter()
        .filter_map(|(field, value)| Some((field.to_owned(), value?.to_owned())))
        .collect()
}
