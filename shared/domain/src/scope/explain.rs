//! The scope's decision about one user, clause by clause.

use serde::Serialize;

use super::Clause;
use super::clause::{Accepted, Answer};

/// What one clause says of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClauseVerdict {
    /// Which clause.
    pub clause: Clause,
    /// Whether it accepts.
    pub verdict: Stance,
    /// Why, for people; may name the attribute's value.
    pub because: String,
}

/// Whether a clause accepts a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stance {
    /// Accepted.
    In,
    /// Refused: whatever the others say, the user is not meant.
    Out,
    /// Not to be told until the user is read again, or a value of his is corrected.
    Unknown,
}

impl ClauseVerdict {
    pub(super) fn of(clause: Clause, answer: Answer) -> Self {
        let (verdict, because) = match answer {
            Answer::Accepts(accepted) => (Stance::In, sentence(clause, accepted).to_owned()),
            Answer::Refuses(because) => (Stance::Out, because),
            Answer::NotTold(attribute) => {
                (Stance::Unknown, format!("Entra did not tell `{attribute}` of this person"))
            }
            Answer::Fails(because) => (Stance::Unknown, because),
        };
        Self { clause, verdict, because }
    }
}

fn sentence(clause: Clause, accepted: Accepted) -> &'static str {
    match (accepted, clause) {
        (Accepted::Everybody, Clause::DisabledAccounts) => {
            "blocked accounts count like others (scope.disabledAccounts is include)"
        }
        (Accepted::Everybody, _) => "no restriction: everybody is meant, values to come included",
        (Accepted::Listed, Clause::Groups) => "the user is a member of a group in scope.groups",
        (Accepted::Listed, Clause::AdministrativeUnits) => {
            "the user is a member of an administrative unit in scope.administrativeUnits"
        }
        (Accepted::Listed, Clause::UserTypes) => "the user type is in scope.userTypes",
        (Accepted::Listed, Clause::Departments) => "the department is in scope.departments",
        (Accepted::Listed, Clause::OfficeLocations) => "the office is in scope.officeLocations",
        (Accepted::Listed, Clause::Domains) => "the e-mail's domain is in scope.domains",
        (Accepted::Listed, Clause::Expression) => "the condition in scope.expression holds",
        (Accepted::Listed, _) => "the user is listed",
        (Accepted::NotIgnored, Clause::IgnoredGroups) => "the user is in no ignored group",
        (Accepted::NotIgnored, _) => "the user is not on the ignore list",
        (Accepted::Enabled, _) => "sign-in is not blocked",
        (Accepted::Inactive, _) => {
            "sign-in is blocked: the contact is inactive (scope.disabledAccounts is \
             includeAsInactive)"
        }
    }
}
