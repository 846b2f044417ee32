//! Who was welcomed, and with which words.

use std::future::Future;

use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::welcome::{Welcome, WelcomeState, WelcomeTemplate};
use jiff::Timestamp;

use super::StoreError;

/// Which welcomes are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WelcomeFilter {
    /// Those in this state.
    pub state: WelcomeState,
    /// Those that are in it since then or longer.
    pub until: Timestamp,
}

impl WelcomeFilter {
    /// Whether it means a welcome.
    pub fn holds(&self, welcome: &Welcome) -> bool {
        welcome.state == self.state && welcome.at <= self.until
    }
}

/// A page of an account's welcomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WelcomePage {
    /// The welcomes.
    pub welcomes: Vec<Welcome>,
    /// Where the list goes on.
    pub cursor: Option<String>,
}

/// What became of a claim to welcome somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WelcomeClaim {
    /// The mail is the caller's to send.
    Ours,
    /// Another claim stands, or stood when this one came.
    Theirs,
    /// Another contact of the account was welcomed under this address.
    AddressWelcomed,
}

/// Templates and claims of welcome mails.
pub trait WelcomeStore: Send + Sync {
    /// What an account's welcome mails say.
    fn welcome_template(
        &self,
        account: &AccountId,
    ) -> impl Future<Output = Result<Option<WelcomeTemplate>, StoreError>> + Send;

    /// Stores a template over the version before (none before version 1); `false` when it moved.
    fn put_welcome_template(
        &self,
        account: &AccountId,
        template: &WelcomeTemplate,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// How far a contact's welcome came.
    fn welcome(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> impl Future<Output = Result<Option<Welcome>, StoreError>> + Send;

    /// Stores a claim over the version before (nothing before version 1), and with it the address
    /// as this contact's, for ever: both or neither.
    fn claim_welcome(
        &self,
        welcome: &Welcome,
    ) -> impl Future<Output = Result<WelcomeClaim, StoreError>> + Send;

    /// Stores what became of a claim over the version before; `false` when it moved.
    fn settle_welcome(
        &self,
        welcome: &Welcome,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// A page of an account's welcomes. A cursor that is not ours is `Ok(None)`.
    fn welcomes(
        &self,
        account: &AccountId,
        filter: &WelcomeFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Option<WelcomePage>, StoreError>> + Send;

    /// Of a person who is forgotten, keeps that somebody was welcomed, and two digests that name
    /// nobody and do not lead to each other. `true` where anything was known.
    fn forget_welcome(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
