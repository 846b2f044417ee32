//! What follows from who a person is: sign-ins, mailbox, methods of sign-in, photo.
//!
//! Nothing of it is stored: it follows from the object id, which follows from the seed. Values set
//! by hand come first.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::object::DirectoryObject;
use super::properties::{Catalogue, PropertyId};
use super::{Directory, User, WELL_KNOWN};
use crate::identifiers::seeded_number;

/// A property that follows from the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Derived {
    /// Left out of the answer.
    Absent,
    /// Its JSON text.
    Json(String),
}

/// A number below `sides` that follows from the person and what it is for.
pub(super) fn draw(id: Uuid, purpose: &str, sides: u64) -> u64 {
    seeded_number(0, purpose, id.as_u64_pair().0) % sides.max(1)
}

/// The value of a user's property that nobody stored, if there is one.
pub(super) fn derived_property(
    object: &DirectoryObject,
    catalogue: &Catalogue<'_>,
    property: PropertyId,
) -> Option<Derived> {
    if catalogue.type_name != "user" {
        return None;
    }
    let derived = |value: Option<Value>| {
        Some(value.map_or(Derived::Absent, |value| Derived::Json(value.to_string())))
    };
    match catalogue.name(property) {
        "signInActivity" => derived(sign_in_activity(object)),
        "mailboxSettings" => derived(mailbox_settings(object)),
        // Not nullable: the calendar's first day stands for none.
        "birthday" | "hireDate" => derived(Some(json!("0001-01-01T00:00:00Z"))),
        _ => None,
    }
}

/// When a person signed in last; `None` for those who never did.
pub(crate) fn sign_in_activity(object: &DirectoryObject) -> Option<Value> {
    let id = object.id;
    if !object.generated || draw(id, "sign-in/ever", 100) < 12 {
        return None;
    }
    let at = |purpose: &str| {
        let day = 1 + draw(id, purpose, 28);
        let month = 8 + draw(id, &format!("{purpose}/month"), 3);
        let minute = draw(id, &format!("{purpose}/minute"), 1_440);
        format!("2026-{month:02}-{day:02}T{:02}:{:02}:00Z", minute / 60, minute % 60)
    };
    let request = |purpose: &str| Uuid::from_u128(u128::from(draw(id, purpose, u64::MAX)));
    let mut activity = json!({
        "lastSignInDateTime": at("sign-in"),
        "lastSignInRequestId": request("sign-in/request"),
        "lastNonInteractiveSignInDateTime": at("sign-in/silent"),
        "lastNonInteractiveSignInRequestId": request("sign-in/silent/request"),
        "lastSuccessfulSignInDateTime": null,
        "lastSuccessfulSignInRequestId": null,
    });
    // The newest member is only filled for those who came back since it exists.
    if let (true, Some(members)) =
        (draw(id, "sign-in/successful", 100) < 70, activity.as_object_mut())
    {
        let succeeded = members.get("lastSignInDateTime").cloned().unwrap_or_default();
        members.insert("lastSuccessfulSignInDateTime".to_owned(), succeeded);
        let request = json!(request("sign-in/successful/request"));
        members.insert("lastSuccessfulSignInRequestId".to_owned(), request);
    }
    Some(activity)
}

/// Whether a person has a mailbox: members with an address and a licence.
pub(crate) fn has_mailbox(object: &DirectoryObject) -> bool {
    let licensed = object.json(WELL_KNOWN.assigned_licenses).is_some_and(|json| json != "[]");
    object.json(WELL_KNOWN.user_type) != Some("\"Guest\"")
        && object.text(WELL_KNOWN.mail).is_some()
        && licensed
}

/// Time zones of the cultures people come from: the Windows name and the IANA name.
const TIME_ZONES: [(&str, &str); 6] = [
    ("W. Europe Standard Time", "Europe/Zurich"),
    ("GMT Standard Time", "Europe/London"),
    ("Tokyo Standard Time", "Asia/Tokyo"),
    ("India Standard Time", "Asia/Kolkata"),
    ("Eastern Standard Time", "America/New_York"),
    ("E. South America Standard Time", "America/Sao_Paulo"),
];

