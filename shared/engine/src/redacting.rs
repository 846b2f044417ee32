//! Taking a person out of what runs left: their pages, the files of their reports, told events.
//!
//! It is done in slices, each of which goes on where the one before came to, which the receipt
//! knows. A run that was at work when the person was forgotten may store a page with him
//! afterwards, and so may the report of one that just ended: both are gone through again once they
//! are at rest, and only then nothing tells of the person any more.

mod events;
mod runs;

use contact_sync_domain::erasure::{ErasedUser, ErasureReceipt, ErasureState, Erasures, Redaction};
use contact_sync_domain::id::{AccountId, ContactId, ErasureId};
use jiff::{SignedDuration, Timestamp};

use crate::photos::delete_photo;
use crate::port::{
    Blobs, Clock, ConnectionStore, ContactStore, ErasureStore, PhotoStore, RunStore, SegmentStore,
    StoreError, StoredContact, WelcomeStore,
};
use crate::sync::is_barred_by_note;

/// What is at work ends within seconds for the most part: how often it is looked for before that is
/// left to a later slice, and how long after one another.
const LOOKS: u32 = 5;
const BETWEEN: SignedDuration = SignedDuration::from_secs(2);

/// After so long a report that is not there was given up, and so was telling a removal: neither
/// queues nor streams keep anything for longer.
const LONGEST_TELLING: SignedDuration = SignedDuration::from_hours(24);

/// Everything of the state that may tell of a person, or of whom to forget.
pub trait RedactingStores:
    ConnectionStore + ContactStore + ErasureStore + PhotoStore + RunStore + SegmentStore + WelcomeStore
{
}

impl<S> RedactingStores for S where
    S: ConnectionStore
        + ContactStore
        + ErasureStore
        + PhotoStore
        + RunStore
        + SegmentStore
        + WelcomeStore
{
}

/// What a slice came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redacted {
    /// Nothing tells of the person any more.
    Done,
    /// Time was up; the next slice goes on.
    GoesOn,
    /// What is at work may still tell of the person.
    Waits,
    /// There was nothing to do, or somebody else does it.
    NotOurs,
}

/// Goes on with a receipt until nothing tells of the person any more, or time is up.
pub async fn redact(
    stores: &impl RedactingStores,
    blobs: &impl Blobs,
    clock: &impl Clock,
    (account, id): (&AccountId, &ErasureId),
    until: Timestamp,
) -> Result<Redacted, StoreError> {
    let receipt = stores.receipt(account, id).await?;
    let open = receipt.and_then(|receipt| {
        let redaction = receipt.redaction.clone()?;
        (receipt.state == ErasureState::Redacting).then_some((receipt, redaction))
    });
    let Some((receipt, redaction)) = open else {
        stores.close_erasure(account, id).await?;
        return Ok(Redacted::NotOurs);
    };
    let mut slice = Slice { stores, blobs, clock, until, receipt, redaction, is_clear: false };
    for look in 1.. {
        let in_time = slice.go_on().await?;
        if slice.redaction.is_done() && !slice.looks_at_photos().await? {
            slice.clear().await?;
        }
        if !in_time || slice.is_clear {
            break;
        }
        slice.redaction.waits = true;
        if look == LOOKS || clock.now() + BETWEEN >= until {
            break;
        }
        clock.sleep(BETWEEN).await;
    }
    slice.end().await
}

struct Slice<'a, S, B, C> {
    stores: &'a S,
    blobs: &'a B,
    clock: &'a C,
    until: Timestamp,
    receipt: ErasureReceipt,
    redaction: Redaction,
    /// Whether nothing tells of the person any more.
    is_clear: bool,
}

impl<S, B, C> Slice<'_, S, B, C>
where
    S: RedactingStores,
    B: Blobs,
    C: Clock,
{
    fn is_over(&self) -> bool {
        self.clock.now() >= self.until
    }

    fn add(&mut self, found: Erasures) {
        self.receipt.found = self.receipt.found.and(found);
    }

    /// Stores how far it came.
    async fn end(self) -> Result<Redacted, StoreError> {
        let (now, is_done) = (self.clock.now(), self.is_clear);
        let outcome = match (is_done, self.redaction.waits) {
            (true, _) => Redacted::Done,
            (false, true) => Redacted::Waits,
            (false, false) => Redacted::GoesOn,
        };
        let mut kept = ErasureReceipt {
            version: self.receipt.version + 1,
            written_at: Some(now),
            redaction: Some(self.redaction),
            ..self.receipt
        };
        if is_done {
            kept.state = ErasureState::Done;
            kept.redaction = None;
            kept.person = None;
            kept.history_until = now;
        }
        Ok(if self.stores.put_receipt(&kept).await? { outcome } else { Redacted::NotOurs })
    }

    /// Does whatever can be done now; `false` when time is up before that.
    async fn go_on(&mut self) -> Result<bool, StoreError> {
        self.redaction.waits = false;
        Ok(self.redact_events().await? && self.redact_runs().await? && self.redact_open().await?)
    }

    /// Takes away what runs at work, and people and mails that were on their way, asked, staged,
    /// claimed and put beside the contact since the person was forgotten.
    async fn clear(&mut self) -> Result<(), StoreError> {
        let ErasureReceipt { account_id, contact_id, others, .. } = self.receipt.clone();
        let contacts = self.gone_since().await?;
        let person = self.receipt.person.clone().unwrap_or_default();
        for contact in &contacts {
            let found = self.stores.erase_beside(&account_id, contact).await?;
            self.add(found);
            self.stores.forget_welcome(&account_id, contact).await?;
            let photos = delete_photo(self.stores, self.blobs, &account_id, contact).await?.kept;
            self.add(Erasures { photos, ..Erasures::default() });
        }
        if let Some(person_user @ ErasedUser { tenant_id, object_id, .. }) = &person.user {
            // Whose own id is another contact's is barred by a note, whatever receipt names it.
            if !others.noted.iter().any(|one| one.object_id == *object_id)
                && !is_barred_by_note(self.stores, &account_id, person_user).await?
            {
                self.stores.delete_adoption(&account_id, tenant_id, object_id).await?;
            }
        }
        let user = person.user.map(|user| user.object_id);
        for connection in self.stores.connections(&account_id).await? {
            for contact in &contacts {
                let user = user.as_ref();
                let found = self.stores.erase_asked(&connection.id, contact, user).await?;
                self.add(found);
            }
        }
        if let Some(key) = &person.email_key {
            ContactStore::release(self.stores, &account_id, key, &contact_id).await?;
        }
        self.is_clear = true;
        Ok(())
    }

    /// The person's contacts, without one that stands again since: a user who is somebody else may
    /// have come back to what was merged once.
    async fn gone_since(&self) -> Result<Vec<ContactId>, StoreError> {
        let mut contacts = self.receipt.other_ids();
        if !contacts.is_empty() {
            let standing = self.stores.get_many(&self.receipt.account_id, &contacts).await?;
            let mut stands =
                standing.iter().map(|one| matches!(one, Some(StoredContact::Present(_))));
            contacts.retain(|_| !stands.next().unwrap_or_default());
        }
        contacts.push(self.receipt.contact_id.clone());
        Ok(contacts)
    }

    /// Whether somebody may still store a photo that he asked for before the person was forgotten.
    async fn looks_at_photos(&self) -> Result<bool, StoreError> {
        let account = &self.receipt.account_id;
        for connection in self.stores.connections(account).await? {
            let lane = self.stores.photo_lane(account, &connection.id).await?;
            if lane.is_some_and(|lane| lane.is_held(self.clock.now())) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
