//! What people did to a contact: one entry beside the contact for each of their writes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::contact::ContactStatus;
use crate::id::{ContactId, HistoryId, ReviewId, TeamId};
use crate::review::{ReviewAction, ReviewList};
use crate::segment::{FieldChange, Prior};
use crate::trace::Image;

/// One write by a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// Its id; ids sort by time.
    pub id: HistoryId,
    /// Of which contact.
    pub contact_id: ContactId,
    /// The contact's version after it.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub what: HistoryKind,
    /// Field by field, old and new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// What stood before, beyond those fields; absent where nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<Image>>,
    /// Whether the person was active after it, where that is not as it was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ContactStatus>,
    /// The page of sync that wrote the contact last before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
    /// Why, where the person or the rules said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For how many days this is told, where the account chose; a year where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_days: Option<u16>,
}

impl HistoryKind {
    /// Whether the contact itself was written by it, so that its version rose.
    pub fn writes(&self) -> bool {
        use ReviewAction as A;
        match self {
            Self::Created
            | Self::Imported
            | Self::Edited
            | Self::Protected
            | Self::Unprotected
            | Self::Filled { .. }
            | Self::Merged { .. }
            | Self::Deleted => true,
            Self::Decided { action, .. } => match action {
                A::Accept | A::Link | A::Create | A::Unlink | A::Delete | A::Merge => true,
                A::Ignore | A::Unignore | A::Keep | A::Reject => false,
            },
            Self::TeamJoined { .. } | Self::TeamRole { .. } | Self::TeamLeft { .. } => false,
        }
    }
}

/// What a person did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum HistoryKind {
    /// Made the contact.
    Created,
    /// Made it by importing a file.
    Imported,
    /// Changed fields.
    Edited,
    /// Protected it against removal by sync.
    Protected,
    /// Lifted the protection.
    Unprotected,
    /// Decided what waited for a person.
    Decided {
        /// Which item.
        review: ReviewId,
        /// In which list.
        list: ReviewList,
        /// How.
        action: ReviewAction,
        /// The run that asked.
        run: String,
    },
    /// Took over what another contact of the same person had.
    Filled {
        /// Which contact.
        from: ContactId,
    },
    /// Made it part of another contact of the same person; it is gone.
    Merged {
        /// Which contact stays.
        into: ContactId,
    },
    /// Deleted it.
    Deleted,
    /// Put it into a team.
    TeamJoined {
        /// Which.
        team: TeamId,
    },
    /// Said what it is in a team that it was in already.
    TeamRole {
        /// Which.
        team: TeamId,
        /// The role; without one the groups' counts again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<String>,
    },
    /// Took it out of a team.
    TeamLeft {
        /// Which.
        team: TeamId,
    },
}
