//! Welcome mails.

use contact_sync_domain::id::{ConnectionId, ContactId};
use contact_sync_domain::welcome::{Rendered, Welcome, WelcomeState, WelcomeTemplate};
use jiff::Timestamp;
use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WelcomeTemplateShape {
    subject: String,
    text: String,
    html: Option<String>,
    version: u64,
    updated_at: Timestamp,
}

impl From<WelcomeTemplate> for WelcomeTemplateShape {
    fn from(template: WelcomeTemplate) -> Self {
        let WelcomeTemplate { subject, text, html, version, updated_at } = template;
        Self { subject, text, html, version, updated_at }
    }
}

#[derive(Serialize)]
pub(crate) struct RenderedShape {
    subject: String,
    text: String,
    html: Option<String>,
}

impl From<Rendered> for RenderedShape {
    fn from(mail: Rendered) -> Self {
        let Rendered { subject, text, html } = mail;
        Self { subject, text, html }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WelcomeShape {
    contact_id: ContactId,
    /// Through which it came; null once the person was forgotten.
    connection_id: Option<ConnectionId>,
    state: &'static str,
    /// Why no mail was sent, the mail service's own word; of an uncertain one that no answer came.
    reason: Option<String>,
    at: Timestamp,
}

impl From<Welcome> for WelcomeShape {
    fn from(welcome: Welcome) -> Self {
        Self {
            contact_id: welcome.contact_id,
            connection_id: welcome.connection_id,
            state: match welcome.state {
                WelcomeState::Claimed => "uncertain",
                WelcomeState::Sent => "sent",
                WelcomeState::Failed => "failed",
            },
            reason: welcome.reason,
            at: welcome.at,
        }
    }
}
