//! Connections: making, reading and deleting them, and their consent links.

use std::collections::HashSet;

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionAction, ConnectionStatus};
use contact_sync_domain::guard::{Base, Counted, GuardLimits, LimitView, Room};
use contact_sync_domain::id::{AccountId, ConnectionId, RunId, TenantId};
use contact_sync_domain::latency::Latency;
use contact_sync_domain::photo::PhotoLane;
use contact_sync_domain::subscription::{SubscribedResource, SubscriptionHealth};
use contact_sync_domain::sync_state::Work;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::accounts::account;
use super::document::Members;
use super::idempotency::KEY_LIFE;
use super::schedule::next_run_at;
use super::teams::{Leaver, leave_account};
use super::{ATTEMPTS, AdminError, Outside};
use crate::port::{
    Blobs, Clock, ConnectionStore, PhotoStore, Randomness, Schedules, SettingsStore,
    SubscriptionStore, SyncStateStore,
};
use crate::segments::blob_prefixes;

/// Connections that an account may have.
pub(super) const MOST_CONNECTIONS: usize = 100;

/// How long ending what a deleted connection held may take before the answer must be on its way.
const TIME: SignedDuration = SignedDuration::from_secs(18);

/// What a connection is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewConnection {
    wanted_tenant: Option<String>,
}

impl NewConnection {
    /// Reads `{tenant?}`: an id or a domain. No document at all means any organisation.
    pub fn read(document: Option<&Value>) -> Result<Self, AdminError> {
        let Some(document) = document else { return Ok(Self::default()) };
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        let wanted_tenant = members.changed_text("tenant", 253).and_then(|text| {
            let tenant = TenantId::parse(&text).map_or(text, |id| id.as_str().to_owned());
            if TenantId::parse(&tenant).is_ok() || is_domain(&tenant) {
                Some(tenant)
            } else {
                members.problem("tenant", "expected a tenant's GUID or one of its domains");
                None
            }
        });
        let problems = members.finish();
        if problems.is_empty() {
            Ok(Self { wanted_tenant })
        } else {
            Err(AdminError::Invalid(problems))
        }
    }
}

/// Labels of letters, digits and hyphens, at least two.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.contains('.') && text.split('.').all(label)
}

/// A connection with what its health shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// The connection.
    pub connection: Connection,
    /// The run at work.
    pub running: Option<RunId>,
    /// When the directory was last asked what changed.
    pub last_checked_at: Option<Timestamp>,
    /// How long changes took lately from Graph's notification to the contacts.
    pub latency: Option<Latency>,
    /// When its schedule comes due next.
    pub next_run_at: Option<Timestamp>,
    /// How Graph notifies of the tenant's users and, where there is such a subscription, groups;
    /// empty while the connection wants none.
    pub subscriptions: Vec<SubscriptionView>,
    /// How far the removal guard's window is used up.
    pub guard: GuardState,
    /// How many people's contacts could not be written so far.
    pub failing: u32,
    /// How its photos come along; `None` where its settings do not ask for any.
    pub photos: Option<Option<PhotoLane>>,
}

/// What the removal guard allows, and holds back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardState {
    /// The window, used up and left.
    pub room: Room,
    /// How many removals it holds back.
    pub held: u64,
    /// How long the window is.
    pub window_hours: u32,
    /// The limits of causes and groups.
    pub limits: Vec<LimitView>,
}

/// How Graph notifies of changes of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionView {
    /// Which resource.
    pub resource: SubscribedResource,
    /// Where it stands.
    pub health: SubscriptionHealth,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Why it is not active.
    pub problem: Option<String>,
}

