//! Mail that settings ask for and that cannot be sent.

use contact_sync_domain::id::AccountId;
use contact_sync_domain::settings::{Problem, Settings};

use crate::admin::welcome::unready;
use crate::admin::{AdminError, Outside};

/// What of these settings cannot be done for lack of a sender, or of words.
pub(super) async fn unsent(
    outside: &impl Outside,
    account: &AccountId,
    settings: &Settings,
) -> Result<Vec<Problem>, AdminError> {
    let mut problems = unready(outside, account, settings).await?;
    if outside.mailer().is_none() && !settings.notifications.emails.is_empty() {
        problems.push(Problem {
            pointer: "/notifications/emails".to_owned(),
            message: "this installation sends no mail; users can be told in the product \
                      (/notifications/users)"
                .to_owned(),
        });
    }
    Ok(problems)
}
