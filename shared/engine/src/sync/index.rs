//! What a full run knows of an account's linked contacts: small enough to hold for a million.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::contact::LinkState;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, TenantId};
use contact_sync_domain::reconcile::{GoneCause, Rules};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::port::{ContactStore, IndexEntry, IndexPage, SHARDS, StoreError};

/// How many shards are read at the same time.
const READERS: usize = 4;

const LINKED: u64 = 1 << 63;
const SEEN: u64 = 1 << 62;
/// In the directory when last seen, but not meant.
const OUT: u64 = 1 << 61;
/// In the recycle bin when last seen.
const BIN: u64 = 1 << 60;
const FENCE: u64 = BIN - 1;

/// One linked contact in 32 bytes.
#[derive(Debug, Clone, Copy)]
struct Entry {
    contact: u128,
    /// The folded fingerprint; 0 = decide anew.
    fingerprint: u64,
    /// Source version, and the flags above it.
    marks: u64,
}

/// The contacts that are linked through one connection.
#[derive(Debug)]
pub(crate) struct Index {
    entries: Vec<Entry>,
    /// Users whose contact existed before and so has an id of its own.
    adopted: HashMap<u128, u128>,
    /// Contacts that stand there without being linked through the connection: of people who were
    /// forgotten, and of the tenant's people whose connection is another, or was.
    others: HashSet<u128>,
    /// Of these, the ones of people who were forgotten.
    erased: HashSet<u128>,
    account: AccountId,
    tenant: TenantId,
}

/// What the index knows of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KnownContact {
    /// No contact is linked to this user.
    None,
    /// Linked, decided from exactly this source, in scope.
    Unchanged,
    /// Linked, through this connection or another, or forgotten on request; what stands there must
    /// be read to decide.
    Stale,
}

impl Index {
    /// Reads the index of an account; `expected` is how many contacts there may be.
    pub(crate) async fn load(
        store: &impl ContactStore,
        account: &AccountId,
        connection: &ConnectionId,
        tenant: &TenantId,
        expected: u64,
    ) -> Result<Self, StoreError> {
        let capacity = usize::try_from(expected + expected / 16).unwrap_or_default();
        let mut index = Self {
            entries: Vec::with_capacity(capacity),
            adopted: HashMap::new(),
            others: HashSet::new(),
            erased: HashSet::new(),
            account: account.clone(),
            tenant: tenant.clone(),
        };
        let mut pages = pages(store, account);
        while let Some(page) = pages.try_next().await? {
            index.erased.extend(page.erased.iter().map(ContactId::to_bits));
            for entry in &page.entries {
                if entry.connection_id == *connection {
                    index.add(entry);
                } else if entry.tenant_id == *tenant {
                    let contact = index.note(entry);
                    index.others.insert(contact);
                }
            }
        }
        index.entries.sort_unstable_by_key(|entry| entry.contact);
        index.others.extend(&index.erased);
        Ok(index)
    }

    /// Notes whose a contact is; answers its bits.
    fn note(&mut self, entry: &IndexEntry) -> u128 {
        let contact = entry.contact_id.to_bits();
        let derived = ContactId::derived(&self.account, &self.tenant, &entry.object_id);
        if derived != entry.contact_id {
            self.adopted.insert(entry.object_id.as_u128(), contact);
        }
        contact
    }

    fn add(&mut self, entry: &IndexEntry) {
        let contact = self.note(entry);
        self.entries.push(Entry {
            contact,
            fingerprint: entry.fingerprint.map_or(0, fold),
            marks: (entry.source_version & FENCE) | stands(entry.link_state, entry.cause),
        });
    }

    /// The contact that is or would be this user's.
    pub(crate) fn contact_of(&self, user: &ObjectId) -> ContactId {
        match self.adopted.get(&user.as_u128()) {
            Some(contact) => ContactId::from_bits(*contact),
            None => self
                .bar_of(user)
                .unwrap_or_else(|| ContactId::derived(&self.account, &self.tenant, user)),
        }
    }

    /// What keeps a forgotten user from getting a contact whose own id is another contact's.
    fn bar_of(&self, user: &ObjectId) -> Option<ContactId> {
        if self.erased.is_empty() {
            return None;
        }
        let bar = ContactId::barring(&self.account, &self.tenant, user);
        self.erased.contains(&bar.to_bits()).then_some(bar)
    }

