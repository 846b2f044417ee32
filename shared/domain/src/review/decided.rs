//! What people refused: kept by what it was about, and not asked again.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{ReviewAction, ReviewList};
use crate::contact::{ContactStatus, Target};
use crate::id::{ContactId, ObjectId, ReviewId, leading_bits};
use crate::reconcile::GoneCause;

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "what")]
pub enum Rejected {
    /// This value for this field of this contact.
    #[serde(rename_all = "camelCase")]
    Value {
        /// The contact.
        contact_id: ContactId,
        /// The field.
        field: Target,
        /// The value; null where it would have been cleared.
        value: Value,
    },
    /// That this contact is this user's.
    #[serde(rename_all = "camelCase")]
    Match {
        /// The user.
        object_id: ObjectId,
        /// The contact.
        contact_id: ContactId,
    },
    /// Any change because of this conflict between a user and these contacts.
    #[serde(rename_all = "camelCase")]
    Conflict {
        /// The user.
        object_id: ObjectId,
        /// The contacts, in any order.
        candidates: Vec<ContactId>,
    },
    /// Making the contact of somebody in scope inactive, for this reason.
    #[serde(rename_all = "camelCase")]
    Removal {
        /// The contact.
        contact_id: ContactId,
        /// Why it was to become inactive.
        cause: GoneCause,
    },
    /// Making the contact of somebody in scope active again.
    #[serde(rename_all = "camelCase")]
    Reactivation {
        /// The contact.
        contact_id: ContactId,
    },
}

impl Rejected {
    /// That the contact of somebody in scope gets this status.
    pub fn status(contact: &ContactId, status: ContactStatus) -> Self {
        let contact_id = contact.clone();
        match status {
            ContactStatus::Active => Self::Reactivation { contact_id },
            ContactStatus::Inactive => Self::Removal { contact_id, cause: GoneCause::Disabled },
        }
    }

    /// Whether it is about this user, or this contact of his.
    pub fn is_about(&self, user: &ObjectId, contact: &ContactId) -> bool {
        match self {
            Self::Value { contact_id, .. }
            | Self::Removal { contact_id, .. }
            | Self::Reactivation { contact_id } => contact_id == contact,
            Self::Match { object_id, .. } | Self::Conflict { object_id, .. } => object_id == user,
        }
    }

    /// Under what it is found.
    pub fn key(&self) -> u128 {
        let digest = match self {
            Self::Value { contact_id, field, value } => {
                digest("value", &[contact_id.as_str(), &field.to_string(), &value.to_string()])
            }
            Self::Match { object_id, contact_id } => {
                digest("match", &[object_id.as_str(), contact_id.as_str()])
            }
            Self::Conflict { object_id, candidates } => {
                let mut parts: Vec<&str> = candidates.iter().map(ContactId::as_str).collect();
                parts.sort_unstable();
                parts.insert(0, object_id.as_str());
                digest("conflict", &parts)
            }
            Self::Removal { contact_id, cause } => {
                digest("removal", &[contact_id.as_str(), cause.name()])
            }
            Self::Reactivation { contact_id } => digest("reactivation", &[contact_id.as_str()]),
        };
        leading_bits(&digest)
    }
}

fn digest(kind: &str, parts: &[&str]) -> Vec<u8> {
    let mut digest = Sha256::new().chain_update(kind);
    for part in parts {
        digest = digest.chain_update([0]).chain_update(part);
    }
    digest.finalize().to_vec()
}

/// What people refused in one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectedSet(HashSet<u128>);

impl RejectedSet {
    /// Whether nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this value was refused for this field of this contact.
    pub fn has_value(&self, contact: &ContactId, field: &Target, value: &Value) -> bool {
        !self.is_empty()
            && self.0.contains(
                &Rejected::Value {
                    contact_id: contact.clone(),
                    field: field.clone(),
                    value: value.clone(),
                }
                .key(),
            )
    }

    /// Whether somebody said that this contact is not this user's.
    pub fn has_match(&self, user: &ObjectId, contact: &ContactId) -> bool {
        !self.is_empty()
            && self.0.contains(
                &Rejected::Match { object_id: user.clone(), contact_id: contact.clone() }.key(),
            )
    }

    /// Whether somebody said that this contact is not to go, for this reason.
    pub fn has_removal(&self, contact: &ContactId, cause: GoneCause) -> bool {
        !self.is_empty()
            && self.0.contains(&Rejected::Removal { contact_id: contact.clone(), cause }.key())
    }

    /// Whether somebody said that the contact of somebody in scope is not to get this status.
    pub fn has_status(&self, contact: &ContactId, status: ContactStatus) -> bool {
        !self.is_empty() && self.0.contains(&Rejected::status(contact, status).key())
    }

    /// Takes a refusal out.
    pub fn remove(&mut self, refused: &Rejected) {
        self.0.remove(&refused.key());
    }

    /// Whether somebody said that this conflict may stay.
    pub fn has_conflict(&self, user: &ObjectId, candidates: &[ContactId]) -> bool {
        let conflict =
            Rejected::Conflict { object_id: user.clone(), candidates: candidates.to_vec() };
        !self.is_empty() && self.0.contains(&conflict.key())
    }
}

impl FromIterator<u128> for RejectedSet {
    fn from_iter<I: IntoIterator<Item = u128>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

/// A decision that a person made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// Who: the token's `sub`, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// What was done.
    pub action: ReviewAction,
    /// To which item.
    pub item: ReviewId,
    /// In which list.
    pub list: ReviewList,
    /// In which version.
    pub version: u64,
    /// The contact that came of it or was concerned, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// What is not asked again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Rejected>,
    /// For how many days this is told, where the account chose; a year where it did not. What was
    /// refused stays refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_days: Option<u16>,
}
