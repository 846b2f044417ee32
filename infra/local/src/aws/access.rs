//! Who calls, and what the template's roles let them do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use axum::response::Response;
use http::StatusCode;

use super::json_error;
use crate::plan::{Context, Grant, Plan, Role};
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
    used: Mutex<BTreeSet<PermissionUse>>,
}

/// A permission that a function made use of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PermissionUse {
    /// The function's name.
    pub function: String,
    /// `dynamodb:PutItem`.
    pub action: String,
    /// An ARN.
    pub resource: String,
    /// What the request named of the condition keys, numbers and ids cut off:
    /// `dynamodb:LeadingKeys` → `SYNC#`.
    pub context: Vec<(String, String)>,
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
        Self { roles, denied: Mutex::default(), used: Mutex::default() }
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

    /// The role that a function works with.
    pub(super) fn role_arn(&self, function: &str) -> &str {
        self.roles.get(function).map_or("", |role| role.arn.as_str())
    }

    /// The permissions that were used so far.
    pub(crate) fn used(&self) -> BTreeSet<PermissionUse> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What roles give: the function and the grant.
    pub(crate) fn granted(&self) -> Vec<(String, Grant)> {
        let grants = self.roles.iter().flat_map(|(function, role)| {
            role.grants().into_iter().map(move |grant| (function.clone(), grant))
        });
        grants.collect()
    }

    /// What roles give and no function made use of so far: the function and the grant.
    pub(crate) fn unused(&self) -> Vec<(String, Grant)> {
        let used = self.used();
        let grants = self.granted().into_iter();
        grants
            .filter(|(function, grant)| {
                !used.iter().any(|used| {
                    used.function == *function
                        && grant.serves(&used.action, &used.resource, &used.context)
                })
            })
            .collect()
    }

    /// Holds `caller` to its role, for a request without anything that conditions look at.
    pub(crate) fn check(
        &self,
        caller: &Caller,
        action: &str,
        resource: &str,
    ) -> Result<(), Denied> {
        self.check_request(caller, action, resource, &Context::new())
    }

    /// Holds `caller` to its role.
    pub(crate) fn check_request(
        &self,
        caller: &Caller,
        action: &str,
        resource: &str,
        context: &Context,
    ) -> Result<(), Denied> {
        let Caller::Function(function) = caller else { return Ok(()) };
        let role = self.roles.get(function);
        if role.is_some_and(|role| role.allows(action, resource, context)) {
            tracing::debug!(%function, action, resource, "A permission was used.");
            self.remember(function, action, resource, context);
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

    fn remember(&self, function: &str, action: &str, resource: &str, context: &Context) {
        let named = context.iter().flat_map(|(key, values)| {
            values.iter().map(|value| ((*key).to_owned(), kind_of(value).to_owned()))
        });
        let named: BTreeSet<(String, String)> = named.collect();
        let used = PermissionUse {
            function: function.to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            context: named.into_iter().collect(),
        };
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(used);
    }
}

/// What kind of item a key names: the text up to the first `#`, that included.
fn kind_of(value: &str) -> &str {
    value.find('#').and_then(|end| value.get(..=end)).unwrap_or(value)
}
