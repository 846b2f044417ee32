//! The attributes that an expression can name.

use std::fmt;

use super::ExpressionProblem;
use crate::directory::USER_SELECT;
use crate::suggestion;

/// A readable attribute: a root of `$select`, or a member of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attribute(&'static str);

const EXTENSIONS: &str = "onPremisesExtensionAttributes";

/// Members of the two attributes that are groups.
const MEMBERS: &[&str] = &[
    "employeeOrgData.division",
    "employeeOrgData.costCenter",
    "onPremisesExtensionAttributes.extensionAttribute1",
    "onPremisesExtensionAttributes.extensionAttribute2",
    "onPremisesExtensionAttributes.extensionAttribute3",
    "onPremisesExtensionAttributes.extensionAttribute4",
    "onPremisesExtensionAttributes.extensionAttribute5",
    "onPremisesExtensionAttributes.extensionAttribute6",
    "onPremisesExtensionAttributes.extensionAttribute7",
    "onPremisesExtensionAttributes.extensionAttribute8",
    "onPremisesExtensionAttributes.extensionAttribute9",
    "onPremisesExtensionAttributes.extensionAttribute10",
    "onPremisesExtensionAttributes.extensionAttribute11",
    "onPremisesExtensionAttributes.extensionAttribute12",
    "onPremisesExtensionAttributes.extensionAttribute13",
    "onPremisesExtensionAttributes.extensionAttribute14",
    "onPremisesExtensionAttributes.extensionAttribute15",
];

/// What Graph has besides, and this release does not read.
const NOT_READ: &[&str] = &[
    "aboutMe",
    "ageGroup",
    "assignedLicenses",
    "assignedPlans",
    "creationType",
    "customSecurityAttributes",
    "deletedDateTime",
    "employeeLeaveDateTime",
    "identities",
    "imAddresses",
    "isResourceAccount",
    "lastPasswordChangeDateTime",
    "mailNickname",
    "mailboxSettings",
    "manager",
    "onPremisesDistinguishedName",
    "onPremisesDomainName",
    "onPremisesImmutableId",
    "onPremisesLastSyncDateTime",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled",
    "onPremisesUserPrincipalName",
    "photo",
    "showInAddressList",
    "signInActivity",
];

impl Attribute {
    /// Finds an attribute by its name in Graph; `extensionAttribute1` stands for
    /// `onPremisesExtensionAttributes.extensionAttribute1`.
    pub(crate) fn parse(name: &str) -> Result<Self, ExpressionProblem> {
        let unknown = || ExpressionProblem::UnknownAttribute {
            name: name.to_owned(),
            hint: suggestion::hint(name, known_names()),
        };
        if let Some(group) = USER_SELECT.iter().find(|root| is_group(root) && **root == name) {
            let example = MEMBERS.iter().find(|member| member.starts_with(*group));
            let example = example.copied().unwrap_or_default();
            return Err(ExpressionProblem::NotOneAttribute { name: group, example });
        }
        if NOT_READ.contains(&name) || name.starts_with("extension_") {
            return Err(ExpressionProblem::NotAvailable { name: name.to_owned() });
        }
        let found = USER_SELECT.iter().chain(MEMBERS).find(|known| {
            **known == name || (known.starts_with(EXTENSIONS) && short(known) == name)
        });
        found.map(|path| Self(path)).ok_or_else(unknown)
    }

    /// The dotted path in Graph's answer.
    pub(crate) fn path(self) -> &'static str {
        self.0
    }

    /// The name in `$select`.
    pub(crate) fn root(self) -> &'static str {
        self.0.split_once('.').map_or(self.0, |(root, _)| root)
    }

    /// Whether it is the object id, which every answer holds.
    pub(crate) fn is_id(self) -> bool {
        self.0 == "id"
    }

    /// Every attribute that can stand alone, by the name people use.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        known_names().filter_map(|name| Self::parse(name).ok()).collect()
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(short(self.0))
    }
}

fn is_group(root: &str) -> bool {
    MEMBERS.iter().any(|member| member.split('.').next() == Some(root))
}

/// The name people use: the long prefix of the extension attributes is left out.
fn short(path: &'static str) -> &'static str {
    match path.split_once('.') {
        Some((EXTENSIONS, member)) => member,
        Some(_) | None => path,
    }
}

fn known_names() -> impl Iterator<Item = &'static str> {
    USER_SELECT.iter().filter(|root| !is_group(root)).chain(MEMBERS).map(|path| short(path))
}

/// Whether a bare word is an attribute that lacks its brackets.
pub(super) fn is_name(word: &str) -> bool {
    Attribute::parse(word).is_ok()
}
