//! Which group's members join which team.

use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};

use crate::id::{ConnectionId, ObjectId, TeamId, leading_bits};
use crate::team::name_key;

/// A group whose members join a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TeamMapping {
    /// The group.
    pub group: ObjectId,
    /// The team's id. Saved settings always name one; empty in a document that names the team, or
    /// has it made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
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

    /// The row as a draft has it that goes beyond a version of the settings: its team, which is not
    /// there yet, gets this id. The same draft gets the same ids.
    pub fn reserve(&mut self, connection: &ConnectionId, version: u64) {
        let Some(name) = self.team_name.as_deref().filter(|_| self.create_team) else { return };
        let digest = Sha256::new()
            .chain_update("drafted team")
            .chain_update(connection.as_str())
            .chain_update(version.to_be_bytes())
            .chain_update(name_key(name))
            .finalize();
        self.team = TeamId::from_bits(leading_bits(&digest)).to_string();
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
