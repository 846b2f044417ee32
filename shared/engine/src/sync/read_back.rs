//! The end of a run's proof: what it wrote is read back.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::id::ContactId;
use contact_sync_domain::proof::contact_hash;
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::sync_state::Lane;
use futures::TryStreamExt;
use jiff::Timestamp;

use super::index::pages;
use super::pass::{Held, Pass};
use super::write::TOMBSTONE;
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, Randomness, StoredContact};

/// Contacts that are read back one by one, at a read unit each, whatever the account has.
const MOST_SINGLY: usize = 500;

/// What the index costs of a contact, as a part of a read unit: beyond [`MOST_SINGLY`] it is read
/// where that is cheaper.
const INDEX_PART: u64 = 8;

/// How many contacts are asked for at once.
const TOGETHER: usize = 100;

/// Which contacts a run wrote and left standing.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Their ids, each at least once: 16 bytes for each of a million.
    contacts: Vec<u128>,
    /// Those that the run removed again.
    removed: HashSet<u128>,
    /// The lowest fence at which it wrote any.
    since: Option<u64>,
}

impl Written {
    /// Notes what an item of a page of this fence became.
    pub(super) fn note(&mut self, fence: u64, item: &SegmentItem, outcome: Outcome) {
        let Some(contact) = &item.contact_id else { return };
        match outcome {
            Outcome::Create
            | Outcome::Update
            | Outcome::StopUpdating
            | Outcome::Unlink
            | Outcome::Deactivate
            | Outcome::Restore => {}
            // A removal that waits for a person is marked on the link at once.
            Outcome::AwaitingReview if item.link.is_some() => {}
            Outcome::Delete => {
                self.removed.insert(contact.to_bits());
                return;
            }
            Outcome::AwaitingReview
            | Outcome::Unchanged
            | Outcome::Skipped
            | Outcome::Failed
            | Outcome::Deferred
            | Outcome::Keep
            | Outcome::Left => return,
        }
        self.contacts.push(contact.to_bits());
        self.removed.remove(&contact.to_bits());
        self.since = Some(self.since.map_or(fence, |since| since.min(fence)));
    }

    /// Each contact once, in order.
    fn sort(&mut self) {
        let removed = &self.removed;
        if !removed.is_empty() {
            self.contacts.retain(|contact| !removed.contains(contact));
        }
        self.contacts.sort_unstable();
        self.contacts.dedup();
    }
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Reads back what the run wrote and completes its proof.
    pub(super) async fn read_back(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        // What is only planned wrote nothing.
        if !pass.point.recorded || held.state.lane == Lane::Plan {
            return Ok(());
        }
        held.check_time(&self.clock)?;
        pass.written.sort();
        let mut confirmed = 0;
        let mut doubtful: Vec<ContactId> = Vec::new();
        let are_many = pass.written.contacts.len() > MOST_SINGLY;
        let written = u64::try_from(pass.written.contacts.len()).unwrap_or(u64::MAX);
        if are_many && written >= held.work.linked / INDEX_PART {
            let found = self.found_by_index(pass).await?;
            for (contact, found) in pass.written.contacts.iter().zip(found) {
                if found {
                    confirmed += 1;
                } else {
                    doubtful.push(ContactId::from_bits(*contact));
                }
            }
        } else {
            doubtful = pass.written.contacts.iter().copied().map(ContactId::from_bits).collect();
        }
        // The index may lag behind, and tells of linked contacts only.
        for ids in doubtful.chunks(TOGETHER) {
            let mut stored = HashMap::new();
            // One that cannot be read is none that is confirmed.
            self.read_contacts(pass, ids, &mut stored).await?;
            confirmed += stored.values().filter(|stored| stands(pass, stored)).count();
        }
        let xor = pass
            .written
            .contacts
            .iter()
            .fold(0, |xor, contact| xor ^ contact_hash(&ContactId::from_bits(*contact)));
        let proof = &mut pass.point.proof;
        proof.source = pass.point.total;
        proof.matched = Some(pass.tally.matched());
        proof.written = Some(written);
        proof.written_xor = Some(format!("{xor:032x}"));
        proof.confirmed = Some(u64::try_from(confirmed).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Which of the written contacts the index tells of, as this run wrote them or later.
    async fn found_by_index(&self, pass: &Pass) -> Result<Vec<bool>, Stop> {
        let written = &pass.written;
        let mut found = vec![false; written.contacts.len()];
        let mut pages = pages(&self.stores, &pass.account.id);
        while let Some(page) = pages.try_next().await? {
            for entry in page.entries {
                let is_ours = entry.connection_id == pass.connection.id
                    && written.since.is_some_and(|since| entry.source_version >= since);
                if is_ours
                    && let Ok(at) = written.contacts.binary_search(&entry.contact_id.to_bits())
                    && let Some(found) = found.get_mut(at)
                {
                    *found = true;
                }
            }
        }
        Ok(found)
    }
}

/// Whether a contact that the run wrote stands as it was written, or was written or removed since by
/// somebody else.
fn stands(pass: &Pass, stored: &StoredContact) -> bool {
    let began = pass.point.started_at;
    match stored {
        StoredContact::Present(contact) => {
            let mark = contact.sync.as_ref();
            mark.is_some_and(|mark| mark.run == pass.point.run_id.as_str())
                || contact.updated_at >= began
        }
        StoredContact::Tombstone { erased: true, .. } => true,
        StoredContact::Tombstone { expires_at, .. } => {
            let removed = expires_at.checked_sub(TOMBSTONE).unwrap_or(Timestamp::MIN);
            removed >= began
        }
    }
}
