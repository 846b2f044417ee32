//! Telling people: from what came to one notice for each change of state, and its mails.
//!
//! An event only says where to look. What is told follows from what stands at this moment, so that
//! repeated, late and crossing events tell nothing twice and nothing wrong.

mod deliver;
mod digest;
mod raise;
#[cfg(test)]
mod tests;
mod text;
mod waiting;

use thiserror::Error;

use crate::port::{
    AccountStore, ConnectionStore, DigestStore, MailError, MailLog, NoticeStore, ReviewStore,
    RunStore, SettingsStore, StoreError,
};

pub use deliver::{Delivery, deliver};
pub use digest::{Digested, tell_digests};
pub use raise::{Hint, raise};

/// How often what was told last is read again when others were faster.
const ATTEMPTS: u8 = 5;

/// Everything that notices need of the state.
pub trait NoticeStores:
    AccountStore
    + ConnectionStore
    + DigestStore
    + MailLog
    + NoticeStore
    + ReviewStore
    + RunStore
    + SettingsStore
{
}

impl<S> NoticeStores for S where
    S: AccountStore
        + ConnectionStore
        + DigestStore
        + MailLog
        + NoticeStore
        + ReviewStore
        + RunStore
        + SettingsStore
{
}

/// Why somebody may not have been told.
#[derive(Debug, Error)]
pub enum NoticeError {
    /// The store failed.
    #[error("the state store failed")]
    Store(#[from] StoreError),
    /// Others kept telling of the same connection.
    #[error("what was told last kept moving")]
    Contended,
    /// A mail was not sent, or nobody knows.
    #[error("a mail was not sent")]
    Mail(#[from] MailError),
    /// Somebody else is at a mail, or died at it a moment ago.
    #[error("a mail is being sent by somebody else")]
    AtWork,
}
