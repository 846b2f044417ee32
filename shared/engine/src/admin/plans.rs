//! Plans: asking what a full run would do before anything is written, and having exactly that done.

use contact_sync_domain::account::Account;
use contact_sync_domain::actor::Actor;
use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::guard::LimitView;
use contact_sync_domain::id::{ConnectionId, ObjectId, RunId, TenantId};
use contact_sync_domain::plan::{Approved, GuardView, Plan};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::sync_state::{Lane, SyncState};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::connections::connection;
use super::document::Members;
use super::fixing::{chosen_removals, read_removals};
use super::lifecycle::{check_requirements, enable_with, rest_with};
use super::settings::{checked_draft, save_planned, take_back_planned, take_effect};
use super::{AdminError, Caller, Outside, Role};
use crate::port::{Clock, Randomness, RunStore, SettingsCause, SettingsStore, SyncStateStore};

/// How long a draft is kept: longer than whatever is told of its plan.
const DRAFT_LIFE: SignedDuration = SignedDuration::from_hours(24 * 31);

/// How many plans may wait for one connection.
const MOST_WAITING: usize = 10;

/// Reads `{settings?}`: the document to plan under, where it is not the saved one.
pub fn read_preview(document: Option<&Value>) -> Result<Option<Value>, AdminError> {
    let Some(document) = document else { return Ok(None) };
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let settings = members.value("settings").filter(|settings| !settings.is_null()).cloned();
    let problems = members.finish();
    if problems.is_empty() { Ok(settings) } else { Err(AdminError::Invalid(problems)) }
}

/// Asks for a preview of what a full run would do, under the settings as they are or under a draft.
pub async fn request_preview(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    caller: &Caller,
    draft: Option<Value>,
) -> Result<Run, AdminError> {
    request_plan(outside, (account, id), caller, RunKind::Preview, draft).await
}

/// Asks for a comparison of the whole directory with the contacts as they are.
pub async fn request_audit(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    caller: &Caller,
) -> Result<Run, AdminError> {
    request_plan(outside, (account, id), caller, RunKind::Drift, None).await
}

/// Queues a run that only plans. One that waits already and is alike is answered instead: it will
/// see everything that this one would.
async fn request_plan(
    outside: &impl Outside,
    (whose, id): (&Account, &ConnectionId),
    caller: &Caller,
    kind: RunKind,
    draft: Option<Value>,
) -> Result<Run, AdminError> {
    let (store, account) = (outside.store(), &whose.id);
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
    let draft = if let Some(document) = &draft {
        Some(checked_draft(outside, caller, whose, (&found, &settings), document).await?)
    } else {
        check_requirements(&settings.settings)?;
        None
    };
    let waiting = store.of_lane(Lane::Plan).sync_state(account, id).await?;
    let waiting = waiting.map(|state| state.queue).unwrap_or_default();
    for queued in &waiting {
        let run = store.run(account, id, &queued.run_id).await?;
        let run = run.filter(|run| {
            run.kind == kind
                && run.status == RunStatus::Queued
                && run.settings_version == settings.version
        });
        let Some(run) = run else { continue };
        let theirs = store.draft(id, &run.id).await?.map(|draft| draft.settings);
        if theirs.as_ref() == draft.as_ref().map(|draft| &draft.settings) {
            return Ok(run);
        }
    }
    if waiting.len() >= MOST_WAITING {
        let fix = "many plans wait for this connection already; ask again when one is shown";
        return Err(AdminError::NotNow { from: found.status, fix });
    }
    let now = outside.clock().now();
    let run = Run {
        requested_by: Some(actor(caller)),
        ..Run::queued(
            RunId::from_bits(outside.randomness().ordered_bits()),
            (account.clone(), id.clone()),
            (kind, Trigger::Manual),
            settings.version,
            now,
        )
    };
    if let Some(draft) = &draft {
        let until = now.checked_add(DRAFT_LIFE).unwrap_or(Timestamp::MAX);
        store.put_draft(id, &run.id, draft, until).await?;
    }
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
    /// About whom alone it is applied; everybody where absent.
    pub items: Option<Vec<ObjectId>>,
}

/// Reads `{planHash, removals?, tenantId?}`.
pub fn read_approval(document: &Value) -> Result<Approval, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let hash = members.text("planHash", 64);
    let removals = read_removals(&mut members);
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
        Some(hash) if problems.is_empty() => Ok(Approval { hash, removals, tenant, items: None }),
        _ => Err(AdminError::Invalid(problems)),
    }
}

