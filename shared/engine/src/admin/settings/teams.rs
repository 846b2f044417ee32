//! Teams that settings map groups to: the account's, by id or by name, or made with the settings.

use std::collections::HashMap;

use contact_sync_domain::connection::{Connection, ConnectionStatus, Tenant};
use contact_sync_domain::id::{AccountId, ObjectId, TeamId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::settings::check::{plain, team_problems};
use contact_sync_domain::settings::{Problem, Settings, TeamMapping};
use contact_sync_domain::team::{Team, name_key};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use crate::admin::teams::MOST_TEAMS;
use crate::admin::{ATTEMPTS, AdminError, Outside};
use crate::port::{Clock, Directory, DirectoryError, Group, Randomness, TeamStore};

/// How many groups are asked for their names at the same time.
const AT_ONCE: usize = 8;

/// How long a team's name may be, in characters.
const LONGEST_NAME: usize = 256;

/// A team that is made when the settings are saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TeamToMake {
    /// Its name.
    pub name: String,
    /// The rows that lead to it, as pointers into the settings.
    pub rows: Vec<String>,
}

/// What looking for the teams of a document showed.
#[derive(Debug, Default)]
pub(in crate::admin) struct FoundTeams {
    /// Rows whose team cannot be found, or be made.
    pub(in crate::admin) problems: Vec<Problem>,
    /// Rows that would have a team made, and find one of its name: what people should know.
    pub(in crate::admin) taken: Vec<Problem>,
    /// Teams that are to be made.
    pub(in crate::admin) make: Vec<TeamToMake>,
    /// What asking for names cost.
    pub(in crate::admin) cost: GraphCost,
}

/// Has every row whose team is there name it by id. A row goes by its team's id; where the account
/// has none of that id by `team_name`, which without one is the group's in the directory where the
/// team is to be made. What is still to be made keeps `create_team`, with its name, and only where
/// `drafted` says so the id that a draft gave it.
pub(in crate::admin) async fn find_teams(
    outside: &impl Outside,
    connection: &Connection,
    settings: &mut Settings,
    drafted: bool,
) -> Result<FoundTeams, AdminError> {
    let mut found = FoundTeams::default();
    if settings.teams.is_empty() {
        return Ok(found);
    }
    let teams = outside.store().teams(&connection.account_id).await?;
    let names = group_names(outside, connection, settings, &mut found.cost).await?;
    let mut named: Vec<Named> = Vec::new();
    for (index, row) in settings.teams.iter_mut().enumerate() {
        if let Some(team) = teams.iter().find(|team| team.id.as_str() == row.team) {
            row.settle(&team.id);
            continue;
        }
        let name = match name_of(row, &names) {
            Ok(name) => Named::of(index, row, name),
            Err((member, message)) => {
                found.tell(index, member, message);
                continue;
            }
        };
        if let Some(other) = named.iter().find(|other| other.clashes(&name)) {
            let message = format!(
                "the group of /teams/{} has a team of the same name, `{}`: say `teamName` in both, \
                 another one or the same",
                other.index, name.name
            );
            found.tell(index, "teamName", message);
            continue;
        }
        match teams.iter().find(|team| name_key(&team.name) == name.key) {
            Some(team) => {
                if row.create_team {
                    found.taken.push(Problem {
                        pointer: format!("/teams/{index}"),
                        message: format!(
                            "the account has a team `{}` already: the group joins that one",
                            team.name
                        ),
                    });
                }
                row.settle(&team.id);
            }
            None if row.create_team => {
                if !drafted {
                    row.team.clear();
                }
                row.team_name = Some(name.name.clone());
                found.will_make(&name);
            }
            None => {
                let message = format!(
                    "the account has no team `{}`; with `createTeam` it is made",
                    name.name
                );
                found.tell(index, "teamName", message);
            }
        }
        named.push(name);
    }
    let room = MOST_TEAMS.saturating_sub(teams.len());
    for team in found.make.iter().skip(room) {
        found.problems.extend(team.rows.iter().map(|row| Problem {
            pointer: row.clone(),
            message: format!("an account has at most {MOST_TEAMS} teams"),
        }));
    }
    if found.problems.is_empty() {
        // Two rows may have turned out to mean the same.
        found.problems = team_problems(&settings.teams);
    }
    Ok(found)
}

impl FoundTeams {
    fn tell(&mut self, index: usize, member: &str, message: String) {
        self.problems.push(Problem { pointer: format!("/teams/{index}/{member}"), message });
    }

    fn will_make(&mut self, named: &Named) {
        let row = format!("/teams/{}", named.index);
        match self.make.iter_mut().find(|team| name_key(&team.name) == named.key) {
            Some(team) => team.rows.push(row),
            None => self.make.push(TeamToMake { name: named.name.clone(), rows: vec![row] }),
        }
    }
}

/// A row that goes by its team's name.
struct Named {
    index: usize,
    group: ObjectId,
    name: String,
    key: String,
    /// Whether nobody chose the name: it is the group's.
    is_groups: bool,
}

impl Named {
    fn of(index: usize, row: &TeamMapping, name: String) -> Self {
        let key = name_key(&name);
        Self { index, group: row.group.clone(), name, key, is_groups: row.team_name.is_none() }
    }

