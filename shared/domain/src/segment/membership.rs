//! What a run changes of memberships in teams.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::is_zero;
use crate::drift::Moved;
use crate::id::TeamId;
use crate::team::{Ended, Membership, Origin};

/// What changes of a contact's membership in one team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MembershipChange {
    /// Which team.
    pub team_id: TeamId,
    /// The membership's version before, 0 where there was none; the write's condition.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: u64,
    /// What held it before.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub old: BTreeSet<Origin>,
    /// What holds it after.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub new: BTreeSet<Origin>,
    /// What ended it, where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// Which side moved, as a drift audit found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
}

impl MembershipChange {
    /// What leads from one state of a membership to another.
    pub fn between(before: &Membership, after: &Membership) -> Self {
        Self {
            team_id: before.team_id.clone(),
            version: before.version,
            old: before.origins.clone(),
            new: after.origins.clone(),
            ended: after.ended.clone(),
            moved: None,
        }
    }

    /// The membership after the change, where it stands as before it; `None` where it moved.
    pub fn after(&self, standing: Membership) -> Option<Membership> {
        let as_before = standing.version == self.version && standing.origins == self.old;
        as_before.then(|| Membership {
            origins: self.new.clone(),
            ended: self.ended.clone(),
            ..standing
        })
    }

    /// Whether the contact was in the team before, and is after.
    pub fn stands(&self) -> (bool, bool) {
        (!self.old.is_empty(), !self.new.is_empty())
    }

    /// What happens, as documents name it.
    pub fn name(&self) -> &'static str {
        match self.stands() {
            (false, true) => "joined",
            (true, false) => "left",
            // Something else holds it now.
            (true, true) | (false, false) => "stayed",
        }
    }
}
