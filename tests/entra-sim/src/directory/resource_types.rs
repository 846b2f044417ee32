//! The properties of devices, mail contacts, administrative units and report rows.

use super::properties::{Catalogue, Property, Shape, default, selected};

/// `microsoft.graph.device`.
static DEVICE: &[Property] = &[
    default("id", Shape::Text),
    default("deletedDateTime", Shape::Instant),
    default("accountEnabled", Shape::Flag),
    default("approximateLastSignInDateTime", Shape::Instant),
    default("complianceExpirationDateTime", Shape::Instant),
    default("deviceCategory", Shape::Text),
    default("deviceId", Shape::Text),
    default("deviceMetadata", Shape::Text),
    default("deviceOwnership", Shape::Text),
    default("deviceVersion", Shape::Number),
    default("displayName", Shape::Text),
    default("enrollmentProfileName", Shape::Text),
    default("isCompliant", Shape::Flag),
    default("isManaged", Shape::Flag),
    default("isRooted", Shape::Flag),
    default("manufacturer", Shape::Text),
    default("mdmAppId", Shape::Text),
    default("model", Shape::Text),
    default("onPremisesLastSyncDateTime", Shape::Instant),
    default("onPremisesSyncEnabled", Shape::Flag),
    default("operatingSystem", Shape::Text),
    default("operatingSystemVersion", Shape::Text),
    default("physicalIds", Shape::List),
    default("profileType", Shape::Text),
    default("registrationDateTime", Shape::Instant),
    default("systemLabels", Shape::List),
    default("trustType", Shape::Text),
];

/// `microsoft.graph.managedDevice`, as far as contacts of a person need it.
static MANAGED_DEVICE: &[Property] = &[
    default("id", Shape::Text),
    default("userId", Shape::Text),
    default("deviceName", Shape::Text),
    default("managedDeviceOwnerType", Shape::Text),
    default("enrolledDateTime", Shape::Instant),
    default("lastSyncDateTime", Shape::Instant),
    default("operatingSystem", Shape::Text),
    default("complianceState", Shape::Text),
    default("jailBroken", Shape::Text),
    default("managementAgent", Shape::Text),
    default("osVersion", Shape::Text),
    default("azureADRegistered", Shape::Flag),
    default("deviceEnrollmentType", Shape::Text),
    default("emailAddress", Shape::Text),
    default("azureADDeviceId", Shape::Text),
    default("deviceRegistrationState", Shape::Text),
    default("isEncrypted", Shape::Flag),
    default("userPrincipalName", Shape::Text),
    default("model", Shape::Text),
    default("manufacturer", Shape::Text),
    default("imei", Shape::Text),
    default("serialNumber", Shape::Text),
    default("userDisplayName", Shape::Text),
    default("wiFiMacAddress", Shape::Text),
    default("totalStorageSpaceInBytes", Shape::Number),
    default("freeStorageSpaceInBytes", Shape::Number),
    default("managedDeviceName", Shape::Text),
    default("ethernetMacAddress", Shape::Text),
    default("udid", Shape::Text),
    default("iccid", Shape::Text),
];

/// Properties of a managed device that lists leave `null`.
pub(crate) const ONLY_ON_SINGLE_DEVICES: [&str; 3] = ["ethernetMacAddress", "udid", "iccid"];

/// `microsoft.graph.orgContact`.
static ORG_CONTACT: &[Property] = &[
    default("id", Shape::Text),
    default("deletedDateTime", Shape::Instant),
    default("companyName", Shape::Text),
    default("department", Shape::Text),
    default("displayName", Shape::Text),
    default("givenName", Shape::Text),
    default("jobTitle", Shape::Text),
    default("mail", Shape::Text),
    default("mailNickname", Shape::Text),
    default("onPremisesLastSyncDateTime", Shape::Instant),
    default("onPremisesSyncEnabled", Shape::Flag),
    default("proxyAddresses", Shape::List),
    default("surname", Shape::Text),
    selected("addresses", Shape::List),
    selected("phones", Shape::List),
];

/// `microsoft.graph.administrativeUnit`.
static UNIT: &[Property] = &[
    default("id", Shape::Text),
    default("deletedDateTime", Shape::Instant),
    default("displayName", Shape::Text),
    default("description", Shape::Text),
    default("isMemberManagementRestricted", Shape::Flag),
    default("membershipRule", Shape::Text),
    default("membershipRuleProcessingState", Shape::Text),
    default("membershipType", Shape::Text),
    default("visibility", Shape::Text),
];

/// `microsoft.graph.userRegistrationDetails`.
static REGISTRATION: &[Property] = &[
    default("id", Shape::Text),
    default("userPrincipalName", Shape::Text),
    default("userDisplayName", Shape::Text),
    default("userType", Shape::Text),
    default("isAdmin", Shape::Flag),
    default("isSsprRegistered", Shape::Flag),
    default("isSsprEnabled", Shape::Flag),
    default("isSsprCapable", Shape::Flag),
    default("isMfaRegistered", Shape::Flag),
    default("isMfaCapable", Shape::Flag),
    default("isPasswordlessCapable", Shape::Flag),
    default("methodsRegistered", Shape::List),
    default("isSystemPreferredAuthenticationMethodEnabled", Shape::Flag),
    default("systemPreferredAuthenticationMethods", Shape::List),
    default("userPreferredMethodForSecondaryAuthentication", Shape::Text),
    default("lastUpdatedDateTime", Shape::Instant),
];

impl Catalogue<'_> {
    pub(crate) const fn devices() -> Self {
        Self { type_name: "device", properties: DEVICE, extensions: &[] }
    }

    pub(crate) const fn managed_devices() -> Self {
        Self { type_name: "managedDevice", properties: MANAGED_DEVICE, extensions: &[] }
    }

    pub(crate) const fn org_contacts() -> Self {
        Self { type_name: "orgContact", properties: ORG_CONTACT, extensions: &[] }
    }

    pub(crate) const fn units() -> Self {
        Self { type_name: "administrativeUnit", properties: UNIT, extensions: &[] }
    }

    pub(crate) const fn registrations() -> Self {
        Self { type_name: "userRegistrationDetails", properties: REGISTRATION, extensions: &[] }
    }
}
