//! What invokes the function: its own schedule and events of the bus.

use contact_sync_domain::event::{PhotosRequested, SyncRunFinished};
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId};
use contact_sync_domain::run::{RunKind, RunStatus};
use contact_sync_lambda_shell::invocation::{Invocation, InvocationError, detail as read};
use serde::Deserialize;
use serde_json::Value;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A full run ended: look at everybody who is due.
    Begin(AccountId, ConnectionId),
    /// A slice ended before its walk did.
    GoOn(AccountId, ConnectionId),
    /// A contact was removed.
    Removed(AccountId, ContactId),
    /// Whatever waited long enough, or was left by somebody who died.
    GoOnWithAll,
    /// A run of another kind, or one that came to nothing.
    Nothing,
}

/// The tasks, for whoever sent another.
const TASKS: &str = "{\"task\": \"photos\"}";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Task {
    Photos,
}

/// Of a contact's event, who it is about.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Removed {
    account_id: AccountId,
    contact_id: ContactId,
}

impl Input {
    /// Reads the payload of an invocation.
    pub(crate) fn read(payload: Value) -> Result<Self, InvocationError> {
        let (detail_type, detail) = match Invocation::read(payload, TASKS)? {
            Invocation::Task { task: Task::Photos } => return Ok(Self::GoOnWithAll),
            Invocation::Event { detail_type, detail } => (detail_type, detail),
        };
        match detail_type.as_str() {
            "SyncRunFinished" => {
                let told: SyncRunFinished = read("SyncRunFinished", detail)?;
                let is_whole = matches!(told.status, RunStatus::Succeeded | RunStatus::Partial);
                Ok(if told.kind == RunKind::Full && is_whole {
                    Self::Begin(told.account_id, told.connection_id)
                } else {
                    Self::Nothing
                })
            }
            "PhotosRequested" => {
                let asked: PhotosRequested = read("PhotosRequested", detail)?;
                Ok(Self::GoOn(asked.account_id, asked.connection_id))
            }
            "ContactRemoved" => {
                let told: Removed = read("ContactRemoved", detail)?;
                Ok(Self::Removed(told.account_id, told.contact_id))
            }
            _ => Err(InvocationError::ForeignEvent(detail_type)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(case: &str) -> Value {
        let path = format!("{}/../../events/enrichment/{case}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn every_trigger_is_understood() {
        let of = || (AccountId::from_bits(1), ConnectionId::from_bits(2));
        let read = |case| Input::read(event(case)).unwrap();
        assert_eq!(read("run-finished"), Input::Begin(of().0, of().1));
        assert_eq!(read("photos-requested"), Input::GoOn(of().0, of().1));
        let removed = Input::Removed(of().0, ContactId::from_bits(5));
        assert_eq!(read("contact-removed"), removed);
        assert_eq!(read("photos"), Input::GoOnWithAll);
    }

    /// Photos follow full runs alone: a look at what changed comes every few minutes.
    #[test]
    fn a_run_of_another_kind_and_one_that_failed_begin_nothing() {
        for (member, value) in [("kind", "delta"), ("status", "failed"), ("status", "blocked")] {
            let mut told = event("run-finished");
            told["detail"][member] = json!(value);
            assert_eq!(Input::read(told).unwrap(), Input::Nothing, "{value}");
        }
        let foreign = json!({"detail-type": "ReportReady", "detail": {}});
        assert!(Input::read(foreign).unwrap_err().to_string().contains("ReportReady"));
        assert!(Input::read(json!({"task": "sweep"})).is_err());
    }
}
