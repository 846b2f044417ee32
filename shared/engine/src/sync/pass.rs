//! A pass: one run's work inside one slice, and the lease it is done under.

use std::collections::{BTreeMap, HashMap, HashSet};

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::Connection;
use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::drift::Moved;
use contact_sync_domain::escrow::Failure;
use contact_sync_domain::guard::{Counted, Removal};
use contact_sync_domain::id::{ContactId, ObjectId, RunId, TenantId};
use contact_sync_domain::proof::Proof;
use contact_sync_domain::reconcile::{Rules, Tie, Wants};
use contact_sync_domain::review::{DecisionPlace, ReviewItem};
use contact_sync_domain::routing::Rivals;
use contact_sync_domain::run::{Counts, Run, RunKind, SliceStart, Trigger};
use contact_sync_domain::scope::Memberships;
use contact_sync_domain::segment::{Outcome, Phase, Segment, SegmentItem};
use contact_sync_domain::settings::Settings;
use contact_sync_domain::sync_state::{Checkpoint, Lane, Stage, SyncState, Work};
use jiff::{SignedDuration, Timestamp};

use super::apply::is_done_removal;
use super::asking::Waiting;
use super::index::Index;
use super::lookup::Lookup;
use super::members::MemberSets;
use super::read_back::Written;
use super::staging::Known;
use super::tally::Tally;
use super::teams::Agreed;
use super::terms::Terms;
use super::watched::Watched;
use super::{RESERVE, Stop, SyncStores};
use crate::port::{Clock, DeltaPage};
use crate::split::Sharer;

/// How many people who wait for an address are kept in memory; the others are read again.
const MOST_DEFERRED: usize = 1_000;

/// The lease that is held, with the state as last stored and the work as it goes on.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) state: SyncState,
    pub(super) work: Work,
    /// When the invocation ends.
    pub(super) deadline: Timestamp,
    /// When the lease ends.
    pub(super) until: Timestamp,
    /// A run to take off the queue with the next checkpoint.
    pub(super) drop_queued: Option<RunId>,
    /// Until when a former holder's writes may still come.
    pub(super) barred_until: Option<Timestamp>,
    pace: Pace,
}

/// How long the steps of a slice take.
#[derive(Debug, Default)]
struct Pace {
    last: Option<Timestamp>,
    longest: SignedDuration,
}

impl Pace {
    /// A step ends and another could begin: what that one may take. A machine that is slow today
    /// must not be killed in the middle of a page.
    fn needed(&mut self, now: Timestamp) -> SignedDuration {
        if let Some(last) = self.last.replace(now) {
            self.longest = self.longest.max(now.duration_since(last));
        }
        RESERVE.max(self.longest + self.longest / 2)
    }
}

impl Held {
    /// A lease just taken.
    pub(super) fn new(state: SyncState, deadline: Timestamp, until: Timestamp) -> Self {
        let work = state.work.clone();
        Self {
            state,
            work,
            deadline,
            until,
            drop_queued: None,
            barred_until: None,
            pace: Pace::default(),
        }
    }

    /// The fence under which the next page is requested.
    pub(super) fn fence(&self) -> u64 {
        self.state.fence
    }

    /// Notes that the hints up to `wanted` are dealt with, and how long the first had waited.
    pub(super) fn serve(&mut self, wanted: u64, now: Timestamp) {
        // What the lease's item says already was recorded with it.
        let unserved = self.work.done == self.state.work.done;
        if let Some(waited) = self.state.waited(now).filter(|_| unserved && wanted > self.work.done)
        {
            self.work.delays.record(waited);
            tracing::info!(
                account.id = %self.state.account_id,
                connection.id = %self.state.connection_id,
                sync.lag_seconds = waited.as_secs().max(0),
                "what was told of is dealt with"
            );
        }
        self.work.done = wanted;
    }

