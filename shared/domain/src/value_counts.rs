//! Which values attributes have in a directory, and how many people each: what pickers offer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::directory::DirectoryUser;
use crate::email;
use crate::expression::folded;

/// What is counted. `domain` is that of the e-mail (of the UPN where there is none), as scopes see
/// it.
pub const COUNTED: &[&str] = &[
    "department",
    "officeLocation",
    "userType",
    "domain",
    "country",
    "companyName",
    "jobTitle",
    "city",
    "state",
    "usageLocation",
    "employeeType",
];

/// Different values that are kept of one attribute; free texts have as many as people.
const MOST_VALUES: usize = 2_000;

/// A value, and how many people have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    /// As first seen.
    pub value: String,
    /// How it is called, where the value is an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many people.
    pub count: u64,
}

/// Values of everybody who was read. Values that differ in case or in spaces around them are one,
/// as they are to a scope.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueCounts {
    /// How many people were read.
    pub people: u64,
    values: BTreeMap<String, BTreeMap<String, ValueCount>>,
    /// People whose value was not kept any more, by attribute.
    left_out: BTreeMap<String, u64>,
}

/// One attribute's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    /// The most frequent first.
    pub values: Vec<ValueCount>,
    /// People without a value.
    pub without: u64,
    /// People with a value that is not among the ones kept.
    pub left_out: u64,
}

impl ValueCounts {
    /// Counts a user.
    pub fn add(&mut self, user: &DirectoryUser) {
        self.people += 1;
        for attribute in COUNTED {
            let Some(value) = value_of(user, attribute) else { continue };
            let values = self.values.entry((*attribute).to_owned()).or_default();
            let key = folded(&value).into_owned();
            if let Some(known) = values.get_mut(&key) {
                known.count += 1;
            } else if values.len() < MOST_VALUES {
                values.insert(key, ValueCount { value, name: None, count: 1 });
            } else {
                *self.left_out.entry((*attribute).to_owned()).or_default() += 1;
            }
        }
    }

    /// The values of one attribute whose text contains `query`, whatever its case.
    pub fn of(&self, attribute: &str, query: &str) -> Values {
        let query = folded(query);
        let known = self.values.get(attribute);
        let left_out = self.left_out.get(attribute).copied().unwrap_or_default();
        let with: u64 = known.into_iter().flat_map(BTreeMap::values).map(|one| one.count).sum();
        let mut values: Vec<ValueCount> = known
            .into_iter()
            .flatten()
            .filter(|(key, _)| key.contains(query.as_ref()))
            .map(|(_, value)| value.clone())
            .collect();
        values.sort_by(|one, other| (other.count, &one.value).cmp(&(one.count, &other.value)));
        Values { values, without: self.people.saturating_sub(with + left_out), left_out }
    }
}

fn value_of(user: &DirectoryUser, attribute: &str) -> Option<String> {
    match attribute {
        "domain" => email::domain(user.text("mail").or_else(|| user.text("userPrincipalName"))?),
        // Objects older than the attribute have no user type; all of them are members (Graph).
        "userType" => Some(user.text(attribute).unwrap_or("Member").to_owned()),
        _ => user.text(attribute).map(|text| text.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::id::ObjectId;

    fn counted(people: impl IntoIterator<Item = Value>) -> ValueCounts {
        let mut counts = ValueCounts::default();
        for person in people {
            let Value::Object(attributes) = person else { panic!("an object") };
            counts.add(&DirectoryUser { id: ObjectId::from_u128(1), attributes });
        }
        counts
    }

    fn told(counts: &ValueCounts, attribute: &str, query: &str) -> Vec<(String, u64)> {
        let values = counts.of(attribute, query).values.into_iter();
        values.map(|one| (one.value, one.count)).collect()
    }

    #[test]
    fn spellings_that_a_scope_takes_for_one_are_counted_as_one() {
        let counts = counted([
            json!({"department": "Sales", "mail": "a@Contoso.com"}),
            json!({"department": " sales ", "mail": null, "userPrincipalName": "b@contoso.com"}),
            json!({"department": "IT", "userPrincipalName": "c_fabrikam.com#EXT#@contoso.com"}),
            json!({"department": null, "userType": "Guest"}),
        ]);
        let expected = [("Sales".to_owned(), 2), ("IT".to_owned(), 1)];
        assert_eq!(told(&counts, "department", ""), expected);
        assert_eq!(told(&counts, "department", "AL"), expected[..1]);
        assert_eq!(counts.of("department", "").without, 1);
        assert_eq!(
            told(&counts, "domain", ""),
            [("contoso.com".to_owned(), 2), ("fabrikam.com".to_owned(), 1)]
        );
        assert_eq!(
            told(&counts, "userType", ""),
            [("Member".to_owned(), 3), ("Guest".to_owned(), 1)]
        );
    }

    #[test]
    fn free_texts_without_end_are_cut_and_it_is_told() {
        let counts = counted((0..2_003).map(|number| json!({"jobTitle": format!("T{number}")})));
        let values = counts.of("jobTitle", "");
        assert_eq!((values.values.len(), values.left_out, values.without), (2_000, 3, 0));
    }
}
