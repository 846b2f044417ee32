//! Scope: whether a directory user is meant, and by which clause not.
//!
//! Every clause must accept a user; within a clause one match is enough; texts compare without
//! case. `"all"` accepts everybody, also who has no value; a list accepts only its values.
//!
//! The clauses are asked in a fixed order. The first that refuses names the cause of a leaving, so
//! that somebody who left by several clauses at once always leaves by the same policy.

mod clause;
mod compile;
mod explain;
mod memberships;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

pub use explain::{ClauseVerdict, Stance};
pub use memberships::Memberships;

use clause::Answer;

use crate::directory::DirectoryUser;
use crate::expression::{Condition, TraceStep, folded};
use crate::settings::DisabledAccounts;

/// A compiled scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRule {
    ignored_users: BTreeSet<u128>,
    ignores_groups: bool,
    by_group: bool,
    by_unit: bool,
    user_types: Option<Vec<String>>,
    departments: Option<Vec<String>>,
    office_locations: Option<Vec<String>>,
    domains: Option<Vec<String>>,
    expression: Option<Condition>,
    disabled_accounts: DisabledAccounts,
}

/// What the scope says of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeDecision {
    /// Meant.
    In {
        /// The account's sign-in is blocked and its contact is to be inactive.
        inactive: bool,
    },
    /// Not meant.
    Out {
        /// The first clause that refuses.
        clause: Clause,
        /// Why, for people; may name the attribute's value, so it is for reports and not for logs.
        because: String,
    },
    /// Unknown until the user is read again.
    Unknown {
        /// The attribute that Graph's answer did not mention.
        absent: String,
    },
    /// A value of the user cannot be read by the condition: the record fails, and nothing is taken
    /// from anybody.
    Failed {
        /// Why, for people, without the value.
        because: String,
    },
}

/// The clauses, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Clause {
    /// `ignoredUsers`.
    IgnoredUsers,
    /// `ignoredGroups`.
    IgnoredGroups,
    /// `disabledAccounts`.
    DisabledAccounts,
    /// `groups`.
    Groups,
    /// `administrativeUnits`.
    AdministrativeUnits,
    /// `userTypes`.
    UserTypes,
    /// `departments`.
    Departments,
    /// `officeLocations`.
    OfficeLocations,
    /// `domains`.
    Domains,
    /// `expression`.
    Expression,
}

/// Which removal policy applies to a linked user whom the scope no longer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveCause {
    /// Sign-in was blocked (`removal.disabled`).
    Disabled,
    /// Left the scope's groups (`removal.leftGroup`).
    LeftGroup,
    /// Any other clause (`removal.outOfScope`).
    OutOfScope,
}

impl Clause {
    /// All of them, in the order in which they are asked.
    pub const ALL: [Self; 10] = [
        Self::IgnoredUsers,
        Self::IgnoredGroups,
        Self::DisabledAccounts,
        Self::Groups,
        Self::AdministrativeUnits,
        Self::UserTypes,
        Self::Departments,
        Self::OfficeLocations,
        Self::Domains,
        Self::Expression,
    ];

    /// Which removal policy the clause leads to.
    pub fn cause(self) -> LeaveCause {
        match self {
            Self::DisabledAccounts => LeaveCause::Disabled,
            Self::Groups => LeaveCause::LeftGroup,
            Self::IgnoredUsers
            | Self::IgnoredGroups
            | Self::AdministrativeUnits
            | Self::UserTypes
            | Self::Departments
            | Self::OfficeLocations
            | Self::Domains
            | Self::Expression => LeaveCause::OutOfScope,
        }
    }
}

impl ScopeRule {
    /// Whether the scope means this user, for a run that began `now`.
    ///
    /// A clause that surely refuses decides even when another one's attribute is unknown: both must
    /// accept. Only where the unknown one comes first and would lead to another removal policy is
    /// the user read again, so that the order of readings never decides what becomes of a contact.
    pub fn decide(
        &self,
        user: &DirectoryUser,
        memberships: &Memberships,
        now: Timestamp,
    ) -> ScopeDecision {
        let mut unknown: Option<(Clause, String)> = None;
        let mut failed = None;
        for clause in Clause::ALL {
            match self.ask(clause, user, memberships, now) {
                Answer::Accepts(_) => {}
                Answer::Refuses(because) => {
                    return match unknown {
                        Some((asked, absent)) if asked.cause() != clause.cause() => {
                            ScopeDecision::Unknown { absent }
                        }
                        Some(_) | None => ScopeDecision::Out { clause, because },
                    };
                }
                Answer::NotTold(absent) => unknown = unknown.or(Some((clause, absent))),
                Answer::Fails(because) => failed = failed.or(Some(because)),
            }
        }
        match (unknown, failed) {
            (Some((_, absent)), _) => ScopeDecision::Unknown { absent },
            (None, Some(because)) => ScopeDecision::Failed { because },
            (None, None) => ScopeDecision::In { inactive: self.makes_inactive(user) },
        }
    }

    /// What each clause says of this user, in the order in which they are asked.
    pub fn explain(
        &self,
        user: &DirectoryUser,
        memberships: &Memberships,
        now: Timestamp,
    ) -> Vec<ClauseVerdict> {
        Clause::ALL
            .into_iter()
            .map(|clause| ClauseVerdict::of(clause, self.ask(clause, user, memberships, now)))
            .collect()
    }

    /// How the condition came to its answer, part by part; nothing without one.
    pub fn trace_condition(&self, user: &DirectoryUser, now: Timestamp) -> Vec<TraceStep> {
        self.expression.as_ref().map_or_else(Vec::new, |condition| condition.explain(user, now))
    }

    /// The selectable attributes that decide.
    pub fn needed_attributes(&self) -> BTreeSet<String> {
        let listed = |list: &Option<Vec<String>>, names: &[&'static str]| match list {
            Some(_) => names.to_vec(),
            None => Vec::new(),
        };
        let by_enabled = match self.disabled_accounts {
            DisabledAccounts::Include => Vec::new(),
            DisabledAccounts::Exclude | DisabledAccounts::IncludeAsInactive => {
                vec!["accountEnabled"]
            }
        };
        [
            by_enabled,
            listed(&self.user_types, &["userType"]),
            listed(&self.departments, &["department"]),
            listed(&self.office_locations, &["officeLocation"]),
            listed(&self.domains, &["mail", "userPrincipalName"]),
        ]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .chain(self.expression.iter().flat_map(Condition::attributes))
        .collect()
    }

    /// Whether only members of named groups or administrative units are meant, so that their
    /// members must be known.
    pub fn is_by_members(&self) -> bool {
        self.by_group || self.by_unit
    }

    /// Whether memberships decide at all: the scope's groups and units, or ignored groups.
    pub fn needs_memberships(&self) -> bool {
        self.is_by_members() || self.ignores_groups
    }
}

#[cfg(test)]
mod tests;
