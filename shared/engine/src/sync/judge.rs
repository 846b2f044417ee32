//! Judging staged removals: all of them at once, or none beyond the guard.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::contact::Contact;
use contact_sync_domain::directory::{DeltaEntry, RemovedReason};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::sync_state::Stage;

use jiff::Timestamp;

use super::apply::{is_removal, unreadable_item};
use super::approvals::{Approvals, by_approval};
use super::collisions::judgement;
use super::decide::{decide_due, present};
use super::pass::{Held, Pass};
use super::staging::StagedRemoval;
use super::{Stop, SyncStores, Worker};
use crate::port::{
    Blobs, Clock, Directory, PendingItem, PendingKind, PendingStore, Randomness, SegmentStore,
    StoredContact,
};

/// How many removals one segment holds.
const PER_SEGMENT: usize = 200;

/// Whoever was staged and is due, as it stands now.
struct Staged {
    /// The removals that are still asked for.
    removals: Vec<SegmentItem>,
    /// Those for whom nothing of what was planned is done any more: their links are to say so.
    spared: Vec<SegmentItem>,
    /// The failed records of those whose contact cannot be read.
    unreadable: Vec<SegmentItem>,
    /// Of whom nothing but a read by id says that they are gone, and who cannot be decided: they
    /// wait for the next run.
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
    /// is no removal; whose days of grace go on, waits. The window's counter is stored before
    /// anything is removed, so that a crash in between cannot make room for more. What people
    /// approved of is done beside it.
    pub(super) async fn judge(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        let waits = self.judge_staged(held, pass).await?;
        self.settle_left(pass, &waits).await?;
        pass.point.stage = Stage::Teams;
        Ok(())
    }

