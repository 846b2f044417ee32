//! Matching: which contact that exists already is a user's, and what speaks for it.
//!
//! Keys are tried in order. The first that leads to exactly one free contact decides; one that leads
//! to several ends the search, since nothing here guesses. Once linked, only the object id counts.

mod evidence;

use std::fmt;

use serde_json::Value;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::account::{CustomField, CustomFieldType};
use crate::contact::{Contact, ContactField, Target};
use crate::directory::DirectoryUser;
use crate::email::email_key;
use crate::expression::SourceExpression;
use crate::mapping::Mapped;
use crate::settings::{MappingRow, Problem, Settings};

pub use evidence::{Evidence, Finding, Match};

/// The fewest digits that tell telephones apart: extensions such as `204` are many people's.
const FEWEST_DIGITS: usize = 6;

/// A key by which a user finds a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchKey {
    /// The value that the mapping gives this target equals the contact's.
    Target(Target),
    /// The user principal name equals the contact's e-mail.
    UserPrincipalName,
}

/// The keys of a settings document, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchKeys(Vec<MatchKey>);

/// What the keys lead to.
#[derive(Debug, Clone, PartialEq)]
pub enum Matched<'a> {
    /// No free contact.
    Nobody,
    /// Exactly one.
    One {
        /// The contact.
        contact: &'a Contact,
        /// The key that led to it.
        key: &'a MatchKey,
    },
    /// Several, by id.
    Several {
        /// The contacts.
        contacts: Vec<&'a Contact>,
        /// The key that led to them.
        key: &'a MatchKey,
    },
}

impl MatchKey {
    /// Reads `email`, `employeeId`, `custom.staffNumber`, `userPrincipalName` and the like.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "userPrincipalName" => Some(Self::UserPrincipalName),
            text => Target::parse(text).map(Self::Target),
        }
    }

    /// The contact's field that is compared.
    fn field(&self) -> Target {
        match self {
            Self::Target(target) => target.clone(),
            Self::UserPrincipalName => Target::Field(ContactField::Email),
        }
    }

    /// What the key is for a user, in one form for every spelling.
    pub fn of_user(&self, user: &DirectoryUser, mapped: &Mapped) -> Option<String> {
        match self {
            Self::Target(target) => normal(target, mapped.value(target)?),
            Self::UserPrincipalName => user.text("userPrincipalName").map(email_key),
        }
    }

    /// What the key is for a contact.
    pub fn of_contact(&self, contact: &Contact) -> Option<String> {
        let field = self.field();
        normal(&field, &contact.value(&field)?)
    }

    /// Whether e-mail claims answer it, so that no contacts need be looked through.
    fn is_claimed(&self) -> bool {
        *self == Self::Target(Target::Field(ContactField::Email))
    }
}

impl fmt::Display for MatchKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(target) => target.fmt(formatter),
            Self::UserPrincipalName => formatter.write_str("userPrincipalName"),
        }
    }
}

impl MatchKeys {
    /// Reads the keys of a document; otherwise everything that is wrong with them.
    pub fn compile(settings: &Settings, fields: &[CustomField]) -> Result<Self, Vec<Problem>> {
        let problem = |pointer: String, message: String| Problem { pointer, message };
        if settings.matching.is_empty() {
            let message = "expected [\"email\"]: people and contacts find each other by a key";
            return Err(vec![problem("/matching".to_owned(), message.to_owned())]);
        }
        let mut keys: Vec<MatchKey> = Vec::new();
        let mut problems = Vec::new();
        for (index, text) in settings.matching.iter().enumerate() {
            let key = MatchKey::parse(text);
            match key.ok_or_else(|| no_key(text)).and_then(|key| usable(key, settings, fields)) {
                Ok(key) if keys.contains(&key) => problems.push(problem(
                    format!("/matching/{index}"),
                    format!("`{key}` is there already"),
                )),
                Ok(key) => keys.push(key),
                Err(message) => problems.push(problem(format!("/matching/{index}"), message)),
            }
        }
        if problems.is_empty() { Ok(Self(keys)) } else { Err(problems) }
    }

    /// The keys that only a look through the free contacts answers.
    pub fn looked_up(&self) -> impl Iterator<Item = &MatchKey> {
        self.0.iter().filter(|key| !key.is_claimed())
    }

