//! What invokes the function: its own schedule and events of the bus.

use contact_sync_domain::event::{
    ConnectionAttention, ConnectionAuthorized, ConnectionSilent, NoticeRaised, SyncRunFinished,
    SyncRunPlanned,
};
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, NoticeId};
use contact_sync_engine::notices::Hint;
use contact_sync_lambda_shell::invocation::{Invocation, InvocationError, detail as read};
use serde::Deserialize;
use serde_json::Value;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Something came that may be news of a connection.
    News(AccountId, ConnectionId, Hint),
    /// A notice was raised: mail it.
    Raised(AccountId, NoticeId),
    /// Sync made a contact for somebody who is to be welcomed.
    Newcomer(AccountId, ContactId),
    /// Tell the digests whose time has come.
    Digests,
}

/// The tasks, for whoever sent another.
const TASKS: &str = "{\"task\": \"digest\"}";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Task {
    Digest,
}

/// Of a contact's event, who it is about: everything else is read anew.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Newcomer {
    account_id: AccountId,
    contact_id: ContactId,
}

impl Input {
    /// Reads the payload of an invocation.
    pub(crate) fn read(payload: Value) -> Result<Self, InvocationError> {
        let (detail_type, detail) = match Invocation::read(payload, TASKS)? {
            Invocation::Task { task: Task::Digest } => return Ok(Self::Digests),
            Invocation::Event { detail_type, detail } => (detail_type, detail),
        };
        match detail_type.as_str() {
            "SyncRunFinished" => {
                let detail: SyncRunFinished = read("SyncRunFinished", detail)?;
                let hint = Hint::RunEnded(detail.run_id);
                Ok(Self::News(detail.account_id, detail.connection_id, hint))
            }
            "SyncRunPlanned" => {
                let detail: SyncRunPlanned = read("SyncRunPlanned", detail)?;
                let hint = Hint::Planned(detail.run_id);
                Ok(Self::News(detail.account_id, detail.connection_id, hint))
            }
            "ConnectionAttention" => {
                let detail: ConnectionAttention = read("ConnectionAttention", detail)?;
                Ok(Self::News(detail.account_id, detail.connection_id, Hint::Attention))
            }
            "ConnectionAuthorized" => {
                let detail: ConnectionAuthorized = read("ConnectionAuthorized", detail)?;
                Ok(Self::News(detail.account_id, detail.connection_id, Hint::Authorized))
            }
            "ConnectionSilent" => {
                let detail: ConnectionSilent = read("ConnectionSilent", detail)?;
                Ok(Self::News(detail.account_id, detail.connection_id, Hint::Silence))
            }
            "ContactCreated" => {
                let detail: Newcomer = read("ContactCreated", detail)?;
                Ok(Self::Newcomer(detail.account_id, detail.contact_id))
            }
            "NoticeRaised" => {
                let detail: NoticeRaised = read("NoticeRaised", detail)?;
                Ok(Self::Raised(detail.account_id, detail.notice_id))
            }
            _ => Err(InvocationError::ForeignEvent(detail_type)),
        }
    }
}

#[cfg(test)]
mod tests {
    use contact_sync_domain::id::RunId;
    use serde_json::json;

    use super::*;

    fn event(case: &str) -> Input {
        let path = format!("{}/../../events/notify/{case}.json", env!("CARGO_MANIFEST_DIR"));
        Input::read(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn every_trigger_is_understood() {
        let news = |hint| Input::News(AccountId::from_bits(1), ConnectionId::from_bits(2), hint);
        assert_eq!(event("run-finished"), news(Hint::RunEnded(RunId::from_bits(3))));
        assert_eq!(event("run-planned"), news(Hint::Planned(RunId::from_bits(3))));
        assert_eq!(event("connection-attention"), news(Hint::Attention));
        assert_eq!(event("connection-authorized"), news(Hint::Authorized));
        assert_eq!(event("connection-silent"), news(Hint::Silence));
        let raised = Input::Raised(AccountId::from_bits(1), NoticeId::from_bits(4));
        assert_eq!(event("notice-raised"), raised);
        let newcomer = Input::Newcomer(AccountId::from_bits(1), ContactId::from_bits(5));
        assert_eq!(event("contact-created"), newcomer);
        assert_eq!(event("digest"), Input::Digests);
    }

    #[test]
    fn what_is_not_understood_says_so() {
        let foreign = json!({"detail-type": "ReportReady", "detail": {}});
        assert!(Input::read(foreign).unwrap_err().to_string().contains("ReportReady"));
        let detail = json!({"detail-type": "NoticeRaised", "detail": {"accountId": "x"}});
        assert!(matches!(Input::read(detail), Err(InvocationError::Detail { .. })));
        assert!(matches!(
            Input::read(json!({"task": "sweep"})),
            Err(InvocationError::Shape { .. })
        ));
    }
}
