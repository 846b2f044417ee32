//! Pages of phase `teams`: what changes of memberships is stored before any of it is written.

use std::collections::HashSet;

use contact_sync_domain::id::{ContactId, ObjectId, TeamId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::run::RunKind;
use contact_sync_domain::segment::{
    Deviation, MembershipChange, Outcome, Phase, Segment, SegmentItem, Trace,
};
use contact_sync_domain::sync_state::Stage;
use contact_sync_domain::team::Membership;

use super::rows::Rows;
use super::{ATTEMPTS, Candidate, Move};
use crate::port::{Blobs, Clock, Directory, Randomness, SegmentStore, TeamStore};
use crate::segments::{load_segment, store_segment};
use crate::sync::applying::{CHANGED_SINCE, left as left_as_is};
use crate::sync::pass::{Held, Pass};
use crate::sync::reading::people_hash;
use crate::sync::{Stop, SyncStores, Worker};

/// What is told of somebody whose membership was changed by somebody else at the same moment.
const OVERTAKEN: &str = "somebody else changed the membership at the same moment";

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Works out some memberships from the contacts as they are now, each change told by a page of
    /// the run before it is written; answers how many changed. Where none does, nothing is stored.
    pub(super) async fn move_some(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        rows: &Rows,
        candidates: Vec<Candidate>,
    ) -> Result<usize, Stop> {
        let mut left = candidates;
        // A plan tells of each membership once, be it that a slice before told of it and died.
        left.retain(|one| !self.stores.is_moved(&one.contact, &one.team));
        let mut changed = 0;
        for _ in 0..ATTEMPTS {
            let moves = self.follower(pass).work_out(rows, left).await?;
            if moves.is_empty() {
                break;
            }
            left = self.tell_and_put(held, pass, &moves).await?;
            changed += moves.len() - left.len();
            if left.is_empty() {
                break;
            }
        }
        // Where people keep changing one, the next full run compares it again.
        Ok(changed)
    }

    async fn tell_and_put(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        moves: &[Move],
    ) -> Result<Vec<Candidate>, Stop> {
        self.record_start(held, pass).await?;
        let mut items = items_of(moves);
        self.tell_sides(pass, moves, &mut items).await?;
        if items.is_empty() {
            return Ok(self.follower(pass).put(moves).await?);
        }
        let segment = self.teams_page(held, pass, items).await?;
        let lost = self.follower(pass).put(moves).await?;
        let overtaken: HashSet<&ContactId> = lost.iter().map(|lost| &lost.contact).collect();
        // Of somebody who changes teams more than once the page stands as it is.
        let overtaken = segment.items.iter().filter(|item| {
            item.memberships().len() == 1
                && item.contact_id.as_ref().is_some_and(|contact| overtaken.contains(contact))
        });
        self.tell_overtaken(pass, segment.page, overtaken).await?;
        pass.point.page = segment.page + 1;
        Ok(lost)
    }

    /// Stores a page of changes of memberships.
    pub(in crate::sync) async fn teams_page(
        &self,
        held: &Held,
        pass: &Pass,
        items: Vec<SegmentItem>,
    ) -> Result<Segment, Stop> {
        let segment = Segment {
            generation: pass.point.generation,
            link_hash: people_hash(items.iter().map(|item| &item.object_id)),
            ..Segment::of(pass.point.page, Phase::Teams, held.fence(), items)
        };
        let (account, connection) = (&pass.account.id, &pass.connection.id);
        let run = (&pass.point.run_id, pass.point.kept);
        let told = segment.clone();
        let standing =
            store_segment(&self.stores, &self.blobs, account, connection, run, told).await?;
        // Whoever else wrote this page took the lease.
        if standing == segment { Ok(segment) } else { Err(Stop::Lost) }
    }

    async fn tell_overtaken(
        &self,
        pass: &Pass,
        page: u32,
        items: impl Iterator<Item = &SegmentItem>,
    ) -> Result<(), Stop> {
        let told = |item: &SegmentItem| Deviation {
            reason: Some(OVERTAKEN.to_owned()),
            ..Deviation::of(item, Outcome::Left)
        };
        let deviations: Vec<Deviation> = items.map(told).collect();
        if !deviations.is_empty() {
            let run = (&pass.point.run_id, pass.point.kept);
            self.stores.put_deviations(&pass.connection.id, run, page, &deviations).await?;
        }
        Ok(())
    }

    /// Writes what a page of phase `teams` tells, once more: a slice before stored it and may have
    /// died in the middle.
    pub(in crate::sync) async fn settle_moves(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        segment: &Segment,
    ) -> Result<(), Stop> {
        let overtaken = self.put_moves(pass, segment).await?;
        // Nothing older of whom somebody else moved meanwhile is taken back, either.
        pass.note_left(overtaken.iter().map(|item| (*item, Outcome::Left)));
        self.tell_overtaken(pass, segment.page, overtaken.into_iter()).await?;
        pass.note_left(segment.items.iter().map(|item| (item, item.outcome)));
        pass.point.page = segment.page + 1;
        held.work.checkpoint = Some(pass.point.clone());
        held.checkpoint(&self.stores).await
    }

    /// Remembers what a stored page of a plan tells of teams, so that it is not told again.
    pub(in crate::sync) fn note_moves(&self, pass: &Pass, segment: &Segment) {
        for item in &segment.items {
            let Some(contact) = &item.contact_id else { continue };
            for change in item.memberships() {
                self.stores.note_move(&pass.account.id, contact, change);
            }
        }
    }

    /// Writes what a page of phase `teams` tells; answers whom somebody else was faster with.
    pub(in crate::sync) async fn put_moves<'s>(
        &self,
        pass: &Pass,
        segment: &'s Segment,
    ) -> Result<Vec<&'s SegmentItem>, Stop> {
        let mut overtaken = Vec::new();
        for item in segment.items.iter().filter(|item| item.outcome != Outcome::Left) {
            let Some(contact) = &item.contact_id else { continue };
            let mut went = true;
            for change in item.memberships() {
                went &= self.put_change(pass, contact, change).await?;
            }
            if !went {
                overtaken.push(item);
            }
        }
        Ok(overtaken)
    }

    /// Whether a membership stands as the change says, by this write or by an earlier one.
    async fn put_change(
        &self,
        pass: &Pass,
        contact: &ContactId,
        change: &MembershipChange,
    ) -> Result<bool, Stop> {
        let (account, team) = (&pass.account.id, &change.team_id);
        for _ in 0..ATTEMPTS {
            let known = self.stores.membership(account, contact, team).await?;
            let known = known.unwrap_or_else(|| {
                Membership::none(account.clone(), team.clone(), contact.clone())
            });
            let is_done = known.version > change.version && known.origins == change.new;
            let Some(after) = change.after(known.clone()) else { return Ok(is_done) };
            let (run, now) = (&pass.point.run_id, self.clock.now());
            if self.stores.put_membership(&after.replacing(&known, Some(run), now)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is still to be taken back: nothing of whoever was left, and nothing that is done, which
    /// is told already, where a contact left its teams as it went.
    async fn not_taken_back(
        &self,
        pass: &Pass,
        planned: Vec<SegmentItem>,
    ) -> Result<Vec<SegmentItem>, Stop> {
        let mut rest = Vec::new();
        for item in planned {
            let Some(contact) = &item.contact_id else { continue };
            if pass.spared.contains(contact) && item.outcome != Outcome::Left {
                rest.push(left_as_is(&item, CHANGED_SINCE));
                continue;
            }
            let mut is_done = !item.memberships().is_empty();
            for change in item.memberships() {
                let account = &pass.account.id;
                let known = self.stores.membership(account, contact, &change.team_id).await?;
                let stands = |known: Membership| {
                    known.version > change.version && known.origins == change.new
                };
                is_done &= known.is_some_and(stands);
            }
            if !is_done {
                rest.push(item);
            }
        }
        Ok(rest)
    }

    /// Applies a page of a plan that tells of memberships: whoever would still move as it says does,
    /// everybody else is left.
    pub(in crate::sync) async fn apply_moves(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        page: u32,
        chosen: Option<&HashSet<&ObjectId>>,
    ) -> Result<(), Stop> {
        let (connection, run) = (&pass.connection.id, &pass.point.run_id);
        let planned = load_segment(&self.stores, &self.blobs, connection, run, page).await?;
        let Some(mut planned) = planned else { return Ok(()) };
        // Which side had moved is told by the audit, and is no part of what is done.
        let changes = planned.items.iter_mut().filter_map(|item| item.trace.as_mut());
        for change in changes.flat_map(|trace| &mut trace.memberships) {
            change.moved = None;
        }
        if let Some(chosen) = chosen {
            planned.items.retain(|item| chosen.contains(&item.object_id));
            if planned.items.is_empty() {
                return Ok(());
            }
        }
        if pass.point.kind == RunKind::Undo {
            // What is taken back is done as it was shown: the groups have no say in it.
            planned.items = self.not_taken_back(pass, planned.items).await?;
            if planned.items.is_empty() {
                return Ok(());
            }
            let segment = self.teams_page(held, pass, planned.items).await?;
            pass.point.stage = Stage::Apply { page: page + 1 };
            return self.settle_moves(held, pass, &segment).await;
        }
        self.read_groups_afresh(pass).await?;
        let contacts: Vec<ContactId> =
            planned.items.iter().filter_map(|item| item.contact_id.clone()).collect();
        let rows = Rows::of(&pass.settings, |_| true);
        let follower = self.follower(pass);
        let candidates = follower.candidates(&rows, &contacts).await?;
        let standing: Vec<(ContactId, TeamId, Membership)> = candidates
            .iter()
            .filter_map(|one| Some((one.contact.clone(), one.team.clone(), one.known.clone()?)))
            .collect();
        let mut moves = follower.work_out(&rows, candidates).await?;
        let mut left = Vec::new();
        for item in &planned.items {
            let Some(contact) = &item.contact_id else { continue };
            for change in item.memberships() {
                let goes = moves.iter().any(|one| {
                    one.before.contact_id == *contact
                        && MembershipChange::between(&one.before, &one.after) == *change
                });
                let is_there = standing.iter().any(|(of, team, known)| {
                    of == contact && *team == change.team_id && known.origins == change.new
                });
                if !goes && !is_there {
                    left.push(left_as_is(
                        item,
                        "the membership is not as it was when the plan was made",
                    ));
                }
            }
        }
        moves.retain(|one| {
            let change = MembershipChange::between(&one.before, &one.after);
            planned.items.iter().any(|item| {
                item.contact_id.as_ref() == Some(&one.before.contact_id)
                    && item.memberships().contains(&change)
            })
        });
        if !moves.is_empty() {
            self.tell_and_put(held, pass, &moves).await?;
        }
        if !left.is_empty() {
            left.dedup();
            let segment = self.teams_page(held, pass, left).await?;
            pass.point.page = segment.page + 1;
        }
        pass.point.stage = Stage::Apply { page: page + 1 };
        held.work.checkpoint = Some(pass.point.clone());
        held.checkpoint(&self.stores).await
    }
}

/// What changes, person by person. Of whom nothing tells who he was, no page can tell.
fn items_of(moves: &[Move]) -> Vec<SegmentItem> {
    let mut items: Vec<SegmentItem> = Vec::new();
    for one in moves {
        let Some(user) = &one.user else { continue };
        let change = MembershipChange::between(&one.before, &one.after);
        match items.iter_mut().find(|item| item.object_id == *user) {
            Some(SegmentItem { trace: Some(trace), .. }) => trace.memberships.push(change),
            Some(_) => {}
            None => items.push(item_of(user, &one.before.contact_id, change)),
        }
    }
    items
}

fn item_of(user: &ObjectId, contact: &ContactId, change: MembershipChange) -> SegmentItem {
    let trace = Trace { memberships: vec![change], ..Trace::default() };
    SegmentItem {
        trace: Some(Box::new(trace)),
        ..blank_item(user, Some(contact.clone()), Outcome::Unchanged)
    }
}