/// Mailbox settings; the time zone is a Windows or an IANA name.
pub(crate) fn mailbox_settings(object: &DirectoryObject) -> Option<Value> {
    if !has_mailbox(object) {
        return None;
    }
    let id = object.id;
    let at = usize::try_from(draw(id, "mailbox/zone", 6)).unwrap_or_default();
    let (windows, iana) = TIME_ZONES.get(at).copied().unwrap_or_default();
    let zone = if draw(id, "mailbox/form", 3) == 0 { iana } else { windows };
    let locale = object.text(WELL_KNOWN.preferred_language).unwrap_or_else(|| "en-US".to_owned());
    Some(json!({
        "archiveFolder": null,
        "timeZone": zone,
        "delegateMeetingMessageDeliveryOptions": "sendToDelegateOnly",
        "dateFormat": "yyyy-MM-dd",
        "timeFormat": "HH:mm",
        "userPurpose": "user",
        "automaticRepliesSetting": {
            "status": "disabled",
            "externalAudience": "all",
            "internalReplyMessage": "",
            "externalReplyMessage": "",
            "scheduledStartDateTime": {
                "dateTime": "2026-11-01T08:00:00.0000000", "timeZone": "UTC",
            },
            "scheduledEndDateTime": { "dateTime": "2026-11-02T08:00:00.0000000", "timeZone": "UTC" },
        },
        "language": { "locale": locale, "displayName": locale },
        "workingHours": {
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
            "startTime": "08:00:00.0000000",
            "endTime": "17:00:00.0000000",
            "timeZone": { "name": zone },
        },
    }))
}

/// From what a person's photo is drawn: another one after each that was put by hand.
pub(crate) fn photo_seed(directory: &Directory, user: &User) -> Uuid {
    let number = directory.photos.get(&user.object.id).copied().flatten().unwrap_or_default();
    Uuid::from_u128(user.object.id.as_u128().wrapping_add(u128::from(number) << 104))
}

/// Whether a person has a photo.
pub(crate) fn has_photo(directory: &Directory, user: &User) -> bool {
    let id = user.object.id;
    let by_hand = directory.photos.get(&id).copied();
    by_hand.map_or_else(
        || user.object.generated && draw(id, "photo", 100) < 55,
        |number| number.is_some(),
    )
}

/// A person's row of the registration report; disabled people have none.
pub(crate) fn registration(directory: &Directory, user: &User) -> Option<DirectoryObject> {
    let object = &user.object;
    if !object.is_live() || object.json(WELL_KNOWN.account_enabled) == Some("false") {
        return None;
    }
    let id = object.id;
    let guest = object.json(WELL_KNOWN.user_type) == Some("\"Guest\"");
    let methods: &[&str] = match draw(id, "registration/methods", 10) {
        0..=1 => &[],
        2..=5 => &["microsoftAuthenticatorPush", "softwareOneTimePasscode"],
        6..=7 => &["mobilePhone", "microsoftAuthenticatorPush"],
        8 => &["passKeyDeviceBound", "windowsHelloForBusiness"],
        _ => &["email"],
    };
    let strong = methods.iter().any(|method| *method != "email");
    // Policy no longer allows the telephone for some who registered it.
    let capable = strong && !(methods.contains(&"mobilePhone") && draw(id, "policy", 2) == 0);
    let preferred = match methods.first() {
        Some(&"microsoftAuthenticatorPush") => "push",
        Some(&"mobilePhone") => "sms",
        Some(&"passKeyDeviceBound") => "oath",
        _ => "none",
    };
    let row = json!({
        "userPrincipalName": object.text(WELL_KNOWN.user_principal_name),
        "userDisplayName": object.text(WELL_KNOWN.display_name),
        "userType": if guest { "guest" } else { "member" },
        "isAdmin": !user.roles.is_empty(),
        "isSsprRegistered": !methods.is_empty(),
        "isSsprEnabled": !guest,
        "isSsprCapable": !methods.is_empty() && !guest,
        "isMfaRegistered": strong,
        "isMfaCapable": capable,
        "isPasswordlessCapable": methods.contains(&"passKeyDeviceBound"),
        "methodsRegistered": methods,
        "isSystemPreferredAuthenticationMethodEnabled": strong,
        "systemPreferredAuthenticationMethods":
            if strong { json!(["PhoneAppNotification"]) } else { json!([]) },
        "userPreferredMethodForSecondaryAuthentication": preferred,
        "lastUpdatedDateTime": format!("2026-11-{:02}T04:00:00Z", 1 + draw(id, "report", 20)),
    });
    let mut members = row.as_object().cloned().unwrap_or_default();
    members.extend(directory.registrations.get(&id).cloned().unwrap_or_default());
    Some(built(id, &Catalogue::registrations(), &members))
}

/// An object of a catalogue from its members; unknown ones are left out.
pub(crate) fn built(
    id: Uuid,
    catalogue: &Catalogue<'_>,
    members: &Map<String, Value>,
) -> DirectoryObject {
    let mut object = DirectoryObject::new(id, 0);
    for (name, value) in members {
        if let Some(property) = catalogue.find(name) {
            object.set(property, value, 0);
        }
    }
    object
}
