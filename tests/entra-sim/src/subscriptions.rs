//! Subscriptions to change notifications: their rules and what they match.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::shifted;
use crate::directory::commands::Touched;
use crate::directory::members::MemberKind;

/// Graph lets a user or group subscription live 41,760 minutes.
pub(crate) const LONGEST_MINUTES: i64 = 41_760;
/// Shorter requests are raised to 45 minutes.
pub(crate) const SHORTEST_MINUTES: i64 = 45;
/// Longest `clientState` at creation.
pub(crate) const LONGEST_CLIENT_STATE: usize = 128;

/// One subscription of an app in a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Subscription id.
    pub id: Uuid,
    /// Tenant whose directory it watches.
    pub tenant: Uuid,
    /// Client id of the subscriber.
    pub app: Uuid,
    /// Service principal that created it.
    pub creator: Uuid,
    /// As given, without a leading slash.
    pub resource: String,
    /// As given, `updated`, `deleted` or both.
    pub change_type: String,
    /// Where notifications go.
    pub notification_url: String,
    /// Where lifecycle notifications go.
    pub lifecycle_notification_url: Option<String>,
    /// The subscriber's secret.
    pub client_state: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was created or last renewed.
    pub renewed_at: Timestamp,
    /// `v1_2` unless asked otherwise.
    pub latest_supported_tls_version: String,
    /// Deliveries wait while this is false.
    pub authorized: bool,
    /// Whether `reauthorizationRequired` was sent for this stretch of its life.
    pub reauthorization_sent: bool,
}

/// What a subscription watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watched {
    Users,
    User(Uuid),
    Groups,
    Group(Uuid),
    GroupMembers(Uuid),
}

impl Watched {
    /// Reads a resource path; `None` for anything but users and groups.
    pub(crate) fn parse(resource: &str) -> Option<Self> {
        let parts: Vec<&str> = resource.trim_matches('/').split('/').collect();
        let id = |text: &str| Uuid::try_parse(text).ok();
        match parts.as_slice() {
            [users] if users.eq_ignore_ascii_case("users") => Some(Self::Users),
            [users, user] if users.eq_ignore_ascii_case("users") => id(user).map(Self::User),
            [groups] if groups.eq_ignore_ascii_case("groups") => Some(Self::Groups),
            [groups, group] if groups.eq_ignore_ascii_case("groups") => id(group).map(Self::Group),
            [groups, group, "members" | "owners"] if groups.eq_ignore_ascii_case("groups") => {
                id(group).map(Self::GroupMembers)
            }
            _ => None,
        }
    }

    /// Whether it is about people rather than groups.
    pub(crate) fn is_about_users(self) -> bool {
        matches!(self, Self::Users | Self::User(_))
    }

    fn covers(self, touched: &Touched) -> bool {
        match self {
            Self::Users => touched.kind == MemberKind::User,
            Self::User(id) => touched.kind == MemberKind::User && touched.id == id,
            Self::Groups => touched.kind == MemberKind::Group,
            Self::Group(id) => touched.kind == MemberKind::Group && touched.id == id,
            Self::GroupMembers(id) => {
                touched.kind == MemberKind::Group && touched.id == id && touched.member.is_some()
            }
        }
    }
}

/// Whether a `changeType` list holds only what users and groups support.
pub(crate) fn is_valid_change_type(list: &str) -> bool {
    !list.trim().is_empty()
        && list.split(',').all(|kind| matches!(kind.trim(), "updated" | "deleted"))
}

/// Two lists that mean the same compare equal.
pub(crate) fn normalised_change_type(list: &str) -> String {
    let mut kinds: Vec<&str> = list.split(',').map(str::trim).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.join(",")
}

/// The end a request leads to: at least 45 minutes away; `None` beyond 41,760 minutes.
pub(crate) fn granted_expiry(asked: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let minutes = |count| SignedDuration::from_mins(count);
    // A minute of grace for clocks and transport, as the service shows.
    if asked > shifted(now, minutes(LONGEST_MINUTES + 1)) {
        return None;
    }
    Some(asked.max(shifted(now, minutes(SHORTEST_MINUTES))))
}

impl Subscription {
    /// The `changeType` by which a change is told; `None` if it is not.
    pub(crate) fn tells(&self, touched: &Touched) -> Option<&'static str> {
        let kind = if touched.purged { "deleted" } else { "updated" };
        let wanted = self.change_type.split(',').any(|listed| listed.trim() == kind);
        let watched = Watched::parse(&self.resource)?;
        (wanted && watched.covers(touched)).then_some(kind)
    }

    /// Whether another subscription of the same app and tenant asks for the same.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        self.tenant == other.tenant
            && self.app == other.app
            && self.resource.eq_ignore_ascii_case(&other.resource)
            && normalised_change_type(&self.change_type)
                == normalised_change_type(&other.change_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_has_a_floor_and_a_ceiling() {
        let now = Timestamp::UNIX_EPOCH;
        let in_minutes = |count| shifted(now, SignedDuration::from_mins(count));
        let cases = [
            (10, Some(45)),
            (60, Some(60)),
            (LONGEST_MINUTES, Some(LONGEST_MINUTES)),
            (LONGEST_MINUTES + 5, None),
        ];
        for (asked, granted) in cases {
            assert_eq!(granted_expiry(in_minutes(asked), now), granted.map(in_minutes), "{asked}");
        }
    }

    #[test]
    fn only_updated_and_deleted_exist_for_directory_objects() {
        assert!(is_valid_change_type("updated,deleted"));
        assert!(!is_valid_change_type("created,updated"));
        assert!(!is_valid_change_type(""));
        assert_eq!(normalised_change_type("updated, deleted"), "deleted,updated");
    }
}
