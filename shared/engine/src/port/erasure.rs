//! Forgetting one person.

use std::future::Future;

use contact_sync_domain::contact::Contact;
use contact_sync_domain::erasure::{ErasedUser, ErasureReceipt, Erasures, OpenErasure};
use contact_sync_domain::id::{
    AccountId, ConnectionId, ContactId, ErasureId, ObjectId, RunId, TenantId,
};
use contact_sync_domain::retention::Retention;
use contact_sync_domain::run::Run;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::StoreError;

/// What going through a part of an account's told events came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventsForgotten {
    /// Events that showed one of the contacts.
    pub events: u64,
    /// The entry that is next.
    pub next: u64,
    /// Whether there is none yet.
    pub is_end: bool,
    /// Whether the last that was told of the contact is that it was removed; none where nothing was.
    pub tells_removal: Option<bool>,
}

/// What became of burying a user's own id.
#[derive(Debug, Clone, PartialEq)]
pub enum Burial {
    /// A tombstone stands there for good; with the contact that stood there.
    Done(Option<Box<Contact>>),
    /// A contact stands there that is not this user's, or that cannot be read: it is as it was.
    Left,
}

/// Something that is stored about a person, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptRecord {
    /// As what: `review`, `decision`, `refusal`, `waiting`, `settings`, `draft`, `answer`, `history`,
    /// `adoption`.
    pub store: &'static str,
    /// Of which connection, where it is one's.
    pub connection_id: Option<ConnectionId>,
    /// What it says; of settings, where they name the person.
    pub record: Value,
}

/// Receipts, and taking away what lies around a contact.
pub trait ErasureStore: Send + Sync {
    /// A receipt.
    fn receipt(
        &self,
        account: &AccountId,
        id: &ErasureId,
    ) -> impl Future<Output = Result<Option<ErasureReceipt>, StoreError>> + Send;

    /// Stores a receipt if none, or the version before it, stands; with it, it is listed among the
    /// open ones or no more.
    fn put_receipt(
        &self,
        receipt: &ErasureReceipt,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The receipts of all accounts that are open.
    fn open_erasures(&self) -> impl Future<Output = Result<Vec<OpenErasure>, StoreError>> + Send;

    /// Takes a receipt off that list, whose account may have gone with it.
    fn close_erasure(
        &self,
        account: &AccountId,
        id: &ErasureId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Puts a tombstone in a contact's place, whatever stands there, that no write takes away and
    /// time does not either; answers the contact that stood there.
    fn bury_for_good(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> impl Future<Output = Result<Option<Box<Contact>>, StoreError>> + Send;

    /// The same in the place of a contact that has, or would have, a user's own id, unless a contact
    /// stands there that is not linked to this user.
    fn bury_own(
        &self,
        account: &AccountId,
        contact: &ContactId,
        user: &ErasedUser,
    ) -> impl Future<Output = Result<Burial, StoreError>> + Send;

    /// Makes such a tombstone one like any other, which goes at `expires_at`; whatever else stands
    /// there stays.
    fn lift(
        &self,
        account: &AccountId,
        contact: &ContactId,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Deletes what lies beside a contact: memberships, what people did to it and what was merged
    /// into it.
    fn erase_beside(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> impl Future<Output = Result<Erasures, StoreError>> + Send;

    /// Deletes what a connection's people were asked, decided and refused about a contact or a
    /// user, and what waits about them.
    fn erase_asked(
        &self,
        connection: &ConnectionId,
        contact: &ContactId,
        user: Option<&ObjectId>,
    ) -> impl Future<Output = Result<Erasures, StoreError>> + Send;

    /// Takes a user off the ignore lists of a connection's settings in all their versions and drafts,
    /// which keep their numbers; answers how many named the user.
    fn forget_in_settings(
        &self,
        connection: &ConnectionId,
        user: &ObjectId,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// What a connection's people were asked, decided and refused about a contact or a user, what
    /// waits about them, and settings that name the user: all that [`Self::erase_asked`] and
    /// [`Self::forget_in_settings`] find.
    fn records_asked(
        &self,
        connection: &ConnectionId,
        contact: &ContactId,
        user: Option<&ObjectId>,
    ) -> impl Future<Output = Result<Vec<KeptRecord>, StoreError>> + Send;

    /// What lies beside a contact and among kept answers, without memberships.
    fn records_beside(
        &self,
        account: &AccountId,
        contact: &ContactId,
        user: Option<(&TenantId, &ObjectId)>,
    ) -> impl Future<Output = Result<Vec<KeptRecord>, StoreError>> + Send;

    /// Puts a page of a run in the place of the one that stands in the index itself.
    fn replace_segment(
        &self,
        connection: &ConnectionId,
        run: (&RunId, Retention),
        page: u32,
        inline: Vec<u8>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Puts a run in the place of itself, where its status and its report's are the same; `false`
    /// otherwise.
    fn replace_run(&self, run: &Run) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Takes a contact's values, and those of others that were the same person's, out of some of an
    /// account's told events, from an entry of its log on. The events themselves stay, so that
    /// readers miss none.
    fn forget_events(
        &self,
        account: &AccountId,
        contact: (&ContactId, &[ContactId]),
        from: u64,
    ) -> impl Future<Output = Result<EventsForgotten, StoreError>> + Send;

    /// Deletes answers that tell of a contact and are kept for requests that are sent again.
    fn erase_answers(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;
}
