//! What invokes a function that has tasks of its own and hears the bus: the one shape of both.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

/// What came: a task that the function's own schedule names, or an event of the bus.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Invocation<T> {
    /// `{"task": …}`, as the template's schedules send it.
    Task {
        /// Which one.
        task: T,
    },
    /// An event, as EventBridge sends it.
    #[serde(rename_all = "kebab-case")]
    Event {
        /// Its type.
        detail_type: String,
        /// What it tells.
        detail: Value,
    },
}

/// Why an invocation is not understood.
#[derive(Debug, Error)]
pub enum InvocationError {
    /// Neither one of the function's tasks nor an event of the bus.
    #[error("expected {tasks} or an event of the bus")]
    Shape {
        /// The tasks that there are.
        tasks: &'static str,
        /// Why.
        source: serde_json::Error,
    },
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

impl<T: DeserializeOwned> Invocation<T> {
    /// Reads the payload of an invocation; `tasks` names those that there are, for whoever sent
    /// another.
    ///
    /// # Errors
    ///
    /// [`InvocationError::Shape`] where it is neither.
    pub fn read(payload: Value, tasks: &'static str) -> Result<Self, InvocationError> {
        serde_json::from_value(payload).map_err(|source| InvocationError::Shape { tasks, source })
    }
}

/// Reads an event's detail.
///
/// # Errors
///
/// [`InvocationError::Detail`] where it has another form.
pub fn detail<T: DeserializeOwned>(
    detail_type: &'static str,
    detail: Value,
) -> Result<T, InvocationError> {
    serde_json::from_value(detail).map_err(|source| InvocationError::Detail { detail_type, source })
}
