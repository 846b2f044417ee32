//! What starts, pauses and stops a connection.
//!
//! The order inside each action keeps a request that dies half-way harmless: a schedule that fires
//! for a connection that is not enabled does nothing, so schedules go first when starting and
//! pausing; what stops work comes after the state that forbids it.

mod work;

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionAction, ConnectionStatus, PausedFor};
use contact_sync_domain::id::{AccountId, ConnectionId, RunId, TenantId};
use contact_sync_domain::run::{Run, RunKind, Trigger};
use contact_sync_domain::settings::Settings;
use contact_sync_domain::subscription::{SubscribedResource, Subscription};
use serde_json::Value;

use self::work::cancel_runs;
use super::connections::{connection, take_action};
use super::document::Members;
use super::runs::queue_run;
use super::schedule::set_schedule;
use super::sharing::ask_sharers;
use super::undo::rest;
use super::{ATTEMPTS, AdminError, Outside};
use crate::port::{
    Clock, ConnectionStore, Directory, RunStore, Schedules, SettingsStore, SubscriptionStore,
    Subscriptions, SyncStateStore, TenantClaim, TenantStore,
};
use crate::split::claims_people;

/// Reads `{tenantId}`.
pub fn read_tenant_id(document: &Value) -> Result<TenantId, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let tenant = members.text("tenantId", 64).and_then(|text| {
        let tenant = TenantId::parse(&text);
        if let Err(error) = &tenant {
            members.problem("tenantId", error.to_string());
        }
        tenant.ok()
    });
    let problems = members.finish();
    match tenant {
        Some(tenant) if problems.is_empty() => Ok(tenant),
        _ => Err(AdminError::Invalid(problems)),
    }
}

/// Enables a connection whose proven tenant is the one named, and queues its full run.
pub async fn enable(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    tenant: &TenantId,
) -> Result<RunId, AdminError> {
    let found = connection(outside.store(), &account.id, id).await?;
    found.status.after(ConnectionAction::Enable, None)?;
    if found.tenant.as_ref().is_none_or(|proven| proven.id != *tenant) {
        return Err(AdminError::WrongTenant);
    }
    start(outside, account, &found, ConnectionAction::Enable, Trigger::Enable).await
}

/// Goes on after a pause, with a full run: what happened meanwhile was not written.
pub async fn resume(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
) -> Result<RunId, AdminError> {
    let found = connection(outside.store(), &account.id, id).await?;
    let before = found.attention.as_ref().map(|attention| attention.before);
    found.status.after(ConnectionAction::Resume, before)?;
    start(outside, account, &found, ConnectionAction::Resume, Trigger::Resume).await
}

async fn start(
    outside: &impl Outside,
    account: &Account,
    found: &Connection,
    action: ConnectionAction,
    trigger: Trigger,
) -> Result<RunId, AdminError> {
    switch_on(outside, account, found, action).await?;
    let queued = queue_run(outside, &account.id, &found.id, RunKind::Full, trigger).await;
    if queued.is_err() {
        // Without its run an enabled connection would wait for its schedule, and enabling again
        // would be refused.
        step_back(outside, found).await;
    }
    let run = queued?.id;
    // Who only rested held his people all the while.
    if !claims_people(found.status) {
        ask_sharers(outside, found).await;
    }
    Ok(run)
}

/// Has a connection sync from now on; what it begins with is for the caller to queue.
async fn switch_on(
    outside: &impl Outside,
    account: &Account,
    found: &Connection,
    action: ConnectionAction,
) -> Result<(), AdminError> {
    check_claim(outside.store(), found).await?;
    let current = outside.store().settings(&account.id, &found.id).await?;
    check_requirements(&current.settings)?;
    set_schedule(outside, account, found, &current.settings, ConnectionStatus::Enabled).await?;
    take_action(outside, &account.id, &found.id, action, |changed| changed.enabled_once = true)
        .await?;
    // A move that began meanwhile has passed the tenant on, or sees now that it is too late.
    let still_ours = check_claim(outside.store(), found).await;
    if still_ours.is_err() {
        step_back(outside, found).await;
    }
    still_ours
}

