//! Mail.

use std::future::Future;

use thiserror::Error;

use super::BoxError;

/// One mail to one address.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// To whom.
    pub to: String,
    /// The subject, in one line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML, where there is one.
    pub html: Option<String>,
}

impl std::fmt::Debug for Mail {
    /// To whom and of what is nobody's business but theirs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Mail").finish_non_exhaustive()
    }
}

/// Why a mail was not sent, or may not have been.
#[derive(Debug, Error)]
pub enum MailError {
    /// It was not sent; later it may be.
    #[error("the mail service asks us to wait")]
    Throttled(#[source] BoxError),
    /// It was not sent and will not be: the service refuses the sender, the address or the mail.
    #[error("the mail service refuses the mail ({code})")]
    Refused {
        /// The service's own word for it.
        code: String,
        /// What it says.
        #[source]
        source: BoxError,
    },
    /// Nobody knows whether it was sent.
    #[error("the mail service did not answer")]
    Unavailable(#[source] BoxError),
}

impl MailError {
    /// Whether the same mail may be sent later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Throttled(_) | Self::Unavailable(_) => true,
            Self::Refused { .. } => false,
        }
    }
}

/// Sends mail.
pub trait Mailer: Send + Sync {
    /// Sends a mail, at most once for each call; answers the service's id of it.
    fn send(&self, mail: &Mail) -> impl Future<Output = Result<String, MailError>> + Send;
}
