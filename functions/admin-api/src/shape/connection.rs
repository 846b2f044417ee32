//! Connections, their tenants and the tenants' people.

use contact_sync_domain::connection::{ConnectionStatus, PausedFor, PermissionState, Tenant};
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::guard::LimitView;
use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId, RunId, TenantId};
use contact_sync_domain::latency::Latency;
use contact_sync_domain::silence::Silence;
use contact_sync_domain::subscription::{SubscribedResource, SubscriptionHealth};
use contact_sync_engine::admin::{GuardState, Overview, SubscriptionView, TenantView};
use jiff::Timestamp;
use serde::Serialize;

use super::photo::PhotoLaneShape;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionShape {
    id: ConnectionId,
    account_id: AccountId,
    status: ConnectionStatus,
    attention: Option<AttentionShape>,
    paused_for: Option<PausedFor>,
    wanted_tenant: Option<String>,
    tenant: Option<TenantName>,
    permissions: Vec<PermissionState>,
    authorized_at: Option<Timestamp>,
    last_sync_at: Option<Timestamp>,
    silence: Option<Silence>,
    last_checked_at: Option<Timestamp>,
    next_run_at: Option<Timestamp>,
    running: Option<RunId>,
    subscription: Option<SubscriptionShape>,
    latency: Option<Latency>,
    guard: GuardShape,
    failing: u32,
    /// Left out where the settings do not ask for photos.
    #[serde(skip_serializing_if = "Option::is_none")]
    photos: Option<PhotoLaneShape>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct AttentionShape {
    reason: String,
    fix: String,
    since: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TenantName {
    id: TenantId,
    name: Option<String>,
    verified_domains: Vec<String>,
}

/// The worst of the subscriptions, and each of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionShape {
    state: SubscriptionHealth,
    expires_at: Option<Timestamp>,
    problem: Option<String>,
    resources: Vec<ResourceShape>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceShape {
    resource: SubscribedResource,
    state: SubscriptionHealth,
    expires_at: Option<Timestamp>,
    problem: Option<String>,
}

impl From<Overview> for ConnectionShape {
    fn from(overview: Overview) -> Self {
        let connection = overview.connection;
        Self {
            id: connection.id,
            account_id: connection.account_id,
            status: connection.status,
            attention: connection.attention.map(|attention| AttentionShape {
                reason: attention.reason,
                fix: attention.fix,
                since: attention.since,
            }),
            paused_for: connection.paused_for,
            wanted_tenant: connection.wanted_tenant,
            tenant: connection.tenant.map(|tenant| TenantName {
                id: tenant.id,
                name: tenant.name,
                verified_domains: tenant.verified_domains,
            }),
            permissions: connection.permissions,
            authorized_at: connection.authorized_at,
            last_sync_at: connection.last_sync_at,
            silence: connection.silence,
            last_checked_at: overview.last_checked_at,
            next_run_at: overview.next_run_at,
            running: overview.running,
            subscription: subscription(overview.subscriptions),
            latency: overview.latency,
            guard: overview.guard.into(),
            failing: overview.failing,
            photos: overview.photos.map(PhotoLaneShape::from),
            created_at: connection.created_at,
            updated_at: connection.updated_at,
        }
    }
}

/// How far the removal guard's window is used up, and what it holds back.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GuardShape {
    allowed: u64,
    used: u64,
    left: u64,
    held: u64,
    window_hours: u32,
    next_release: Option<Timestamp>,
    limits: Vec<LimitView>,
}

impl From<GuardState> for GuardShape {
    fn from(guard: GuardState) -> Self {
        let GuardState { room, held, window_hours, limits } = guard;
        Self {
            allowed: room.allowed,
            used: room.used,
            left: room.left,
            held,
            window_hours,
            next_release: room.next_release,
            limits,
        }
    }
}

fn subscription(views: Vec<SubscriptionView>) -> Option<SubscriptionShape> {
    let resources: Vec<ResourceShape> = views
        .into_iter()
        .map(|SubscriptionView { resource, health, expires_at, problem }| ResourceShape {
            resource,
            state: health,
            expires_at,
            problem,
        })
        .collect();
    let worst = resources.iter().min_by_key(|one| one.state)?.clone();
    Some(SubscriptionShape {
        state: worst.state,
        expires_at: worst.expires_at,
        problem: worst.problem,
        resources,
    })
}

/// A tenant as somebody recognises it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TenantShape {
    id: TenantId,
    name: Option<String>,
    verified_domains: Vec<String>,
    counts: CountsShape,
    sample: Vec<UserShape>,
}

#[derive(Debug, Serialize)]
struct CountsShape {
    users: Option<u64>,
    groups: Option<u64>,
}

impl From<TenantView> for TenantShape {
    fn from(view: TenantView) -> Self {
        let Tenant { id, name, verified_domains, user_count, group_count } = view.tenant;
        Self {
            id,
            name,
            verified_domains,
            counts: CountsShape { users: user_count, groups: group_count },
            sample: view.sample.into_iter().map(UserShape::from).collect(),
        }
    }
}

/// A directory user as pickers show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserShape {
    object_id: ObjectId,
    display_name: Option<String>,
    user_principal_name: Option<String>,
    mail: Option<String>,
    job_title: Option<String>,
    department: Option<String>,
    user_type: Option<String>,
    account_enabled: Option<bool>,
}

impl From<DirectoryUser> for UserShape {
    fn from(user: DirectoryUser) -> Self {
        let text = |name: &str| user.text(name).map(str::to_owned);
        Self {
            display_name: text("displayName"),
            user_principal_name: text("userPrincipalName"),
            mail: text("mail"),
            job_title: text("jobTitle"),
            department: text("department"),
            user_type: text("userType"),
            account_enabled: user.account_enabled(),
            object_id: user.id,
        }
    }
}
