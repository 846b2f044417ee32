//! Settings held against the real directory before they are saved.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionStatus, PermissionOutcome, Tenant};
use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::id::ConnectionId;
use contact_sync_domain::reconcile::Rules;
use contact_sync_domain::routing::Route;
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::scope::{ScopeDecision, ScopeRule};
use contact_sync_domain::settings::check::check;
use contact_sync_domain::settings::{Problem, Settings};
use serde::Serialize;
use serde_json::Value;

use super::coverage::{AttributeCoverage, Coverage};
use super::people::{People, Stopped};
use super::references::look_up;
use super::survey::{Judged, Survey, Surveyed};
use super::teams::missing_teams;
use crate::admin::connections::connection;
use crate::admin::directory::connected;
use crate::admin::grounds::others;
use crate::admin::{AdminError, Outside};
use crate::port::{Clock, DirectoryError, SettingsStore};
use crate::readiness::{Tried, try_permissions};

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
    let settings = match check(document, &account.custom_fields, &account.time_zone) {
        Ok(settings) => settings,
        Err(errors) => {
            validation.errors = errors;
            return Ok(validation);
        }
    };
    validation.errors = missing_teams(outside.store(), &account.id, &settings).await?;
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
    let saved = outside.store().settings(&account.id, &found.id).await?.settings;
    let now = outside.clock().now();
    let rules =
        Rules::compile(settings, &account.custom_fields, now).map_err(AdminError::Invalid)?;
    let saved_scope = ScopeRule::compile(&saved.scope).ok();
    let selection =
        UserSelection::with(both(&UserSelection::of(settings), &UserSelection::of(&saved)));
    let mut people = People::of(outside.directory(), outside.clock(), &tenant.id, selection);
    let mut members = people.read_members(&[&settings.scope, &saved.scope]).await?.into_iter();
    let now = members.next().unwrap_or_default();
    let before = members.next().unwrap_or_default();
    let judged = Judged {
        settings,
        rules: &rules,
        members: now,
        saved: saved_scope.map(|scope| (scope, before)),
    };
    let mut survey = Survey::of(outside.store(), account, found, &tenant.id, judged);
    loop {
        match people.next().await {
            Ok(Some(users)) => survey.look_at(users).await?,
            Ok(None) => break,
            Err(DirectoryError::UnknownAttribute { .. }) => {
                validation.errors.push(Problem {
                    pointer: "/mapping".to_owned(),
                    message: "the directory has no attribute of a name that the expressions use"
                        .to_owned(),
                });
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
    }
    validation.cost.add(people.cost);
    validation.stopped = people.stopped;
    let surveyed = survey.end();
    if surveyed.in_scope == 0 && people.is_complete() {
        validation.warnings.push(Problem {
            pointer: "/scope".to_owned(),
            message: "nobody in the directory is meant by this scope".to_owned(),
        });
    }
    validation.people = Some(surveyed);
    Ok(())
}

/// What either selection adds to the standing attributes.
fn both(one: &UserSelection, other: &UserSelection) -> Vec<String> {
    let names = [one.tracked(), other.tracked()].join(",");
    names.split(',').map(str::to_owned).collect()
}

/// How the directory's attributes are filled for the people in scope.
#[derive(Debug, Clone, PartialEq)]
pub struct CoverageProfile {
    /// People read.
    pub seen: u64,
    /// People whom the saved scope means: the others are not counted.
    pub in_scope: u64,
    /// Attribute by attribute.
    pub attributes: Vec<AttributeCoverage>,
    /// Why not everybody was seen.
    pub stopped: Option<Stopped>,
    /// What looking cost.
    pub cost: GraphCost,
}

/// Counts, for the people whom the saved settings mean, how each attribute is filled. Values are
/// told only where `with_examples` asks for them.
pub async fn coverage(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    with_examples: bool,
) -> Result<CoverageProfile, AdminError> {
    let tenant = connected(outside, &account.id, id).await?;
    let saved = outside.store().settings(&account.id, id).await?.settings;
    let scope = ScopeRule::compile(&saved.scope).map_err(AdminError::Invalid)?;
    let others = others(outside, &tenant.id, id, &saved).await?;
    let selection = UserSelection::of(&saved).also(others.attributes);
    let mut people = People::of(outside.directory(), outside.clock(), &tenant.id, selection);
    let members = people.read_members(&[&saved.scope]).await?.into_iter().next();
    let members = members.unwrap_or_default();
    let now = outside.clock().now();
    let is_taken = |user: &DirectoryUser| {
        matches!(scope.decide(user, &members, now), ScopeDecision::In { .. })
            && others.rivals.route(user, now) != Route::Theirs
    };
    let mut coverage = Coverage::new(with_examples);
    let (mut seen, mut in_scope) = (0, 0);
    while let Some(users) = people.next().await? {
        for user in users {
            seen += 1;
            if is_taken(&user) {
                in_scope += 1;
                coverage.look_at(&user);
            }
        }
    }
    let mut cost = people.cost;
    cost.add(others.cost);
    Ok(CoverageProfile {
        seen,
        in_scope,
        attributes: coverage.end(&saved),
        stopped: people.stopped,
        cost,
    })
}
