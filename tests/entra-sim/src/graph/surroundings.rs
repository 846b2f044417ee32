//! What lies around people: devices, licences, reports, mailboxes, photos, calendars, contacts,
//! administrative units.

mod calendar;
mod collection;
mod contacts;
mod devices;
mod jpeg;
mod licences;
mod mailbox;
mod photos;
mod reports;
mod units;

use http::Method;

use super::Call;
use super::errors::GraphError;
use crate::exchange::Reply;
use crate::world::World;

/// A resource around people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Surrounding {
    Devices,
    Device(String),
    UserDevices { user: String, owned: bool },
    ManagedDevices,
    ManagedDevice(String),
    UserManagedDevices(String),
    SubscribedSkus,
    SubscribedSku(String),
    LicenseDetails(String),
    Registrations,
    Registration(String),
    MailboxSettings(String),
    Photo { user: String, size: Option<String>, bytes: bool },
    Photos(String),
    CalendarView(String),
    CalendarDelta(String),
    Contacts,
    Contact(String),
    Units,
    Unit(String),
    UnitMembers { unit: String, people: bool, count: bool },
}

impl Surrounding {
    pub(super) fn parse(path: &[&str]) -> Option<Self> {
        let own = |text: &str| text.to_owned();
        Some(match path {
            ["devices"] => Self::Devices,
            ["devices", id] => Self::Device(own(id)),
            ["users", id, list @ ("registeredDevices" | "ownedDevices")] => {
                Self::UserDevices { user: own(id), owned: *list == "ownedDevices" }
            }
            ["deviceManagement", "managedDevices"] => Self::ManagedDevices,
            ["deviceManagement", "managedDevices", id] => Self::ManagedDevice(own(id)),
            ["users", id, "managedDevices"] => Self::UserManagedDevices(own(id)),
            ["subscribedSkus"] => Self::SubscribedSkus,
            ["subscribedSkus", id] => Self::SubscribedSku(own(id)),
            ["users", id, "licenseDetails"] => Self::LicenseDetails(own(id)),
            ["reports", "authenticationMethods", "userRegistrationDetails"] => Self::Registrations,
            ["reports", "authenticationMethods", "userRegistrationDetails", id] => {
                Self::Registration(own(id))
            }
            ["users", id, "mailboxSettings"] => Self::MailboxSettings(own(id)),
            ["users", id, "photo"] => Self::Photo { user: own(id), size: None, bytes: false },
            ["users", id, "photo", "$value"] => {
                Self::Photo { user: own(id), size: None, bytes: true }
            }
            ["users", id, "photos"] => Self::Photos(own(id)),
            ["users", id, "photos", size] => {
                Self::Photo { user: own(id), size: Some(own(size)), bytes: false }
            }
            ["users", id, "photos", size, "$value"] => {
                Self::Photo { user: own(id), size: Some(own(size)), bytes: true }
            }
            ["users", id, "calendarView"] => Self::CalendarView(own(id)),
            ["users", id, "calendarView", delta] if super::route::DELTA.contains(delta) => {
                Self::CalendarDelta(own(id))
            }
            ["directory", "administrativeUnits"] => Self::Units,
            ["directory", "administrativeUnits", id] => Self::Unit(own(id)),
            ["directory", "administrativeUnits", id, "members", rest @ ..] => {
                let (people, count) = match rest {
                    [] => (false, false),
                    ["$count"] => (false, true),
                    ["microsoft.graph.user"] => (true, false),
                    ["microsoft.graph.user", "$count"] => (true, true),
                    _ => return None,
                };
                Self::UnitMembers { unit: own(id), people, count }
            }
            ["contacts"] => Self::Contacts,
            ["contacts", id] => Self::Contact(own(id)),
            _ => return None,
        })
    }

