//! Finding out how what earlier runs did is taken back: their pages from the last to the first, each
//! turned round over what the pages before it left.
//!
//! The order is that of the writes turned round, so that an address is free when somebody gets it
//! back. Within a run the teams come last: a contact is taken back whole or left whole. It asks
//! nothing of the directory.

mod decisions;
mod ignoring;
mod several;
mod since;
mod teams;

use std::collections::{HashMap, HashSet};

use contact_sync_domain::history::HistoryEntry;
use contact_sync_domain::id::{ContactId, ObjectId, RunId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::redaction::erased_since;
use contact_sync_domain::review::DecisionPlace;
use contact_sync_domain::segment::{
    Deviation, NextStep, Outcome, Phase, Prior, Segment, SegmentItem,
};
use contact_sync_domain::sync_state::Stage;
use contact_sync_domain::undo::{Author, Inverse, Refusal, Stands, Undoes, inverse};
use jiff::Timestamp;

pub(crate) use self::decisions::MOST_DECISIONS;
use self::several::{Several, Writes};
use self::since::counting_on;
use self::teams::Moves;
use super::apply::writes;
use super::decide::present;
use super::pass::{Held, Pass};
use super::reading::people_hash;
use super::{Stop, SyncStores, Worker};
use crate::port::{
    Blobs, Clock, Directory, HistoryStore, Randomness, RunStore, SegmentStore, StoredContact,
};
use crate::segments::{load_segment, segments_expired};
use crate::undo::sentence;

/// How many of the latest things that people did to a contact are looked through for whoever
/// changed it.
const DEEDS: u16 = 100;

/// What helps whoever is left.
const REMEDY: &str = "change it by hand, or undo what came later first";

/// A page of an earlier run whose writes are taken back.
struct Taken<'u> {
    undoes: &'u Undoes,
    /// What its run did to memberships.
    moves: &'u Moves,
    /// What its run wrote on contacts that several of its pages wrote.
    several: &'u Several,
    /// Which page.
    place: Prior,
    /// When its run began to write.
    since: Timestamp,
    /// Where the plan goes on behind it: the run's place, how many of its pages are left, and behind
    /// which decision.
    next: (u32, u32, Option<DecisionPlace>),
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Goes through what is left, the last first: the pages of the runs, and what people decided
    /// between them.
    pub(super) async fn take_back(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        let Stage::Undo { run: from, mut left, mut teams, mut behind } = pass.point.stage.clone()
        else {
            return Ok(());
        };
        let undoes = pass.stored.as_ref().and_then(|run| run.undoes.clone());
        let Some(undoes) = undoes else {
            return Err(Stop::Failed("what it takes back is not kept any more".to_owned()));
        };
        let decided = self.decided_since(pass, &undoes).await?;
        pass.ignored_by = self.ignored_by(pass, &undoes, &decided).await?;
        let mut place = from;
        for id in undoes.runs.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
            let done = self.stores.run(&pass.account.id, &pass.connection.id, id).await?;
            let done = done.filter(|run| !segments_expired(run, self.clock.now()));
            let done = done.ok_or_else(|| not_kept(id))?;
            if left.is_none() {
                let (all, from) = ((decided.as_slice(), behind), (place, done.wrote_from()));
                behind = self.take_back_decisions(held, pass, all, from).await?;
            }
            let told = done.told_pages();
            let (moves, several) = self.deeds_of(&undoes, &done).await?;
            let mut rest = left.take().unwrap_or(u32::MAX).min(told.end - told.start);
            while rest > 0 {
                held.check_time(&self.clock)?;
                self.check_allowed(pass).await?;
                rest -= 1;
                let page = Prior { run: id.clone(), page: told.start + rest };
                let next = (place, rest, behind);
                let (undoes, moves, several) = (&undoes, &moves, &several);
                let since = done.wrote_from();
                let taken = Taken { undoes, moves, several, place: page, since, next };
                self.take_back_page(held, pass, &taken).await?;
                pass.point.stage =
                    Stage::Undo { run: place, left: Some(rest), teams: None, behind };
            }
            self.take_back_teams(held, pass, (place, behind), (&moves, teams.take())).await?;
            place += 1;
            pass.point.stage = Stage::Undo { run: place, left: None, teams: None, behind };
        }
        let (all, oldest) = ((decided.as_slice(), behind), (place, Timestamp::MIN));
        let behind = self.take_back_decisions(held, pass, all, oldest).await?;
        self.leave_chosen_erased(held, pass, &undoes, (place, behind)).await?;
        pass.point.stage = Stage::Finish;
        Ok(())
    }

    async fn take_back_page(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        taken: &Taken<'_>,
    ) -> Result<(), Stop> {
        let (connection, Prior { run, page }) = (pass.connection.id.clone(), &taken.place);
        let segment = load_segment(&self.stores, &self.blobs, &connection, run, *page).await?;
        let segment = segment.ok_or_else(|| not_kept(run))?;
        if segment.phase == Phase::Teams {
            return Ok(());
        }
        let deviations = self.stores.deviations(&connection, run, *page).await?;
        let mut stored = HashMap::new();
        let items = self.inverses(pass, taken, (segment, &deviations), &mut stored).await?;
        if items.is_empty() {
            return Ok(());
        }
        let (run, left, behind) = taken.next;
        let segment = Segment {
            generation: pass.point.generation,
            link_hash: people_hash(items.iter().map(|item| &item.object_id)),
            // Where it goes on stands in the page: who finishes it after a death goes on there.
            next: NextStep::Next(format!("{run}.{left}.{}", decisions::told_place(behind))),
            ..Segment::of(pass.point.page, Phase::Undo, held.fence(), items)
        };
        if let Some((writes, moves)) = self.exchange(pass, &segment, &stored).await? {
            return self.exchange_at_once(held, pass, segment, &writes, &moves).await;
        }
        self.store_and_settle(held, pass, segment, stored, &HashMap::new()).await
    }

    /// What undoes a page's writes, and whom it leaves as they are.
    async fn inverses(
        &self,
        pass: &mut Pass,
        taken: &Taken<'_>,
        (segment, deviations): (Segment, &[Deviation]),
        stored: &mut HashMap<ContactId, StoredContact>,
    ) -> Result<Vec<SegmentItem>, Stop> {
        let mut items = leave_unnamed(pass, taken.undoes, &segment, deviations);
        let mut done = wrote_on(segment, deviations);
        done.retain(|done| {
            let is_meant = taken.undoes.means(&done.contact) && taken.is_here(&done.contact);
            is_meant && !pass.spared.contains(&done.contact)
        });
        let ids: Vec<ContactId> = done.iter().map(|done| done.contact.clone()).collect();
        let unreadable = self.read_contacts(pass, &ids, stored).await?;
        let others = done.iter().filter_map(|done| taken.several.get(&done.contact));
        let all: Vec<&Done> = done.iter().chain(others.flat_map(Writes::all)).collect();
        let elsewhere = self.linked_elsewhere(pass, &all).await?;
        let own = takers(pass);
        for Done { item, contact, is_known } in &done {
            let standing = stored.get(contact);
            let undo = if let Some(writes) = taken.several.get(contact) {
                self.inverse_of_all(pass, &taken.place.run, writes, standing)
            } else {
                let author = Author::Page(&taken.place);
                inverse(item, author, &own, stands(standing))
            };
            let refusal = match undo {
                _ if unreadable.contains(contact) || !is_known => Refusal::NotKept,
                Inverse::Refused(refusal) => refusal,
                Inverse::Nothing => {
                    if !self.is_merged_away(pass, contact, standing, taken.since).await? {
                        continue;
                    }
                    Refusal::Merged
                }
                Inverse::Undo(undo) if undo.adopted && elsewhere.contains(&undo.object_id) => {
                    Refusal::Link
                }
                Inverse::Undo(undo) => {
                    let teams = self.teams_before(pass, taken.moves, contact).await?;
                    let wrote = (item.version + 1, taken.since);
                    match (teams, self.objection(pass, &undo, contact, wrote).await?) {
                        (Some(teams), None) => {
                            items.push(counting_on(*undo, &teams));
                            continue;
                        }
                        (Some(_), Some(refusal)) => refusal,
                        (None, _) => Refusal::Team,
                    }
                }
            };
            if refusal == Refusal::Erased {
                items.extend(leave_erased(pass, contact));
                continue;
            }
            let version = present(stored.get(contact)).map_or(0, |contact| contact.version);
            let left = self.leave(pass, &item.object_id, contact, &refusal).await?;
            items.push(SegmentItem { version, ..left });
        }
        Ok(items)
    }

    /// Tells of those who were asked for by name and were erased since: no page of a run may name
    /// them any more.
    async fn leave_chosen_erased(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        undoes: &Undoes,
        (run, behind): (u32, Option<DecisionPlace>),
    ) -> Result<(), Stop> {
        let chosen = undoes.contacts.iter().filter(|contact| !pass.spared.contains(contact));
        let chosen: Vec<ContactId> = chosen.cloned().collect();
        if chosen.is_empty() {
            return Ok(());
        }
        let mut stored = HashMap::new();
        self.read_contacts(pass, &chosen, &mut stored).await?;
        let is_erased = |contact: &&ContactId| stands(stored.get(contact)).is_erased();
        let erased = chosen.iter().filter(is_erased);
        let items: Vec<SegmentItem> =
            erased.filter_map(|contact| leave_erased(pass, contact)).collect();
        if items.is_empty() {
            return Ok(());
        }
        let segment = Segment {
            generation: pass.point.generation,
            link_hash: people_hash(items.iter().map(|item| &item.object_id)),
            next: NextStep::Next(format!("{run}..{}", decisions::told_place(behind))),
            ..Segment::of(pass.point.page, Phase::Undo, held.fence(), items)
        };
        self.store_and_settle(held, pass, segment, HashMap::new(), &HashMap::new()).await
    }

    /// Leaves a contact as it is from here on, and tells why.
    async fn leave(
        &self,
        pass: &mut Pass,
        user: &ObjectId,
        contact: &ContactId,
        refusal: &Refusal,
    ) -> Result<SegmentItem, Stop> {
        let deeds = self.stores.history(&pass.account.id, contact, None, DEEDS).await?;
        let deeds: Vec<HistoryEntry> = deeds.map(|page| page.entries).unwrap_or_default();
        pass.spared.insert(contact.clone());
        Ok(SegmentItem {
            reason: Some(sentence(refusal, &deeds)),
            remedy: Some(REMEDY.to_owned()),
            ..blank_item(user, Some(contact.clone()), Outcome::Left)
        })
    }

    /// Of the users whose contacts were let go, those who have another contact by now.
    async fn linked_elsewhere(
        &self,
        pass: &Pass,
        done: &[&Done],
    ) -> Result<HashSet<ObjectId>, Stop> {
        let let_go = done.iter().filter(|done| {
            matches!(done.item.outcome, Outcome::Unlink | Outcome::Delete | Outcome::Restore)
        });
        let let_go: Vec<&Done> = let_go.copied().collect();
        let users: Vec<ObjectId> = let_go.iter().map(|done| done.item.object_id.clone()).collect();
        if users.is_empty() {
            return Ok(HashSet::new());
        }
        let contacts = self.contacts_of(pass, &users).await?;
        let mut stored = HashMap::new();
        self.read_contacts(pass, &contacts, &mut stored).await?;
        let has_another = |(done, contact): (&&Done, &ContactId)| {
            let other = present(stored.get(contact)).filter(|other| other.id != done.contact)?;
            let user = &done.item.object_id;
            other.is_linked_to(&pass.connection.id, user).then(|| user.clone())
        };
        Ok(let_go.iter().zip(&contacts).filter_map(has_another).collect())
    }
}