    /// Stores the work, raises the fence, prolongs the lease.
    pub(super) async fn checkpoint(&mut self, stores: &impl SyncStores) -> Result<(), Stop> {
        let stored = stores
            .checkpoint(&self.state, &self.work, self.until, self.drop_queued.as_ref())
            .await?;
        self.state = stored.ok_or(Stop::Lost)?;
        self.drop_queued = None;
        Ok(())
    }

    /// Whether somebody wants the run that is worked on to end.
    pub(super) fn is_cancelled(&self) -> bool {
        let at_work = self.work.checkpoint.as_ref().map(|point| &point.run_id);
        at_work.is_some() && self.state.cancel.as_ref() == at_work
    }

    /// Ends the slice when somebody cancelled the run, or unless there is time for another page, going by the slowest so far.
    pub(super) fn check_time(&mut self, clock: &impl Clock) -> Result<(), Stop> {
        if self.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        let now = clock.now();
        let left = self.deadline.duration_since(now);
        if left > self.pace.needed(now) { Ok(()) } else { Err(Stop::OutOfTime) }
    }
}

/// A delta page that was read ahead, with the fence at which it was requested.
#[derive(Debug)]
pub(super) struct Ahead {
    pub(super) link: String,
    pub(super) fence: u64,
    pub(super) page: DeltaPage,
}

/// What one run works with inside one slice.
#[expect(clippy::struct_excessive_bools, reason = "each tells of a thing of its own")]
pub(super) struct Pass {
    /// How many contacts earlier slices of the run made: the index knows them already.
    pub(super) created_before: u64,
    /// Where the slice began: its pace is measured from there.
    pub(super) slice: SliceStart,
    /// In which lane it works.
    pub(super) lane: Lane,
    /// The run as it was stored when the slice began, with what others wrote down on it.
    pub(super) stored: Option<Run>,
    pub(super) account: Account,
    pub(super) connection: Connection,
    pub(super) tenant: TenantId,
    pub(super) settings: Settings,
    pub(super) rules: Rules,
    /// The attributes that the settings read.
    pub(super) selection: UserSelection,
    /// What is read of people by their ids: also what only the tenant's other connections decide by.
    pub(super) by_id: UserSelection,
    /// Users who get no contact any more, although the settings that the run is pinned to would
    /// give them one: whom people decided on last.
    pub(super) ignored: HashSet<ObjectId>,
    pub(super) point: Checkpoint,
    /// The member sets of the scope's groups.
    pub(super) members: MemberSets,
    /// The same, as the scope asks for them.
    pub(super) memberships: Memberships,
    /// The tenant's other connections that count.
    pub(super) sharers: Vec<Sharer>,
    /// The same, as whose people are whose is decided.
    pub(super) rivals: Rivals,
    /// The groups whose members are followed.
    pub(super) watched: Vec<Watched>,
    /// Full runs only: what is known of all linked contacts.
    pub(super) index: Option<Index>,
    pub(super) tally: Tally,
    /// Whether contacts that existed before may be somebody's of whom the index does not tell.
    pub(super) let_go: bool,
    /// What the run wrote, to be read back at its end.
    pub(super) written: Written,
    /// Who of the run's people is led to which contact that existed before.
    pub(super) wants: Wants,
    /// Whether `wants` holds who is asked already.
    pub(super) knows_asked: bool,
    /// Looks only: the contacts for which people were proposed before, and who.
    pub(super) proposed: HashMap<ContactId, Vec<ReviewItem>>,
    /// Contacts that other keys than the e-mail may lead to, read when first needed.
    pub(super) lookup: Option<Lookup>,
    /// Full runs only: who waits for people, read when first needed.
    pub(super) waiting: Option<Waiting>,
    /// How many removals that the guard counts the run has done so far, over all its slices.
    pub(super) removed: Counted,
    /// Users whose removal is staged, read when first needed.
    pub(super) staged: Option<HashMap<ObjectId, Known>>,
    /// Who failed and is kept, read when first needed.
    pub(super) kept: Option<BTreeMap<ObjectId, Failure>>,
    /// Whether those of them who are due were tried again in this slice.
    pub(super) tried_again: bool,
    /// Contacts that an undoing run leaves as they are: what is older is not taken back, either.
    pub(super) spared: HashSet<ContactId>,
    /// Which decisions that an undoing run takes back had put their user on the ignore list, and in
    /// which version of the settings.
    pub(super) ignored_by: HashMap<DecisionPlace, u64>,
    /// Who was erased since and is told of by an undoing run, by the ids that stand for them.
    pub(super) forgotten: HashSet<ObjectId>,
    /// Whose manager had no contact when they were decided, and who the manager is.
    pub(super) awaiting: BTreeMap<ObjectId, ObjectId>,
    /// People of this slice whose e-mail another contact still has, as last read.
    pub(super) deferred: HashMap<ObjectId, DirectoryUser>,
    /// The first page of a resumed slice may have been begun before.
    pub(super) may_replay: bool,
    /// How long changes may have gone unnoticed, where no hint told of them.
    pub(super) gap_seconds: Option<u64>,
    /// When the pass last asked whether it may still write.
    pub(super) allowed_at: Option<Timestamp>,
    /// The rules of earlier settings, as an audit came to need them.
    pub(super) older: HashMap<u64, Option<Rules>>,
    /// From what memberships were followed last, as an audit came to need it.
    pub(super) agreed: Option<Agreed>,
    /// Audits only: whose contact would come, go or be tied otherwise, and which side moved.
    pub(super) tied: HashMap<ContactId, Moved>,
    /// The first page of a delta, where it was read already.
    pub(super) peeked: Option<Ahead>,
    /// Whether the groups were read for this slice alone.
    pub(super) has_fresh_groups: bool,
}

