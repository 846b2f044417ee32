//! What a look at the directory makes of one contact's membership of one team.

use super::{Ended, Membership, Origin};
use crate::contact::{Contact, LinkState};
use crate::id::{ConnectionId, ObjectId};
use crate::settings::OnLeave;

/// A group that is mapped to the team, and whether it was seen to have the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TeamRow<'g> {
    /// The group.
    pub group: &'g ObjectId,
    /// What leaving it means.
    pub on_leave: OnLeave,
    /// What its members are in the team, where the mapping says so.
    pub role: Option<&'g str>,
    /// What was seen.
    pub evidence: Evidence,
}

/// Whether a group has a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// It has, directly or through nested groups.
    Member,
    /// It was read to the end and has not.
    NotMember,
    /// It could not be read, is gone, or is doubted: nobody joins or leaves by that.
    Unknown,
}

/// How the contact stands to the connection that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Linked through it, its user in scope.
    Linked,
    /// Linked through it, no longer updated, its user still there: leaves, but does not join.
    OutOfScope,
    /// Linked through it, its user gone from the directory: stays as it is, for who comes back.
    Removed,
    /// A contact that is not, or no longer, linked through it.
    Unlinked,
    /// There is no contact any more.
    Gone,
}

impl Standing {
    /// How a contact stands to a connection, and its user there.
    pub fn of<'c>(contact: &'c Contact, connection: &ConnectionId) -> (Self, Option<&'c ObjectId>) {
        match contact.link.as_ref().filter(|link| link.connection_id == *connection) {
            None => (Self::Unlinked, None),
            Some(link) => {
                let standing = match link.state {
                    LinkState::Linked => Self::Linked,
                    LinkState::OutOfScope => Self::OutOfScope,
                    LinkState::Removed => Self::Removed,
                };
                (standing, Some(&link.object_id))
            }
        }
    }
}

/// What one connection knows of a contact's membership of a team.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'o> {
    /// Who looks.
    pub connection: &'o ConnectionId,
    /// The contact's user; `None` where it is not linked through the connection.
    pub user: Option<&'o ObjectId>,
    /// How the contact stands.
    pub standing: Standing,
    /// Every group that the connection maps to the team, in the order of the settings: the first
    /// that holds the membership and says a role gives it.
    pub rows: &'o [TeamRow<'o>],
}

impl Membership {
    /// The membership as it is after this look. Only what this connection's groups hold changes;
    /// what people and other connections hold stays. The same look again changes nothing.
    #[must_use]
    pub fn settled(self, seen: &Observed<'_>) -> Self {
        let held = self.origins.clone();
        let mut settled = self.looked_at(seen);
        if settled.stands() {
            settled.ended = None;
        } else if !held.is_empty() {
            settled.ended = Some(Ended::seen(&held, seen));
        }
        settled
    }

    fn looked_at(mut self, seen: &Observed<'_>) -> Self {
        match (seen.standing, seen.user) {
            (Standing::Gone, _) => {
                self.origins.retain(|origin| !is_of(origin, seen.connection));
                return self;
            }
            (Standing::Unlinked, _) | (_, None) => {
                self.leave(seen.connection, |_| true);
                return self;
            }
            (Standing::Linked | Standing::OutOfScope | Standing::Removed, Some(_)) => {}
        }
        // A mapping that is gone was taken away by a person: that is evidence enough.
        self.leave(seen.connection, |group| !seen.rows.iter().any(|row| row.group == group));
        for row in seen.rows {
            match (row.evidence, seen.standing) {
                (Evidence::Member, Standing::Linked) => self.join(seen, row),
                (Evidence::NotMember, Standing::Linked | Standing::OutOfScope) => {
                    self.follow_rule(seen.connection, row);
                    self.leave(seen.connection, |group| group == row.group);
                }
                (Evidence::Member | Evidence::NotMember | Evidence::Unknown, _) => {}
            }
        }
        // Who is gone from the directory stays as he is.
        if matches!(seen.standing, Standing::Linked | Standing::OutOfScope) {
            self.give_role(seen);
        }
        self
    }

    fn join(&mut self, seen: &Observed<'_>, row: &TeamRow<'_>) {
        let Some(user) = seen.user else { return };
        let place = (seen.connection, row.group);
        self.origins.retain(|origin| origin.group() != Some(place));
        self.origins.insert(Origin::Group {
            connection_id: seen.connection.clone(),
            group_id: row.group.clone(),
            user_id: user.clone(),
            on_leave: row.on_leave,
            role: None,
        });
    }

    /// Has the first of the rows that hold the membership and say a role give it, and no other.
    fn give_role(&mut self, seen: &Observed<'_>) {
        let holds = |row: &&TeamRow<'_>| {
            self.origins.iter().any(|origin| {
                matches!(origin, Origin::Group { .. })
                    && origin.group() == Some((seen.connection, row.group))
            })
        };
        let first = seen.rows.iter().filter(|row| row.role.is_some()).find(holds);
        let given = |origin: Origin| match origin {
            Origin::Group { connection_id, group_id, user_id, on_leave, .. }
                if connection_id == *seen.connection =>
            {
                let row = first.filter(|row| *row.group == group_id);
                let role = row.and_then(|row| row.role).map(str::to_owned);
                Origin::Group { connection_id, group_id, user_id, on_leave, role }
            }
            origin => origin,
        };
        self.origins = std::mem::take(&mut self.origins).into_iter().map(given).collect();
    }

    /// What leaving means is what the settings say now, not what they said at the joining.
    fn follow_rule(&mut self, connection: &ConnectionId, row: &TeamRow<'_>) {
        let held = self.origins.iter().find(|origin| {
            matches!(origin, Origin::Group { .. })
                && origin.group() == Some((connection, row.group))
        });
        if let Some(Origin::Group { connection_id, group_id, user_id, role, .. }) = held.cloned() {
            self.origins.retain(|origin| origin.group() != Some((connection, row.group)));
            let on_leave = row.on_leave;
            self.origins.insert(Origin::Group { connection_id, group_id, user_id, on_leave, role });
        }
    }

    /// Ends what groups of the connection hold, or keeps it as the origin says.
    fn leave(&mut self, connection: &ConnectionId, is_left: impl Fn(&ObjectId) -> bool) {
        let leaves = |origin: &Origin| match origin {
            Origin::Group { connection_id, group_id, .. } => {
                connection_id == connection && is_left(group_id)
            }
            Origin::Manual | Origin::Kept { .. } => false,
        };
        let left: Vec<Origin> = self.origins.iter().filter(|one| leaves(one)).cloned().collect();
        for origin in left {
            self.origins.remove(&origin);
            if let Origin::Group { connection_id, group_id, on_leave: OnLeave::Keep, .. } = origin {
                self.origins.insert(Origin::Kept { connection_id, group_id });
            }
        }
    }
}

fn is_of(origin: &Origin, connection: &ConnectionId) -> bool {
    origin.group().is_some_and(|(of, _)| of == connection)
}