    /// Name for counting.
    pub(crate) fn template(&self) -> &'static str {
        match self {
            Self::Devices => "/devices",
            Self::Device(_) => "/devices/{id}",
            Self::UserDevices { owned: false, .. } => "/users/{id}/registeredDevices",
            Self::UserDevices { owned: true, .. } => "/users/{id}/ownedDevices",
            Self::ManagedDevices => "/deviceManagement/managedDevices",
            Self::ManagedDevice(_) => "/deviceManagement/managedDevices/{id}",
            Self::UserManagedDevices(_) => "/users/{id}/managedDevices",
            Self::SubscribedSkus => "/subscribedSkus",
            Self::SubscribedSku(_) => "/subscribedSkus/{id}",
            Self::LicenseDetails(_) => "/users/{id}/licenseDetails",
            Self::Registrations => "/reports/authenticationMethods/userRegistrationDetails",
            Self::Registration(_) => "/reports/authenticationMethods/userRegistrationDetails/{id}",
            Self::MailboxSettings(_) => "/users/{id}/mailboxSettings",
            Self::Photo { size: None, bytes: false, .. } => "/users/{id}/photo",
            Self::Photo { size: None, bytes: true, .. } => "/users/{id}/photo/$value",
            Self::Photo { size: Some(_), bytes: false, .. } => "/users/{id}/photos/{size}",
            Self::Photo { size: Some(_), bytes: true, .. } => "/users/{id}/photos/{size}/$value",
            Self::Photos(_) => "/users/{id}/photos",
            Self::CalendarView(_) => "/users/{id}/calendarView",
            Self::CalendarDelta(_) => "/users/{id}/calendarView/delta",
            Self::Contacts => "/contacts",
            Self::Contact(_) => "/contacts/{id}",
            Self::Units => "/directory/administrativeUnits",
            Self::Unit(_) => "/directory/administrativeUnits/{id}",
            Self::UnitMembers { people, count, .. } => match (people, count) {
                (false, false) => "/directory/administrativeUnits/{id}/members",
                (false, true) => "/directory/administrativeUnits/{id}/members/$count",
                (true, false) => "/directory/administrativeUnits/{id}/members/microsoft.graph.user",
                (true, true) => {
                    "/directory/administrativeUnits/{id}/members/microsoft.graph.user/$count"
                }
            },
        }
    }

    /// Base cost in resource units; what other services count apart costs nothing here.
    pub(super) fn base_units(&self) -> i32 {
        match self {
            Self::SubscribedSkus => 3,
            Self::LicenseDetails(_) => 2,
            Self::ManagedDevices
            | Self::ManagedDevice(_)
            | Self::UserManagedDevices(_)
            | Self::Registrations
            | Self::Registration(_)
            | Self::MailboxSettings(_)
            | Self::Photo { .. }
            | Self::Photos(_)
            | Self::CalendarView(_)
            | Self::CalendarDelta(_) => 0,
            Self::Devices
            | Self::Device(_)
            | Self::UserDevices { .. }
            | Self::SubscribedSku(_)
            | Self::Contacts
            | Self::Contact(_)
            | Self::Units
            | Self::Unit(_)
            | Self::UnitMembers { .. } => 1,
        }
    }
}

/// Serves a read around people.
pub(super) fn serve(
    world: &World,
    call: &Call<'_>,
    surrounding: &Surrounding,
) -> Result<Reply, GraphError> {
    if call.incoming.method != Method::GET {
        return Err(GraphError::method_not_allowed(&call.incoming.method));
    }
    match surrounding {
        Surrounding::Devices => devices::list(world, call),
        Surrounding::Device(id) => devices::one(world, call, id),
        Surrounding::UserDevices { user, .. } => devices::of_user(world, call, user),
        Surrounding::ManagedDevices => devices::managed(world, call, None),
        Surrounding::ManagedDevice(id) => devices::managed_one(world, call, id),
        Surrounding::UserManagedDevices(user) => devices::managed(world, call, Some(user)),
        Surrounding::SubscribedSkus => licences::skus(world, call, None),
        Surrounding::SubscribedSku(id) => licences::skus(world, call, Some(id)),
        Surrounding::LicenseDetails(user) => licences::details(world, call, user),
        Surrounding::Registrations => reports::registrations(world, call),
        Surrounding::Registration(user) => reports::registration(world, call, user),
        Surrounding::MailboxSettings(user) => mailbox::settings(world, call, user),
        Surrounding::Photo { user, size, bytes } => {
            photos::one(world, call, user, size.as_deref(), *bytes)
        }
        Surrounding::Photos(user) => photos::list(world, call, user),
        Surrounding::CalendarView(user) => calendar::view(world, call, user),
        Surrounding::CalendarDelta(user) => calendar::delta(world, call, user),
        Surrounding::Contacts => contacts::list(world, call),
        Surrounding::Contact(id) => contacts::one(world, call, id),
        Surrounding::Units => units::list(world, call),
        Surrounding::Unit(id) => units::one(world, call, id),
        Surrounding::UnitMembers { unit, people, count: false } => {
            units::members(world, call, unit, *people)
        }
        Surrounding::UnitMembers { unit, people, count: true } => {
            units::count(world, call, unit, *people)
        }
    }
}
