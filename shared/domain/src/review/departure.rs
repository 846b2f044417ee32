//! Somebody who left: why, and what is planned for the contact.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::reconcile::GoneCause;
use crate::settings::RemovalAction;

/// What led to a removal, and what is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Departure {
    /// Why the user is no longer meant.
    pub cause: GoneCause,
    /// What a run would do to the contact; absent where only people decide that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<RemovalAction>,
    /// When the days of grace end, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_at: Option<Timestamp>,
    /// Whether the removal guard holds it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// The contact's version when the guard held it back: who approves the removal approves it of
    /// this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

impl Departure {
    /// Somebody who left for this reason, and for whose contact nothing is planned.
    pub fn of(cause: GoneCause) -> Self {
        Self { cause, action: None, acts_at: None, held: false, version: None }
    }
}
