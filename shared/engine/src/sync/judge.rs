//! Judging staged removals: all of them at once, or none beyond the guard.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::contact::LinkState;
use contact_sync_domain::directory::{DeltaEntry, RemovedReason};
use contact_sync_domain::guard::{Asked, Verdict};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::sync_state::{Lane, Stage};

use super::apply::{is_removal, unreadable_item};
use super::collisions::judgement;
use super::decide::{decide_leaving, present};
use super::index::Index;
use super::pass::{Held, Pass};
use super::staging::StagedRemoval;
use super::{Stop, SyncStores, Worker};
use crate::port::{
    Blobs, Clock, Directory, PendingItem, PendingKind, PendingStore, Randomness, SegmentStore,
    StoredContact,
};

/// How many removals one segment holds.
const PER_SEGMENT: usize = 200;

/// Whoever was staged, as it stands now.
struct Staged {
    /// The removals that are still asked for.
    removals: Vec<SegmentItem>,
    /// The failed records of those whose contact cannot be read.
    unreadable: Vec<SegmentItem>,
    /// Of whom nothing but a read by id says that they are gone: they wait for the next run.
    unclear: Vec<ObjectId>,
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Judges what is staged, as it stands now: who came back, or whom other settings spare by now,
    /// is no removal. The window's counter is stored before anything is removed, so that a crash in
    /// between cannot make room for more.
    pub(super) async fn judge(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        let waiting = self.stores.pending(&pass.connection.id, PendingKind::Removal).await?;
        if waiting.is_empty() {
            pass.point.stage = Stage::Teams;
            return Ok(());
        }
        held.check_time(&self.clock)?;
        self.mark_asked(held, pass).await?;
        self.load_lookup(pass).await?;
        let users: Vec<(ObjectId, bool)> = waiting
            .iter()
            .filter_map(|item| Some((ObjectId::parse(&item.key).ok()?, has_left(item))))
            .collect();
        let mut stored = HashMap::new();
        let Staged { removals: mut items, unreadable, unclear } =
            self.still_removals(pass, &users, &mut stored).await?;
        let linked = pass.index.as_ref().map_or(held.work.linked, Index::linked);
        let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let guard = pass.rules.policies().guard;
        let asked = Asked { run: pass.point.run_id.as_str(), done: pass.removed, count };
        let window = match guard.judge(&held.work.guard, asked, linked, self.clock.now()) {
            // A plan shows what the guard would hold back, and uses up nothing of its window.
            Verdict::Allowed(_) | Verdict::Blocked { .. } if pass.lane == Lane::Plan => {
                held.work.guard.clone()
            }
            Verdict::Allowed(window) => window,
            Verdict::Blocked { left, allowed } => {
                pass.point.blocked = true;
                pass.point.note = Some(format!(
                    "{count} removals wait: the guard allows {allowed} in {} hours and {left} are \
                     left; check the directory and the scope, then raise the guard or restore the \
                     people",
                    guard.window_hours
                ));
                pass.point.stage = Stage::Teams;
                return Ok(());
            }
        };
        held.work.guard = window;
        held.work.checkpoint = Some(pass.point.clone());
        held.checkpoint(&self.stores).await?;
        // Failed records of this run are judged again by the next.
        let failed = unreadable.iter().map(|item| &item.object_id);
        let mut kept: HashSet<String> = failed.chain(&unclear).map(ToString::to_string).collect();
        items.extend(unreadable);
        let first = pass.point.page;
        for items in items.chunks(PER_SEGMENT) {
            let segment = judgement(held, pass, items.to_vec());
            self.store_and_settle(held, pass, segment, stored.clone(), &HashMap::new()).await?;
        }
        for page in first..pass.point.page {
            let (connection, run) = (&pass.connection.id, &pass.point.run_id);
            let deviations = self.stores.deviations(connection, run, page).await?;
            let failed = deviations.into_iter().filter(|one| one.outcome == Outcome::Failed);
            kept.extend(failed.map(|one| one.object_id.to_string()));
        }
        let keys: Vec<String> =
            waiting.into_iter().map(|item| item.key).filter(|key| !kept.contains(key)).collect();
        self.stores.delete_pending(&pass.connection.id, PendingKind::Removal, &keys).await?;
        pass.point.stage = Stage::Teams;
        Ok(())
    }

    /// Asks the directory for everybody who is staged, and decides them anew: what is left are the
    /// removals that today's reading and today's settings still ask for. Beside each user it says
    /// whether he was staged because he left the directory: replicas disagree, and that one of them
    /// does not know somebody who was there before, or whom a group names, proves nothing.
    async fn still_removals(
        &self,
        pass: &mut Pass,
        users: &[(ObjectId, bool)],
        stored: &mut HashMap<ContactId, StoredContact>,
    ) -> Result<Staged, Stop> {
        let left = users.iter().filter(|(_, has_left)| *has_left);
        let left: HashSet<&ObjectId> = left.map(|(user, _)| user).collect();
        let users: Vec<ObjectId> = users.iter().map(|(user, _)| user.clone()).collect();
        let entries = self.confirm(pass, &users).await?;
        let ids: Vec<ObjectId> = entries.iter().map(|entry| entry.id().clone()).collect();
        let contacts = self.contacts_of(pass, &ids).await?;
        let unreadable = self.read_contacts(pass, &contacts, stored).await?;
        let failed = entries
            .iter()
            .zip(&contacts)
            .filter(|(_, contact)| unreadable.contains(contact))
            .map(|(entry, contact)| {
                let blank = blank_item(entry.id(), Some(contact.clone()), Outcome::Failed);
                unreadable_item(&blank)
            })
            .collect();
        let mut removals = Vec::new();
        let mut unclear = Vec::new();
        for (entry, contact) in entries.iter().zip(&contacts) {
            let existing = stored.get(contact);
            let item = match decide_leaving(pass, entry, present(existing)) {
                Some(item) => item,
                // In scope: the contact may have to become inactive all the same.
                None => match entry {
                    DeltaEntry::Changed(user) => {
                        let existing = existing.cloned();
                        let (item, base) = self.decide_again(pass, user, contact, existing).await?;
                        if let (Some(id), Some(base)) = (&item.contact_id, base) {
                            stored.insert(id.clone(), base);
                        }
                        item
                    }
                    DeltaEntry::Removed { .. } => continue,
                },
            };
            // A contact that others want as well is nobody's, so that nothing is to be removed.
            let others = item.takes_over() && pass.is_contested(&item);
            if !is_removal(&item) || others {
                continue;
            }
            match entry {
                DeltaEntry::Removed { id, reason: RemovedReason::Purged }
                    if !left.contains(id) || pass.is_member(id) =>
                {
                    unclear.push(id.clone());
                }
                DeltaEntry::Removed { .. } | DeltaEntry::Changed(_) => removals.push(item),
            }
        }
        Ok(Staged { removals, unreadable: failed, unclear })
    }
}

/// Whether a removal was staged because its user left the directory.
fn has_left(item: &PendingItem) -> bool {
    let staged = serde_json::from_value::<StagedRemoval>(item.body.clone());
    let link = staged.ok().and_then(|staged| staged.link);
    link.is_some_and(|link| link.new == LinkState::Removed)
}
