//! Plans: what a run would do, found out without doing any of it, with a hash that binds whoever
//! approves it to exactly that.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::reconcile::GoneCause;
use crate::report::Happened;

/// How long a plan can be applied.
pub const PLAN_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// What a run would do. Its pages are the first of the run; what is applied of it follows them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Digest of all that it would do (64 hexadecimal digits).
    pub hash: String,
    /// How many pages it has.
    pub pages: u32,
    /// From what it was made.
    pub basis: Basis,
    /// What it comes to.
    pub summary: Summary,
    /// When it was made.
    pub made_at: Timestamp,
    /// Until when it can be applied.
    pub expires_at: Timestamp,
    /// Who approved it; absent while it only shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
}

/// From what a plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// The settings that were current.
    pub settings_version: u64,
    /// Whether it was made under a draft that goes beyond them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
}

/// Who approved a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approved {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// The number of removals that they confirmed, where there are more than the guard allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removals: Option<u64>,
}

/// What a plan comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// How many people each thing would happen to.
    pub by_kind: BTreeMap<Happened, u64>,
    /// How many contacts would get another value in a field, by the field's name.
    pub by_field: BTreeMap<String, u64>,
    /// The sentences that say why, the most frequent first.
    pub by_reason: Vec<Reason>,
    /// Removals by what led to them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub removals: BTreeMap<GoneCause, u64>,
    /// What the removal guard says to them.
    pub guard: GuardView,
}

/// A sentence that says why something would happen to people, or would not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The sentence.
    pub reason: String,
    /// What a person can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// How many people it concerns.
    pub count: u64,
}

/// What the removal guard says to a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GuardView {
    /// How many contacts the plan would unlink, deactivate or delete.
    pub count: u64,
    /// How many one window allows.
    pub allowed: u64,
    /// How many of them are left.
    pub left: u64,
    /// Whether the guard would hold them back.
    pub holds: bool,
}
