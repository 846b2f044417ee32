//! Runs: asking for them and finding them.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use serde_json::Value;

use super::connections::connection;
use super::document::Members;
use super::lifecycle::check_requirements;
use super::{AdminError, Outside, Page};
use crate::port::{Clock, ConnectionStore, Randomness, RunStore, SettingsStore, SyncStateStore};

/// Reads `{kind}`.
pub fn read_kind(document: &Value) -> Result<RunKind, AdminError> {
    let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
    let kind = members.text("kind", 32).and_then(|word| match word.as_str() {
        "full" => Some(RunKind::Full),
        "delta" => Some(RunKind::Delta),
        "user" | "preview" | "drift" | "undo" => {
            members.problem("kind", format!("not available yet: `{word}`; use full or delta"));
            None
        }
        _ => {
            members.problem("kind", "expected full or delta");
            None
        }
    });
    if members.value("user").is_some() {
        members.problem("user", "not available yet: runs of one user");
    }
    let problems = members.finish();
    match kind {
        Some(kind) if problems.is_empty() => Ok(kind),
        _ => Err(AdminError::Invalid(problems)),
    }
}

/// Queues a run that somebody asked for. One of the same kind that waits already is answered
/// instead: it will see everything that this one would.
pub async fn request_run(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    kind: RunKind,
) -> Result<Run, AdminError> {
    let store = outside.store();
    let found = connection(store, account, id).await?;
    if found.status != ConnectionStatus::Enabled {
        let fix = match found.status {
            ConnectionStatus::Paused => "resume it first",
            ConnectionStatus::Ready | ConnectionStatus::Disabled => "enable it first",
            ConnectionStatus::Attention => "do what `attention.fix` says first",
            ConnectionStatus::Invited
            | ConnectionStatus::Authorized
            | ConnectionStatus::Disconnected
            | ConnectionStatus::Enabled => "an Entra admin must consent, then enable it",
        };
        return Err(AdminError::NotNow { from: found.status, fix });
    }
    check_requirements(&store.settings(account, id).await?.settings)?;
    if let Some(state) = store.sync_state(account, id).await? {
        let waiting = state.queue.iter().filter(|queued| queued.kind == kind);
        for queued in waiting {
            let run = store.run(account, id, &queued.run_id).await?;
            if let Some(run) = run.filter(|run| run.status == RunStatus::Queued) {
                return Ok(run);
            }
        }
    }
    queue_run(outside, account, id, kind, Trigger::Manual).await
}

/// Records a run and puts it on its connection's queue.
pub(super) async fn queue_run(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    kind: RunKind,
    trigger: Trigger,
) -> Result<Run, AdminError> {
    let store = outside.store();
    let run = Run::queued(
        RunId::from_bits(outside.randomness().ordered_bits()),
        (account.clone(), id.clone()),
        (kind, trigger),
        store.settings(account, id).await?.version,
        outside.clock().now(),
    );
    store.enqueue(&run).await?;
    Ok(run)
}

/// Finds a run.
pub async fn run(
    store: &impl RunStore,
    account: &AccountId,
    connection: &ConnectionId,
    id: &RunId,
) -> Result<Run, AdminError> {
    store.run(account, connection, id).await?.ok_or(AdminError::NotFound("run"))
}

/// A page of a connection's runs, newest first.
pub async fn runs<S>(
    store: &S,
    account: &AccountId,
    id: &ConnectionId,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<Run>, AdminError>
where
    S: ConnectionStore + RunStore,
{
    connection(store, account, id).await?;
    match store.runs(account, id, cursor, limit).await? {
        Some(page) => Ok(Page { items: page.runs, next: page.cursor }),
        None => Err(AdminError::BadCursor),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_that_do_not_exist_yet_are_named_as_such() {
        let AdminError::Invalid(problems) = read_kind(&json!({"kind": "preview"})).unwrap_err()
        else {
            panic!("refused for its kind")
        };
        assert!(problems[0].message.contains("not available yet"), "{problems:?}");
        assert_eq!(read_kind(&json!({"kind": "delta"})).unwrap(), RunKind::Delta);
    }
}
