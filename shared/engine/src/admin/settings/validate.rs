//! Settings held against the real directory before they are saved.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionStatus, PermissionOutcome, Tenant};
use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::id::ConnectionId;
use contact_sync_domain::reconcile::{Rules, Tie};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::scope::{Memberships, ScopeRule};
use contact_sync_domain::settings::check::check;
use contact_sync_domain::settings::{Problem, Settings};
use serde::Serialize;
use serde_json::Value;

use super::findings::Surveyed;
use super::mail::unsent;
use super::people::{People, Stopped};
use super::references::look_up;
use super::survey::{Judged, Survey};
use super::teams::{TeamToMake, find_teams};
use super::verdict::{unknown_attribute, unread_group, warnings};
use crate::admin::connections::connection;
use crate::admin::grounds::{followed, others};
use crate::admin::{AdminError, Outside};
use crate::port::{Clock, DecisionStore, Directory, DirectoryError, SettingsStore};
use crate::readiness::{Tried, try_permissions};
use crate::sync::{Index, Terms, scope_groups, watched_groups};

/// What holding a document against the directory showed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Validation {
    /// What saving would refuse, and what would stop the next run.
    pub errors: Vec<Problem>,
    /// What the admin should know.
    pub warnings: Vec<Problem>,
    /// Which permissions the settings need, and whether they work.
    pub permissions: Vec<NeededPermission>,
    /// What would become of people; absent where nobody could be looked at.
    pub people: Option<Surveyed>,
    /// Why not everybody was seen.
    pub stopped: Option<Stopped>,
    /// Teams that saving makes.
    pub teams_to_make: Vec<TeamToMake>,
    /// What looking cost.
    pub cost: GraphCost,
}

/// A Graph permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NeededPermission {
    /// Its name.
    pub name: &'static str,
    /// The members of the document that need it; empty where none does.
    pub needed_by: Vec<String>,
    /// What calling its endpoint showed.
    pub state: PermissionOutcome,
}

/// Holds a document against account and directory; nothing is saved. Without `people` nobody is
/// read, which answers at once.
pub async fn validate(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    document: &Value,
    people: bool,
) -> Result<Validation, AdminError> {
    let found = connection(outside.store(), &account.id, id).await?;
    let mut validation = Validation::default();
    let mut settings = match check(document, &account.custom_fields, &account.time_zone) {
        Ok(settings) => settings,
        Err(errors) => {
            validation.errors = errors;
            return Ok(validation);
        }
    };
    let teams = find_teams(outside, &found, &mut settings, false).await?;
    validation.errors = teams.problems;
    validation.warnings.extend(teams.taken);
    validation.teams_to_make = teams.make;
    validation.cost.add(teams.cost);
    validation.errors.extend(unsent(outside, &account.id, &settings).await?);
    let tenant = match (found.status, &found.tenant) {
        (ConnectionStatus::Invited | ConnectionStatus::Disconnected, _) | (_, None) => {
            validation.warnings.push(Problem {
                pointer: String::new(),
                message: "no organisation is connected: nobody could be looked at".to_owned(),
            });
            return Ok(validation);
        }
        (_, Some(tenant)) => tenant,
    };
    look_at_permissions(outside, tenant, &settings, &mut validation).await?;
    let references = look_up(outside.directory(), &tenant.id, &settings).await?;
    validation.cost.add(references.cost);
    validation.warnings.extend(references.unchecked);
    // Without its groups a run stops and asks; an ignored person who is gone is ignored all the same.
    let (people_gone, groups_gone): (Vec<_>, Vec<_>) = references
        .unknown
        .into_iter()
        .partition(|problem| problem.pointer.starts_with("/scope/ignoredUsers/"));
    validation.errors.extend(groups_gone);
    validation.warnings.extend(people_gone);
    let forbidden = validation.permissions.iter().any(|permission| {
        permission.state == PermissionOutcome::Missing && !permission.needed_by.is_empty()
    });
    if people && !forbidden {
        survey(outside, account, (&found, tenant), &settings, &mut validation).await?;
    }
    Ok(validation)
}