/// How many removals are approved with a plan, and whether their number must be said.
async fn removals_of(
    outside: &impl Outside,
    found: &Run,
    guard: &GuardView,
    approval: &Approval,
) -> Result<(u64, bool), AdminError> {
    let Some(chosen) = &approval.items else { return Ok((guard.count, guard.holds)) };
    let removals = chosen_removals(outside, found, chosen).await?;
    let exceeded = |limit: &LimitView| limit.of.counted(&removals) > limit.left;
    let count = removals.count;
    let undoes = found.kind == RunKind::Undo;
    let exceeds = undoes || count > guard.left || guard.limits.iter().any(exceeded);
    Ok((count, guard.holds && exceeds && count > 0))
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
        let is_same = plan.hash == approval.hash
            && approved.by == actor(caller)
            && approved.items == approval.items;
        if is_same && plan.basis.draft && found.status == RunStatus::Queued {
            go_on(outside, account, found).await?;
        }
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
    let current = store.settings(&account.id, id).await?;
    let is_saved = current.cause == SettingsCause::Planned { run: found.id.clone() };
    // What is taken back goes by nothing that the settings say.
    let undoes = found.kind == RunKind::Undo;
    if current.version != plan.basis.settings_version && !is_saved && !undoes {
        return Err(AdminError::PlanMoved { version: current.version });
    }
    let (removals, holds) = removals_of(outside, found, &plan.summary.guard, &approval).await?;
    if holds && approval.removals != Some(removals) {
        return Err(AdminError::RemovalsUnconfirmed { count: removals });
    }
    let connection = connection(store, &account.id, id).await?;
    let approved = Approved {
        by: actor(caller),
        at: now,
        removals: approval.removals,
        items: approval.items.clone(),
    };
    let plan = &Plan { approved: Some(approved), ..plan.clone() };
    if undoes {
        let plan = Some(Box::new(plan.clone()));
        let queued = Run { status: RunStatus::Queued, plan, ..found.clone() };
        let is_queued = rest_with(outside, account, &connection, &queued).await?;
        return if is_queued { Ok(queued) } else { Err(AdminError::Moved) };
    }
    let enables = matches!(connection.status, ConnectionStatus::Ready | ConnectionStatus::Disabled);
    if !enables && connection.status != ConnectionStatus::Enabled {
        let fix = "a plan is applied while the connection syncs, or enables it";
        return Err(AdminError::NotNow { from: connection.status, fix });
    }
    if approval.items.is_some() && (enables || plan.basis.draft) {
        let fix = "apply the whole plan: it enables the connection, or saves settings";
        return Err(AdminError::NotNow { from: connection.status, fix });
    }
    if enables || plan.basis.draft {
        caller.has(Role::Admin)?;
    }
    let proven = connection.tenant.as_ref().map(|tenant| &tenant.id);
    if enables && (approval.tenant.is_none() || approval.tenant.as_ref() != proven) {
        return Err(AdminError::WrongTenant);
    }
    let saved = if plan.basis.draft {
        // Gone with its time, at which the plan is long over.
        let draft = store.draft(id, &found.id).await?.ok_or(AdminError::PlanExpired)?;
        Some(save_planned(outside, caller, account, &connection, &found.id, draft).await?)
    } else {
        None
    };
    let settings_version = saved.as_ref().map_or(found.settings_version, |saved| saved.version);
    let approved = Some(Box::new(plan.clone()));
    let queued =
        Run { status: RunStatus::Queued, plan: approved, settings_version, ..found.clone() };
    let is_queued = if enables {
        enable_with(outside, account, &connection, &queued).await?
    } else {
        store.enqueue_planned(&queued).await?
    };
    // Where the store does not answer, the same request once more finds the draft saved and goes on.
    match saved {
        // Whoever was left is found by the run that saving would have begun.
        Some(saved) if is_queued && !enables => {
            take_effect(outside, &connection, &saved).await?;
        }
        Some(saved) if !is_queued => {
            // Somebody else may have approved the very same.
            if is_cancelled(outside, account, found).await? {
                take_back_planned(outside, caller, account, &connection, &saved).await?;
            }
        }
        Some(_) | None => {}
    }
    if is_queued { Ok(queued) } else { Err(AdminError::Moved) }
}

/// Whether a plan ended, or is gone, without anybody's approval.
async fn is_cancelled(
    outside: &impl Outside,
    account: &Account,
    found: &Run,
) -> Result<bool, AdminError> {
    let stands = outside.store().run(&account.id, &found.connection_id, &found.id).await?;
    Ok(stands.is_none_or(|run| run.status.is_terminal() && run.approved().is_none()))
}

/// Has the draft of a plan that is queued take effect, where an earlier request died before that.
async fn go_on(outside: &impl Outside, account: &Account, found: &Run) -> Result<(), AdminError> {
    let (store, id) = (outside.store(), &found.connection_id);
    let current = store.settings(&account.id, id).await?;
    if current.cause != (SettingsCause::Planned { run: found.id.clone() }) {
        return Ok(());
    }
    let state = store.sync_state(&account.id, id).await?;
    let follows = |state: SyncState| state.queue.iter().any(|run| run.kind == RunKind::Full);
    if !state.is_some_and(follows) {
        let connection = connection(store, &account.id, id).await?;
        take_effect(outside, &connection, &current).await?;
    }
    Ok(())
}

/// Who calls, as far as the token tells.
pub(super) fn actor(caller: &Caller) -> Actor {
    Actor {
        subject: caller.subject.clone(),
        name: caller.name.clone(),
        role: caller.role.to_string(),
    }
}
