//! Who calls, and what that allows.

use std::fmt;

use contact_sync_domain::actor::Actor;
use contact_sync_domain::id::AccountId;

use super::AdminError;

/// What a caller may do; each role may also do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Read.
    Viewer,
    /// Change contacts, start and pause syncs, hand out consent links.
    Operator,
    /// Decide what waits for review.
    Approver,
    /// Change settings and accounts, enable, disconnect, delete.
    Admin,
}

impl Role {
    /// Reads the word of the `role` claim.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "viewer" => Some(Self::Viewer),
            "operator" => Some(Self::Operator),
            "approver" => Some(Self::Approver),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Admin => "admin",
        })
    }
}

/// Who calls, as a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The one account the caller is bound to; `None` for whoever operates the installation.
    pub account: Option<AccountId>,
    /// What the caller may do.
    pub role: Role,
    /// The token's `sub`, for the history of settings.
    pub subject: Option<String>,
    /// The token's `name`: what people call who calls.
    pub name: Option<String>,
}

impl Caller {
    /// Who calls without a token: what only needs no role is open to it.
    pub fn nobody() -> Self {
        Self { account: None, role: Role::Viewer, subject: None, name: None }
    }

    /// Who this is, for the record.
    pub fn actor(&self) -> Actor {
        let (subject, name) = (self.subject.clone(), self.name.clone());
        Actor { subject, name, role: self.role.to_string() }
    }

    /// Refuses an account that is not the caller's as if it did not exist, then a role that is too
    /// small.
    pub fn may(&self, needed: Role, account: &AccountId) -> Result<(), AdminError> {
        if self.account.as_ref().is_some_and(|own| own != account) {
            return Err(AdminError::NotFound("account"));
        }
        self.has(needed)
    }

    /// Refuses a role that is too small.
    pub fn has(&self, needed: Role) -> Result<(), AdminError> {
        if self.role >= needed { Ok(()) } else { Err(AdminError::RoleTooSmall { needed }) }
    }

    /// Refuses callers that are bound to an account.
    pub fn is_operator_of_all(&self) -> Result<(), AdminError> {
        if self.account.is_none() { Ok(()) } else { Err(AdminError::OperatorsOnly) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_account_does_not_exist_whatever_the_role() {
        let caller = Caller { account: Some(AccountId::from_bits(1)), ..Caller::nobody() };
        let caller = Caller { role: Role::Admin, ..caller };
        assert!(matches!(
            caller.may(Role::Viewer, &AccountId::from_bits(2)),
            Err(AdminError::NotFound("account"))
        ));
        assert!(caller.may(Role::Admin, &AccountId::from_bits(1)).is_ok());
    }

    #[test]
    fn each_role_may_what_the_smaller_ones_may() {
        let words = ["viewer", "operator", "approver", "admin"];
        let roles = words.map(|word| Role::parse(word).unwrap());
        assert!(roles.is_sorted());
        assert_eq!(roles.map(|role| role.to_string()), words);
        assert_eq!(Role::parse("Admin"), None, "an unknown word gives nothing");
    }
}
