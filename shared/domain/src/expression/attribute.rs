//! The attributes that an expression can name: what Graph tells of a user and reports when it
//! changes.

use std::borrow::Cow;
use std::fmt;

use super::ValueType::{self, Boolean, DateTime, List, Reference, Text};
use super::error::ExpressionProblem;
use crate::suggestion;

/// A readable attribute: a root of `$select`, or a member of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    path: Cow<'static, str>,
    kind: ValueType,
}

const EXTENSIONS: &str = "onPremisesExtensionAttributes";

/// All attributes with a fixed name, each with what its values are.
const OFFERED: &[(&str, ValueType)] = &[
    ("id", Text),
    ("userPrincipalName", Text),
    ("mail", Text),
    ("mailNickname", Text),
    ("otherMails", List),
    ("proxyAddresses", List),
    ("displayName", Text),
    ("givenName", Text),
    ("surname", Text),
    ("jobTitle", Text),
    ("department", Text),
    ("companyName", Text),
    ("officeLocation", Text),
    ("businessPhones", List),
    ("mobilePhone", Text),
    ("faxNumber", Text),
    ("streetAddress", Text),
    ("city", Text),
    ("state", Text),
    ("postalCode", Text),
    ("country", Text),
    ("usageLocation", Text),
    ("preferredLanguage", Text),
    ("employeeId", Text),
    ("employeeType", Text),
    ("employeeHireDate", DateTime),
    ("employeeOrgData.division", Text),
    ("employeeOrgData.costCenter", Text),
    ("userType", Text),
    ("accountEnabled", Boolean),
    ("createdDateTime", DateTime),
    ("externalUserState", Text),
    ("onPremisesSyncEnabled", Boolean),
    ("onPremisesImmutableId", Text),
    ("onPremisesSamAccountName", Text),
    ("onPremisesDistinguishedName", Text),
    ("onPremisesDomainName", Text),
    ("onPremisesUserPrincipalName", Text),
    ("onPremisesSecurityIdentifier", Text),
    ("manager", Reference),
    ("onPremisesExtensionAttributes.extensionAttribute1", Text),
    ("onPremisesExtensionAttributes.extensionAttribute2", Text),
    ("onPremisesExtensionAttributes.extensionAttribute3", Text),
    ("onPremisesExtensionAttributes.extensionAttribute4", Text),
    ("onPremisesExtensionAttributes.extensionAttribute5", Text),
    ("onPremisesExtensionAttributes.extensionAttribute6", Text),
    ("onPremisesExtensionAttributes.extensionAttribute7", Text),
    ("onPremisesExtensionAttributes.extensionAttribute8", Text),
    ("onPremisesExtensionAttributes.extensionAttribute9", Text),
    ("onPremisesExtensionAttributes.extensionAttribute10", Text),
    ("onPremisesExtensionAttributes.extensionAttribute11", Text),
    ("onPremisesExtensionAttributes.extensionAttribute12", Text),
    ("onPremisesExtensionAttributes.extensionAttribute13", Text),
    ("onPremisesExtensionAttributes.extensionAttribute14", Text),
    ("onPremisesExtensionAttributes.extensionAttribute15", Text),
];

/// What Graph has besides and no expression can read, in groups, each with the reason.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &[
            "aboutMe",
            "birthday",
            "hireDate",
            "interests",
            "mySite",
            "pastProjects",
            "preferredName",
            "responsibilities",
            "schools",
            "skills",
        ],
        "it is kept in SharePoint, and Graph tells it one user at a time only, never with changes",
    ),
    (
        &["signInActivity", "mailboxSettings", "photo"],
        "Graph refuses it where changes are followed (users/delta)",
    ),
    (
        &["onPremisesLastSyncDateTime"],
        "it changes with every synchronisation on premises, so everybody would change each time",
    ),
    (&["lastPasswordChangeDateTime", "signInSessionsValidFromDateTime"], "it is no contact data"),
    (
        &["employeeLeaveDateTime"],
        "Graph leaves it empty without the permission User-LifeCycleInfo.Read.All, which is not asked for",
    ),
    (
        &["customSecurityAttributes"],
        "it needs the permission CustomSecAttributeAssignment.Read.All, which is not asked for",
    ),
    (&["deletedDateTime"], "only deleted users have it"),
    (
        &["assignedLicenses", "assignedPlans", "licenseAssignmentStates", "provisionedPlans"],
        "it is a list of records, not of texts",
    ),
    (
        &["identities"],
        "it is a list of records, not of texts; names to sign in with are in `[userPrincipalName]`, `[mail]` and `[otherMails]`",
    ),
    (
        &[
            "ageGroup",
            "consentProvidedForMinor",
            "creationType",
            "externalUserStateChangeDateTime",
            "imAddresses",
            "isResourceAccount",
            "legalAgeGroupClassification",
            "passwordPolicies",
            "preferredDataLocation",
            "securityIdentifier",
            "showInAddressList",
        ],
        "Graph does not promise to report its changes",
    ),
];

