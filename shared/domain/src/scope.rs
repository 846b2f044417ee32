//! Scope: whether a directory user is meant, and by which clause not.
//!
//! Every clause must accept a user; within a clause one match is enough; texts compare without
//! case. `"all"` accepts everybody, also who has no value; a list accepts only its values.

mod compile;

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

use crate::directory::{DirectoryUser, SourceValue};
use crate::email;
use crate::id::ObjectId;
use crate::settings::DisabledAccounts;

/// A compiled scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRule {
    ignored_users: BTreeSet<u128>,
    ignores_groups: bool,
    by_group: bool,
    user_types: Option<Vec<String>>,
    departments: Option<Vec<String>>,
    office_locations: Option<Vec<String>>,
    domains: Option<Vec<String>>,
    disabled_accounts: DisabledAccounts,
}

/// Who belongs to the groups that a scope names, nested groups resolved by whoever read them.
/// Object ids as 128 bits: 16 bytes a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memberships {
    in_scope: Vec<u128>,
    ignored: Vec<u128>,
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
        absent: &'static str,
    },
}

/// The clauses, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clause {
    /// `ignoredUsers`.
    IgnoredUser,
    /// `ignoredGroups`.
    IgnoredGroup,
    /// `disabledAccounts: exclude`.
    DisabledAccount,
    /// `groups`.
    Groups,
    /// `userTypes`.
    UserTypes,
    /// `departments`.
    Departments,
    /// `officeLocations`.
    OfficeLocations,
    /// `domains`.
    Domains,
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
    /// Which removal policy the clause leads to.
    pub fn cause(self) -> LeaveCause {
        match self {
            Self::DisabledAccount => LeaveCause::Disabled,
            Self::Groups => LeaveCause::LeftGroup,
            Self::IgnoredUser
            | Self::IgnoredGroup
            | Self::UserTypes
            | Self::Departments
            | Self::OfficeLocations
            | Self::Domains => LeaveCause::OutOfScope,
        }
    }
}

impl Memberships {
    /// Members of any of the scope's groups, and of any of the ignored groups.
    pub fn new(
        in_scope: impl IntoIterator<Item = u128>,
        ignored: impl IntoIterator<Item = u128>,
    ) -> Self {
        Self { in_scope: sorted(in_scope), ignored: sorted(ignored) }
    }
}

fn sorted(members: impl IntoIterator<Item = u128>) -> Vec<u128> {
    let mut members: Vec<u128> = members.into_iter().collect();
    members.sort_unstable();
    members.dedup();
    members
}

impl ScopeRule {
    /// Whether the scope means this user. A clause that surely refuses decides even when another
    /// one's attribute is unknown: both must accept.
    pub fn decide(&self, user: &DirectoryUser, memberships: &Memberships) -> ScopeDecision {
        let mut unknown = None;
        let mut inactive = false;
        let answers = [
            self.by_identity(&user.id, memberships),
            self.by_account_enabled(user, &mut inactive),
            self.by_group(&user.id, memberships),
            USER_TYPE.ask(user, self.user_types.as_deref()),
            DEPARTMENT.ask(user, self.departments.as_deref()),
            OFFICE_LOCATION.ask(user, self.office_locations.as_deref()),
            self.by_domain(user),
        ];
        for answer in answers {
            match answer {
                Answer::Accepts => {}
                Answer::Refuses(clause, because) => return ScopeDecision::Out { clause, because },
                Answer::NotTold(attribute) => unknown = unknown.or(Some(attribute)),
            }
        }
        unknown.map_or(ScopeDecision::In { inactive }, |absent| ScopeDecision::Unknown { absent })
    }

