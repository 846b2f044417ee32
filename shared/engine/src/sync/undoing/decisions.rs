//! What people decided in reviews since a moment is taken back like what runs did: decision by
//! decision, the newest first, between the runs before and after it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

use contact_sync_domain::contact::{ContactField, Target};
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::review::{Decision, DecisionPlace, ReviewAction};
use contact_sync_domain::segment::{
    MembershipChange, NextStep, Outcome, Phase, Segment, SegmentItem, Trace,
};
use contact_sync_domain::sync_state::Stage;
use contact_sync_domain::team::Origin;
use contact_sync_domain::undo::{Author, Inverse, Refusal, Undoes, inverse, who, written_by};
use jiff::Timestamp;

use super::{Done, leave_erased, stands, takers};
use crate::port::{
    Blobs, Clock, DecisionStore, Directory, HistoryStore, Randomness, StoredContact, TeamStore,
};
use crate::sync::decide::present;
use crate::sync::pass::{Held, Pass};
use crate::sync::reading::people_hash;
use crate::sync::{Stop, SyncStores, Worker};
use crate::undo::{told_only, undone_sentence};

/// How many decisions one request takes back.
pub(crate) const MOST_DECISIONS: usize = 1_000;

/// How many are read at once, and how many of a contact's deeds.
const PAGE: u16 = 100;

/// How many pages of a contact's deeds are looked through for what a decision wrote.
const DEED_PAGES: usize = 10;

