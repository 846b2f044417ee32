//! Asking for what earlier runs did to be taken back. What comes of it is a plan, which is seen and
//! applied like any other.

mod since;

use contact_sync_domain::connection::{Connection, ConnectionAction, ConnectionStatus, PausedFor};
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, RunId};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::settings::Problem;
use contact_sync_domain::sync_state::Lane;
use contact_sync_domain::undo::Undoes;
use serde_json::Value;

pub use self::since::{Span, request_undo_since};

use super::connections::{connection, take_action};
use super::document::Members;
use super::runs::check_room;
use super::schedule::set_schedule;
use super::{AdminError, Caller, Outside};
use crate::port::{AccountStore, Clock, Randomness, RunStore, SettingsStore, SyncStateStore};
use crate::segments::segments_expired;

/// How many contacts one request may name.
const MOST_CONTACTS: usize = 1_000;

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
    let undoes = Undoes { runs: vec![found.id.clone()], contacts, ..Undoes::default() };
    queue(outside, &found.account_id, &found.connection_id, undoes, caller).await
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
