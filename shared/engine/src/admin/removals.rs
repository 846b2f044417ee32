//! Removals that wait, because the guard holds them back or their days of grace go on: approving and
//! sparing.

use std::collections::HashMap;

use contact_sync_domain::account::Account;
use contact_sync_domain::approval::{APPROVAL_LIFE, Approval, HeldSet};
use contact_sync_domain::contact::{Contact, Link, LinkState};
use contact_sync_domain::id::{ConnectionId, ObjectId};
use contact_sync_domain::plan::{Approved, Plan};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::review::{Departure, ReviewItem, ReviewList};
use contact_sync_domain::run::{Run, RunKind};
use jiff::SignedDuration;

use super::contacts::write;
use super::deeds::Deed;
use super::plans::Approval as PlanApproval;
use super::runs::{check_syncs, request_run};
use super::{AdminError, Caller, Outside};
use crate::port::{
    Clock, PendingItem, PendingKind, PendingStore, ReviewStore, RunStore, StoreError,
};

/// How long after it counts an approval is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// How many review items are read at once.
const PAGE: u16 = 1_000;

/// Approves of all removals that the guard held back in a run, if they are still the ones that were
/// shown; answers the run that will do them.
pub async fn approve_held(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    run: &Run,
    approval: &PlanApproval,
) -> Result<Run, AdminError> {
    let (store, id) = (outside.store(), &run.connection_id);
    // Before anything is stored: what is approved counts for a day, whoever was told that it does not.
    let found = check_syncs(outside, &account.id, id).await?;
    let Some(plan) = run.plan.as_deref() else { return Err(AdminError::PlanNotReady) };
    let held = held_now(outside, &found.id).await?;
    check(plan, &held, approval, outside)?;
    let approved: Vec<PendingItem> = held
        .iter()
        .filter_map(|item| {
            let departure = item.departure.as_deref()?;
            approved_item(outside, caller, item, departure, departure.version?, Some(&plan.hash))
        })
        .collect::<Result<_, _>>()?;
    let before = approvals(outside, &found.id).await?;
    store.put_pending(&found.id, PendingKind::Approved, &approved).await?;
    // From here on the next run does them, whoever begins it: so the run says who approved before
    // one is queued.
    let noted = Approved {
        by: caller.actor(),
        at: outside.clock().now(),
        removals: approval.removals,
        items: None,
    };
    let is_first = plan.approved.as_ref().is_none_or(|approved| approved.items.is_some());
    let is_noted = is_first && store.mark_approved(run, Some(&noted)).await?;
    let queued = request_run(outside, &account.id, id, RunKind::Delta).await;
    if queued.is_err() {
        // It was paused in this moment, say.
        take_back(outside, &found.id, &approved, before).await?;
        if is_noted {
            let as_noted = Run { plan: Some(Box::new(with(plan, noted))), ..run.clone() };
            store.mark_approved(&as_noted, plan.approved.as_ref()).await?;
        }
        return queued;
    }
    tracing::info!(
        account.id = %account.id,
        connection.id = %found.id,
        sync.run_id = %run.id,
        approved = approved.len(),
        "the removals that run {} held back were approved",
        run.id
    );
    queued
}

/// A plan with a note of who approved.
fn with(plan: &Plan, noted: Approved) -> Plan {
    Plan { approved: Some(noted), ..plan.clone() }
}

/// Takes back what was approved in vain. Whatever somebody approved one by one is theirs: what these
/// approvals replaced stands again, and what replaced them meanwhile stays.
async fn take_back(
    outside: &impl Outside,
    connection: &ConnectionId,
    ours: &[PendingItem],
    mut before: HashMap<String, PendingItem>,
) -> Result<(), AdminError> {
    let now = approvals(outside, connection).await?;
    let stand =
        ours.iter().filter(|item| now.get(&item.key).is_some_and(|one| one.body == item.body));
    let (mut gone, mut again) = (Vec::new(), Vec::new());
    for item in stand {
        match before.remove(&item.key) {
            Some(theirs) => again.push(theirs),
            None => gone.push(item.clone()),
        }
    }
    let store = outside.store();
    store.forget_pending(connection, PendingKind::Approved, &gone).await?;
    Ok(store.put_pending(connection, PendingKind::Approved, &again).await?)
}

/// Everything that people approved of and that no run dealt with yet, by user.
async fn approvals(
    outside: &impl Outside,
    connection: &ConnectionId,
) -> Result<HashMap<String, PendingItem>, AdminError> {
    let mut found = HashMap::new();
    let mut cursor: Option<String> = None;
    loop {
        let after = cursor.as_deref();
        let page = outside.store().pending_page(connection, PendingKind::Approved, after, PAGE);
        let Some(page) = page.await? else { return Ok(found) };
        found.extend(page.items.into_iter().map(|item| (item.key.clone(), item)));
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(found);
        }
    }
}

