//! Who calls, and what the template's roles let them do.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::response::Response;
use http::StatusCode;

use super::json_error;
use crate::plan::{Plan, Role};
use crate::runtime::ACCESS_KEY_PREFIX;
use crate::template::ACCOUNT_ID;

/// The access key of the stack itself and of tests: it may do anything.
pub(crate) const OPERATOR_ACCESS_KEY: &str = "local-operator";

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Caller {
    Operator,
    Function(String),
}

impl Caller {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Operator => "operator",
            Self::Function(name) => name,
        }
    }
}

/// The roles of all functions.
#[derive(Debug)]
pub(crate) struct Access {
    roles: BTreeMap<String, Role>,
    denied: Mutex<Vec<Denied>>,
}

/// A call that no statement of the caller's role allows.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "User: {user} is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action"
)]
pub(crate) struct Denied {
    user: String,
    action: String,
    resource: String,
}

impl Denied {
    pub(crate) fn answer(&self) -> Response {
        json_error(StatusCode::BAD_REQUEST, "AccessDeniedException", &self.to_string())
    }
}

impl Access {
    pub(crate) fn new(plan: &Plan) -> Self {
        let roles = plan
            .functions
            .iter()
            .filter_map(|function| {
                let role = plan.roles.iter().find(|role| role.arn == function.role_arn)?;
                Some((function.name.clone(), role.clone()))
            })
            .collect();
        Self { roles, denied: Mutex::default() }
    }

    /// The caller behind an access key; `None` for a key that is not the stack's.
    pub(super) fn caller(&self, access_key: &str) -> Option<Caller> {
        if access_key == OPERATOR_ACCESS_KEY {
            return Some(Caller::Operator);
        }
        let function = access_key.strip_prefix(ACCESS_KEY_PREFIX)?;
        self.roles.contains_key(function).then(|| Caller::Function(function.to_owned()))
    }

    /// The calls that were denied so far.
    pub(crate) fn denied(&self) -> Vec<String> {
        let denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        denied.iter().map(Denied::to_string).collect()
    }

    /// Holds `caller` to its role.
    pub(crate) fn check(
        &self,
        caller: &Caller,
        action: &str,
        resource: &str,
    ) -> Result<(), Denied> {
        let Caller::Function(function) = caller else { return Ok(()) };
        let role = self.roles.get(function);
        if role.is_some_and(|role| role.allows(action, resource)) {
            tracing::debug!(%function, action, resource, "A permission was used.");
            return Ok(());
        }
        let role = role.map_or("none", |role| role.name.as_str());
        let denied = Denied {
            user: format!("arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role}/{function}"),
            action: action.to_owned(),
            resource: resource.to_owned(),
        };
        tracing::error!(%function, action, resource, "A function's role does not allow what it did.");
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).push(denied.clone());
        Err(denied)
    }
}
