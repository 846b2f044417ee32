//! Group membership.

use serde::{Deserialize, Serialize};

use super::object::ChangeNumber;

/// The types a group member can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum MemberKind {
    /// A person.
    User,
    /// A nested group.
    Group,
    /// A device.
    Device,
    /// An application's service principal.
    ServicePrincipal,
    /// A mail contact of the organisation.
    OrgContact,
}

impl MemberKind {
    /// The value of `@odata.type`.
    pub(crate) fn odata_type(self) -> &'static str {
        match self {
            Self::User => "#microsoft.graph.user",
            Self::Group => "#microsoft.graph.group",
            Self::Device => "#microsoft.graph.device",
            Self::ServicePrincipal => "#microsoft.graph.servicePrincipal",
            Self::OrgContact => "#microsoft.graph.orgContact",
        }
    }

    /// The type a path segment like `microsoft.graph.user` casts to.
    pub(crate) fn from_cast(segment: &str) -> Option<Self> {
        [Self::User, Self::Group, Self::Device, Self::ServicePrincipal, Self::OrgContact]
            .into_iter()
            .find(|kind| kind.odata_type().trim_start_matches('#') == segment)
    }

    /// The name used by `types` of `getByIds`.
    pub(crate) fn type_name(self) -> &'static str {
        self.odata_type().trim_start_matches("#microsoft.graph.")
    }
}

/// One member of a group, present or former.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Membership {
    pub(crate) kind: MemberKind,
    pub(crate) present: bool,
    pub(crate) changed: ChangeNumber,
}