/// Whether the plan is the one that was shown, and may still be approved.
fn check(
    plan: &Plan,
    held: &[ReviewItem],
    approval: &PlanApproval,
    outside: &impl Outside,
) -> Result<(), AdminError> {
    if outside.clock().now() >= plan.expires_at {
        return Err(AdminError::PlanExpired);
    }
    if approval.hash != plan.hash {
        return Err(AdminError::PlanDiffers);
    }
    if HeldSet::asked(held.iter()).hash() != plan.hash {
        return Err(AdminError::ReviewMoved(
            "some of these removals were decided since, or ask for something else by now"
                .to_owned(),
        ));
    }
    let count = u64::try_from(held.len()).unwrap_or(u64::MAX);
    if approval.removals != Some(count) {
        return Err(AdminError::RemovalsUnconfirmed { count });
    }
    Ok(())
}

/// Everything that the guard holds back now.
async fn held_now(
    outside: &impl Outside,
    connection: &ConnectionId,
) -> Result<Vec<ReviewItem>, AdminError> {
    let store = outside.store();
    let mut held = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = store.reviews(connection, ReviewList::Removals, cursor.as_deref(), PAGE).await?;
        let Some(page) = page else { break };
        let is_held =
            |item: &ReviewItem| item.departure.as_ref().is_some_and(|departure| departure.held);
        held.extend(page.items.into_iter().filter(is_held));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(held)
}

/// An approval as the store keeps it; `None` where nothing is planned that could be approved.
fn approved_item(
    outside: &impl Outside,
    caller: &Caller,
    item: &ReviewItem,
    departure: &Departure,
    version: u64,
    plan: Option<&str>,
) -> Option<Result<PendingItem, AdminError>> {
    let (contact_id, action) = (item.contact_id.clone()?, departure.action?);
    let at = outside.clock().now();
    let expires_at = at + APPROVAL_LIFE;
    let approval = Approval {
        contact_id,
        version,
        action,
        cause: Some(departure.cause),
        plan: plan.map(str::to_owned),
        by: caller.actor(),
        at,
        expires_at,
    };
    let body = serde_json::to_value(&approval)
        .map_err(|source| StoreError::Corrupt {
            item: "an approval".to_owned(),
            source: Box::new(source),
        })
        .map_err(AdminError::from);
    Some(body.map(|body| PendingItem {
        key: item.user.object_id.to_string(),
        expires_at: Some(expires_at + KEPT),
        body,
    }))
}

/// Approves of one removal: the next run does it, beside the guard and before its date.
pub(super) async fn approve(
    outside: &impl Outside,
    caller: &Caller,
    connection: &ConnectionId,
    item: &ReviewItem,
    contact: &Contact,
) -> Result<(), AdminError> {
    let Some(departure) = item.departure.as_deref() else { return Ok(()) };
    if departure.version.is_some_and(|shown| shown != contact.version) {
        return Err(AdminError::ReviewMoved(
            "the contact changed since; the item is renewed when the next run looks".to_owned(),
        ));
    }
    let approved = approved_item(outside, caller, item, departure, contact.version, None);
    if let Some(approved) = approved.transpose()? {
        let approved = std::slice::from_ref(&approved);
        outside.store().put_pending(connection, PendingKind::Approved, approved).await?;
    }
    Ok(())
}

/// Lets a contact be although its user left: its link says so, and nothing more is planned. When
/// the user returns and leaves once more, it is asked again.
pub(super) async fn spare(
    outside: &impl Outside,
    item: &ReviewItem,
    cause: GoneCause,
    old: &Contact,
    deed: &Deed<'_>,
) -> Result<Contact, AdminError> {
    forget_approval(outside, &item.connection_id, &item.user.object_id).await?;
    let Some(link) = &old.link else { return Ok(old.clone()) };
    let state = match cause {
        GoneCause::SoftDeleted | GoneCause::HardDeleted => LinkState::Removed,
        GoneCause::OutOfScope
        | GoneCause::LeftGroup
        | GoneCause::Disabled
        | GoneCause::Elsewhere => LinkState::OutOfScope,
    };
    let cause = Some(cause);
    let link = Link { state, acts_at: None, planned: None, cause, ..link.clone() };
    let mut new = Contact {
        version: old.version + 1,
        link: Some(link),
        updated_at: outside.clock().now(),
        ..old.clone()
    };
    // Whoever returns is decided anew.
    if let Some(sync) = &mut new.sync {
        sync.fingerprint = None;
    }
    let entry = deed.writes(Some(old), &mut new);
    match write(outside.store(), Some(old), &new, &entry).await? {
        Some(()) => Ok(new),
        None => Err(AdminError::Moved),
    }
}

/// Takes back what somebody approved of.
pub(super) async fn forget_approval(
    outside: &impl Outside,
    connection: &ConnectionId,
    user: &ObjectId,
) -> Result<(), AdminError> {
    let keys = [user.to_string()];
    Ok(outside.store().delete_pending(connection, PendingKind::Approved, &keys).await?)
}
