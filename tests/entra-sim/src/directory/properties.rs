//! The properties of users and groups: which come by default, which delta queries track.

use serde_json::Value;

/// Position of a property in its catalogue; directory extensions start at [`FIRST_EXTENSION`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PropertyId(pub(crate) u16);

/// Directory extensions of a tenant are numbered from here.
pub(crate) const FIRST_EXTENSION: u16 = 1_000;

/// The `id` property, first in both catalogues.
pub(crate) const ID: PropertyId = PropertyId(0);

/// The JSON form of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Flag,
    Instant,
    Number,
    List,
    Object,
}

/// What a delta query does with a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tracking {
    Tracked,
    /// Selecting it in a delta query is answered 400.
    Refused,
}

/// One property of a resource type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// Returned without `$select`.
    pub(crate) by_default: bool,
    pub(crate) tracking: Tracking,
    /// Readable with `User.ReadBasic.All`.
    pub(crate) basic: bool,
    /// Only served on a single object.
    pub(crate) single_only: bool,
}

pub(crate) const fn selected(name: &'static str, shape: Shape) -> Property {
    Property {
        name,
        shape,
        by_default: false,
        tracking: Tracking::Tracked,
        basic: false,
        single_only: false,
    }
}

pub(crate) const fn default(name: &'static str, shape: Shape) -> Property {
    Property { by_default: true, ..selected(name, shape) }
}

const fn basic(name: &'static str) -> Property {
    Property { basic: true, ..default(name, Shape::Text) }
}

const fn untracked(name: &'static str, shape: Shape) -> Property {
    Property { tracking: Tracking::Refused, ..selected(name, shape) }
}

const fn single(name: &'static str, shape: Shape) -> Property {
    Property { single_only: true, ..untracked(name, shape) }
}

/// `microsoft.graph.user`.
pub(crate) static USER: &[Property] = &[
    basic("id"),
    default("businessPhones", Shape::List),
    basic("displayName"),
    basic("givenName"),
    default("jobTitle", Shape::Text),
    basic("mail"),
    default("mobilePhone", Shape::Text),
    default("officeLocation", Shape::Text),
    default("preferredLanguage", Shape::Text),
    basic("surname"),
    basic("userPrincipalName"),
    selected("accountEnabled", Shape::Flag),
    selected("ageGroup", Shape::Text),
    selected("assignedLicenses", Shape::List),
    selected("assignedPlans", Shape::List),
    selected("city", Shape::Text),
    selected("companyName", Shape::Text),
    selected("consentProvidedForMinor", Shape::Text),
    selected("country", Shape::Text),
    selected("createdDateTime", Shape::Instant),
    selected("creationType", Shape::Text),
    selected("customSecurityAttributes", Shape::Object),
    selected("deletedDateTime", Shape::Instant),
    selected("department", Shape::Text),
    selected("employeeHireDate", Shape::Instant),
    selected("employeeId", Shape::Text),
    selected("employeeLeaveDateTime", Shape::Instant),
    selected("employeeOrgData", Shape::Object),
    selected("employeeType", Shape::Text),
    selected("externalUserState", Shape::Text),
    selected("externalUserStateChangeDateTime", Shape::Instant),
    selected("faxNumber", Shape::Text),
    selected("identities", Shape::List),
    selected("imAddresses", Shape::List),
    selected("isResourceAccount", Shape::Flag),
    selected("lastPasswordChangeDateTime", Shape::Instant),
    selected("legalAgeGroupClassification", Shape::Text),
    selected("licenseAssignmentStates", Shape::List),
    selected("mailNickname", Shape::Text),
    selected("onPremisesDistinguishedName", Shape::Text),
    selected("onPremisesDomainName", Shape::Text),
    selected("onPremisesExtensionAttributes", Shape::Object),
    selected("onPremisesImmutableId", Shape::Text),
    selected("onPremisesLastSyncDateTime", Shape::Instant),
    selected("onPremisesSamAccountName", Shape::Text),
    selected("onPremisesSecurityIdentifier", Shape::Text),
    selected("onPremisesSyncEnabled", Shape::Flag),
    selected("onPremisesUserPrincipalName", Shape::Text),
    selected("otherMails", Shape::List),
    selected("passwordPolicies", Shape::Text),
    selected("postalCode", Shape::Text),
    selected("preferredDataLocation", Shape::Text),
    selected("provisionedPlans", Shape::List),
    selected("proxyAddresses", Shape::List),
    selected("securityIdentifier", Shape::Text),
    selected("showInAddressList", Shape::Flag),
    selected("signInSessionsValidFromDateTime", Shape::Instant),
    selected("state", Shape::Text),
    selected("streetAddress", Shape::Text),
    selected("usageLocation", Shape::Text),
    selected("userType", Shape::Text),
    untracked("signInActivity", Shape::Object),
    single("aboutMe", Shape::Text),
    single("birthday", Shape::Instant),
    single("hireDate", Shape::Instant),
    single("interests", Shape::List),
    single("mySite", Shape::Text),
    single("pastProjects", Shape::List),
    single("preferredName", Shape::Text),
    single("responsibilities", Shape::List),
    single("schools", Shape::List),
    single("skills", Shape::List),
    single("mailboxSettings", Shape::Object),
];

