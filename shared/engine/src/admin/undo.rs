//! Asking for what earlier runs did to be taken back. What comes of it is a plan, which is seen and
//! applied like any other.

use contact_sync_domain::connection::{Connection, ConnectionAction, ConnectionStatus, PausedFor};
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, RunId};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::Problem;
use contact_sync_domain::sync_state::Lane;
use contact_sync_domain::undo::Undoes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::connections::{connection, take_action};
use super::document::Members;
use super::runs::check_room;
use super::schedule::set_schedule;
use super::{AdminError, Caller, Outside};
use crate::port::{
    AccountStore, Clock, DecisionStore, Randomness, RunStore, SettingsStore, SyncStateStore,
};
use crate::segments::segments_expired;
use crate::sync::MOST_DECISIONS;

/// How many contacts one request may name.
const MOST_CONTACTS: usize = 1_000;

/// How many runs one request takes back.
const MOST_RUNS: usize = 500;

/// How many runs are read at once.
const PAGE: u16 = 100;

/// By how much longer ago than it wrote a run may have been asked for: a connection may rest for
/// long with what waits for it.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24 * 31);

/// Reads `{changes?}`: whose changes are taken back; everybody's where nobody is named.
pub fn read_changes(document: &Value) -> Result<Vec<ContactId>, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let mut contacts = Vec::new();
    match members.value("changes") {
        None | Some(Value::Null) => {}
        Some(Value::Array(ids)) if (1..=MOST_CONTACTS).contains(&ids.len()) => {
            for (place, id) in ids.iter().enumerate() {
                match id.as_str().and_then(|text| ContactId::parse(text).ok()) {
                    Some(id) => contacts.push(id),
                    None => members.problem_at(&format!("changes/{place}"), "no contact's id"),
                }
            }
        }
        Some(_) => {
            let expected = format!("expected the ids of 1 to {MOST_CONTACTS} contacts");
            members.problem("changes", expected);
        }
    }
    none_wrong(members.finish())?;
    Ok(contacts)
}

/// Reads `{since}`.
pub fn read_since(document: &Value) -> Result<Timestamp, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let since = members.text("since", 64).and_then(|text| text.parse::<Timestamp>().ok());
    if since.is_none() {
        members.problem("since", "expected a time like 2026-01-31T08:00:00Z");
    }
    none_wrong(members.finish())?;
    since.ok_or_else(|| AdminError::Invalid(Vec::new()))
}

fn none_wrong(problems: Vec<Problem>) -> Result<(), AdminError> {
    if problems.is_empty() { Ok(()) } else { Err(AdminError::Invalid(problems)) }
}

/// Asks for a plan that takes back what a run did, to all contacts or to these.
pub async fn request_undo(
    outside: &impl Outside,
    found: &Run,
    contacts: Vec<ContactId>,
    caller: &Caller,
) -> Result<Run, AdminError> {
    check_ended(found)?;
    if segments_expired(found, outside.clock().now()) {
        return Err(AdminError::Expired { what: "changes", days: found.kept.history_days.into() });
    }
    let undoes = Undoes { runs: vec![found.id.clone()], since: None, contacts };
    queue(outside, &found.account_id, &found.connection_id, undoes, caller).await
}

/// Asks for a plan that takes back everything that runs did which began at this moment or later, and
/// what people decided in reviews since.
pub async fn request_undo_since(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    since: Timestamp,
    caller: &Caller,
) -> Result<Run, AdminError> {
    let store = outside.store();
    connection(store, account, id).await?;
    check_decisions(store, id, since).await?;
    let mut found: Vec<(Timestamp, RunId)> = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.runs(account, id, cursor.as_deref(), PAGE).await?;
        let page = page.ok_or(AdminError::BadCursor)?;
        let is_past = |run: &Run| since.duration_since(run.queued_at) > LONGEST_WAIT;
        let is_over = page.runs.last().is_none_or(is_past);
        for run in page.runs {
            let began = run.wrote_from();
            // What waits, or only shows what it would do, wrote nothing yet.
            if began < since || matches!(run.status, RunStatus::Queued | RunStatus::Planned) {
                continue;
            }
            if run.kind.lane() == Lane::Main || run.plan.is_some() {
                check_ended(&run)?;
            }
            if !run.told_pages().is_empty() {
                found.push((began, run.id));
            }
        }
        if found.len() > MOST_RUNS {
            let message = format!("more than {MOST_RUNS} runs began since; name a later moment");
            return Err(AdminError::invalid("/since", message));
        }
        cursor = page.cursor;
        if is_over || cursor.is_none() {
            break;
        }
    }
    found.sort_by(|one, other| other.cmp(one));
    let runs = found.into_iter().map(|(_, run)| run).collect();
    let undoes = Undoes { runs, since: Some(since), contacts: Vec::new() };
    queue(outside, account, id, undoes, caller).await
}

