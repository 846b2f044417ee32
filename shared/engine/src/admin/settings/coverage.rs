//! How well the directory's attributes are filled for the people whom the scope means.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use contact_sync_domain::directory::{DirectoryUser, USER_SELECT};
use contact_sync_domain::email::{decode_guest_name, is_guest_name, is_plausible_email};
use contact_sync_domain::expression::SourceExpression;
use contact_sync_domain::settings::Settings;
use serde::Serialize;
use serde_json::Value;

/// Different values that are told apart; beyond them "at least" is the answer.
const MOST_DISTINCT: usize = 10_000;

/// Values shown where somebody asks for examples.
const EXAMPLES: usize = 5;

/// The group of attributes whose members are named without it.
const EXTENSIONS: &str = "onPremisesExtensionAttributes";

/// Another person, who is counted by his object id.
const MANAGER: &str = "manager";

/// How one attribute is filled.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeCoverage {
    /// Its name, as expressions write it.
    pub attribute: String,
    /// People who have a value.
    pub filled: u64,
    /// Their share, in percent with one digit.
    pub percent: f64,
    /// How many different values there are, without case.
    pub distinct: u64,
    /// Whether there may be more than that.
    pub distinct_is_least: bool,
    /// Values that cannot be what the attribute is for, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<u64>,
    /// The mapped fields that read it.
    pub used_by: Vec<String>,
    /// Some of its values, where they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

/// Counts values.
pub(super) struct Coverage {
    people: u64,
    with_examples: bool,
    attributes: BTreeMap<String, Filled>,
}

#[derive(Default)]
struct Filled {
    people: u64,
    malformed: u64,
    /// Digests: nothing of a value is kept.
    values: HashSet<u64>,
    is_least: bool,
    examples: BTreeSet<String>,
}

/// What an attribute's values must look like.
#[derive(Clone, Copy)]
enum Form {
    Any,
    Email,
    Phone,
}

impl Coverage {
    pub(super) fn new(with_examples: bool) -> Self {
        let names =
            USER_SELECT.iter().filter(|name| !is_group(name)).map(|name| (*name).to_owned());
        let extensions = (1..=15).map(|number| format!("extensionAttribute{number}"));
        let org = ["employeeOrgData.costCenter", "employeeOrgData.division"].map(str::to_owned);
        let names = names.chain(extensions).chain(org).filter(|name| name != "id");
        Self {
            people: 0,
            with_examples,
            attributes: names.map(|name| (name, Filled::default())).collect(),
        }
    }

    /// Counts one person's values.
    pub(super) fn look_at(&mut self, user: &DirectoryUser) {
        self.people += 1;
        if let Some(manager) = user.manager() {
            let id = manager.map(|manager| manager.as_str().to_owned());
            self.note(MANAGER, &id.into());
        }
        // Whoever the manager is, and not what `[manager]` makes of it.
        let attributes = user.attributes.iter().filter(|(name, _)| !name.starts_with(MANAGER));
        for (name, value) in attributes {
            match value {
                Value::Object(members) if is_group(name) => {
                    for (member, value) in members {
                        self.note(&member_name(name, member), value);
                    }
                }
                // Another person, of whom nothing but being there is counted.
                Value::Object(_) => self.note(name, &Value::Bool(true)),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_) => self.note(name, value),
            }
        }
    }

    fn note(&mut self, name: &str, value: &Value) {
        if name == "id" || name.starts_with('@') {
            return;
        }
        let texts = texts(value);
        let filled = self.attributes.entry(name.to_owned()).or_default();
        if texts.is_empty() {
            return;
        }
        filled.people += 1;
        if texts.iter().any(|text| !fits(form(name), text)) {
            filled.malformed += 1;
        }
        if filled.values.len() < MOST_DISTINCT {
            let mut hasher = DefaultHasher::new();
            for text in &texts {
                text.to_lowercase().hash(&mut hasher);
            }
            filled.values.insert(hasher.finish());
        } else {
            filled.is_least = true;
        }
        if self.with_examples && filled.examples.len() < EXAMPLES {
            filled.examples.extend(texts.into_iter().next());
        }
    }

    /// What was counted, by attribute; `settings` say which fields read it.
    pub(super) fn end(self, settings: &Settings) -> Vec<AttributeCoverage> {
        let people = self.people;
        let users = users_of_attributes(settings);
        self.attributes
            .into_iter()
            .map(|(attribute, filled)| AttributeCoverage {
                percent: percent(filled.people, people),
                filled: filled.people,
                distinct: u64::try_from(filled.values.len()).unwrap_or(u64::MAX),
                distinct_is_least: filled.is_least,
                malformed: match form(&attribute) {
                    Form::Any => None,
                    Form::Email | Form::Phone => Some(filled.malformed),
                },
                used_by: users.get(&attribute).cloned().unwrap_or_default(),
                examples: filled.examples.into_iter().collect(),
                attribute,
            })
            .collect()
    }
}

