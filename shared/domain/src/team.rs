//! Teams of an account, and who is in them: each membership with everything that holds it.

mod past;
mod path;
mod provenance;
mod settle;
mod why;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use past::{MOST_PAST, PastState, Turn, Turned};
pub use path::GroupEdges;
pub use provenance::{ByHand, Ended};
pub use settle::{Evidence, Observed, Standing, TeamRow};
pub use why::Why;

use crate::email::email_key;
use crate::id::{AccountId, ConnectionId, ContactId, ObjectId, RunId, TeamId};
use crate::settings::OnLeave;

/// A team of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Its name, unique within the account.
    pub name: String,
    /// Raised by every write; the ETag.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The key under which a team's name is unique within its account: trimmed, NFC, lower case.
pub fn name_key(name: &str) -> String {
    email_key(name)
}

/// Something that holds a membership. A membership lasts while anything does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Origin {
    /// A person or the host product put the contact into the team.
    Manual,
    /// The directory: its user is in a group that is mapped to the team.
    Group {
        /// Through which connection.
        connection_id: ConnectionId,
        /// Which group.
        group_id: ObjectId,
        /// Which user.
        user_id: ObjectId,
        /// What leaving means, should the mapping be gone by then.
        on_leave: OnLeave,
        /// The role that the membership has through the group; of several groups of a connection
        /// only the one that goes first has it here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<String>,
    },
    /// The user left the group, and the mapping says that leavers stay.
    Kept {
        /// Through which connection it was held.
        connection_id: ConnectionId,
        /// Which group it was.
        group_id: ObjectId,
    },
}

impl Origin {
    /// The connection and the group behind it.
    pub fn group(&self) -> Option<(&ConnectionId, &ObjectId)> {
        match self {
            Self::Manual => None,
            Self::Group { connection_id, group_id, .. }
            | Self::Kept { connection_id, group_id } => Some((connection_id, group_id)),
        }
    }
}

/// A contact in a team. Who left everything keeps the item for a while, so that its number goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    /// Whose.
    pub account_id: AccountId,
    /// Which team.
    pub team_id: TeamId,
    /// Which contact.
    pub contact_id: ContactId,
    /// Raised by every write; the events' `sequence`.
    pub version: u64,
    /// What holds it; empty once the contact left.
    pub origins: BTreeSet<Origin>,
    /// Who put the contact there by hand; not known of memberships from before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<ByHand>,
    /// The role that a person gave; it goes before the groups'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_by_hand: Option<String>,
    /// What ended it, at `updated_at`; `None` while it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The run that wrote it last; `None` where people did, nothing stood there before, or before
    /// this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// What it was before, the oldest first, at most [`MOST_PAST`] states.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<PastState>,
}

/// Who put a contact into a team, as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HeldBy {
    /// The directory, perhaps beside people.
    Entra,
    /// People only; also who stayed after leaving the group.
    Manual,
}

impl Membership {
    /// A membership that nothing holds yet.
    pub fn none(account: AccountId, team: TeamId, contact: ContactId) -> Self {
        Self {
            account_id: account,
            team_id: team,
            contact_id: contact,
            version: 0,
            origins: BTreeSet::new(),
            by_hand: None,
            role_by_hand: None,
            ended: None,
            updated_at: Timestamp::UNIX_EPOCH,
            run: None,
            past: Vec::new(),
        }
    }

    /// Whether the contact is in the team.
    pub fn stands(&self) -> bool {
        !self.origins.is_empty()
    }

    /// Who holds it; `None` for whoever left.
    pub fn held_by(&self) -> Option<HeldBy> {
        let by_group = self.origins.iter().any(|origin| matches!(origin, Origin::Group { .. }));
        if by_group { Some(HeldBy::Entra) } else { self.stands().then_some(HeldBy::Manual) }
    }

    /// What the contact is in the team: as a person said, else as the groups do.
    pub fn role(&self) -> Option<&str> {
        self.role_by_hand.as_deref().or_else(|| role_of(&self.origins))
    }

    /// The groups that hold it, each with its connection.
    pub fn groups(&self) -> impl Iterator<Item = (&ConnectionId, &ObjectId)> {
        self.origins
            .iter()
            .filter(|origin| matches!(origin, Origin::Group { .. }))
            .filter_map(Origin::group)
    }

    /// Whether anything of this connection holds it.
    pub fn is_of(&self, connection: &ConnectionId) -> bool {
        self.origins.iter().filter_map(Origin::group).any(|(of, _)| of == connection)
    }

    /// The user through whom groups of this connection hold it.
    pub fn user_of(&self, connection: &ConnectionId) -> Option<&ObjectId> {
        self.origins.iter().find_map(|origin| match origin {
            Origin::Group { connection_id, user_id, .. } if connection_id == connection => {
                Some(user_id)
            }
            Origin::Group { .. } | Origin::Manual | Origin::Kept { .. } => None,
        })
    }

    /// The next version of it, which remembers nothing of the one before; see
    /// [`Membership::replacing`].
    #[must_use]
    pub fn next(self, now: Timestamp) -> Self {
        Self { version: self.version + 1, updated_at: now, ..self }
    }
}

/// The role that groups give. Of several connections the first by id goes first.
pub fn role_of(origins: &BTreeSet<Origin>) -> Option<&str> {
    origins.iter().find_map(|origin| match origin {
        Origin::Group { role, .. } => role.as_deref(),
        Origin::Manual | Origin::Kept { .. } => None,
    })
}

#[cfg(test)]
mod tests;
