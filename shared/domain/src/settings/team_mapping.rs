//! Which group's members join which team.

use serde::{Deserialize, Serialize};

use crate::id::{ObjectId, TeamId};

/// A group whose members join a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TeamMapping {
    /// The group.
    pub group: ObjectId,
    /// The team's id. Saved settings always name one; empty in a document that names the team, or
    /// has it made.
    #[serde(default)]
    pub team: String,
    /// The team's name, where a document names no team of the account by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
    /// Whether the team is made where the account has none of that name: the group's in the
    /// directory, where `team_name` says none. Never set in saved settings; in a draft, `team` is
    /// the id that the team gets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub create_team: bool,
    /// What members of the group are in the team, in the host product's words. Of several groups
    /// that hold a membership the first row with a role gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What leaving the group means.
    #[serde(default)]
    pub on_leave: OnLeave,
}

impl TeamMapping {
    /// Members of the group join the team, and leave it with the group.
    pub fn new(group: ObjectId, team: &TeamId) -> Self {
        Self {
            group,
            team: team.to_string(),
            team_name: None,
            create_team: false,
            role: None,
            on_leave: OnLeave::Remove,
        }
    }

    /// The team's id; settings that were checked always name one.
    pub fn team_id(&self) -> Option<TeamId> {
        TeamId::parse(&self.team).ok()
    }

    /// The row as it is saved: it names this team by its id alone.
    pub fn settle(&mut self, team: &TeamId) {
        self.team = team.to_string();
        self.team_name = None;
        self.create_team = false;
    }
}

/// What leaving a mapped group means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnLeave {
    /// Leave the team too.
    #[default]
    Remove,
    /// Stay in the team.
    Keep,
}
