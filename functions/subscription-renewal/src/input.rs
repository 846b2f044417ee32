//! What invokes the function: its own schedules and events of the bus.

use contact_sync_domain::event::{ConnectionAuthorized, SyncRequested};
use contact_sync_domain::id::{AccountId, ConnectionId};
use contact_sync_lambda_shell::invocation::{Invocation, InvocationError, detail as read};
use serde::Deserialize;
use serde_json::Value;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Look for what nobody works on and for subscriptions that need something.
    Sweep,
    /// Compare all subscriptions with Graph's own list.
    Audit,
    /// A connection's tenant was proven.
    Authorized(AccountId, ConnectionId),
    /// A connection was enabled or resumed.
    Started(AccountId, ConnectionId),
}

/// The tasks, for whoever sent another.
const TASKS: &str = "{\"task\": \"sweep\" or \"audit\"}";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Task {
    Sweep,
    Audit,
}

impl Input {
    /// Reads the payload of an invocation.
    pub(crate) fn read(payload: Value) -> Result<Self, InvocationError> {
        let (detail_type, detail) = match Invocation::read(payload, TASKS)? {
            Invocation::Task { task: Task::Sweep } => return Ok(Self::Sweep),
            Invocation::Task { task: Task::Audit } => return Ok(Self::Audit),
            Invocation::Event { detail_type, detail } => (detail_type, detail),
        };
        match detail_type.as_str() {
            "ConnectionAuthorized" => {
                let detail: ConnectionAuthorized = read("ConnectionAuthorized", detail)?;
                Ok(Self::Authorized(detail.account_id, detail.connection_id))
            }
            "SyncRequested" => {
                let detail: SyncRequested = read("SyncRequested", detail)?;
                Ok(Self::Started(detail.account_id, detail.connection_id))
            }
            _ => Err(InvocationError::ForeignEvent(detail_type)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(case: &str) -> Result<Input, InvocationError> {
        let path =
            format!("{}/../../events/subscription-renewal/{case}.json", env!("CARGO_MANIFEST_DIR"));
        Input::read(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    #[test]
    fn every_trigger_is_understood() {
        let account = AccountId::from_bits(1);
        let connection = ConnectionId::from_bits(2);
        assert_eq!(event("sweep").unwrap(), Input::Sweep);
        assert_eq!(event("audit").unwrap(), Input::Audit);
        assert_eq!(
            event("connection-authorized").unwrap(),
            Input::Authorized(account.clone(), connection.clone())
        );
        for case in ["enabled", "resumed"] {
            let started = Input::Started(account.clone(), connection.clone());
            assert_eq!(event(case).unwrap(), started, "{case}");
        }
    }

    #[test]
    fn what_is_not_understood_says_what_would_be() {
        let shape = Input::read(json!({"task": "sleep"})).unwrap_err();
        assert!(shape.to_string().contains("sweep"), "{shape}");
        let foreign = json!({"detail-type": "ReportReady", "detail": {}});
        let foreign = Input::read(foreign).unwrap_err();
        assert!(foreign.to_string().contains("ReportReady"), "{foreign}");
        let detail = json!({"detail-type": "SyncRequested", "detail": {"accountId": "x"}});
        assert!(matches!(Input::read(detail), Err(InvocationError::Detail { .. })));
    }
}