impl Pass {
    /// Through what this run links.
    pub(super) fn tie(&self) -> Tie<'_> {
        Tie { connection: &self.connection.id, tenant: &self.tenant }
    }

    /// Whether everybody is compared with his contact, whatever was recognised before: somebody asked
    /// for these people, or for a reset.
    pub(super) fn is_afresh(&self) -> bool {
        self.audits() || self.point.kind == RunKind::User || self.point.trigger == Trigger::Reset
    }

    /// On what terms this run decides.
    pub(super) fn terms(&self) -> Terms<'_> {
        Terms {
            account: &self.account.id,
            tie: self.tie(),
            rules: &self.rules,
            memberships: &self.memberships,
            rivals: &self.rivals,
            afresh: self.is_afresh(),
        }
    }

    /// Takes over the member sets that were read or loaded.
    pub(super) fn set_members(&mut self, members: MemberSets) {
        self.memberships = members.memberships(&self.settings.scope);
        self.members = members;
        self.know_rivals();
    }

    /// Begins the listing, perhaps anew: what older pages counted and saw proves nothing now.
    pub(super) fn begin_listing(&mut self, first_fence: u64) {
        self.tally.begin_again();
        self.wants.clear();
        self.point.counts = Counts::default();
        self.point.proof = Proof::default();
        self.point.listing = self.point.generation;
        self.point.first_page = self.point.page;
        self.point.first_fence = first_fence;
        if let Some(index) = &mut self.index {
            index.forget_seen();
        }
    }

    /// Remembers whom a run that takes back leaves: nothing else of them is taken back.
    pub(super) fn note_left<'i>(
        &mut self,
        items: impl Iterator<Item = (&'i SegmentItem, Outcome)>,
    ) {
        if self.point.kind == RunKind::Undo {
            for (item, _) in items.filter(|(_, outcome)| *outcome == Outcome::Left) {
                match &item.contact_id {
                    Some(contact) => self.spared.insert(contact.clone()),
                    None => self.forgotten.insert(item.object_id.clone()),
                };
            }
        }
    }

    /// Whether an item let go of a contact that had existed before: the index tells of it no more.
    pub(super) fn lets_go(&self, item: &SegmentItem, outcome: Outcome) -> bool {
        let derived = || ContactId::derived(&self.account.id, &self.tenant, &item.object_id);
        matches!(outcome, Outcome::Unlink | Outcome::Delete)
            && item.contact_id.as_ref().is_some_and(|contact| *contact != derived())
    }

    /// Counts a stored page by what became of its people.
    pub(super) fn count_page<'i>(
        &mut self,
        segment: &Segment,
        outcomes: impl Iterator<Item = (&'i SegmentItem, Outcome)>,
    ) {
        // Whoever moves between teams is counted where the run decided about the contact.
        if segment.phase == Phase::Teams {
            return;
        }
        let counts_now =
            segment.generation >= self.point.listing && segment.page >= self.point.first_page;
        let listed = matches!(segment.phase, Phase::List | Phase::Drain);
        let mut ids = 0;
        for (item, outcome) in outcomes {
            ids += 1;
            if is_done_removal(item, outcome) {
                self.removed.add(Removal::of(item));
            }
            self.note_ties(item, outcome);
            match &item.awaits {
                Some(manager) => self.awaiting.insert(item.object_id.clone(), manager.clone()),
                None => self.awaiting.remove(&item.object_id),
            };
            if !counts_now {
                self.tally.remember(item, outcome);
                continue;
            }
            self.wants.note(item, outcome, segment.page);
            if !self.tally.knows(&item.object_id) {
                self.point.proof.add_person(&item.object_id);
            }
            if listed && let Some(index) = &mut self.index {
                index.mark_seen(&item.object_id);
            }
            self.tally.count(item, outcome, &mut self.point.counts);
        }
        if counts_now {
            self.point.proof.add_page(&segment.link_hash, ids);
            self.point.proof.apart = self.tally.apart();
            self.point.proof.open = self.tally.open();
        }
    }

    /// Whether an item may take over the contact that it wants: everybody was read, and nobody else
    /// wants it.
    pub(super) fn may_take(&self, item: &SegmentItem, phase: Phase) -> bool {
        phase == Phase::Judgement && !self.is_contested(item)
    }

    /// Whether others want the contact that an item wants. Of them a look knows only those who are
    /// asked: where people said that everything may stay, it gives nobody anything.
    pub(super) fn is_contested(&self, item: &SegmentItem) -> bool {
        let looks = self.index.is_none();
        self.wants.has_rival(item) || (looks && self.rules.lets_stay(item))
    }

    /// Whether whoever cannot have an address in this phase cannot have it in this run.
    pub(super) fn is_last_chance(&self, phase: Phase) -> bool {
        phase == Phase::Judgement && self.point.stage != Stage::Takeovers
    }

    /// Keeps whoever waits for an address, so that the end of the run need not read him again; a
    /// later page about him outdates what was kept.
    pub(super) fn remember_deferred(
        &mut self,
        item: &SegmentItem,
        outcome: Outcome,
        users: &HashMap<ObjectId, DirectoryUser>,
    ) {
        let id = &item.object_id;
        let collides = outcome == Outcome::Deferred && !item.is_put_off();
        match users.get(id) {
            Some(user) if collides && self.deferred.len() < MOST_DEFERRED => {
                self.deferred.insert(id.clone(), user.clone());
            }
            _ => {
                self.deferred.remove(id);
            }
        }
    }

    /// Whether the groups and units of the scope, as last read, name this user.
    pub(super) fn is_member(&self, user: &ObjectId) -> bool {
        self.memberships.names(user)
    }

    /// Whether groups or administrative units are looked at at all.
    pub(super) fn uses_groups(&self) -> bool {
        !self.watched.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_page_makes_room_for_another_as_slow() {
        let at = |seconds: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let mut pace = Pace::default();
        assert_eq!(pace.needed(at(0)), RESERVE);
        assert_eq!(pace.needed(at(2)), RESERVE, "quick pages need no more than the reserve");
        assert_eq!(pace.needed(at(32)), SignedDuration::from_secs(45));
        assert_eq!(pace.needed(at(33)), SignedDuration::from_secs(45), "the slowest counts");
    }
}
