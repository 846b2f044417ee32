//! What each clause of a scope says of one user.

use jiff::Timestamp;

use super::{Clause, Memberships, ScopeRule, folded};
use crate::directory::{DirectoryUser, SourceValue};
use crate::email;
use crate::expression::Decision;
use crate::id::ObjectId;
use crate::settings::DisabledAccounts;

/// What one clause says.
#[derive(Debug)]
pub(super) enum Answer {
    /// It accepts; why, for people.
    Accepts(Accepted),
    /// It refuses; why, for people.
    Refuses(String),
    /// The attribute that it looks at was not mentioned.
    NotTold(String),
    /// A value cannot be read as what it should be; why, for people.
    Fails(String),
}

/// Why a clause accepts. Told apart instead of spelled out: deciding everybody needs no sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    /// The clause restricts nobody.
    Everybody,
    /// The user is what the clause lists.
    Listed,
    /// The user is on no list of exceptions.
    NotIgnored,
    /// Sign-in is allowed, or nothing is said of it.
    Enabled,
    /// Sign-in is blocked, and the contact is to be inactive.
    Inactive,
}

impl ScopeRule {
    pub(super) fn ask(
        &self,
        clause: Clause,
        user: &DirectoryUser,
        memberships: &Memberships,
        now: Timestamp,
    ) -> Answer {
        match clause {
            Clause::IgnoredUsers => self.by_ignored_users(&user.id),
            Clause::IgnoredGroups => self.by_ignored_groups(&user.id, memberships),
            Clause::DisabledAccounts => self.by_account_enabled(user),
            Clause::Groups => self.by_group(&user.id, memberships),
            Clause::AdministrativeUnits => self.by_unit(&user.id, memberships),
            Clause::UserTypes => USER_TYPE.ask(user, self.user_types.as_deref()),
            Clause::Departments => DEPARTMENT.ask(user, self.departments.as_deref()),
            Clause::OfficeLocations => OFFICE_LOCATION.ask(user, self.office_locations.as_deref()),
            Clause::Domains => self.by_domain(user),
            Clause::Expression => self.by_expression(user, now),
        }
    }

    /// Whether the contact of a user in scope is to be inactive.
    pub(super) fn makes_inactive(&self, user: &DirectoryUser) -> bool {
        self.disabled_accounts == DisabledAccounts::IncludeAsInactive
            && user.account_enabled() == Some(false)
    }

    fn by_ignored_users(&self, user: &ObjectId) -> Answer {
        if self.ignored_users.contains(&user.as_u128()) {
            let because = "the user is on the ignore list (scope.ignoredUsers)";
            return Answer::Refuses(because.to_owned());
        }
        Answer::Accepts(Accepted::NotIgnored)
    }

    fn by_ignored_groups(&self, user: &ObjectId, memberships: &Memberships) -> Answer {
        if self.ignores_groups && memberships.is_ignored(user) {
            let because = "the user is a member of an ignored group (scope.ignoredGroups)";
            return Answer::Refuses(because.to_owned());
        }
        Answer::Accepts(Accepted::NotIgnored)
    }

    /// An account of which Entra says neither counts as enabled: nothing is taken away without
    /// evidence.
    fn by_account_enabled(&self, user: &DirectoryUser) -> Answer {
        if self.disabled_accounts == DisabledAccounts::Include {
            return Answer::Accepts(Accepted::Everybody);
        }
        if user.attribute("accountEnabled") == SourceValue::Absent {
            return Answer::NotTold("accountEnabled".to_owned());
        }
        if user.account_enabled() != Some(false) {
            return Answer::Accepts(Accepted::Enabled);
        }
        if self.disabled_accounts == DisabledAccounts::IncludeAsInactive {
            return Answer::Accepts(Accepted::Inactive);
        }
        let because = "the account's sign-in is blocked (scope.disabledAccounts is exclude)";
        Answer::Refuses(because.to_owned())
    }

    fn by_group(&self, user: &ObjectId, memberships: &Memberships) -> Answer {
        if !self.by_group {
            return Answer::Accepts(Accepted::Everybody);
        }
        if memberships.is_in_group(user) {
            return Answer::Accepts(Accepted::Listed);
        }
        let because = "the user is a member of none of the groups in scope.groups";
        Answer::Refuses(because.to_owned())
    }