/// Makes a connection. With `repeated`, drawn from an idempotency key, a connection that an earlier
/// attempt of the same request made is found again.
pub async fn create_connection(
    outside: &impl Outside,
    account: &Account,
    new: NewConnection,
    repeated: Option<u128>,
) -> Result<Connection, AdminError> {
    let (store, now) = (outside.store(), outside.clock().now());
    let mut id = ConnectionId::from_bits(repeated.unwrap_or_else(|| outside.randomness().bits()));
    if repeated.is_some()
        && let Some(made) = store.connection(&account.id, &id).await?
    {
        if now.duration_since(made.created_at) < KEY_LIFE {
            return Ok(made);
        }
        // The key is so old that it may be used anew.
        id = ConnectionId::from_bits(outside.randomness().bits());
    }
    if store.connections(&account.id).await?.len() >= MOST_CONNECTIONS {
        let message = format!("an account has at most {MOST_CONNECTIONS} connections");
        return Err(AdminError::invalid("", message));
    }
    let connection = Connection {
        id,
        account_id: account.id.clone(),
        status: ConnectionStatus::Invited,
        attention: None,
        wanted_tenant: new.wanted_tenant,
        tenant: None,
        permissions: Vec::new(),
        authorized_at: None,
        last_sync_at: None,
        paused_for: None,
        silence: None,
        enabled_once: false,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    store.create_connection(&connection).await?;
    Ok(connection)
}

/// Finds a connection.
pub async fn connection(
    store: &impl ConnectionStore,
    account: &AccountId,
    id: &ConnectionId,
) -> Result<Connection, AdminError> {
    store.connection(account, id).await?.ok_or(AdminError::NotFound("connection"))
}

/// The account's connections with their health, oldest first.
pub async fn overviews(
    outside: &impl Outside,
    account_id: &AccountId,
) -> Result<Vec<Overview>, AdminError> {
    let account = account(outside.store(), account_id).await?;
    let mut overviews = Vec::new();
    for connection in outside.store().connections(account_id).await? {
        overviews.push(overview(outside, &account, connection).await?);
    }
    Ok(overviews)
}

/// A connection with its health.
pub async fn overview(
    outside: &impl Outside,
    account: &Account,
    connection: Connection,
) -> Result<Overview, AdminError> {
    let store = outside.store();
    let now = outside.clock().now();
    let state = store.sync_state(&account.id, &connection.id).await?;
    let current = store.settings(&account.id, &connection.id).await?;
    let next_run_at = (connection.status == ConnectionStatus::Enabled)
        .then(|| next_run_at(&current.settings, account, now))
        .flatten();
    let work = state.as_ref().map(|state| &state.work);
    let guard =
        guard_state(&current.settings.policies.guard, work.unwrap_or(&Work::default()), now);
    let subscriptions = match &connection.tenant {
        Some(tenant) if connection.status.keeps_cursors() => {
            subscription_views(store, &tenant.id, &connection.id, now).await?
        }
        Some(_) | None => Vec::new(),
    };
    let checkpoint = state.as_ref().and_then(|state| state.work.checkpoint.as_ref());
    let photos = if current.settings.features.photo {
        Some(store.photo_lane(&account.id, &connection.id).await?)
    } else {
        None
    };
    Ok(Overview {
        photos,
        // A delta that found nothing yet has no run that could be read.
        running: checkpoint.filter(|work| work.recorded).map(|work| work.run_id.clone()),
        last_checked_at: state.as_ref().and_then(|state| state.work.last_checked_at),
        latency: state.as_ref().and_then(|state| state.work.delays.latency()),
        next_run_at,
        guard,
        failing: work.map_or(0, |work| work.escrowed),
        subscriptions,
        connection,
    })
}

/// How far the limits are used up, and which of them held removals back last.
fn guard_state(guard: &GuardLimits, work: &Work, now: Timestamp) -> GuardState {
    let base = Base { linked: work.linked, members: &work.members };
    let mut limits = guard.narrower(&work.guard, &Counted::default(), base, now);
    for limit in &mut limits {
        if let Some(held) = work.held_by.iter().find(|held| held.of == limit.of) {
            (limit.count, limit.holds) = (held.count, true);
            limit.name.clone_from(&held.name);
        }
    }
    GuardState {
        room: guard.room(&work.guard, base, now),
        held: work.held,
        window_hours: guard.window_hours,
        limits,
    }
}

/// The subscription on users, which every connection wants, and the one on groups, which only those
/// have that select people by groups.
async fn subscription_views(
    store: &impl SubscriptionStore,
    tenant: &TenantId,
    connection: &ConnectionId,
    now: Timestamp,
) -> Result<Vec<SubscriptionView>, AdminError> {
    let mut views = Vec::new();
    for resource in [SubscribedResource::Users, SubscribedResource::Groups] {
        let found = store.tenant_subscription(tenant, resource).await?.filter(|found| {
            // Another connection to the same tenant may watch groups for itself.
            found.connections.iter().any(|one| one.connection_id == *connection)
        });
        match found {
            Some(found) => views.push(SubscriptionView {
                resource,
                health: found.health(now),
                expires_at: found.expires_at,
                problem: found.problem,
            }),
            None if resource == SubscribedResource::Users => views.push(SubscriptionView {
                resource,
                health: SubscriptionHealth::Missing,
                expires_at: None,
                problem: None,
            }),
            None => {}
        }
    }
    Ok(views)
}

/// How far deleting a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionDeleted {
    /// Nothing is left.
    Whole,
    /// Time was up; deleting again goes on.
    Partly,
}

/// Deletes a connection that was disconnected (or never connected) with everything that is only
/// its: what its groups hold in teams, settings, runs, segments, reports, questions and decisions.
/// Contacts stay as they are.
pub async fn delete_connection(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
) -> Result<ConnectionDeleted, AdminError> {
    let store = outside.store();
    let found = connection(store, account, id).await?;
    found.status.after(ConnectionAction::Delete, None)?;
    let leaver = Leaver {
        account,
        connection: id,
        gone: &HashSet::new(),
        only_try: false,
        until: outside.clock().now() + TIME,
    };
    if leave_account(outside, leaver).await?.is_none() {
        return Ok(ConnectionDeleted::Partly);
    }
    outside.schedules().delete(id).await?;
    for prefix in blob_prefixes(account, Some(id)) {
        outside.blobs().delete_prefix(&prefix).await?;
    }
    store.delete_connection(account, id).await?;
    Ok(ConnectionDeleted::Whole)
}

/// Takes an action: the state's own rules first, then `adjust`. Answers the connection as stored.
pub(super) async fn take_action(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    action: ConnectionAction,
    adjust: impl Fn(&mut Connection) + Send + Sync,
) -> Result<Connection, AdminError> {
    let store = outside.store();
    for _ in 0..ATTEMPTS {
        let mut changed = connection(store, account, id).await?;
        let before = changed.attention.as_ref().map(|attention| attention.before);
        changed.status = changed.status.after(action, before)?;
        if changed.status != ConnectionStatus::Attention {
            changed.attention = None;
        }
        changed.paused_for = None;
        adjust(&mut changed);
        changed.version += 1;
        changed.updated_at = outside.clock().now();
        if store.update_connection(&changed).await? {
            return Ok(changed);
        }
    }
    Err(AdminError::Moved)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tenant_is_wanted_by_id_or_domain() {
        for (text, expected) in [
            ("contoso.onmicrosoft.com", true),
            ("8F0C1B1E-0000-4000-8000-00000000000A", true),
            ("contoso", false),
            ("contoso.com/../common", false),
            ("-contoso.com", false),
            ("contoso..com", false),
        ] {
            let read = NewConnection::read(Some(&json!({"tenant": text})));
            assert_eq!(read.is_ok(), expected, "{text}");
        }
        assert_eq!(NewConnection::read(None).unwrap(), NewConnection::default());
    }
}