/// `microsoft.graph.group`.
pub(crate) static GROUP: &[Property] = &[
    default("id", Shape::Text),
    default("deletedDateTime", Shape::Instant),
    default("classification", Shape::Text),
    default("createdDateTime", Shape::Instant),
    default("description", Shape::Text),
    default("displayName", Shape::Text),
    default("expirationDateTime", Shape::Instant),
    default("groupTypes", Shape::List),
    default("isAssignableToRole", Shape::Flag),
    default("mail", Shape::Text),
    default("mailEnabled", Shape::Flag),
    default("mailNickname", Shape::Text),
    default("membershipRule", Shape::Text),
    default("membershipRuleProcessingState", Shape::Text),
    default("onPremisesLastSyncDateTime", Shape::Instant),
    default("onPremisesSecurityIdentifier", Shape::Text),
    default("onPremisesSyncEnabled", Shape::Flag),
    default("preferredDataLocation", Shape::Text),
    default("preferredLanguage", Shape::Text),
    default("proxyAddresses", Shape::List),
    default("renewedDateTime", Shape::Instant),
    default("securityEnabled", Shape::Flag),
    default("securityIdentifier", Shape::Text),
    default("theme", Shape::Text),
    default("visibility", Shape::Text),
];

/// The catalogue of a resource type with its directory extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Catalogue<'a> {
    /// `user` or `group`.
    pub(crate) type_name: &'static str,
    pub(crate) properties: &'static [Property],
    pub(crate) extensions: &'a [String],
}

impl<'a> Catalogue<'a> {
    pub(crate) fn users(extensions: &'a [String]) -> Self {
        Self { type_name: "user", properties: USER, extensions }
    }

    pub(crate) fn groups() -> Self {
        Self { type_name: "group", properties: GROUP, extensions: &[] }
    }

    /// Finds a property by its exact name.
    pub(crate) fn find(&self, name: &str) -> Option<PropertyId> {
        let listed = self.properties.iter().position(|property| property.name == name);
        let position = listed.or_else(|| {
            let extension = self.extensions.iter().position(|extension| extension == name)?;
            Some(extension + usize::from(FIRST_EXTENSION))
        })?;
        u16::try_from(position).ok().map(PropertyId)
    }

    /// The catalogue entry; `None` for a directory extension.
    pub(crate) fn property(&self, id: PropertyId) -> Option<&'static Property> {
        self.properties.get(usize::from(id.0))
    }

    pub(crate) fn name(&self, id: PropertyId) -> &'a str {
        match self.property(id) {
            Some(property) => property.name,
            None => self
                .extensions
                .get(usize::from(id.0.saturating_sub(FIRST_EXTENSION)))
                .map_or("", String::as_str),
        }
    }

    pub(crate) fn shape(&self, id: PropertyId) -> Shape {
        self.property(id).map_or(Shape::Text, |property| property.shape)
    }

    pub(crate) fn defaults(&self) -> Vec<PropertyId> {
        self.ids().filter(|id| self.property(*id).is_some_and(|p| p.by_default)).collect()
    }

    fn ids(&self) -> impl Iterator<Item = PropertyId> {
        (0..self.properties.len()).filter_map(|index| u16::try_from(index).ok().map(PropertyId))
    }

    /// Refuses values of the wrong JSON form, as a write to Graph would.
    pub(crate) fn accepts(&self, id: PropertyId, value: &Value) -> bool {
        match (self.shape(id), value) {
            (Shape::List, Value::Null) => false,
            (_, Value::Null)
            | (Shape::List, Value::Array(_))
            | (Shape::Object, Value::Object(_)) => true,
            (Shape::Text, Value::String(_))
            | (Shape::Flag, Value::Bool(_))
            | (Shape::Number, Value::Number(_)) => true,
            (Shape::Instant, Value::String(text)) => text.parse::<jiff::Timestamp>().is_ok(),
            _ => false,
        }
    }
}

/// Whether an id names a directory extension.
pub(crate) fn is_extension(id: PropertyId) -> bool {
    id.0 >= FIRST_EXTENSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_exactly_the_documented_default_properties() {
        let catalogue = Catalogue::users(&[]);
        let mut names: Vec<_> =
            catalogue.defaults().into_iter().map(|id| catalogue.name(id)).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "businessPhones",
                "displayName",
                "givenName",
                "id",
                "jobTitle",
                "mail",
                "mobilePhone",
                "officeLocation",
                "preferredLanguage",
                "surname",
                "userPrincipalName",
            ]
        );
    }

    #[test]
    fn extensions_are_found_by_name() {
        let extensions = vec!["extension_ab_costCenter".to_owned()];
        let catalogue = Catalogue::users(&extensions);
        let id = catalogue.find("extension_ab_costCenter").expect("registered");
        assert!(is_extension(id));
        assert_eq!(catalogue.name(id), "extension_ab_costCenter");
        assert_eq!(catalogue.find("displayNam"), None);
    }
}
