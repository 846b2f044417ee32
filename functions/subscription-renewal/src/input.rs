//! What invokes the function: its own schedules and events of the bus.

use contact_sync_domain::event::{ConnectionAuthorized, SyncRequested};
use contact_sync_domain::id::{AccountId, ConnectionId};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

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

/// Why an event is not understood.
#[derive(Debug, Error)]
pub(crate) enum InputError {
    /// Neither a task nor an event of the bus.
    #[error("expected {{\"task\": \"sweep\" or \"audit\"}} or an event of the bus")]
    Shape(#[source] serde_json::Error),
    /// An event that no rule should send here.
    #[error("events of type {0} are none of this function's business")]
    ForeignEvent(String),
    /// The event's detail has another form.
    #[error("the detail of {detail_type} has a form that this version cannot read")]
    Detail {
        /// Of which event.
        detail_type: &'static str,
        /// Why.
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Task {
        task: Task,
    },
    #[serde(rename_all = "kebab-case")]
    Event {
        detail_type: String,
        detail: Value,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Task {
    Sweep,
    Audit,
}

impl Input {
    /// Reads the payload of an invocation.
    pub(crate) fn read(payload: Value) -> Result<Self, InputError> {
        match serde_json::from_value(payload).map_err(InputError::Shape)? {
            Wire::Task { task: Task::Sweep } => Ok(Self::Sweep),
            Wire::Task { task: Task::Audit } => Ok(Self::Audit),
            Wire::Event { detail_type, detail } => match detail_type.as_str() {
                "ConnectionAuthorized" => {
                    let detail = serde_json::from_value::<ConnectionAuthorized>(detail);
                    let ConnectionAuthorized { account_id, connection_id, .. } =
                        detail.map_err(|source| InputError::Detail {
                            detail_type: "ConnectionAuthorized",
                            source,
                        })?;
                    Ok(Self::Authorized(account_id, connection_id))
                }
                "SyncRequested" => {
                    let detail = serde_json::from_value::<SyncRequested>(detail);
                    let SyncRequested { account_id, connection_id, .. } =
                        detail.map_err(|source| InputError::Detail {
                            detail_type: "SyncRequested",
                            source,
                        })?;
                    Ok(Self::Started(account_id, connection_id))
                }
                _ => Err(InputError::ForeignEvent(detail_type)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(case: &str) -> Result<Input, InputError> {
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
        assert!(matches!(Input::read(detail), Err(InputError::Detail { .. })));
    }
}
