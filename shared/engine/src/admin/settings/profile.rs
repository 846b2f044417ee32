//! The profile of a directory's attributes, for the people whom the saved settings mean.

use std::collections::HashSet;

use contact_sync_domain::account::Account;
use contact_sync_domain::contact::LinkState;
use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId, TenantId};
use contact_sync_domain::routing::Route;
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::scope::{ScopeDecision, ScopeRule};

use super::coverage::{AttributeCoverage, Coverage};
use super::people::{People, Stopped};
use crate::admin::directory::connected;
use crate::admin::grounds::{followed, others, read_unclear};
use crate::admin::{AdminError, Outside};
use crate::port::{Clock, ContactStore, SettingsStore};
use crate::sync::{contacts_of_users, present, scope_groups};

/// How the directory's attributes are filled for the people in scope.
#[derive(Debug, Clone, PartialEq)]
pub struct CoverageProfile {
    /// People read.
    pub seen: u64,
    /// People whom a run would take by the saved settings: the others are not counted.
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
    let own = UserSelection::of(&saved);
    let by_id = (own.clone().also(others.attributes), own.clone());
    let mut people = People::of(outside.directory(), outside.clock(), &tenant.id, own);
    let groups = scope_groups(&saved.scope);
    let (mut sets, unknown) = followed(outside, &account.id, id, groups).await?;
    people.learn(&mut sets, &unknown).await?;
    let members = sets.memberships(&saved.scope);
    people.begin(&[(&saved.scope, &members)]);
    let now = outside.clock().now();
    let is_meant = |user: &DirectoryUser| {
        matches!(scope.decide(user, &members, now), ScopeDecision::In { .. })
    };
    let is_contested = |user: &&DirectoryUser| others.rivals.route(user, now) == Route::Contested;
    let mut coverage = Coverage::new(with_examples);
    let (mut seen, mut in_scope) = (0, 0);
    let is_unclear =
        |user: &DirectoryUser| matches!(others.rivals.route(user, now), Route::Unknown { .. });
    while let Some(mut users) = people.next().await? {
        read_unclear(outside, &tenant.id, &by_id, &mut users, is_unclear).await?;
        seen += u64::try_from(users.len()).unwrap_or(u64::MAX);
        users.retain(is_meant);
        let contested: Vec<ObjectId> =
            users.iter().filter(is_contested).map(|user| user.id.clone()).collect();
        let linked = linked(outside.store(), &account.id, (id, &tenant.id), &contested).await?;
        for user in users {
            let is_taken = match others.rivals.route(&user, now) {
                Route::Theirs => false,
                Route::Contested => linked.contains(&user.id),
                Route::Ours | Route::Unknown { .. } => true,
            };
            if is_taken {
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

/// Which of these users are linked through a connection: they stay whoever else means them.
async fn linked(
    store: &impl ContactStore,
    account: &AccountId,
    (connection, tenant): (&ConnectionId, &TenantId),
    users: &[ObjectId],
) -> Result<HashSet<ObjectId>, AdminError> {
    let own = contacts_of_users(store, account, tenant, users).await?;
    let stored = store.get_many(account, &own).await?;
    let linked = users.iter().zip(stored).filter(|(user, stored)| {
        present(stored.as_ref()).is_some_and(|contact| {
            contact.is_linked_to(connection, user)
                && contact.link.as_ref().is_some_and(|link| link.state == LinkState::Linked)
        })
    });
    Ok(linked.map(|(user, _)| user.clone()).collect())
}
