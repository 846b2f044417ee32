//! What people did to contacts, told beside them.

use std::future::Future;

use contact_sync_domain::contact::Contact;
use contact_sync_domain::history::HistoryEntry;
use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::retention::LONGEST;
use jiff::{SignedDuration, Timestamp};

use super::{ContactWrite, StoreError, WriteOutcome};

/// Until when an entry is told: as long as the account said when it was made, and otherwise as long
/// as anything is.
pub fn told_until(entry: &HistoryEntry) -> Timestamp {
    let life = SignedDuration::from_hours(24 * i64::from(entry.kept_days.unwrap_or(LONGEST)));
    entry.at.saturating_add(life).unwrap_or(Timestamp::MAX)
}

/// A page of what people did to a contact, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPage {
    /// The entries.
    pub entries: Vec<HistoryEntry>,
    /// Where they go on.
    pub next: Option<String>,
}

/// The histories of contacts: each entry is kept as [`told_until`] says, and goes with its
/// account.
pub trait HistoryStore: Send + Sync {
    /// Writes a contact as [`super::ContactStore::write`] does, together with what a person did:
    /// both or none.
    fn write_told(
        &self,
        write: &ContactWrite,
        entry: &HistoryEntry,
    ) -> impl Future<Output = Result<WriteOutcome, StoreError>> + Send;

    /// Removes a contact as [`super::ContactStore::remove`] does, together with what a person did:
    /// both or none.
    fn remove_told(
        &self,
        contact: &Contact,
        expires_at: Timestamp,
        entry: &HistoryEntry,
    ) -> impl Future<Output = Result<WriteOutcome, StoreError>> + Send;

    /// Keeps what a person did that left the contact itself as it was.
    fn tell(
        &self,
        account: &AccountId,
        entry: &HistoryEntry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What people did to a contact, newest first, behind `before`: where an earlier page said to
    /// go on, or a contact's version (20 digits), which leaves out what was done from that version
    /// on. What is no such place is `Ok(None)`.
    fn history(
        &self,
        account: &AccountId,
        contact: &ContactId,
        before: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Option<HistoryPage>, StoreError>> + Send;
}