    /// The selectable attributes that decide.
    pub fn needed_attributes(&self) -> BTreeSet<&'static str> {
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
        .collect()
    }

    /// Whether only members of named groups are meant, so that their members must be known.
    pub fn is_by_group(&self) -> bool {
        self.by_group
    }

    /// Whether memberships decide at all: the scope's groups or ignored ones.
    pub fn needs_memberships(&self) -> bool {
        self.by_group || self.ignores_groups
    }

    fn by_identity(&self, user: &ObjectId, memberships: &Memberships) -> Answer {
        let bits = user.as_u128();
        if self.ignored_users.contains(&bits) {
            let because = "the user is on the ignore list (scope.ignoredUsers)";
            return Answer::Refuses(Clause::IgnoredUser, because.to_owned());
        }
        if self.ignores_groups && memberships.ignored.binary_search(&bits).is_ok() {
            let because = "the user is a member of an ignored group (scope.ignoredGroups)";
            return Answer::Refuses(Clause::IgnoredGroup, because.to_owned());
        }
        Answer::Accepts
    }

    /// An account of which Entra says neither counts as enabled: nothing is taken away without
    /// evidence.
    fn by_account_enabled(&self, user: &DirectoryUser, inactive: &mut bool) -> Answer {
        if self.disabled_accounts == DisabledAccounts::Include {
            return Answer::Accepts;
        }
        if user.attribute("accountEnabled") == SourceValue::Absent {
            return Answer::NotTold("accountEnabled");
        }
        if user.account_enabled() != Some(false) {
            return Answer::Accepts;
        }
        if self.disabled_accounts == DisabledAccounts::IncludeAsInactive {
            *inactive = true;
            return Answer::Accepts;
        }
        let because = "the account's sign-in is blocked (scope.disabledAccounts is exclude)";
        Answer::Refuses(Clause::DisabledAccount, because.to_owned())
    }

    fn by_group(&self, user: &ObjectId, memberships: &Memberships) -> Answer {
        if !self.by_group || memberships.in_scope.binary_search(&user.as_u128()).is_ok() {
            return Answer::Accepts;
        }
        let because = "the user is a member of none of the groups in scope.groups";
        Answer::Refuses(Clause::Groups, because.to_owned())
    }

    /// The domain of the e-mail, or of the UPN where there is none, a guest's decoded.
    fn by_domain(&self, user: &DirectoryUser) -> Answer {
        let Some(listed) = &self.domains else { return Answer::Accepts };
        let address = match told(user, "mail") {
            Err(absent) => return Answer::NotTold(absent),
            Ok(Some(mail)) => Some(mail),
            Ok(None) => match told(user, "userPrincipalName") {
                Err(absent) => return Answer::NotTold(absent),
                Ok(upn) => upn,
            },
        };
        match address.and_then(email::domain) {
            Some(domain) if listed.contains(&domain) => Answer::Accepts,
            Some(domain) => Answer::Refuses(
                Clause::Domains,
                format!("the domain `{domain}` is not in scope.domains"),
            ),
            None => Answer::Refuses(
                Clause::Domains,
                "the user has no e-mail domain, and scope.domains is a list".to_owned(),
            ),
        }
    }
}

enum Answer {
    Accepts,
    Refuses(Clause, String),
    NotTold(&'static str),
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
    clause: Clause,
    attribute: &'static str,
    /// What an explicitly empty attribute counts as.
    empty_means: Option<&'static str>,
    /// The list's name in the document.
    member: &'static str,
}

/// Objects older than the attribute have no user type; all of them are members (Graph).
const USER_TYPE: ListClause = ListClause {
    clause: Clause::UserTypes,
    attribute: "userType",
    empty_means: Some("Member"),
    member: "userTypes",
};

const DEPARTMENT: ListClause = ListClause {
    clause: Clause::Departments,
    attribute: "department",
    empty_means: None,
    member: "departments",
};

const OFFICE_LOCATION: ListClause = ListClause {
    clause: Clause::OfficeLocations,
    attribute: "officeLocation",
    empty_means: None,
    member: "officeLocations",
};

impl ListClause {
    fn ask(&self, user: &DirectoryUser, listed: Option<&[String]>) -> Answer {
        let Some(listed) = listed else { return Answer::Accepts };
        let Self { clause, attribute, empty_means, member } = *self;
        let value = match told(user, attribute) {
            Err(absent) => return Answer::NotTold(absent),
            Ok(value) => value.or(empty_means),
        };
        match value {
            Some(value) if listed.contains(&folded(value)) => Answer::Accepts,
            Some(value) => {
                let value = value.trim();
                let because = format!("the {attribute} `{value}` is not in scope.{member}");
                Answer::Refuses(clause, because)
            }
            None => {
                let because = format!("the user has no {attribute}, and scope.{member} is a list");
                Answer::Refuses(clause, because)
            }
        }
    }
}

/// The form in which texts compare: trimmed, NFC, lower case.
fn folded(text: &str) -> String {
    text.trim().nfc().collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests;