/// Leaves those whom a page of a run names no more. It is unknown which contact was whose: who was
/// asked for by name is told of by [`Worker::leave_chosen_erased`].
fn leave_unnamed(
    pass: &mut Pass,
    undoes: &Undoes,
    segment: &Segment,
    deviations: &[Deviation],
) -> Vec<SegmentItem> {
    if !undoes.contacts.is_empty() {
        return Vec::new();
    }
    let left = segment.items.iter().filter_map(|item| {
        let went = deviations.iter().find(|one| one.object_id == item.object_id);
        let outcome = went.map_or(item.outcome, |went| went.outcome);
        let left = erased_since(&SegmentItem { outcome, ..item.clone() })?;
        pass.forgotten.insert(left.object_id.clone()).then_some(left)
    });
    left.collect()
}

/// Leaves somebody who was erased, under an id that stands for him: no run names him again. `None`
/// where that was told.
fn leave_erased(pass: &mut Pass, contact: &ContactId) -> Option<SegmentItem> {
    pass.spared.insert(contact.clone());
    let stands_for = pass.point.run_id.standing_for(contact);
    pass.forgotten.insert(stands_for.clone()).then(|| SegmentItem {
        reason: Some(sentence(&Refusal::Erased, &[])),
        ..blank_item(&stands_for, None, Outcome::Left)
    })
}

