//! The settings' mappings of groups to teams, ready to be asked.

use contact_sync_domain::id::{ConnectionId, ObjectId, TeamId};
use contact_sync_domain::settings::{OnLeave, Settings};
use contact_sync_domain::team::{Evidence, Membership, Origin, TeamRow};

use crate::sync::members::MemberSets;

/// A group that is mapped to a team.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) group: ObjectId,
    pub(super) team: TeamId,
    on_leave: OnLeave,
    role: Option<String>,
}

/// All of them, each known by its place.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<Row>,
    teams: Vec<TeamId>,
}

impl Rows {
    /// The mappings to teams that there are.
    pub(super) fn of(settings: &Settings, exists: impl Fn(&TeamId) -> bool) -> Self {
        let rows: Vec<Row> = settings
            .teams
            .iter()
            .filter_map(|row| {
                let team = row.team_id().filter(|team| exists(team))?;
                let (on_leave, role) = (row.on_leave, row.role.clone());
                Some(Row { group: row.group.clone(), team, on_leave, role })
            })
            .collect();
        let mut teams: Vec<TeamId> = rows.iter().map(|row| row.team.clone()).collect();
        teams.sort();
        teams.dedup();
        Self { rows, teams }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &Row)> {
        self.rows.iter().enumerate()
    }

    pub(super) fn row(&self, place: usize) -> Option<&Row> {
        self.rows.get(place)
    }

    /// The teams that groups are mapped to, each once.
    pub(super) fn teams(&self) -> impl Iterator<Item = &TeamId> {
        self.teams.iter()
    }

    /// Which mappings hold a membership as they should: contact and place.
    pub(super) fn held_by(
        &self,
        membership: &Membership,
        connection: &ConnectionId,
    ) -> Vec<(u128, usize)> {
        let holds = |row: &Row| {
            row.team == membership.team_id
                && membership.origins.iter().any(|origin| {
                    matches!(origin, Origin::Group { .. })
                        && origin.group() == Some((connection, &row.group))
                })
        };
        let contact = membership.contact_id.to_bits();
        self.all().filter(|(_, row)| holds(row)).map(|(place, _)| (contact, place)).collect()
    }

    /// What the member sets say of a user in the groups that are mapped to a team.
    pub(super) fn seen(
        &self,
        team: &TeamId,
        user: Option<&ObjectId>,
        members: &MemberSets,
    ) -> Vec<TeamRow<'_>> {
        let of_team = self.rows.iter().filter(|row| row.team == *team);
        of_team
            .map(|row| TeamRow {
                group: &row.group,
                on_leave: row.on_leave,
                role: row.role.as_deref(),
                evidence: user.map_or(Evidence::Unknown, |user| members.evidence(&row.group, user)),
            })
            .collect()
    }
}
