//! What the document can say and this release cannot do: refused, never ignored.

use crate::settings::{Problem, Settings};

/// Every member that asks for something this release cannot do.
pub(super) fn problems(settings: &Settings) -> Vec<Problem> {
    let features = settings.features;
    let asked = [
        (features.licences, "/features/licences", "licences"),
        (features.sign_in, "/features/signIn", "sign-in activity"),
        (features.mfa, "/features/mfa", "authentication methods"),
        (features.devices, "/features/devices", "devices"),
        (features.mailbox_settings, "/features/mailboxSettings", "mailbox settings"),
        (features.calendar, "/features/calendar", "calendars"),
    ];
    let asked = asked.into_iter().filter(|(is_asked, ..)| *is_asked).map(|(_, pointer, what)| {
        Problem { pointer: pointer.to_owned(), message: format!("not available yet: {what}") }
    });
    asked.collect()
}