/// Refuses a moment since which more was decided than one plan takes back.
async fn check_decisions(
    store: &impl DecisionStore,
    id: &ConnectionId,
    since: Timestamp,
) -> Result<(), AdminError> {
    let mut count = 0;
    let mut cursor = None;
    loop {
        let page = store.decisions(id, cursor.as_deref(), PAGE).await?;
        let page = page.ok_or(AdminError::BadCursor)?;
        let new = page.decisions.iter().filter(|decision| decision.at >= since).count();
        count += new;
        if count > MOST_DECISIONS {
            let message = format!(
                "more than {MOST_DECISIONS} decisions were made since; name a later moment"
            );
            return Err(AdminError::invalid("/since", message));
        }
        cursor = page.cursor;
        if new < page.decisions.len() || cursor.is_none() {
            return Ok(());
        }
    }
}

fn check_ended(run: &Run) -> Result<(), AdminError> {
    if run.status.is_terminal() { Ok(()) } else { Err(AdminError::RunNotEnded(run.id.clone())) }
}

/// Queues the plan; one that waits for the same is answered instead.
async fn queue(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    undoes: Undoes,
    caller: &Caller,
) -> Result<Run, AdminError> {
    let store = outside.store();
    let found = connection(store, account, id).await?;
    if found.tenant.is_none() || !found.status.may_be_planned() {
        let fix = "what it did can be taken back once its organisation lets us in again";
        return Err(AdminError::NotNow { from: found.status, fix });
    }
    let waiting = store.of_lane(Lane::Plan).sync_state(account, id).await?;
    let waiting = waiting.map(|state| state.queue).unwrap_or_default();
    for queued in &waiting {
        let run = store.run(account, id, &queued.run_id).await?;
        let is_same =
            |run: &Run| run.status == RunStatus::Queued && run.undoes.as_deref() == Some(&undoes);
        if let Some(run) = run.filter(is_same) {
            return Ok(run);
        }
    }
    check_room(&found, &waiting)?;
    let run = Run {
        undoes: Some(Box::new(undoes)),
        requested_by: Some(caller.actor()),
        ..Run::queued(
            RunId::from_bits(outside.randomness().ordered_bits()),
            (account.clone(), id.clone()),
            (RunKind::Undo, Trigger::Manual),
            store.settings(account, id).await?.version,
            outside.clock().now(),
        )
    };
    store.enqueue(&run).await?;
    Ok(run)
}

/// Has a connection rest before what it did is taken back: the next look would do it again. What
/// rests already goes on resting for its own reason.
pub(super) async fn rest(outside: &impl Outside, found: &Connection) -> Result<(), AdminError> {
    match found.status {
        ConnectionStatus::Paused | ConnectionStatus::Disabled => return Ok(()),
        ConnectionStatus::Enabled => {}
        ConnectionStatus::Ready
        | ConnectionStatus::Attention
        | ConnectionStatus::Invited
        | ConnectionStatus::Authorized
        | ConnectionStatus::Disconnected => {
            let fix = "what it did is taken back while it syncs, is paused or is disabled";
            return Err(AdminError::NotNow { from: found.status, fix });
        }
    }
    let store = outside.store();
    let account = store.account(&found.account_id).await?;
    let account = account.ok_or(AdminError::NotFound("account"))?;
    let settings = store.settings(&found.account_id, &found.id).await?.settings;
    set_schedule(outside, &account, found, &settings, ConnectionStatus::Paused).await?;
    take_action(outside, &found.account_id, &found.id, ConnectionAction::Pause, |changed| {
        changed.paused_for = Some(PausedFor::Undone);
    })
    .await?;
    Ok(())
}