/// That pages of a run are gone: what it did cannot be told, and is not half taken back.
fn not_kept(run: &RunId) -> Stop {
    Stop::Failed(format!("what run {run} did is not kept any more"))
}

/// The run, and those that took back what came after what it takes back.
fn takers(pass: &Pass) -> Vec<RunId> {
    let undoes = pass.stored.as_ref().and_then(|run| run.undoes.as_ref());
    let before = undoes.into_iter().flat_map(|undoes| undoes.portions.iter().cloned());
    std::iter::once(pass.point.run_id.clone()).chain(before).collect()
}

/// What stands where a contact was.
fn stands(stored: Option<&StoredContact>) -> Stands<'_> {
    match stored {
        Some(StoredContact::Present(contact)) => Stands::Contact(contact),
        Some(StoredContact::Tombstone { version, by, erased, .. }) => {
            Stands::Removed { by: by.as_ref(), version: *version, erased: *erased }
        }
        None => Stands::Nothing,
    }
}

impl Taken<'_> {
    /// Whether what the run wrote on a contact is taken back at this page.
    fn is_here(&self, contact: &ContactId) -> bool {
        let writes = self.several.get(contact);
        writes.is_none_or(|writes| writes.place() == Some(self.place.page))
    }
}

/// What a page of a run wrote.
fn wrote_on(segment: Segment, deviations: &[Deviation]) -> Vec<Done> {
    let went = |user: &ObjectId| deviations.iter().find(|one| one.object_id == *user);
    let items = segment.items.into_iter();
    items
        .filter_map(|item| {
            let went = went(&item.object_id);
            Done::of(item, went)
        })
        .collect()
}

/// A write as it was done.
#[derive(Debug)]
struct Done {
    item: SegmentItem,
    contact: ContactId,
    /// Whether what was written is known.
    is_known: bool,
}

impl Done {
    /// What became of an item; `None` where that wrote nothing.
    fn of(item: SegmentItem, went: Option<&Deviation>) -> Option<Self> {
        let (item, is_known) = match Deviation::instead(item, went) {
            (item, None) => (item, true),
            // What another page wrote, that page tells.
            (_, Some(Deviation { outcome: Outcome::Create, .. })) => return None,
            (item, Some(went)) => (SegmentItem { outcome: went.outcome, ..item }, false),
        };
        let contact = item.contact_id.clone().filter(|_| writes(&item))?;
        Some(Self { item, contact, is_known })
    }
}
