//! Contacts whose users left: what the policies do with them, and what the guard says to it.

use std::collections::HashMap;

use contact_sync_domain::contact::Contact;
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::guard::{Base, Limited, Removal, Room};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::standing::Standing;

use super::super::findings::{Example, GuardForecast};
use super::{PER_BATCH, Survey};
use crate::admin::{AdminError, Outside};
use crate::port::{Clock, ContactStore, StoredContact, SyncStateStore};
use crate::sync::{Batch, Index, Person, is_removal};

impl<O: Outside> Survey<'_, O> {
    /// Counts somebody who left the scope, or the directory (then nobody is told of him).
    pub(super) fn count_leaving(
        &mut self,
        user: Option<&DirectoryUser>,
        item: &SegmentItem,
        existing: Option<&Contact>,
        cause: GoneCause,
    ) {
        if is_removal(item) {
            self.removals.add(Removal::of(item));
        }
        match (Standing::of(item, item.outcome), user) {
            // A run counts whoever waits for a person among those in scope, in the directory or not.
            (Standing::LeftWaiting, user) => {
                self.found.seen += u64::from(user.is_none());
                self.found.in_scope += 1;
                self.found.would_await += 1;
            }
            (_, Some(user)) => self.skip(user),
            (_, None) => {}
        }
        let action = match item.outcome {
            Outcome::StopUpdating => "stopUpdating",
            Outcome::AwaitingReview if item.link.is_some() => "review",
            Outcome::Unlink => "unlink",
            Outcome::Deactivate => "deactivate",
            Outcome::Delete => "delete",
            _ => return,
        };
        let people = self.leaving.entry((cause.name(), action)).or_default();
        match (user, existing) {
            (Some(user), _) => people.add(user),
            (None, Some(contact)) => people.note(|| Example::of_contact(&item.object_id, contact)),
            (None, None) => {}
        }
    }

    /// Counts somebody in scope whose contact loses something.
    pub(super) fn let_go(&mut self, cause: GoneCause, action: &'static str, user: &DirectoryUser) {
        self.removals.add(Removal { cause, groups: &[] });
        self.leaving.entry((cause.name(), action)).or_default().add(user);
    }

    /// Asks for everybody who is linked and was not named: whoever is not in the directory any more
    /// left it, the others left the groups of the scope or were overlooked.
    pub(super) async fn look_for_absent(&mut self) -> Result<(), AdminError> {
        let (index, rules) = (self.index.as_ref(), self.terms.rules);
        let unseen = index.map(|index| index.unseen(u64::MAX, rules)).unwrap_or_default();
        for contacts in unseen.chunks(PER_BATCH) {
            let linked = self.linked_users(contacts).await?;
            let ids: Vec<ObjectId> = linked.keys().cloned().collect();
            let read = self.read_by_id(&ids).await?;
            let mut batch = Batch { people: Vec::new(), needed: Vec::new() };
            let mut leaves = HashMap::new();
            for (user, contact) in linked {
                if read.found.iter().any(|found| found.id == user) {
                    continue;
                }
                let deleted = read.soft_deleted.contains(&user);
                let cause = if deleted { GoneCause::SoftDeleted } else { GoneCause::HardDeleted };
                leaves.insert(user.clone(), cause);
                batch.needed.push(contact.clone());
                batch.people.push((Person::Gone(user, cause), contact));
            }
            self.decide_batch(batch, &leaves).await?;
            // Read beside the listing, as a run does at its end.
            self.look_at(read.found).await?;
        }
        Ok(())
    }

    /// Whom these contacts are linked to.
    async fn linked_users(
        &self,
        contacts: &[ContactId],
    ) -> Result<HashMap<ObjectId, ContactId>, AdminError> {
        let stored = self.outside.store().get_many(self.terms.account, contacts).await?;
        let linked = stored.into_iter().flatten().filter_map(|stored| match stored {
            StoredContact::Present(contact) => {
                let user = contact.link.as_ref()?.object_id.clone();
                Some((user, contact.id))
            }
            StoredContact::Tombstone { .. } => None,
        });
        Ok(linked.collect())
    }

    /// What the guard would say to all that takes something away.
    pub(super) async fn ask_guard(&self) -> Result<GuardForecast, AdminError> {
        let (account, connection) = (self.terms.account, self.terms.tie.connection);
        let state = self.outside.store().sync_state(account, connection).await?;
        let work = state.map(|state| state.work).unwrap_or_default();
        let linked = self.index.as_ref().map_or(0, Index::linked);
        let guard = &self.terms.rules.policies().guard;
        let (removals, now) = (self.removals.count, self.outside.clock().now());
        let base = Base { linked, members: &work.members };
        let Room { allowed, left, .. } = guard.room(&work.guard, base, now);
        // Who left which group is not looked at here: a preview tells it.
        let mut limits = guard.narrower(&work.guard, &self.removals, base, now);
        limits.retain(|limit| matches!(limit.of, Limited::Cause(_)));
        Ok(GuardForecast { removals, allowed, left, would_stop: removals > left, limits })
    }
}