async fn look_at_permissions(
    outside: &impl Outside,
    tenant: &Tenant,
    settings: &Settings,
    validation: &mut Validation,
) -> Result<(), AdminError> {
    for Tried { name, needed_by, state } in
        try_permissions(outside.directory(), &tenant.id, settings).await?
    {
        validation.cost.add(GraphCost { requests: 1, ..GraphCost::default() });
        if state == PermissionOutcome::Missing {
            validation.warnings.extend(needed_by.iter().map(|pointer| Problem {
                pointer: pointer.clone(),
                message: format!(
                    "this needs the permission {name}, which is not granted: an Entra admin grants \
                     it with a new consent"
                ),
            }));
        }
        validation.permissions.push(NeededPermission { name, needed_by, state });
    }
    Ok(())
}

async fn survey(
    outside: &impl Outside,
    account: &Account,
    (found, tenant): (&Connection, &Tenant),
    settings: &Settings,
    validation: &mut Validation,
) -> Result<(), AdminError> {
    let store = outside.store();
    let saved = store.settings(&account.id, &found.id).await?.settings;
    let now = outside.clock().now();
    let rules =
        Rules::compile(settings, &account.custom_fields, now).map_err(AdminError::Invalid)?;
    let rules = rules.after_refusals(store.refused(&found.id).await?);
    let others = others(outside, &tenant.id, &found.id, settings).await?;
    validation.cost.add(others.cost);
    let own = UserSelection::with(both(&UserSelection::of(settings), &UserSelection::of(&saved)));
    let by_id = (own.clone().also(others.attributes), own.clone());
    let mut people = People::of(outside.directory(), outside.clock(), &tenant.id, own);
    let groups = watched_groups(settings);
    let (mut sets, unknown) = followed(outside, &account.id, &found.id, groups).await?;
    if let Err(error) = people.learn(&mut sets, &unknown).await {
        validation.errors.push(unread_group(error, settings)?);
        return Ok(());
    }
    let memberships = sets.memberships(&settings.scope);
    let before = saved_scope(outside, (account, found), &saved, &mut people).await?;
    // Of a part of a group's members nobody can say who leaves: whoever is missing may be a member.
    let sampled = !people.is_complete();
    let before = before.filter(|_| !sampled);
    let mut scopes = vec![(&settings.scope, &memberships)];
    scopes.extend(before.as_ref().map(|(_, before)| (&saved.scope, before)));
    people.begin(&scopes);
    let tie = Tie { connection: &found.id, tenant: &tenant.id };
    let index = if sampled {
        None
    } else {
        let index = Index::load(store, &account.id, &found.id, &tenant.id, 0);
        people.in_time(index).await.transpose()?
    };
    let judged = Judged {
        settings,
        terms: Terms {
            account: &account.id,
            tie,
            rules: &rules,
            memberships: &memberships,
            rivals: &others.rivals,
            afresh: false,
        },
        saved: before,
        teams: &sets,
        index,
        sampled,
        by_id,
    };
    let mut survey = Survey::of(outside, judged);
    loop {
        match people.next().await {
            Ok(Some(users)) => survey.look_at(users).await?,
            Ok(None) => break,
            Err(DirectoryError::UnknownAttribute { name }) => {
                validation.errors.extend(unknown_attribute(&name, settings));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
    }
    validation.cost.add(people.cost);
    validation.stopped = people.stopped;
    let surveyed = survey.end(people.is_complete()).await?;
    validation.warnings.extend(warnings(&surveyed, settings, people.is_complete()));
    validation.people = Some(surveyed);
    Ok(())
}

/// The saved scope with its members, to compare with; `None` where its groups cannot be read.
async fn saved_scope(
    outside: &impl Outside,
    (account, found): (&Account, &Connection),
    saved: &Settings,
    people: &mut People<'_, impl Directory, impl Clock>,
) -> Result<Option<(ScopeRule, Memberships)>, AdminError> {
    let Ok(scope) = ScopeRule::compile(&saved.scope) else { return Ok(None) };
    let groups = scope_groups(&saved.scope);
    let (mut sets, unknown) = followed(outside, &account.id, &found.id, groups).await?;
    Ok(match people.learn(&mut sets, &unknown).await {
        Ok(()) => Some((scope, sets.memberships(&saved.scope))),
        Err(_) => None,
    })
}

/// What either selection adds to the standing attributes.
fn both(one: &UserSelection, other: &UserSelection) -> Vec<String> {
    let names = [one.tracked(), other.tracked()].join(",");
    names.split(',').map(str::to_owned).collect()
}
