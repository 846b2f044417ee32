//! What speaks for a match, and what against it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{MatchKey, normal};
use crate::contact::{Contact, ContactField, Target};
use crate::mapping::Mapped;

/// How one field of a contact compares with the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Which field.
    pub field: Target,
    /// How it compares.
    pub finding: Finding,
}

/// How a field compares, whatever its spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Finding {
    /// Both say the same.
    Equal,
    /// Both say something, and not the same.
    Differs,
    /// Only the directory says something.
    OnlyInEntra,
    /// Only the contact says something.
    OnlyInContact,
}

/// What led from a user to a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Match {
    /// The key, as settings name it.
    pub key: String,
    /// Field by field.
    pub evidence: Vec<Evidence>,
}

/// The fields in which people look for the same person, beside the key's own.
const TELLING: [ContactField; 7] = [
    ContactField::Email,
    ContactField::DisplayName,
    ContactField::FirstName,
    ContactField::LastName,
    ContactField::EmployeeId,
    ContactField::MobilePhone,
    ContactField::BusinessPhone,
];

impl Match {
    /// Compares what the directory says of a user with a contact.
    pub fn of(key: &MatchKey, mapped: &Mapped, contact: &Contact) -> Self {
        Self { key: key.to_string(), evidence: evidence(Some(key), mapped, contact) }
    }

    /// The evidence in a sentence: `email equal, lastName equal, mobilePhone differs`.
    pub fn told(&self) -> String {
        self.evidence.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// Field by field; a field of which neither says anything is no evidence.
pub(crate) fn evidence(
    key: Option<&MatchKey>,
    mapped: &Mapped,
    contact: &Contact,
) -> Vec<Evidence> {
    let telling = TELLING.into_iter().map(Target::Field);
    let own = key.map(MatchKey::field).filter(|field| match field {
        Target::Field(field) => !TELLING.contains(field),
        Target::Custom(_) => true,
    });
    own.into_iter()
        .chain(telling)
        .filter_map(|field| {
            let there = mapped.value(&field).and_then(|value| normal(&field, value));
            let here = contact.value(&field).and_then(|value| normal(&field, &value));
            let finding = match (there, here) {
                (None, None) => return None,
                (Some(there), Some(here)) if there == here => Finding::Equal,
                (Some(_), Some(_)) => Finding::Differs,
                (Some(_), None) => Finding::OnlyInEntra,
                (None, Some(_)) => Finding::OnlyInContact,
            };
            Some(Evidence { field, finding })
        })
        .collect()
}

impl fmt::Display for Evidence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finding = match self.finding {
            Finding::Equal => "equal",
            Finding::Differs => "differs",
            Finding::OnlyInEntra => "only in Entra",
            Finding::OnlyInContact => "only in the contact",
        };
        write!(formatter, "{} {finding}", self.field)
    }
}

impl fmt::Display for Match {
    /// `matched by email: email equal, lastName equal, mobilePhone differs`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "matched by {}: {}", self.key, self.told())
    }
}
