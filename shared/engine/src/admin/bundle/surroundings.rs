//! How a connection stands, in a bundle: its state, Graph's notifications, what people were told and
//! who fails.

use contact_sync_domain::account::Account;
use contact_sync_domain::escrow::Failure;
use contact_sync_domain::guard::{LimitView, Limited};
use contact_sync_domain::id::ConnectionId;
use contact_sync_domain::subscription::SubscriptionHealth;
use serde_json::{Value, json};

use super::veil::Veil;
use super::with;
use crate::admin::{AdminError, Outside, Overview, failures, overview};
use crate::port::{ConnectionStore, NoticeFilter, NoticeStore};

/// How many of those who fail, and of the notices, are looked at.
const MOST: u16 = 100;

pub(super) async fn told(
    outside: &impl Outside,
    veil: &mut Veil,
    account: &Account,
    id: &ConnectionId,
) -> Result<Value, AdminError> {
    let store = outside.store();
    // Deleted since: what is told of it was told with the run or the contact.
    let Some(connection) = store.connection(&account.id, id).await? else {
        return Ok(Value::Null);
    };
    let overview = overview(outside, account, connection).await?;
    let failing = failures(store, &account.id, id, None, MOST).await?;
    let more = failing.next.is_some();
    let failing: Vec<Value> = failing.items.iter().map(|one| failure(veil, one)).collect();
    let filter = NoticeFilter::default();
    let notices = store.notices(&account.id, &filter, None, MOST).await?;
    let notices: Vec<Value> = notices
        .into_iter()
        .flat_map(|page| page.notices)
        .filter(|notice| notice.connection_id == *id)
        .map(|one| {
            json!({
                "kind": one.kind,
                "reason": veil.sentence(&one.reason),
                "run": one.run_id,
                "at": one.at,
                "readBy": one.read_by.len(),
            })
        })
        .collect();
    let document = with(state(veil, &overview), "notices", notices.into());
    Ok(with(document, "failures", json!({"first": failing, "more": more})))
}

fn state(veil: &mut Veil, overview: &Overview) -> Value {
    let connection = &overview.connection;
    let attention = connection.attention.as_ref().map(|one| {
        json!({
            "reason": veil.sentence(&one.reason),
            "fix": veil.sentence(&one.fix),
            "since": one.since,
        })
    });
    let tenant = connection.tenant.as_ref().map(|tenant| {
        for text in tenant.name.iter().chain(&tenant.verified_domains) {
            veil.text_value(Some(text));
        }
        json!({
            "id": veil.id("tenant", tenant.id.as_str()),
            "domains": tenant.verified_domains.len(),
            "userCount": tenant.user_count,
            "groupCount": tenant.group_count,
        })
    });
    let subscriptions: Vec<Value> = overview
        .subscriptions
        .iter()
        .map(|one| {
            json!({
                "resource": one.resource,
                "state": health(one.health),
                "expiresAt": one.expires_at,
                "problem": one.problem.as_deref().map(|problem| veil.sentence(problem)),
            })
        })
        .collect();
    let room = overview.guard.room;
    json!({
        "id": connection.id,
        "status": connection.status,
        "attention": attention,
        "pausedFor": connection.paused_for,
        "tenant": tenant,
        "permissions": connection.permissions,
        "authorizedAt": connection.authorized_at,
        "lastSyncAt": connection.last_sync_at,
        "silence": connection.silence,
        "createdAt": connection.created_at,
        "running": overview.running,
        "lastCheckedAt": overview.last_checked_at,
        "nextRunAt": overview.next_run_at,
        "latency": overview.latency,
        "subscriptions": subscriptions,
        "guard": {
            "allowed": room.allowed,
            "used": room.used,
            "left": room.left,
            "held": overview.guard.held,
            "windowHours": overview.guard.window_hours,
            "limits": limits(veil, &overview.guard.limits),
        },
        "failing": overview.failing,
    })
}

/// How far the limits of causes and groups are used up.
pub(super) fn limits(veil: &mut Veil, limits: &[LimitView]) -> Vec<Value> {
    limits
        .iter()
        .map(|limit| {
            let (cause, group) = match &limit.of {
                Limited::Connection => (None, None),
                Limited::Cause(cause) => (Some(cause), None),
                Limited::Group(group) => (None, Some(veil.id("group", group.as_str()))),
            };
            veil.text_value(limit.name.as_deref());
            json!({
                "cause": cause,
                "group": group,
                "count": limit.count,
                "allowed": limit.allowed,
                "used": limit.used,
                "left": limit.left,
                "holds": limit.holds,
                "nextRelease": limit.next_release,
            })
        })
        .collect()
}

fn health(health: SubscriptionHealth) -> &'static str {
    match health {
        SubscriptionHealth::Missing => "missing",
        SubscriptionHealth::Failed => "failed",
        SubscriptionHealth::Expired => "expired",
        SubscriptionHealth::Pending => "pending",
        SubscriptionHealth::Active => "active",
    }
}

fn failure(veil: &mut Veil, one: &Failure) -> Value {
    json!({
        "user": veil.id("user", one.object_id.as_str()),
        "contact": one.contact_id.as_ref().map(|contact| veil.id("contact", contact.as_str())),
        "reason": veil.sentence(&one.reason),
        "remedy": one.remedy.as_deref().map(|remedy| veil.sentence(remedy)),
        "attempts": one.attempts,
        "firstAt": one.first_at,
        "lastAt": one.last_at,
        "nextAt": one.next_at,
        "run": one.run_id,
    })
}
