//! Contacts, e-mail claims and the event log.

use std::future::Future;

use contact_sync_domain::contact::{Contact, ContactSource, LinkState};
use contact_sync_domain::event::ContactEvent;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, TenantId};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::segment::Prior;
use jiff::{SignedDuration, Timestamp};

use super::StoreError;

/// What stands under a contact's key.
#[derive(Debug, Clone, PartialEq)]
pub enum StoredContact {
    /// A contact.
    Present(Box<Contact>),
    /// It was removed (or judged out) and keeps its number for 30 days.
    Tombstone {
        /// The version at removal; a returning contact goes on counting from it. 0 where a contact
        /// that never was is barred.
        version: u64,
        /// The source version at removal.
        source_version: u64,
        /// The connection in which the source version counts; absent where none is known.
        connection_id: Option<ConnectionId>,
        /// From when on the source version bars nobody. The store deletes the item late.
        expires_at: Timestamp,
        /// The page of sync that removed it; absent where a person did.
        by: Option<Prior>,
        /// Whether the person behind it was erased on request: it stands for ever, so that nobody
        /// makes the contact again.
        erased: bool,
    },
}

impl StoredContact {
    /// The source version with which a page of this connection compares at `now`. Versions of
    /// another connection, and those of an expired tombstone, compare with nothing.
    pub fn source_version_in(&self, connection: &ConnectionId, now: Timestamp) -> Option<u64> {
        match self {
            Self::Present(contact) => {
                let linked = contact.link.as_ref().map(|link| &link.connection_id);
                let mark = contact.sync.as_ref().filter(|_| linked == Some(connection));
                mark.map(|mark| mark.source_version)
            }
            Self::Tombstone { source_version, connection_id, expires_at, .. } => {
                let counts_here = connection_id.as_ref().is_none_or(|of| of == connection);
                (counts_here && *expires_at > now).then_some(*source_version)
            }
        }
    }
}

/// What keeps a slice that lost its lease from making a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// The connection in which the fence counts.
    pub connection_id: ConnectionId,
    /// Pages requested at this fence or before make no contact.
    pub fence: u64,
    /// When the slice's own deadline has passed.
    pub until: Timestamp,
}

/// How long a claim stands although its owner does not bear the address: claims are written before
/// contacts, and whoever claimed may be about to write. Longer than any invocation lives (120 s for
/// the functions that sync) and what their clocks differ.
pub const CLAIM_STANDS: SignedDuration = SignedDuration::from_secs(150);

/// One conditional write of a contact.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactWrite {
    /// The whole contact after the write; its `version` is one above the stored one.
    pub contact: Contact,
    /// The version that was read; 0 when nothing stood there. A tombstone counts as its version.
    pub expected_version: u64,
    /// For sync writes: the stored `sourceVersion`, where there is one and it belongs to the same
    /// connection, must be older than this fence. `None` for people's writes.
    pub fence: Option<u64>,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq)]
pub enum WriteOutcome {
    /// Done (or it was done already by the very same write whose answer got lost).
    Written,
    /// Something else stands there; read once more and decide anew.
    Moved(Option<StoredContact>),
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The address is this contact's (now, or already).
    Claimed,
    /// Another contact claims it.
    TakenBy(ContactId),
}

/// A change of claims inside one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimChange {
    /// The address's key.
    pub email_key: String,
    /// Who holds it now.
    pub from: ContactId,
    /// Who holds it after.
    pub to: ContactId,
}

/// What a full run needs of a contact to recognise an unchanged user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The contact.
    pub contact_id: ContactId,
    /// Through which connection it is linked.
    pub connection_id: ConnectionId,
    /// The linked user's tenant.
    pub tenant_id: TenantId,
    /// The linked user.
    pub object_id: ObjectId,
    /// Where the user stands.
    pub link_state: LinkState,
    /// Why the user is no longer meant; absent while he is.
    pub cause: Option<GoneCause>,
    /// Digest of the last decision's source; `None` = decide anew.
    pub fingerprint: Option<u128>,
    /// The fence of the last write.
    pub source_version: u64,
}

/// A page of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexPage {
    /// Linked contacts of the shard.
    pub entries: Vec<IndexEntry>,
    /// Those of people who were forgotten.
    pub erased: Vec<ContactId>,
    /// Where the shard goes on.
    pub cursor: Option<String>,
}

/// Which contacts to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactQuery {
    /// Exactly this address.
    pub email: Option<String>,
    /// Prefix of an e-mail or a name, without case.
    pub prefix: Option<String>,
    /// Only these.
    pub source: Option<ContactSource>,
}

/// A page of contacts.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactPage {
    /// The contacts.
    pub contacts: Vec<Contact>,
    /// Where the list goes on.
    pub cursor: Option<String>,
}

/// How many parts an account's contacts are spread over (one DynamoDB partition takes 1,000
/// writes a second).
pub const SHARDS: u8 = 16;