/// Attributes that stand for several, each with one of those.
const GROUPS: &[(&str, &str)] =
    &[("employeeOrgData", "employeeOrgData.division"), (EXTENSIONS, "extensionAttribute1")];

impl Attribute {
    /// Finds an attribute by its name in Graph; `extensionAttribute1` stands for
    /// `onPremisesExtensionAttributes.extensionAttribute1`.
    pub(crate) fn parse(name: &str) -> Result<Self, ExpressionProblem> {
        let found = OFFERED.iter().find(|(path, _)| *path == name || short(path) == name);
        if let Some((path, kind)) = found {
            return Ok(Self { path: Cow::Borrowed(path), kind: *kind });
        }
        if let Some((group, example)) = GROUPS.iter().find(|(group, _)| *group == name) {
            return Err(ExpressionProblem::NotOneAttribute { name: group, example });
        }
        if let Some((_, because)) = REFUSED.iter().find(|(names, _)| names.contains(&name)) {
            return Err(ExpressionProblem::RefusedAttribute { name: name.to_owned(), because });
        }
        if name.starts_with("extension_") {
            return directory_extension(name);
        }
        let hint = suggestion::hint(name, OFFERED.iter().map(|(path, _)| short(path)));
        Err(ExpressionProblem::UnknownAttribute { name: name.to_owned(), hint })
    }

    /// The dotted path in Graph's answer.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The name in `$select`.
    pub(crate) fn root(&self) -> &str {
        self.path.split_once('.').map_or(&*self.path, |(root, _)| root)
    }

    /// What its values are.
    pub(crate) fn kind(&self) -> ValueType {
        self.kind
    }

    /// Whether it is the object id, which every answer holds.
    pub(crate) fn is_id(&self) -> bool {
        self.path == "id"
    }

    /// Every attribute with a fixed name.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        OFFERED.iter().filter_map(|(path, _)| Self::parse(path).ok()).collect()
    }
}

/// `extension_`, the id of the application that registered it without dashes, `_` and a name.
fn directory_extension(name: &str) -> Result<Attribute, ExpressionProblem> {
    let parts = name.strip_prefix("extension_").and_then(|rest| rest.split_once('_'));
    let is_one = parts.is_some_and(|(application, own)| {
        application.len() == 32
            && application.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !own.is_empty()
            && own.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    if is_one {
        Ok(Attribute { path: Cow::Owned(name.to_owned()), kind: Text })
    } else {
        Err(ExpressionProblem::NoExtension { name: name.to_owned() })
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(short(&self.path))
    }
}

/// The name people use: the long prefix of the extension attributes is left out.
fn short(path: &str) -> &str {
    match path.split_once('.') {
        Some((EXTENSIONS, member)) => member,
        Some(_) | None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::USER_SELECT;

    #[test]
    fn everything_that_is_read_can_be_named() {
        for root in USER_SELECT {
            let one = GROUPS.iter().find(|(group, _)| group == root);
            let name = one.map_or(*root, |(_, example)| example);
            assert_eq!(Attribute::parse(name).unwrap().root(), *root);
        }
    }

    #[test]
    fn an_attribute_is_printed_as_it_is_read() {
        for attribute in Attribute::all() {
            assert_eq!(Attribute::parse(&attribute.to_string()), Ok(attribute));
        }
    }

    #[test]
    fn a_directory_extension_is_named_as_graph_names_it() {
        let name = "extension_0123456789abcdef0123456789abcdef_costCode";
        let attribute = Attribute::parse(name).unwrap();
        assert_eq!((attribute.root(), attribute.path()), (name, name));
        for wrong in ["extension_x_y", "extension_0123456789abcdef0123456789abcdef_", "extension_"]
        {
            assert!(
                matches!(Attribute::parse(wrong), Err(ExpressionProblem::NoExtension { .. })),
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_cannot_be_followed_says_why() {
        for (names, because) in REFUSED {
            for name in *names {
                let problem = Attribute::parse(name).unwrap_err().to_string();
                assert!(problem.contains(name) && problem.contains(because), "{problem}");
            }
        }
    }
}
