//! Whom to tell, as far as the document itself tells.

use crate::email::is_plausible_email;
use crate::settings::{Notifications, Problem};

/// Every user that is no word, and every address that cannot be one.
pub(super) fn problems(notifications: &Notifications) -> Vec<Problem> {
    let users = notifications.users.iter().enumerate();
    let users =
        users.filter(|(_, user)| user.trim().is_empty() || has_breaks(user)).map(|(index, _)| {
            Problem {
                pointer: format!("/notifications/users/{index}"),
                message: "expected the id of a user of the host product".to_owned(),
            }
        });
    let emails = notifications.emails.iter().enumerate();
    let emails = emails.filter(|(_, email)| !is_plausible_email(email) || has_breaks(email)).map(
        |(index, _)| Problem {
            pointer: format!("/notifications/emails/{index}"),
            message: "expected an e-mail address".to_owned(),
        },
    );
    users.chain(emails).collect()
}

/// Line breaks could begin another header of a mail.
fn has_breaks(text: &str) -> bool {
    text.contains(char::is_control)
}
