//! People who were erased: a run passes them over and names them nowhere.

use std::collections::HashMap;

use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId};
use contact_sync_domain::redaction::is_passed_over;
use contact_sync_domain::segment::SegmentItem;

use super::awaiting::Awaiting;
use super::batch::is_erased;
use super::members::MemberSets;
use super::pass::Pass;
use super::watched::Watched;
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, Randomness, StoreError};

impl Pass {
    /// What stands in this run for somebody who was erased. It leads back to nobody, and is the same
    /// on all pages of the run, so that he is counted once.
    fn stand_in(&self, user: &ObjectId) -> ObjectId {
        let contact = ContactId::derived(&self.account.id, &self.tenant, user);
        self.point.run_id.standing_for(&contact)
    }

    /// Whether the current listing dealt with this person already, under his own id or, where he was
    /// erased, under what stands for him.
    pub(super) fn has_met(&self, user: &ObjectId) -> bool {
        self.tally.knows(user) || self.tally.knows(&self.stand_in(user))
    }

    /// Puts what stands for them in the place of those of a page who were erased, so that no page
    /// and no report names them. Whom the run named before that keeps his id on it: he is counted
    /// once, and taken out of all of its pages when it has ended, as of any run that was at work.
    pub(super) fn hide_erased(&self, items: &mut [SegmentItem]) {
        for item in items.iter_mut().filter(|item| is_passed_over(item)) {
            if !self.tally.touched(&item.object_id) {
                item.object_id = self.stand_in(&item.object_id);
            }
        }
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
    /// Those of these users who were erased: a full run knows them from its index, a look reads.
    pub(super) async fn erased_of(
        &self,
        pass: &Pass,
        users: &[ObjectId],
    ) -> Result<Vec<ObjectId>, Stop> {
        if let Some(index) = &pass.index {
            let erased = users.iter().filter(|user| index.is_erased(&index.contact_of(user)));
            return Ok(erased.cloned().collect());
        }
        let contacts = self.contacts_of(pass, users).await?;
        let mut stored = HashMap::new();
        self.read_contacts(pass, &contacts, &mut stored).await?;
        let pairs = users.iter().zip(&contacts);
        let erased = pairs.filter(|(_, contact)| is_erased(stored.get(contact)));
        Ok(erased.map(|(user, _)| user.clone()).collect())
    }
}

/// Takes somebody out of what runs keep of a connection's present state: who waits for a manager,
/// and the members of groups that nobody looks at any more. The others are lists as the directory
/// tells them, and each run reads them again.
pub(crate) async fn forget_in_state(
    blobs: &impl Blobs,
    (account, connection): (&AccountId, &ConnectionId),
    watched: &[Watched],
    user: &ObjectId,
) -> Result<(), StoreError> {
    Awaiting::forget(blobs, account, connection, user).await?;
    MemberSets::drop_unwatched(blobs, account, connection, watched).await
}
