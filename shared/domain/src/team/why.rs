//! Why somebody is, or is not, in a team by the groups of one connection.

use serde::Serialize;

use super::{Evidence, Membership, Observed, Origin, Standing};
use crate::id::ConnectionId;

/// What the groups of one connection make of a person's membership of a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// A mapped group has the person, and the membership stands by it.
    Holds,
    /// A mapped group has the person; the next look at the directory puts the contact into the team.
    Joins,
    /// What held the membership is gone; the next look ends it.
    Leaves,
    /// The mapped groups were read to the end: the person is in none of them.
    InNoGroup,
    /// A mapped group cannot be read, is gone or is doubted: nobody joins or leaves by it.
    NotToBeTold,
    /// No group is mapped to the team.
    NotMapped,
    /// The person has no contact through the connection.
    NotSynced,
    /// The contact is not updated any more: the person left the scope. Who is in the team may
    /// leave; nobody joins.
    NoLongerSynced,
    /// The person is gone from the directory; the membership stays as it is.
    Removed,
}

impl Why {
    /// What a look at the directory would find, by the very rule by which runs settle memberships.
    pub fn of(membership: &Membership, seen: &Observed<'_>) -> Self {
        let is_held = |membership: &Membership| {
            let mut origins = membership.origins.iter();
            origins.any(|origin| is_group_of(origin, seen.connection))
        };
        let before = is_held(membership);
        let after = is_held(&membership.clone().settled(seen));
        match (before, after, seen.standing) {
            (true, true, Standing::Removed) => Self::Removed,
            (true, true, _) => Self::Holds,
            (false, true, _) => Self::Joins,
            (true, false, _) => Self::Leaves,
            (false, false, _) if seen.rows.is_empty() => Self::NotMapped,
            (false, false, Standing::Unlinked | Standing::Gone) => Self::NotSynced,
            (false, false, Standing::OutOfScope) => Self::NoLongerSynced,
            (false, false, Standing::Removed) => Self::Removed,
            (false, false, Standing::Linked) => {
                let is_unknown = seen.rows.iter().any(|row| row.evidence == Evidence::Unknown);
                if is_unknown { Self::NotToBeTold } else { Self::InNoGroup }
            }
        }
    }
}

fn is_group_of(origin: &Origin, connection: &ConnectionId) -> bool {
    matches!(origin, Origin::Group { connection_id, .. } if connection_id == connection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AccountId, ContactId, ObjectId, TeamId};
    use crate::settings::OnLeave;
    use crate::team::TeamRow;

    #[test]
    fn every_reason_is_told_as_the_next_look_would_find_it() {
        use Evidence::{Member, NotMember, Unknown};
        use Standing::{Gone, Linked, OutOfScope, Removed, Unlinked};
        // Held by group 5, how the contact stands, what is seen of group 5, why.
        for (held, standing, evidence, expected) in [
            (true, Linked, Some(Member), Why::Holds),
            (false, Linked, Some(Member), Why::Joins),
            (true, Linked, Some(NotMember), Why::Leaves),
            (false, Linked, Some(NotMember), Why::InNoGroup),
            (true, Linked, Some(Unknown), Why::Holds),
            (false, Linked, Some(Unknown), Why::NotToBeTold),
            (true, Linked, None, Why::Leaves),
            (false, Linked, None, Why::NotMapped),
            (true, OutOfScope, Some(Member), Why::Holds),
            (true, OutOfScope, Some(NotMember), Why::Leaves),
            (false, OutOfScope, Some(Member), Why::NoLongerSynced),
            (true, Removed, Some(NotMember), Why::Removed),
            (false, Removed, Some(NotMember), Why::Removed),
            (true, Unlinked, Some(Member), Why::Leaves),
            (false, Unlinked, Some(Member), Why::NotSynced),
            (false, Gone, Some(Member), Why::NotSynced),
        ] {
            let (connection, group) = (ConnectionId::from_bits(1), ObjectId::from_u128(5));
            let user = ObjectId::from_u128(7);
            let mut membership = Membership::none(
                AccountId::from_bits(1),
                TeamId::from_bits(1),
                ContactId::from_bits(1),
            );
            if held {
                membership.origins.insert(Origin::Group {
                    connection_id: connection.clone(),
                    group_id: group.clone(),
                    user_id: user.clone(),
                    on_leave: OnLeave::Remove,
                    role: None,
                });
            }
            let rows: Vec<TeamRow<'_>> = evidence
                .into_iter()
                .map(|evidence| TeamRow {
                    group: &group,
                    on_leave: OnLeave::Remove,
                    role: None,
                    evidence,
                })
                .collect();
            let seen =
                Observed { connection: &connection, user: Some(&user), standing, rows: &rows };
            let why = Why::of(&membership, &seen);
            assert_eq!(why, expected, "held {held}, {standing:?}, {evidence:?}");
        }
    }
}