/// Enables a connection with an approved plan: first what the plan says, then a full run, which
/// finds whatever changed since.
pub(super) async fn enable_with(
    outside: &impl Outside,
    account: &Account,
    found: &Connection,
    plan: &Run,
) -> Result<bool, AdminError> {
    found.status.after(ConnectionAction::Enable, None)?;
    switch_on(outside, account, found, ConnectionAction::Enable).await?;
    let queued = outside.store().enqueue_planned(plan).await;
    if !matches!(queued, Ok(true)) {
        step_back(outside, found).await;
        return Ok(queued?);
    }
    queue_run(outside, &account.id, &found.id, RunKind::Full, Trigger::Enable).await?;
    if !claims_people(found.status) {
        ask_sharers(outside, found).await;
    }
    Ok(true)
}

/// Has a connection rest, and queues the approved plan that takes back what it did. Where that is not
/// to be done any more, the connection goes on syncing.
pub(super) async fn rest_with(
    outside: &impl Outside,
    account: &Account,
    found: &Connection,
    plan: &Run,
) -> Result<bool, AdminError> {
    rest(outside, found).await?;
    let store = outside.store();
    let is_queued = store.enqueue_planned(plan).await?;
    if is_queued || found.status != ConnectionStatus::Enabled {
        return Ok(is_queued);
    }
    let stands = store.run(&found.account_id, &found.id, &plan.id).await?;
    if stands.is_none_or(|run| run.status.is_terminal()) {
        let settings = store.settings(&found.account_id, &found.id).await?.settings;
        set_schedule(outside, account, found, &settings, ConnectionStatus::Enabled).await?;
        step_back(outside, found).await;
    }
    Ok(false)
}

/// Refuses a connection whose tenant is not its account's: a move was begun and not ended.
async fn check_claim(store: &impl TenantStore, found: &Connection) -> Result<(), AdminError> {
    let Some(tenant) = &found.tenant else { return Ok(()) };
    let claims = store.tenant_claims(&tenant.id).await?;
    let is_ours = |claim: &TenantClaim| {
        claim.account_id == found.account_id && claim.connection_id == found.id
    };
    if claims.iter().any(is_ours) {
        return Ok(());
    }
    let fix = "its organisation is not this account's any more, since moving the connection to \
               another account was begun and not ended; let the operator repeat the move, or, to \
               keep the connection here, disconnect it and let an Entra admin consent again";
    Err(AdminError::NotNow { from: found.status, fix })
}

/// Puts a connection back to the state it was found in, as far as the store answers and nobody else
/// changed it.
async fn step_back(outside: &impl Outside, found: &Connection) {
    let store = outside.store();
    let is_ours = |changed: &Connection| {
        if found.status == ConnectionStatus::Enabled {
            changed.paused_for == Some(PausedFor::Undone)
        } else {
            changed.status == ConnectionStatus::Enabled
        }
    };
    if let Ok(Some(mut changed)) = store.connection(&found.account_id, &found.id).await
        && is_ours(&changed)
    {
        changed.status = found.status;
        changed.paused_for = found.paused_for;
        changed.version += 1;
        changed.updated_at = outside.clock().now();
        if !matches!(store.update_connection(&changed).await, Ok(true)) {
            tracing::warn!(
                connection.id = %found.id,
                "could not put back the state of connection {}",
                found.id
            );
        }
    }
}

/// Refuses to sync while something that the settings demand is missing.
pub(super) fn check_requirements(settings: &Settings) -> Result<(), AdminError> {
    let wants_teams = settings.requires.iter().any(|what| what == "teams");
    if wants_teams && settings.teams.is_empty() {
        return Err(AdminError::RequirementUnmet(
            "the settings require teams, but no group is mapped to a team",
        ));
    }
    Ok(())
}