    fn by_unit(&self, user: &ObjectId, memberships: &Memberships) -> Answer {
        if !self.by_unit {
            return Answer::Accepts(Accepted::Everybody);
        }
        if memberships.units_of(user).next().is_some() {
            return Answer::Accepts(Accepted::Listed);
        }
        let because = "the user is a member of none of the administrative units in \
                       scope.administrativeUnits";
        Answer::Refuses(because.to_owned())
    }

    fn by_expression(&self, user: &DirectoryUser, now: Timestamp) -> Answer {
        let Some(condition) = &self.expression else {
            return Answer::Accepts(Accepted::Everybody);
        };
        match condition.decide(user, now) {
            Decision::Met => Answer::Accepts(Accepted::Listed),
            Decision::NotMet => Answer::Refuses(format!(
                "`{}` does not hold for the user (scope.expression)",
                condition.unmet_part(user, now)
            )),
            Decision::Unknown { attribute } => Answer::NotTold(attribute),
            Decision::Failed(failure) => Answer::Fails(format!("scope.expression: {failure}")),
        }
    }

    /// The domain of the e-mail, or of the UPN where there is none, a guest's decoded.
    fn by_domain(&self, user: &DirectoryUser) -> Answer {
        let Some(listed) = &self.domains else { return Answer::Accepts(Accepted::Everybody) };
        let address = match told(user, "mail") {
            Err(absent) => return Answer::NotTold(absent.to_owned()),
            Ok(Some(mail)) => Some(mail),
            Ok(None) => match told(user, "userPrincipalName") {
                Err(absent) => return Answer::NotTold(absent.to_owned()),
                Ok(upn) => upn,
            },
        };
        match address.and_then(email::domain) {
            Some(domain) if listed.contains(&domain) => Answer::Accepts(Accepted::Listed),
            Some(domain) => {
                Answer::Refuses(format!("the domain `{domain}` is not in scope.domains"))
            }
            None => Answer::Refuses(
                "the user has no e-mail domain, and scope.domains is a list".to_owned(),
            ),
        }
    }
}

/// A text attribute: its value, none, or the name of one that was not told.
fn told<'a>(
    user: &'a DirectoryUser,
    attribute: &'static str,
) -> Result<Option<&'a str>, &'static str> {
    match user.attribute(attribute) {
        SourceValue::Absent => Err(attribute),
        SourceValue::Null | SourceValue::Value(_) => Ok(user.text(attribute)),
    }
}

/// A clause that lists the accepted values of one attribute.
struct ListClause {
    attribute: &'static str,
    /// What an explicitly empty attribute counts as.
    empty_means: Option<&'static str>,
    /// The list's name in the document.
    member: &'static str,
}

/// Objects older than the attribute have no user type; all of them are members (Graph).
const USER_TYPE: ListClause =
    ListClause { attribute: "userType", empty_means: Some("Member"), member: "userTypes" };

const DEPARTMENT: ListClause =
    ListClause { attribute: "department", empty_means: None, member: "departments" };

const OFFICE_LOCATION: ListClause =
    ListClause { attribute: "officeLocation", empty_means: None, member: "officeLocations" };

impl ListClause {
    fn ask(&self, user: &DirectoryUser, listed: Option<&[String]>) -> Answer {
        let Some(listed) = listed else { return Answer::Accepts(Accepted::Everybody) };
        let Self { attribute, empty_means, member } = *self;
        let value = match told(user, attribute) {
            Err(absent) => return Answer::NotTold(absent.to_owned()),
            Ok(value) => value.or(empty_means),
        };
        match value {
            Some(value) if listed.iter().any(|one| *one == folded(value)) => {
                Answer::Accepts(Accepted::Listed)
            }
            Some(value) => {
                let value = value.trim();
                Answer::Refuses(format!("the {attribute} `{value}` is not in scope.{member}"))
            }
            None => Answer::Refuses(format!(
                "the user has no {attribute}, and scope.{member} is a list"
            )),
        }
    }
}