/// The contacts of all accounts.
pub trait ContactStore: Send + Sync {
    /// What stands under a key, read strongly.
    fn get(
        &self,
        account: &AccountId,
        id: &ContactId,
    ) -> impl Future<Output = Result<Option<StoredContact>, StoreError>> + Send;

    /// The same for many; the answer has one entry per id, in order.
    fn get_many(
        &self,
        account: &AccountId,
        ids: &[ContactId],
    ) -> impl Future<Output = Result<Vec<Option<StoredContact>>, StoreError>> + Send;

    /// Writes one contact, conditionally.
    fn write(
        &self,
        write: &ContactWrite,
    ) -> impl Future<Output = Result<WriteOutcome, StoreError>> + Send;

    /// Writes several contacts and moves their claims in one transaction, all or nothing. `false`
    /// when a condition did not hold. At most 40 contacts.
    fn write_together(
        &self,
        account: &AccountId,
        writes: &[ContactWrite],
        claims: &[ClaimChange],
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Replaces a contact by a tombstone with `version` one above the read one, releasing nothing
    /// else. `fence` as in [`ContactWrite`]; its value becomes the tombstone's source version. `by`:
    /// the page of sync that does it.
    fn remove(
        &self,
        contact: &Contact,
        fence: Option<u64>,
        expires_at: Timestamp,
        by: Option<&Prior>,
    ) -> impl Future<Output = Result<WriteOutcome, StoreError>> + Send;

    /// Puts a tombstone where nothing stands, or raises the one that stands, so that a slice that
    /// lost its lease cannot make the contact; where a contact stands, or the tombstone of a person
    /// who was erased, nothing happens.
    fn bar(
        &self,
        account: &AccountId,
        id: &ContactId,
        bar: &Bar,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Who claims these addresses (keys of [`contact_sync_domain::email::email_key`]), read
    /// strongly; one entry per key, in order.
    fn claims(
        &self,
        account: &AccountId,
        email_keys: &[String],
    ) -> impl Future<Output = Result<Vec<Option<ContactId>>, StoreError>> + Send;

    /// Claims an address for a contact that does not have it yet. A claim whose owner does not bear
    /// the address on a strong read is taken over once it is older than [`CLAIM_STANDS`]; claiming
    /// again makes one's own claim young.
    fn claim(
        &self,
        account: &AccountId,
        email_key: &str,
        contact: &ContactId,
        now: Timestamp,
    ) -> impl Future<Output = Result<ClaimOutcome, StoreError>> + Send;

    /// Gives an address up, if this contact claims it.
    fn release(
        &self,
        account: &AccountId,
        email_key: &str,
        contact: &ContactId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The contacts that existed before and are linked to these users, or were until a run let them
    /// go; one entry per id, in order.
    fn adopted(
        &self,
        account: &AccountId,
        tenant: &TenantId,
        users: &[ObjectId],
    ) -> impl Future<Output = Result<Vec<Option<ContactId>>, StoreError>> + Send;

    /// Records that a contact which existed before belongs to a user.
    fn put_adoption(
        &self,
        account: &AccountId,
        tenant: &TenantId,
        user: &ObjectId,
        contact: &ContactId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps such a record for as long as the tombstone of a contact that a run deleted: whoever
    /// returns gets that contact back.
    fn retire_adoption(
        &self,
        account: &AccountId,
        user: (&TenantId, &ObjectId),
        contact: &ContactId,
        until: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Forgets such a record.
    fn delete_adoption(
        &self,
        account: &AccountId,
        tenant: &TenantId,
        user: &ObjectId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// A page of the linked contacts of one of the [`SHARDS`], eventually consistent.
    fn index(
        &self,
        account: &AccountId,
        shard: u8,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<IndexPage, StoreError>> + Send;

    /// A page of the contacts of one of the [`SHARDS`] that have no link or whose user left the
    /// directory, eventually consistent. What cannot be read is left out.
    fn unlinked(
        &self,
        account: &AccountId,
        shard: u8,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<ContactPage, StoreError>> + Send;

    /// A page of contacts for people. A cursor that is not ours is `Ok(None)`.
    fn list(
        &self,
        account: &AccountId,
        query: &ContactQuery,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Option<ContactPage>, StoreError>> + Send;

    /// Deletes all contacts, claims, adoptions and tombstones of an account.
    fn erase_account(
        &self,
        account: &AccountId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A page of the event log.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// The events, oldest first.
    pub events: Vec<ContactEvent>,
    /// Where to go on; also at the end of the log, so that a reader can wait there.
    pub cursor: String,
}

/// Contact events, replayable from any point for 30 days. Positions are gapless: what is behind a
/// cursor has been seen.
pub trait EventLog: Send + Sync {
    /// Appends events of one account.
    fn append(
        &self,
        account: &AccountId,
        events: &[ContactEvent],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads on from a cursor (from the oldest without one), of one account or of all. A cursor
    /// that is not ours is `Ok(None)`.
    fn read(
        &self,
        account: Option<&AccountId>,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Option<EventPage>, StoreError>> + Send;
}