    /// The same; answers who goes on waiting.
    #[expect(clippy::too_many_lines, reason = "one judgement, in its order")]
    async fn judge_staged(
        &self,
        held: &mut Held,
        pass: &mut Pass,
    ) -> Result<HashSet<String>, Stop> {
        let waiting = self.stores.pending(&pass.connection.id, PendingKind::Removal).await?;
        let now = self.clock.now();
        held.work.next_due = held.work.next_due.filter(|at| *at > now);
        // Where changes wait for the run, so does this.
        let may_act = !pass.rules.is_holding();
        let has_approvals = !waiting.is_empty() || held.work.asks;
        let (approvals, approved_as_read) =
            if may_act && has_approvals { self.approvals(pass).await? } else { Default::default() };
        if (waiting.is_empty() && approvals.is_empty()) || !may_act {
            if waiting.is_empty() {
                (held.work.held, held.work.held_by) = (0, Vec::new());
            }
            return Ok(waiting.into_iter().map(|item| item.key).collect());
        }
        (held.work.held, held.work.held_by) = (0, Vec::new());
        held.check_time(&self.clock)?;
        let mut due = Vec::new();
        // Whose days of grace go on, although somebody approved of ending them.
        let mut early: HashMap<ObjectId, Timestamp> = HashMap::new();
        for item in &waiting {
            let Ok(user) = ObjectId::parse(&item.key) else { continue };
            let staged = serde_json::from_value::<StagedRemoval>(item.body.clone()).ok();
            let acts_at = staged.as_ref().and_then(|staged| staged.acts_at(&pass.rules));
            match acts_at.filter(|at| *at > now) {
                Some(at) if !approvals.contains_key(&user) => come_due(held, at),
                acts_at => {
                    early.extend(acts_at.map(|at| (user.clone(), at)));
                    due.push((user, staged.is_some_and(|staged| staged.has_left())));
                }
            }
        }
        let forgotten = unstaged(&waiting, &approvals, now);
        due.extend(forgotten.iter().map(|(user, has_left)| (user.clone(), *has_left)));
        if due.is_empty() {
            return Ok(waiting.into_iter().map(|item| item.key).collect());
        }
        self.record_start(held, pass).await?;
        self.mark_asked(held, pass).await?;
        self.load_lookup(pass).await?;
        self.check_allowed(pass).await?;
        let mut stored = HashMap::new();
        let Staged { removals, spared, unreadable, unclear } =
            self.still_removals(pass, &due, &mut stored).await?;
        let (approved, others) = by_approval(removals, &approvals, now);
        let again = others.iter().filter(|item| forgotten.contains_key(&item.object_id));
        early.extend(self.stage_again(pass, again, &stored).await?);
        let (waits, asked): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|item| early.contains_key(&item.object_id));
        let (granted, asked) = self.ask_guard(held, pass, asked).await;
        held.work.checkpoint = Some(pass.point.clone());
        held.checkpoint(&self.stores).await?;
        // Failed records of this run are judged again by the next.
        let failed = unreadable.iter().map(|item| &item.object_id);
        let mut kept: HashSet<String> = failed.chain(&unclear).map(ToString::to_string).collect();
        let mut held_back: HashSet<String> =
            waits.iter().map(|item| item.object_id.to_string()).collect();
        early.retain(|user, _| held_back.contains(user.as_str()));
        for at in early.values() {
            come_due(held, *at);
        }
        self.ask_about(held, pass, (&waits, &early), &stored, &approvals).await?;
        let mut items = approved;
        items.extend(spared);
        items.extend(unreadable);
        items.extend(granted);
        if !asked.is_empty() {
            held_back.extend(asked.iter().map(|item| item.object_id.to_string()));
            self.ask_about(held, pass, (&asked, &early), &stored, &approvals).await?;
            self.show_held(held, pass, &asked).await?;
        }
        kept.extend(held_back.iter().cloned());
        if held.work.asks {
            self.forget_settled(pass, &due, &items, &kept).await?;
        }
        let first = pass.point.page;
        for items in items.chunks(PER_SEGMENT) {
            // Who cancels or pauses means what is not done yet; it is judged again as after a death.
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            let segment = judgement(held, pass, items.to_vec());
            self.store_and_settle(held, pass, segment, stored.clone(), &HashMap::new()).await?;
        }
        for page in first..pass.point.page {
            let (connection, run) = (&pass.connection.id, &pass.point.run_id);
            let deviations = self.stores.deviations(connection, run, page).await?;
            let failed = deviations.into_iter().filter(|one| one.outcome == Outcome::Failed);
            kept.extend(failed.map(|one| one.object_id.to_string()));
        }
        let over: Vec<String> = due
            .iter()
            .map(|(user, _)| user.to_string())
            .filter(|key| !kept.contains(key))
            .collect();
        self.stores.delete_pending(&pass.connection.id, PendingKind::Removal, &over).await?;
        // What was approved and could not be done yet may be done by the next run.
        let open: HashSet<String> = kept.difference(&held_back).cloned().collect();
        self.forget_approvals(pass, approved_as_read, &open).await?;
        let over: HashSet<String> = over.into_iter().collect();
        let keys = waiting.into_iter().map(|item| item.key);
        Ok(keys.filter(|key| !over.contains(key)).collect())
    }

    /// Asks nobody any more about those who were due and neither are decided now nor kept.
    async fn forget_settled(
        &self,
        pass: &Pass,
        due: &[(ObjectId, bool)],
        items: &[SegmentItem],
        kept: &HashSet<String>,
    ) -> Result<(), Stop> {
        let decided: HashSet<&ObjectId> = items.iter().map(|item| &item.object_id).collect();
        let users = due.iter().map(|(user, _)| user);
        let settled: Vec<ObjectId> = users
            .filter(|user| !decided.contains(user) && !kept.contains(user.as_str()))
            .cloned()
            .collect();
        self.forget_planned(pass, &settled).await
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
        let (mut removals, mut spared, mut unclear) = (Vec::new(), Vec::new(), Vec::new());
        for (entry, contact) in entries.iter().zip(&contacts) {
            let existing = stored.get(contact);
            let is_planned = present(existing).is_some_and(is_planned);
            let item = match decide_due(pass, entry, present(existing)) {
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
                match item.outcome {
                    Outcome::StopUpdating | Outcome::AwaitingReview if is_planned => {
                        spared.push(item);
                    }
                    // In scope, but the link says still what is planned: the next run looks again.
                    Outcome::Failed if is_planned => unclear.push(item.object_id),
                    _ => {}
                }
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
        let users = entries.into_iter().filter_map(|entry| match entry {
            DeltaEntry::Changed(user) => Some((user.id.clone(), user)),
            DeltaEntry::Removed { .. } => None,
        });
        self.tell_movers(pass, &mut removals, stored, &users.collect()).await?;
        Ok(Staged { removals, spared, unreadable: failed, unclear })
    }
}

/// Who is approved of and does not wait for the judgement, and whether he left the directory: what was
/// staged of him was forgotten, as earlier releases did when a connection was disabled.
fn unstaged(
    waiting: &[PendingItem],
    approvals: &Approvals,
    now: Timestamp,
) -> HashMap<ObjectId, bool> {
    let waiting: HashSet<&str> = waiting.iter().map(|item| item.key.as_str()).collect();
    let approved = approvals.iter().filter(|(_, approval)| now < approval.expires_at);
    let unstaged = approved.filter(|(user, _)| !waiting.contains(user.as_str()));
    unstaged.map(|(user, approval)| (user.clone(), approval.has_left())).collect()
}

/// Something here comes due at this instant, unless something else does before.
pub(super) fn come_due(held: &mut Held, at: Timestamp) {
    held.work.next_due = Some(held.work.next_due.map_or(at, |next| next.min(at)));
}

/// Whether a contact's link says what is to be done to it.
fn is_planned(contact: &Contact) -> bool {
    contact.link.as_ref().is_some_and(|link| link.planned.is_some())
}
