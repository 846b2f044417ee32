//! Which application roles a call needs.

use super::errors::GraphError;
use super::token::AccessClaims;

/// Read people fully.
pub(super) const USERS: &[&str] = &["User.Read.All", "Directory.Read.All"];
/// List and get people, basic properties only.
pub(super) const USERS_BASIC: &[&str] =
    &["User.Read.All", "Directory.Read.All", "User.ReadBasic.All"];
/// Read groups.
pub(super) const GROUPS: &[&str] =
    &["Group.ReadBasic.All", "GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"];
/// Read members.
pub(super) const MEMBERS: &[&str] =
    &["GroupMember.ReadBasic.All", "GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"];
/// Read members of groups that hide them.
pub(super) const HIDDEN_MEMBERS: &[&str] = &["Member.Read.Hidden"];
/// Subscribe to groups.
pub(super) const GROUPS_FULL: &[&str] = &["Group.Read.All", "Directory.Read.All"];
/// Read administrative units and who is in them.
pub(super) const UNITS: &[&str] = &["AdministrativeUnit.Read.All", "Directory.Read.All"];
/// Read devices.
pub(super) const DEVICES: &[&str] = &["Device.Read.All", "Directory.Read.All"];
/// Read mail contacts.
pub(super) const CONTACTS: &[&str] = &["OrgContact.Read.All", "Directory.Read.All"];
/// Read service principals.
pub(super) const APPLICATIONS: &[&str] = &["Application.Read.All", "Directory.Read.All"];
/// Read directory roles.
pub(super) const ROLES: &[&str] = &["RoleManagement.Read.Directory", "Directory.Read.All"];
/// List what a person is directly in.
pub(super) const MEMBER_OF: &[&str] = &["Directory.Read.All", "Group.ReadBasic.All"];
/// Read the organisation.
pub(super) const ORGANIZATION: &[&str] =
    &["Organization.Read.All", "User.Read.All", "Directory.Read.All"];
/// Read everything of the organisation.
pub(super) const FULL_ORGANIZATION: &[&str] = &["Organization.Read.All", "Directory.Read.All"];
/// Read sign-in activity.
pub(super) const AUDIT_LOG: &[&str] = &["AuditLog.Read.All"];
/// Read devices that Intune manages.
pub(super) const INTUNE: &[&str] = &["DeviceManagementManagedDevices.Read.All"];
/// Read the products of the tenant.
pub(super) const LICENCES: &[&str] =
    &["LicenseAssignment.Read.All", "Organization.Read.All", "Directory.Read.All"];
/// Read settings of mailboxes.
pub(super) const MAILBOX_SETTINGS: &[&str] = &["MailboxSettings.Read"];
/// Read calendars.
pub(super) const CALENDARS: &[&str] = &["Calendars.Read"];
/// Read photos.
pub(super) const PHOTOS: &[&str] =
    &["ProfilePhoto.Read.All", "User.Read.All", "User.ReadBasic.All", "Directory.Read.All"];
/// Read life-cycle dates.
const LIFE_CYCLE: &[&str] = &["User-LifeCycleInfo.Read.All"];
/// Read custom security attributes.
const SECURITY_ATTRIBUTES: &[&str] = &["CustomSecAttributeAssignment.Read.All"];

/// Whether a property of people needs no more than reading them; without its permission the
/// service returns it empty and says nothing.
pub(super) fn may_read_property(claims: &AccessClaims, name: &str) -> bool {
    match name {
        "employeeLeaveDateTime" => claims.has_any(LIFE_CYCLE),
        "mailboxSettings" => claims.has_any(MAILBOX_SETTINGS),
        "customSecurityAttributes" => claims.has_any(SECURITY_ATTRIBUTES),
        _ => true,
    }
}

/// 403 unless one of the roles was granted.
pub(super) fn require(claims: &AccessClaims, roles: &[&str]) -> Result<(), GraphError> {
    if claims.has_any(roles) { Ok(()) } else { Err(GraphError::denied()) }
}
