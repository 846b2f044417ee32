//! Plans: asking what a full run would do before anything is written, and having exactly that done.

use contact_sync_domain::account::Account;
use contact_sync_domain::actor::Actor;
use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::{AccountId, ConnectionId, RunId, TenantId};
use contact_sync_domain::plan::{Approved, Plan};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::sync_state::Lane;
use serde_json::Value;

use super::connections::connection;
use super::document::Members;
use super::lifecycle::{check_requirements, enable_with};
use super::{AdminError, Caller, Outside, Role};
use crate::port::{Clock, Randomness, RunStore, SettingsStore, SyncStateStore};

/// Asks for a preview of what a full run would do under the settings as they are. One that waits
/// already is answered instead: it will see everything that this one would.
pub async fn request_preview(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    caller: &Caller,
) -> Result<Run, AdminError> {
    let store = outside.store();
    let found = connection(store, account, id).await?;
    if found.tenant.is_none() || !found.status.may_be_planned() {
        let fix = match found.status {
            ConnectionStatus::Attention => "do what `attention.fix` says first",
            ConnectionStatus::Authorized => "its permissions are being tried; ask again soon",
            ConnectionStatus::Invited
            | ConnectionStatus::Disconnected
            | ConnectionStatus::Ready
            | ConnectionStatus::Enabled
            | ConnectionStatus::Paused
            | ConnectionStatus::Disabled => "an Entra admin must consent first",
        };
        return Err(AdminError::NotNow { from: found.status, fix });
    }
    let settings = store.settings(account, id).await?;
    check_requirements(&settings.settings)?;
    let waiting = store.of_lane(Lane::Plan).sync_state(account, id).await?;
    for queued in waiting.map(|state| state.queue).unwrap_or_default() {
        let run = store.run(account, id, &queued.run_id).await?;
        let stands_for_it = run.filter(|run| {
            run.kind == RunKind::Preview
                && run.status == RunStatus::Queued
                && run.settings_version == settings.version
        });
        if let Some(run) = stands_for_it {
            return Ok(run);
        }
    }
    let run = Run {
        requested_by: Some(actor(caller)),
        ..Run::queued(
            RunId::from_bits(outside.randomness().ordered_bits()),
            (account.clone(), id.clone()),
            (RunKind::Preview, Trigger::Manual),
            settings.version,
            outside.clock().now(),
        )
    };
    store.enqueue(&run).await?;
    Ok(run)
}

/// What somebody says who has a plan applied.
#[derive(Debug)]
pub struct Approval {
    /// The plan that they saw.
    pub hash: String,
    /// The number of its removals, where the guard would hold them back.
    pub removals: Option<u64>,
    /// The organisation whose people they are; needed where applying enables the connection.
    pub tenant: Option<TenantId>,
}

/// Reads `{planHash, removals?, tenantId?}`.
pub fn read_approval(document: &Value) -> Result<Approval, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let hash = members.text("planHash", 64);
    let removals = match members.value("removals").cloned() {
        None | Some(Value::Null) => None,
        Some(number) => {
            let removals = number.as_u64();
            if removals.is_none() {
                members.problem("removals", "expected the number of removals in the plan");
            }
            removals
        }
    };
    let tenant = match members.value("tenantId") {
        None | Some(Value::Null) => None,
        Some(named) => {
            let tenant = named.as_str().and_then(|text| TenantId::parse(text).ok());
            if tenant.is_none() {
                members.problem("tenantId", "expected the organisation's id, a GUID");
            }
            tenant
        }
    };
    let problems = members.finish();
    match hash {
        Some(hash) if problems.is_empty() => Ok(Approval { hash, removals, tenant }),
        _ => Err(AdminError::Invalid(problems)),
    }
}

/// Has a plan applied, exactly as it was shown. A connection that does not sync yet is enabled with
/// it.
pub async fn apply_plan(
    outside: &impl Outside,
    account: &Account,
    found: &Run,
    approval: Approval,
    caller: &Caller,
) -> Result<Run, AdminError> {
    let (store, id) = (outside.store(), &found.connection_id);
    let now = outside.clock().now();
    let Some(plan) = found.plan.as_deref() else { return Err(AdminError::PlanNotReady) };
    if let Some(approved) = &plan.approved {
        // The same request once more.
        let is_same = plan.hash == approval.hash && approved.by == actor(caller);
        return if is_same { Ok(found.clone()) } else { Err(AdminError::PlanNotReady) };
    }
    if found.status != RunStatus::Planned {
        return Err(AdminError::PlanNotReady);
    }
    if plan.expires_at <= now {
        return Err(AdminError::PlanExpired);
    }
    if plan.hash != approval.hash {
        return Err(AdminError::PlanDiffers);
    }
    let current = store.settings(&account.id, id).await?.version;
    if current != plan.basis.settings_version {
        return Err(AdminError::PlanMoved { version: current });
    }
    let guard = &plan.summary.guard;
    if guard.holds && approval.removals != Some(guard.count) {
        return Err(AdminError::RemovalsUnconfirmed { count: guard.count });
    }
    let connection = connection(store, &account.id, id).await?;
    let approved = Approved { by: actor(caller), at: now, removals: approval.removals };
    let plan = Plan { approved: Some(approved), ..plan.clone() };
    let queued = Run { status: RunStatus::Queued, plan: Some(Box::new(plan)), ..found.clone() };
    let is_queued = match connection.status {
        ConnectionStatus::Enabled => store.enqueue_planned(&queued).await?,
        ConnectionStatus::Ready | ConnectionStatus::Disabled => {
            caller.has(Role::Admin)?;
            let proven = connection.tenant.as_ref().map(|tenant| &tenant.id);
            if approval.tenant.is_none() || approval.tenant.as_ref() != proven {
                return Err(AdminError::WrongTenant);
            }
            enable_with(outside, account, &connection, &queued).await?
        }
        ConnectionStatus::Paused
        | ConnectionStatus::Attention
        | ConnectionStatus::Invited
        | ConnectionStatus::Authorized
        | ConnectionStatus::Disconnected => {
            let fix = "a plan is applied while the connection syncs, or enables it";
            return Err(AdminError::NotNow { from: connection.status, fix });
        }
    };
    if is_queued { Ok(queued) } else { Err(AdminError::Moved) }
}

/// Who calls, as far as the token tells.
fn actor(caller: &Caller) -> Actor {
    Actor {
        subject: caller.subject.clone(),
        name: caller.name.clone(),
        role: caller.role.to_string(),
    }
}
