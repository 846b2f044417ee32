//! Whom sync means, as the document says it.

use serde::{Deserialize, Serialize};

use crate::id::ObjectId;

/// `"all"`, including what comes later, or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllOr<T> {
    /// Everything, also values that appear later.
    All,
    /// Just these.
    Any(T),
}

/// Whom sync means: every dimension must accept a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Scope {
    /// Members of these groups.
    pub groups: AllOr<GroupScope>,
    /// Members of these administrative units, by id; who is in a group inside one is no member.
    #[serde(skip_serializing_if = "AllOr::is_all")]
    pub administrative_units: AllOr<Vec<ObjectId>>,
    /// `Member`, `Guest`.
    pub user_types: AllOr<Vec<String>>,
    /// Departments.
    pub departments: AllOr<Vec<String>>,
    /// Offices.
    pub office_locations: AllOr<Vec<String>>,
    /// Domains of the e-mail address (UPN where there is none).
    pub domains: AllOr<Vec<String>>,
    /// What to do with accounts whose sign-in is blocked.
    pub disabled_accounts: DisabledAccounts,
    /// A condition over attributes.
    pub expression: Option<String>,
    /// Users never synced.
    pub ignored_users: Vec<ObjectId>,
    /// Groups whose members are never synced.
    pub ignored_groups: Vec<ObjectId>,
}

impl<T> AllOr<T> {
    /// Whether it restricts nothing.
    pub fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }
}

impl Scope {
    /// Whether only members of named groups or administrative units are meant.
    pub fn is_by_members(&self) -> bool {
        !(self.groups.is_all() && self.administrative_units.is_all())
    }
}

/// Groups by id; a rename changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupScope {
    /// Members of any of these.
    pub any: Vec<ObjectId>,
    /// Whether members of groups inside them count.
    #[serde(default = "yes")]
    pub include_nested: bool,
}

/// Accounts whose sign-in is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DisabledAccounts {
    /// Out of scope.
    Exclude,
    /// Like any other.
    Include,
    /// In scope, with an inactive contact.
    IncludeAsInactive,
}

fn yes() -> bool {
    true
}