/// Pauses a connection: its cursors stay fresh, nothing is written.
pub async fn pause(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
) -> Result<Connection, AdminError> {
    let found = connection(outside.store(), &account.id, id).await?;
    found.status.after(ConnectionAction::Pause, None)?;
    let current = outside.store().settings(&account.id, id).await?;
    set_schedule(outside, account, &found, &current.settings, ConnectionStatus::Paused).await?;
    take_action(outside, &account.id, id, ConnectionAction::Pause, |_| ()).await
}

/// Stops all: schedule, notifications, runs. Contacts, settings and links stay.
pub async fn disable(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
) -> Result<Connection, AdminError> {
    let changed = take_action(outside, account, id, ConnectionAction::Disable, |_| ()).await?;
    stop(outside, &changed, "the connection was disabled").await?;
    ask_sharers(outside, &changed).await;
    Ok(changed)
}

/// Lets a tenant go: as disabling, and tenant claim, cursors and tokens are forgotten.
pub async fn disconnect(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
) -> Result<Connection, AdminError> {
    let changed = take_action(outside, account, id, ConnectionAction::Disconnect, |changed| {
        changed.permissions.clear();
        changed.authorized_at = None;
    })
    .await?;
    stop(outside, &changed, "the connection was disconnected").await?;
    if let Some(tenant) = &changed.tenant {
        release_claims(outside.store(), &changed, &tenant.id).await?;
        outside.directory().forget_token(&tenant.id).await;
    }
    ask_sharers(outside, &changed).await;
    Ok(changed)
}

/// Gives up whatever the connection has of the tenant, also in the name of an account that it was
/// about to be moved to.
async fn release_claims<S>(
    store: &S,
    changed: &Connection,
    tenant: &TenantId,
) -> Result<(), AdminError>
where
    S: ConnectionStore + TenantStore,
{
    for claim in store.tenant_claims(tenant).await? {
        let is_meant = claim.connection_id == changed.id
            && (claim.account_id == changed.account_id
                || store.connection(&claim.account_id, &changed.id).await?.is_none());
        if is_meant {
            store.release_tenant(&claim).await?;
        }
    }
    Ok(())
}

/// Ends whatever works for a connection. Every step may be repeated: a request that died is simply
/// sent again.
async fn stop(
    outside: &impl Outside,
    connection: &Connection,
    reason: &str,
) -> Result<(), AdminError> {
    outside.schedules().delete(&connection.id).await?;
    if let Some(tenant) = &connection.tenant {
        for resource in [SubscribedResource::Users, SubscribedResource::Groups] {
            unsubscribe(outside, connection, &tenant.id, resource).await?;
        }
    }
    cancel_runs(outside, connection, reason).await
}

/// Takes a connection off its tenant's subscription; the last one takes the subscription along.
async fn unsubscribe(
    outside: &impl Outside,
    connection: &Connection,
    tenant: &TenantId,
    resource: SubscribedResource,
) -> Result<(), AdminError> {
    let store = outside.store();
    for _ in 0..ATTEMPTS {
        let Some(mut found) = store.tenant_subscription(tenant, resource).await? else {
            return Ok(());
        };
        found.connections.retain(|other| other.connection_id != connection.id);
        if found.connections.is_empty() {
            delete_at_graph(outside, &found).await;
            store.delete_subscription(&found).await?;
            return Ok(());
        }
        found.version += 1;
        if store.put_subscription(&found).await? {
            return Ok(());
        }
    }
    Err(AdminError::Moved)
}

/// Deletes Graph's side of a subscription. It may fail: without our record its notifications have
/// no effect, and it ends by itself.
async fn delete_at_graph(outside: &impl Outside, subscription: &Subscription) {
    let Some(id) = &subscription.graph_id else { return };
    if let Err(error) = outside.directory().delete(&subscription.tenant_id, id).await {
        tracing::info!(
            tenant.id = %subscription.tenant_id,
            subscription.id = %subscription.key,
            %error,
            "Graph keeps subscription {} until it ends",
            subscription.key
        );
    }
}