/// How many one page tells of.
const TOGETHER: usize = 50;

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// What was decided in the span that was asked for, up to the asking, the newest first.
    /// Whoever names runs means nothing but them.
    pub(super) async fn decided_since(
        &self,
        pass: &Pass,
        undoes: &Undoes,
    ) -> Result<Vec<Decision>, Stop> {
        let Some(since) = undoes.since else { return Ok(Vec::new()) };
        let mut decided = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.stores.decisions(&pass.connection.id, cursor.as_deref(), PAGE).await?;
            let Some(page) = page else { return Ok(decided) };
            let is_over = page.decisions.last().is_none_or(|oldest| oldest.at < since);
            let meant = |one: &Decision| {
                let is_before = undoes.until.is_none_or(|until| one.at < until);
                is_before && one.at >= since && one.at <= pass.point.queued_at
            };
            decided.extend(page.decisions.into_iter().filter(meant));
            cursor = page.cursor;
            if is_over || cursor.is_none() || decided.len() > MOST_DECISIONS {
                // In one order, whatever else was made in the same moment.
                decided.sort_by_key(|one: &Decision| Reverse(one.place()));
                return Ok(decided);
            }
        }
    }

    /// Takes back what was decided at `from` or later, and before what `behind` names; answers behind
    /// which it goes on. `run` is the place of the run before which that was.
    pub(super) async fn take_back_decisions(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        (decided, mut behind): (&[Decision], Option<DecisionPlace>),
        (run, from): (u32, Timestamp),
    ) -> Result<Option<DecisionPlace>, Stop> {
        let begins = |one: &Decision| behind.is_some_and(|behind| one.place() >= behind);
        let first = decided.iter().take_while(|one| begins(one)).count();
        let meant = decided.get(first..).unwrap_or_default();
        let until = meant.iter().take_while(|one| one.at >= from).count();
        let mut done = 0;
        while done < until {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            let rest = meant.get(done..until).unwrap_or_default();
            let mut stored = HashMap::new();
            let (items, taken) = self.undo_some(pass, rest, &mut stored).await?;
            done += taken;
            behind = rest.get(..taken).and_then(<[_]>::last).map(Decision::place).or(behind);
            if !items.is_empty() {
                self.leave_groups(held, pass, &items).await?;
                let segment = Segment {
                    generation: pass.point.generation,
                    link_hash: people_hash(items.iter().map(|item| &item.object_id)),
                    next: NextStep::Next(format!("{run}..{}", told_place(behind))),
                    ..Segment::of(pass.point.page, Phase::Undo, held.fence(), items)
                };
                self.store_and_settle(held, pass, segment, stored, &HashMap::new()).await?;
            }
            pass.point.stage = Stage::Undo { run, left: None, teams: None, behind };
        }
        Ok(behind)
    }

    /// What undoes the first of these decisions, and how many those are: as many as can be done at
    /// the same time, each about another person, and none behind one that frees an address.
    async fn undo_some(
        &self,
        pass: &mut Pass,
        rest: &[Decision],
        stored: &mut HashMap<ContactId, StoredContact>,
    ) -> Result<(Vec<SegmentItem>, usize), Stop> {
        let mut items: Vec<SegmentItem> = Vec::new();
        let mut known: HashSet<(ObjectId, Option<ContactId>)> = HashSet::new();
        let mut taken = 0;
        for decision in rest.iter().take(TOGETHER) {
            let user = decision.item.user();
            let is_again = known.iter().any(|(one, contact)| {
                *one == user || (contact.is_some() && *contact == decision.contact_id)
            });
            if is_again {
                break;
            }
            taken += 1;
            let Some(item) = self.undo_decision(pass, decision, stored).await? else { continue };
            let frees = moves_address(&item);
            known.insert((user, decision.contact_id.clone()));
            items.push(item);
            if frees {
                break;
            }
        }
        Ok((items, taken))
    }

    /// What undoes a decision, or why nothing does; `None` where there is nothing to tell.
    async fn undo_decision(
        &self,
        pass: &mut Pass,
        decision: &Decision,
        stored: &mut HashMap<ContactId, StoredContact>,
    ) -> Result<Option<SegmentItem>, Stop> {
        let user = decision.item.user();
        let contact = decision.contact_id.as_ref();
        if contact.is_some_and(|contact| pass.spared.contains(contact)) {
            return Ok(None);
        }
        if decision.action == ReviewAction::Merge {
            let contact = contact.cloned();
            pass.spared.extend(contact.clone());
            return Ok(Some(told(&user, contact, decision)));
        }
        let entry = match contact {
            Some(contact) => self.deed_of(pass, contact, decision).await?,
            None => None,
        };
        // What wrote nothing leaves the contact to whatever runs did to it.
        let Some(entry) = entry else { return Ok(Some(told(&user, None, decision))) };
        let Some(item) = written_by(&entry, &user) else {
            return Ok(Some(told(&user, None, decision)));
        };
        let contact = entry.contact_id.clone();
        let ids = std::slice::from_ref(&contact);
        let is_readable = self.read_contacts(pass, ids, stored).await?.is_empty();
        let done = [Done { item, contact: contact.clone(), is_known: true }];
        let elsewhere = self.linked_elsewhere(pass, &done.each_ref()).await?;
        let [Done { item, .. }] = &done;
        let stands = stands(stored.get(&contact));
        let refusal = match inverse(item, Author::Person(&entry), &takers(pass), stands) {
            _ if !is_readable => Refusal::NotKept,
            Inverse::Refused(refusal) => refusal,
            Inverse::Nothing => {
                let standing = stored.get(&contact);
                if !self.is_merged_away(pass, &contact, standing, entry.at).await? {
                    return Ok(None);
                }
                Refusal::Merged
            }
            Inverse::Undo(undo) if undo.adopted && elsewhere.contains(&undo.object_id) => {
                Refusal::Link
            }
            Inverse::Undo(undo) => {
                let wrote = (entry.version, entry.at);
                match self.objection(pass, &undo, &contact, wrote).await? {
                    Some(refusal) => refusal,
                    None => return Ok(Some(undone(pass, *undo, decision, &entry))),
                }
            }
        };
        if refusal == Refusal::Erased {
            return Ok(leave_erased(pass, &contact));
        }
        let version = present(stored.get(&contact)).map_or(0, |contact| contact.version);
        let left = self.leave(pass, &user, &contact, &refusal).await?;
        Ok(Some(SegmentItem { version, ..left }))
    }

    /// What a decision wrote beside its contact: its last entry up to the moment when it was on
    /// record. A decision that left the doing to a run has none, and an older one of the same user is
    /// not taken for it.
    async fn deed_of(
        &self,
        pass: &Pass,
        contact: &ContactId,
        decision: &Decision,
    ) -> Result<Option<HistoryEntry>, Stop> {
        let undoes = pass.stored.as_ref().and_then(|run| run.undoes.as_ref());
        let since = undoes.and_then(|undoes| undoes.since);
        let mut place: Option<String> = None;
        for _ in 0..DEED_PAGES {
            let page =
                self.stores.history(&pass.account.id, contact, place.as_deref(), PAGE).await?;
            let Some(page) = page else { return Ok(None) };
            let found = page.entries.into_iter().find(|entry| is_of(entry, decision, since));
            place = page.next;
            if found.is_some() || place.is_none() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Takes contacts whose ties are about to be cut out of the teams in which only their users'
    /// groups hold them.
    async fn leave_groups(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        undone: &[SegmentItem],
    ) -> Result<(), Stop> {
        let mut items = Vec::new();
        for item in undone.iter().filter(|item| is_cut(item)) {
            let Some(contact) = &item.contact_id else { continue };
            let mut memberships = Vec::new();
            let account = &pass.account.id;
            for known in self.stores.memberships_of(account, contact).await? {
                // As it is by now, with what is taken back before.
                let known = self.stores.membership(account, contact, &known.team_id).await?;
                let Some(known) = known else { continue };
                let is_his = |origin: &Origin| {
                    matches!(origin, Origin::Group { connection_id, user_id, .. }
                        if *connection_id == pass.connection.id && *user_id == item.object_id)
                };
                let new: BTreeSet<Origin> =
                    known.origins.iter().filter(|origin| !is_his(origin)).cloned().collect();
                if new != known.origins {
                    memberships.push(MembershipChange {
                        team_id: known.team_id,
                        version: known.version,
                        old: known.origins,
                        new,
                        ended: None,
                        moved: None,
                    });
                }
            }
            if !memberships.is_empty() {
                items.push(SegmentItem {
                    trace: Some(Box::new(Trace { memberships, ..Trace::default() })),
                    ..blank_item(&item.object_id, Some(contact.clone()), Outcome::Unchanged)
                });
            }
        }
        if items.is_empty() {
            return Ok(());
        }
        let segment = self.teams_page(held, pass, items).await?;
        self.settle_moves(held, pass, &segment).await
    }
}

/// A place among decisions as pages tell it; nothing before all of them.
pub(super) fn told_place(behind: Option<DecisionPlace>) -> String {
    behind.map_or_else(String::new, |behind| behind.to_string())
}

/// Whether an entry tells what a decision wrote.
fn is_of(entry: &HistoryEntry, decision: &Decision, since: Option<Timestamp>) -> bool {
    let HistoryKind::Decided { review, list, action, .. } = &entry.what else { return false };
    (review, list, action) == (&decision.item, &decision.list, &decision.action)
        && since.is_none_or(|since| since <= entry.at)
        && entry.at <= decision.at
}

/// A decision that is told and not taken back.
fn told(user: &ObjectId, contact: Option<ContactId>, decision: &Decision) -> SegmentItem {
    let (reason, remedy) = told_only(decision);
    SegmentItem {
        reason: Some(reason),
        remedy: Some(remedy),
        ..blank_item(user, contact, Outcome::Left)
    }
}

/// What undoes a decision, with what is told of that.
fn undone(
    pass: &Pass,
    undo: SegmentItem,
    decision: &Decision,
    entry: &HistoryEntry,
) -> SegmentItem {
    let ignored_in = pass.ignored_by.get(&decision.place()).copied();
    let is_ignored = ignored_in.is_some();
    let (reason, remedy) = undone_sentence(decision, who(entry), is_ignored);
    let mut undo = SegmentItem { reason: Some(reason), remedy, ..undo };
    if is_ignored {
        undo.trace.get_or_insert_default().ignored_in = ignored_in;
    }
    undo
}

/// Whether an item cuts the tie to a user.
pub(super) fn is_cut(item: &SegmentItem) -> bool {
    let trace = item.trace.as_deref();
    let tied = |image: Option<&contact_sync_domain::trace::Image>| {
        image.is_some_and(|image| image.link.is_some())
    };
    item.outcome == Outcome::Restore
        && trace.is_some_and(|trace| {
            tied(trace.before.as_deref()) && trace.after.is_some() && !tied(trace.after.as_deref())
        })
}

/// Whether an address is free, or taken, behind an item.
pub(super) fn moves_address(item: &SegmentItem) -> bool {
    let email = Target::Field(ContactField::Email);
    item.outcome == Outcome::Delete || item.fields.iter().any(|change| change.field == email)
}