/// Tenths of a percent, as a percentage.
fn percent(part: u64, whole: u64) -> f64 {
    let tenths = part.saturating_mul(1_000).checked_div(whole).unwrap_or(0);
    u32::try_from(tenths).map_or(100.0, f64::from) / 10.0
}

fn is_group(name: &str) -> bool {
    name == EXTENSIONS || name == "employeeOrgData"
}

fn member_name(group: &str, member: &str) -> String {
    if group == EXTENSIONS { member.to_owned() } else { format!("{group}.{member}") }
}

/// Which fields read which attribute.
fn users_of_attributes(settings: &Settings) -> BTreeMap<String, Vec<String>> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in &settings.mapping {
        let Ok(source) = SourceExpression::parse(&row.source) else { continue };
        for name in source.attribute_names() {
            users.entry(name).or_default().push(row.target.clone());
        }
    }
    users
}

/// The texts of a value that are not blank.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            Some(text.trim().to_owned()).filter(|text| !text.is_empty()).into_iter().collect()
        }
        Value::Bool(flag) => vec![flag.to_string()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(entries) => entries.iter().flat_map(texts).collect(),
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

fn form(attribute: &str) -> Form {
    match attribute {
        "mail" | "otherMails" | "userPrincipalName" => Form::Email,
        "mobilePhone" | "businessPhones" | "faxNumber" => Form::Phone,
        _ => Form::Any,
    }
}

fn fits(form: Form, text: &str) -> bool {
    match form {
        Form::Any => true,
        Form::Email if is_guest_name(text) => decode_guest_name(text).is_some(),
        Form::Email => is_plausible_email(text),
        Form::Phone => is_plausible_phone(text),
    }
}

/// Seven to fifteen digits (E.164) with what people write between them, perhaps an extension.
fn is_plausible_phone(text: &str) -> bool {
    let lower = text.to_lowercase();
    let end = ["ext", "x", "#"].iter().filter_map(|mark| lower.find(mark)).min();
    let number = lower.get(..end.unwrap_or(lower.len())).unwrap_or_default();
    let digits = number.chars().filter(char::is_ascii_digit).count();
    (7..=15).contains(&digits)
        && number.chars().all(|c| c.is_ascii_digit() || " +-./()\u{a0}\u{2011}\u{2013}".contains(c))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(attributes: Value) -> DirectoryUser {
        let Value::Object(attributes) = attributes else { panic!("an object") };
        let id = contact_sync_domain::id::ObjectId::from_u128(1);
        DirectoryUser { id, attributes }
    }

    #[test]
    fn filled_distinct_and_malformed_values_are_counted() {
        let mut coverage = Coverage::new(false);
        for (phone, department) in
            [("+49 30 123456", "Sales"), ("call me", "sales"), ("", "R&D"), ("12", " ")]
        {
            coverage.look_at(&user(json!({
                "mobilePhone": phone, "department": department, "businessPhones": [],
                "onPremisesExtensionAttributes": {"extensionAttribute3": "x"},
            })));
        }
        let settings: Settings = serde_json::from_value(json!({"mapping": [
            {"target": "custom.team", "source": "Coalesce([extensionAttribute3], [department])"},
        ]}))
        .unwrap();
        let found = coverage.end(&settings);
        let of = |name: &str| found.iter().find(|one| one.attribute == name).unwrap();
        let phone = of("mobilePhone");
        assert_eq!((phone.filled, phone.malformed, phone.percent), (3, Some(2), 75.0));
        let department = of("department");
        assert_eq!((department.filled, department.distinct, department.malformed), (3, 2, None));
        assert_eq!(department.used_by, ["custom.team"]);
        assert_eq!((of("extensionAttribute3").filled, of("extensionAttribute3").distinct), (4, 1));
        assert_eq!(of("businessPhones").filled, 0);
        assert!(found.iter().all(|one| one.examples.is_empty()), "nobody asked for values");
    }

    #[test]
    fn phones_are_judged_by_their_digits() {
        for (text, expected) in [
            ("+1 (425) 555-0100", true),
            ("0044 20 7946 0000 ext. 12", true),
            ("+49-30-901820#7", true),
            ("n/a", false),
            ("123", false),
            ("1234567890123456", false),
        ] {
            assert_eq!(is_plausible_phone(text), expected, "{text}");
        }
    }
}