    /// What is known of a user whose decision has this fingerprint.
    pub(crate) fn known(&self, contact: &ContactId, fingerprint: Option<u128>) -> KnownContact {
        let Some(entry) = self.find(contact).and_then(|at| self.entries.get(at)) else {
            let stands = self.others.contains(&contact.to_bits());
            return if stands { KnownContact::Stale } else { KnownContact::None };
        };
        let same = fingerprint.is_some_and(|wanted| fold(wanted) == entry.fingerprint);
        if same && entry.marks & LINKED != 0 {
            KnownContact::Unchanged
        } else {
            KnownContact::Stale
        }
    }

    /// Whether a contact is tied to a user through the connection, in scope or not.
    pub(crate) fn has(&self, contact: &ContactId) -> bool {
        self.find(contact).is_some()
    }

    /// Whether somebody who was forgotten had this contact, or would get it.
    pub(crate) fn is_erased(&self, contact: &ContactId) -> bool {
        self.erased.contains(&contact.to_bits())
    }

    /// Whether a contact is linked and its user in scope.
    pub(crate) fn is_linked(&self, contact: &ContactId) -> bool {
        let entry = self.find(contact).and_then(|at| self.entries.get(at));
        entry.is_some_and(|entry| entry.marks & LINKED != 0)
    }

    /// Marks a user as seen in the current listing.
    pub(crate) fn mark_seen(&mut self, user: &ObjectId) {
        let contact = self.contact_of(user);
        if let Some(entry) = self.find(&contact).and_then(|at| self.entries.get_mut(at)) {
            entry.marks |= SEEN;
        }
    }

    /// Forgets who was seen: the listing starts again.
    pub(crate) fn forget_seen(&mut self) {
        for entry in &mut self.entries {
            entry.marks &= !SEEN;
        }
    }

    /// Contacts written before `first_fence` whose users the listing did not name, of those for whom
    /// these rules look.
    pub(crate) fn unseen(&self, first_fence: u64, rules: &Rules) -> Vec<ContactId> {
        let looked_for =
            STANDS.into_iter().filter(|(_, (state, cause))| rules.looks_for(*state, *cause));
        let looked_for = looked_for.fold(0, |flags, (flag, _)| flags | flag);
        self.entries
            .iter()
            .filter(|entry| {
                entry.marks & looked_for != 0
                    && entry.marks & SEEN == 0
                    && entry.marks & FENCE < first_fence
            })
            .map(|entry| ContactId::from_bits(entry.contact))
            .collect()
    }

    /// How many contacts were linked when the index was read.
    pub(crate) fn linked(&self) -> u64 {
        let linked = self.entries.iter().filter(|entry| entry.marks & LINKED != 0).count();
        u64::try_from(linked).unwrap_or(u64::MAX)
    }

    fn find(&self, contact: &ContactId) -> Option<usize> {
        self.entries.binary_search_by_key(&contact.to_bits(), |entry| entry.contact).ok()
    }
}

/// All linked contacts of an account, and those of people who were forgotten, page by page, in no
/// order.
pub(super) fn pages(
    store: &impl ContactStore,
    account: &AccountId,
) -> impl Stream<Item = Result<IndexPage, StoreError>> + Unpin {
    let shards = stream::iter(0..SHARDS)
        .map(move |shard| async move {
            let pages = stream::try_unfold(Some(None::<String>), move |cursor| async move {
                let Some(cursor) = cursor else { return Ok(None) };
                let mut page = store.index(account, shard, cursor.as_deref()).await?;
                let next = page.cursor.take().map(Some);
                Ok::<_, StoreError>(Some((page, next)))
            });
            pages.try_collect::<Vec<_>>().await
        })
        .buffer_unordered(READERS);
    // A stream that steps back for others would lose against whoever waits for it only so long.
    Box::pin(shards.map_ok(|pages| stream::iter(pages.into_iter().map(Ok))).try_flatten())
}

/// Where users stand of whom it matters whether they are still in the directory, by flag.
const STANDS: [(u64, (LinkState, Option<GoneCause>)); 3] = [
    (LINKED, (LinkState::Linked, None)),
    (OUT, (LinkState::OutOfScope, None)),
    (BIN, (LinkState::Removed, Some(GoneCause::SoftDeleted))),
];

/// The flag of where a user stands.
fn stands(state: LinkState, cause: Option<GoneCause>) -> u64 {
    match (state, cause) {
        (LinkState::Linked, _) => LINKED,
        (LinkState::OutOfScope, _) => OUT,
        (LinkState::Removed, Some(GoneCause::SoftDeleted)) => BIN,
        (LinkState::Removed, _) => 0,
    }
}

/// 64 of the 128 bits carry the comparison of one contact with itself; 0 stays free for "none".
fn fold(fingerprint: u128) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are folded into one")]
    let folded = (fingerprint >> 64) as u64 ^ fingerprint as u64;
    folded.max(1)
}
