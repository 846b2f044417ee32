//! Mail that settings ask for and an installation without a sender cannot send.

use contact_sync_domain::settings::{Problem, Settings};

use crate::admin::Outside;

/// What of these settings the installation cannot do for lack of a sender.
pub(super) fn unsent(outside: &impl Outside, settings: &Settings) -> Vec<Problem> {
    if outside.sends_mail() || settings.notifications.emails.is_empty() {
        return Vec::new();
    }
    vec![Problem {
        pointer: "/notifications/emails".to_owned(),
        message: "this installation sends no mail; users can be told in the product \
                  (/notifications/users)"
            .to_owned(),
    }]
}