    /// Digests under which a contact is found by the keys that are looked up.
    pub fn digests_of_contact(&self, contact: &Contact) -> Vec<u128> {
        self.looked_up().filter_map(|key| Some(digest(key, &key.of_contact(contact)?))).collect()
    }

    /// Digests under which a user's contacts are looked up.
    pub fn digests_of_user(&self, user: &DirectoryUser, mapped: &Mapped) -> Vec<u128> {
        self.looked_up().filter_map(|key| Some(digest(key, &key.of_user(user, mapped)?))).collect()
    }

    /// What the keys lead to among these contacts, in whatever order they are given. Linked ones
    /// are no candidates.
    pub fn find<'a>(
        &'a self,
        user: &DirectoryUser,
        mapped: &Mapped,
        candidates: &[&'a Contact],
    ) -> Matched<'a> {
        for key in &self.0 {
            let Some(wanted) = key.of_user(user, mapped) else { continue };
            let mut hits: Vec<&Contact> = candidates
                .iter()
                .copied()
                .filter(|contact| contact.link.is_none())
                .filter(|contact| key.of_contact(contact).as_ref() == Some(&wanted))
                .collect();
            hits.sort_by(|one, other| one.id.cmp(&other.id));
            hits.dedup_by(|one, other| one.id == other.id);
            match hits.as_slice() {
                [] => {}
                [contact] => return Matched::One { contact, key },
                _ => return Matched::Several { contacts: hits, key },
            }
        }
        Matched::Nobody
    }
}

/// A value in one form for every spelling of the same; `None` where it tells nobody apart.
fn normal(target: &Target, value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().nfc().collect::<String>().to_lowercase(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let text = match target {
        Target::Field(field) if field.is_phone() => {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let international = if text.starts_with('+') { Some(&*digits) } else { None };
            let bare = international.or_else(|| digits.strip_prefix("00")).unwrap_or(&digits);
            if bare.len() < FEWEST_DIGITS { String::new() } else { bare.to_owned() }
        }
        Target::Field(_) | Target::Custom(_) => text,
    };
    (!text.is_empty()).then_some(text)
}

fn digest(key: &MatchKey, value: &str) -> u128 {
    let digest = Sha256::new()
        .chain_update(key.to_string())
        .chain_update([0])
        .chain_update(value)
        .finalize();
    crate::id::leading_bits(&digest)
}

fn no_key(text: &str) -> String {
    format!(
        "`{text}` is no key; expected `email`, `userPrincipalName`, `employeeId`, a phone, or \
         `custom.<key>`"
    )
}

/// The key, if contacts can be found by it.
fn usable(key: MatchKey, settings: &Settings, fields: &[CustomField]) -> Result<MatchKey, String> {
    let MatchKey::Target(target) = &key else { return Ok(key) };
    if let Target::Custom(name) = target {
        match fields.iter().find(|field| field.key == *name).map(|field| field.kind) {
            None => return Err(format!("the account has no field `{name}`")),
            Some(CustomFieldType::Boolean | CustomFieldType::MultiSelect) => {
                return Err(format!("`{target}` cannot tell people apart; use a text or a number"));
            }
            Some(
                CustomFieldType::Text
                | CustomFieldType::Number
                | CustomFieldType::Date
                | CustomFieldType::SingleSelect,
            ) => {}
        }
    }
    if *target == Target::Field(ContactField::Manager) {
        return Err("a manager is no key: several people have the same".to_owned());
    }
    let name = target.to_string();
    let is_choice = |row: &MappingRow| {
        row.target == name
            && SourceExpression::parse(&row.source).is_ok_and(|source| source.is_choice())
    };
    if settings.mapping.iter().any(is_choice) {
        return Err(format!(
            "`{name}` is mapped by `SelectUniqueValue`: what is given because nobody has it leads \
             to nobody; use `userPrincipalName` or `employeeId`"
        ));
    }
    // The mapping itself demands a row for the e-mail.
    if key.is_claimed() || settings.mapping.iter().any(|row| row.target == name) {
        Ok(key)
    } else {
        Err(format!("no mapping row gives `{name}` a value; add one, or leave the key out"))
    }
}

#[cfg(test)]
mod tests;