    /// Whether two groups would share a team because they happen to be named alike.
    fn clashes(&self, other: &Self) -> bool {
        self.key == other.key && self.group != other.group && (self.is_groups || other.is_groups)
    }
}

/// A group's name as a team's, or why it cannot be one: which member says so, and what.
type NameOfGroup = Result<String, (&'static str, String)>;

/// The name by which a row means a team.
fn name_of(row: &TeamMapping, names: &HashMap<ObjectId, NameOfGroup>) -> NameOfGroup {
    match (&row.team_name, names.get(&row.group)) {
        (Some(name), _) => Ok(name.clone()),
        (None, Some(name)) if takes_groups_name(row) => name.clone(),
        (None, _) if row.create_team => Err((
            "team",
            "the account has no such team; leave it out and it is made, or say `teamName`".into(),
        )),
        (None, _) => Err(("team", "the account has no such team".into())),
    }
}

fn takes_groups_name(row: &TeamMapping) -> bool {
    row.create_team && row.team.is_empty() && row.team_name.is_none()
}

/// The names of the groups whose teams are to be called like them.
async fn group_names(
    outside: &impl Outside,
    connection: &Connection,
    settings: &Settings,
    cost: &mut GraphCost,
) -> Result<HashMap<ObjectId, NameOfGroup>, AdminError> {
    let rows = settings.teams.iter().filter(|row| takes_groups_name(row));
    let mut groups: Vec<ObjectId> = rows.map(|row| row.group.clone()).collect();
    groups.sort_unstable();
    groups.dedup();
    let tenant = match (connection.status, &connection.tenant) {
        (ConnectionStatus::Invited | ConnectionStatus::Disconnected, _) | (_, None) => {
            let why = "the group's name cannot be read, no organisation is connected: say it";
            let unread = |group| (group, Err(("teamName", why.to_owned())));
            return Ok(groups.into_iter().map(unread).collect());
        }
        (_, Some(Tenant { id, .. })) => id,
    };
    let requests = u64::try_from(groups.len()).unwrap_or(u64::MAX);
    cost.add(GraphCost { requests, ..GraphCost::default() });
    let read = stream::iter(groups).map(|group| async move {
        let name = match outside.directory().find_group(tenant, &group).await {
            Ok(Some(Group { display_name: Some(name), .. })) => named_like(&name),
            Ok(Some(_)) => Err(("teamName", "the group has no name that may be read: say it".into())),
            Ok(None) => {
                Err(("group", format!("the connected organisation has no group `{group}`")))
            }
            Err(DirectoryError::Forbidden { .. }) => Err((
                "teamName",
                "the group's name may not be read, the permission GroupMember.Read.All is missing: \
                 say it"
                    .to_owned(),
            )),
            Err(error) => return Err(AdminError::from(error)),
        };
        Ok((group, name))
    });
    read.buffer_unordered(AT_ONCE).try_collect().await
}

/// A group's name, if a team may have it.
fn named_like(name: &str) -> NameOfGroup {
    let name = name.trim();
    let verdict = if name.chars().count() > LONGEST_NAME {
        Err("it is longer than 256 characters")
    } else {
        plain(name)
    };
    match verdict {
        Ok(()) => Ok(name.to_owned()),
        Err(why) => {
            let message = format!("the group's name cannot be a team's ({why}): say another one");
            Err(("teamName", message))
        }
    }
}

/// Makes the teams that are still to be made, and has every row name its team by id. What an earlier
/// request made is taken over by its name.
pub(in crate::admin) async fn make_teams(
    outside: &impl Outside,
    account: &AccountId,
    settings: &mut Settings,
) -> Result<(), AdminError> {
    let mut made: HashMap<String, TeamId> = HashMap::new();
    for row in settings.teams.iter_mut().filter(|row| row.create_team) {
        let name = row.team_name.clone().unwrap_or_default();
        let key = name_key(&name);
        let team = match made.get(&key) {
            Some(team) => team.clone(),
            None => make_team(outside, account, row.team_id(), &name).await?,
        };
        row.settle(&team);
        made.insert(key, team);
    }
    Ok(())
}

/// Makes a team, under the id that a draft gave it where one did; where somebody else was faster,
/// theirs is the team.
async fn make_team(
    outside: &impl Outside,
    account: &AccountId,
    drafted: Option<TeamId>,
    name: &str,
) -> Result<TeamId, AdminError> {
    let store = outside.store();
    for _ in 0..ATTEMPTS {
        let now = outside.clock().now();
        let id = drafted.clone();
        let team = Team {
            id: id.unwrap_or_else(|| TeamId::from_bits(outside.randomness().bits())),
            account_id: account.clone(),
            name: name.to_owned(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        if store.create_team(&team).await? {
            tracing::info!(account.id = %account, team.id = %team.id, "a team was made from a group");
            return Ok(team.id);
        }
        let teams = store.teams(account).await?;
        let is_it = |other: &&Team| {
            name_key(&other.name) == name_key(name) || drafted.as_ref() == Some(&other.id)
        };
        if let Some(other) = teams.iter().find(is_it) {
            return Ok(other.id.clone());
        }
    }
    Err(AdminError::Moved)
}
