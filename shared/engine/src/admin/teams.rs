//! Teams of an account, and who people put into them.

mod ending;
mod members;

use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, TeamId};
use contact_sync_domain::team::{Ended, HeldBy, Membership, Origin, Team};
use jiff::SignedDuration;
use serde_json::Value;

pub(super) use ending::{Leaver, end_memberships, leave_account, take_over_teams};
pub use members::{Member, MembersPage, RoleByHand, add_member, remove_member, team_members};

use ending::end;

use super::accounts::account;
use super::document::Members;
use super::{ATTEMPTS, AdminError, Outside, Page, Precondition};
use crate::port::{Clock, ConnectionStore, Randomness, Renamed, SHARDS, SettingsStore, TeamStore};

/// Teams of an account at most: each contact that is shown names its teams.
pub(super) const MOST_TEAMS: usize = 1_000;

/// How many of a team's memberships are looked at in one request.
const LOOK: u16 = 200;

/// How long ending a deleted team's memberships may take before the answer must be on its way.
const TIME: SignedDuration = SignedDuration::from_secs(20);

/// Reads `{name}`.
pub fn read_team(document: &Value) -> Result<String, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let name = members.text("name", 256);
    let problems = members.finish();
    match name {
        Some(name) if problems.is_empty() => Ok(name),
        Some(_) | None => Err(AdminError::Invalid(problems)),
    }
}

/// A team that a contact is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamOf {
    /// Its id.
    pub id: TeamId,
    /// Its name.
    pub name: String,
    /// Who holds the membership.
    pub origin: HeldBy,
    /// What the contact is in it, where anybody says so.
    pub role: Option<String>,
}

/// How far deleting a team came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TeamDeleted {
    /// Nothing is left.
    Whole,
    /// Time was up; deleting again goes on.
    Partly,
}

/// The account's teams, by id.
pub async fn teams(
    outside: &impl Outside,
    id: &AccountId,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<Team>, AdminError> {
    account(outside.store(), id).await?;
    let after = cursor.map(TeamId::parse).transpose().or(Err(AdminError::BadCursor))?;
    let items = outside.store().teams(id).await?;
    Ok(Page::of_all(items, |team| &team.id, after.as_ref(), limit))
}

/// Finds a team.
pub async fn team(
    store: &impl TeamStore,
    account: &AccountId,
    id: &TeamId,
) -> Result<Team, AdminError> {
    store.team(account, id).await?.ok_or(AdminError::NotFound("team"))
}

/// Makes a team.
pub async fn create_team(
    outside: &impl Outside,
    id: &AccountId,
    name: String,
) -> Result<Team, AdminError> {
    account(outside.store(), id).await?;
    if outside.store().teams(id).await?.len() >= MOST_TEAMS {
        return Err(AdminError::invalid("", format!("an account has at most {MOST_TEAMS} teams")));
    }
    let now = outside.clock().now();
    let team = Team {
        id: TeamId::from_bits(outside.randomness().bits()),
        account_id: id.clone(),
        name,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    if outside.store().create_team(&team).await? {
        Ok(team)
    } else {
        Err(AdminError::TeamNameTaken)
    }
}

/// Gives a team another name. Mappings and memberships name it by id, so nothing else changes.
pub async fn rename_team(
    outside: &impl Outside,
    account: &AccountId,
    id: &TeamId,
    name: &str,
    precondition: &Precondition,
) -> Result<Team, AdminError> {
    for _ in 0..ATTEMPTS {
        let old = team(outside.store(), account, id).await?;
        if !precondition.holds(old.version) {
            return Err(AdminError::Stale);
        }
        if old.name == name {
            return Ok(old);
        }
        let new = Team {
            name: name.to_owned(),
            version: old.version + 1,
            updated_at: outside.clock().now(),
            ..old.clone()
        };
        match outside.store().rename_team(&old, &new).await? {
            Renamed::Done => return Ok(new),
            Renamed::NameTaken => return Err(AdminError::TeamNameTaken),
            Renamed::Moved => {}
        }
    }
    Err(AdminError::Moved)
}

/// Deletes a team with its memberships. One that a connection maps groups to is refused.
pub async fn delete_team(
    outside: &impl Outside,
    account: &AccountId,
    id: &TeamId,
    precondition: &Precondition,
) -> Result<TeamDeleted, AdminError> {
    let store = outside.store();
    let found = team(store, account, id).await?;
    if !precondition.holds(found.version) {
        return Err(AdminError::Stale);
    }
    let mapping = mapped_by(outside, account, id).await?;
    if !mapping.is_empty() {
        return Err(AdminError::TeamMapped(mapping));
    }
    let until = outside.clock().now() + TIME;
    for shard in 0..SHARDS {
        let mut after: Option<ContactId> = None;
        loop {
            let page = store.team_memberships(account, id, shard, after.as_ref(), LOOK).await?;
            for membership in page.memberships {
                if outside.clock().now() > until {
                    return Ok(TeamDeleted::Partly);
                }
                end(store, membership, &Ended::Team, outside.clock().now()).await?;
            }
            after = page.next.map(|(contact, _)| contact);
            if after.is_none() {
                break;
            }
        }
    }
    store.delete_team(&found).await?;
    Ok(TeamDeleted::Whole)
}

/// The connections whose settings map groups to a team.
async fn mapped_by(
    outside: &impl Outside,
    account: &AccountId,
    team: &TeamId,
) -> Result<Vec<ConnectionId>, AdminError> {
    let mut mapping = Vec::new();
    for connection in outside.store().connections(account).await? {
        let current = outside.store().settings(account, &connection.id).await?;
        if current.settings.teams.iter().any(|row| row.team == team.as_str()) {
            mapping.push(connection.id);
        }
    }
    Ok(mapping)
}

/// The teams that each of these contacts is in, by name.
pub async fn teams_of(
    store: &impl TeamStore,
    account: &AccountId,
    contacts: &[ContactId],
) -> Result<Vec<Vec<TeamOf>>, AdminError> {
    let teams = store.teams(account).await?;
    if teams.is_empty() || contacts.is_empty() {
        return Ok(contacts.iter().map(|_| Vec::new()).collect());
    }
    let memberships = store.memberships_of_all(account, contacts).await?;
    let of = |membership: &Membership| {
        let team = teams.iter().find(|team| team.id == membership.team_id)?;
        let origin = membership.held_by()?;
        let role = membership.role().map(str::to_owned);
        Some(TeamOf { id: team.id.clone(), name: team.name.clone(), origin, role })
    };
    let sorted = |memberships: Vec<Membership>| {
        let mut teams: Vec<TeamOf> = memberships.iter().filter_map(of).collect();
        teams.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        teams
    };
    Ok(memberships.into_iter().map(sorted).collect())
}

/// The groups that hold a membership through connections that are still there.
async fn holding(
    outside: &impl Outside,
    membership: &Membership,
) -> Result<Vec<Origin>, AdminError> {
    let mut holding = Vec::new();
    for origin in &membership.origins {
        let Origin::Group { connection_id, .. } = origin else { continue };
        let found = outside.store().connection(&membership.account_id, connection_id).await?;
        if found.is_some() {
            holding.push(origin.clone());
        }
    }
    Ok(holding)
}
