//! Who put a contact into a team, what ended a membership, and what becomes of it when two contacts
//! turn out to be one person.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Membership, Observed, Origin, Standing};
use crate::id::{ConnectionId, ObjectId};

/// A person who put a contact into a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ByHand {
    /// The `sub` of the caller's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What people call the caller, where the token says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What ended a membership: the last thing that held it went this way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Ended {
    /// A person took the contact out.
    Person {
        /// The `sub` of the caller's token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        /// What people call the caller.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// The user left the mapped group, and the mapping says that leavers leave.
    Group {
        /// Through which connection it was held.
        connection_id: ConnectionId,
        /// Which group.
        group_id: ObjectId,
    },
    /// The group is not mapped to the team any more.
    Mapping {
        /// Whose settings mapped it.
        connection_id: ConnectionId,
        /// Which group.
        group_id: ObjectId,
    },
    /// The contact lost its link to the directory.
    Link {
        /// Through which connection it was linked.
        connection_id: ConnectionId,
    },
    /// The connection was deleted, or given to another account.
    Connection {
        /// Which.
        connection_id: ConnectionId,
    },
    /// The contact was removed.
    Contact,
    /// The team was deleted.
    Team,
}

impl Ended {
    /// What a look at the directory ended. Of several groups that were left at once the first one
    /// by id is told, whatever the order of the mappings.
    pub(super) fn seen(held: &BTreeSet<Origin>, seen: &Observed<'_>) -> Self {
        let connection_id = seen.connection.clone();
        match seen.standing {
            Standing::Gone => return Self::Contact,
            Standing::Unlinked => return Self::Link { connection_id },
            Standing::Linked | Standing::OutOfScope | Standing::Removed => {}
        }
        let mut groups = held.iter().filter_map(Origin::group);
        match groups.find(|(of, _)| *of == seen.connection) {
            Some((_, group)) if seen.rows.iter().any(|row| row.group == group) => {
                Self::Group { connection_id, group_id: group.clone() }
            }
            Some((_, group)) => Self::Mapping { connection_id, group_id: group.clone() },
            None => Self::Link { connection_id },
        }
    }
}

impl Membership {
    /// Put into the team by a person of whom nothing is known.
    #[must_use]
    pub fn joined_by_hand(mut self) -> Self {
        self.origins.insert(Origin::Manual);
        self.ended = None;
        self
    }

    /// Put into the team by this person, unless somebody did so before.
    #[must_use]
    pub fn joined_by(self, who: ByHand) -> Self {
        if self.origins.contains(&Origin::Manual) {
            return self;
        }
        let joined = self.joined_by_hand();
        Self { by_hand: Some(who), ..joined }
    }

    /// Ended, whatever held it.
    #[must_use]
    pub fn end(mut self, how: Ended) -> Self {
        if self.stands() {
            self.ended = Some(how);
        }
        self.origins.clear();
        self.by_hand = None;
        self.role_by_hand = None;
        self
    }

    /// With the role that a person gives, or without one by a person's hand.
    #[must_use]
    pub fn with_role(self, role: Option<String>) -> Self {
        Self { role_by_hand: role, ..self }
    }

    /// Without what a connection's groups hold, as each origin says of leaving: the connection is
    /// not the account's any more.
    #[must_use]
    pub fn without_connection(self, connection: &ConnectionId) -> Self {
        let stood = self.stands();
        let seen = Observed { connection, user: None, standing: Standing::Unlinked, rows: &[] };
        let mut left = self.settled(&seen);
        if stood && !left.stands() {
            left.ended = Some(Ended::Connection { connection_id: connection.clone() });
        }
        left
    }

    /// The membership together with what holds another contact of the same person in the team: what
    /// people made stays theirs, who stayed after leaving a group goes on staying, and the groups of
    /// `user`, to whom the contact will be linked, hold it as before.
    #[must_use]
    pub fn taking_over(mut self, other: &Self, user: &ObjectId) -> Self {
        for origin in &other.origins {
            let is_known = origin
                .group()
                .is_some_and(|place| self.origins.iter().any(|own| own.group() == Some(place)));
            let goes_along = match origin {
                Origin::Manual | Origin::Kept { .. } => true,
                Origin::Group { user_id, .. } => user_id == user,
            };
            if goes_along && !is_known {
                self.origins.insert(origin.clone());
            }
        }
        if self.by_hand.is_none() && self.origins.contains(&Origin::Manual) {
            self.by_hand.clone_from(&other.by_hand);
        }
        if self.role_by_hand.is_none() {
            self.role_by_hand.clone_from(&other.role_by_hand);
        }
        if self.stands() {
            self.ended = None;
        }
        self
    }
}
