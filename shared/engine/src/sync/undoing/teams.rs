//! Who joined and left teams by a run that is taken back: each contact gets back what held it in its
//! teams, all of it or none.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_domain::id::{ContactId, ObjectId, TeamId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::review::DecisionPlace;
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::{MembershipChange, Outcome, Phase, SegmentItem, Trace};
use contact_sync_domain::sync_state::Stage;
use contact_sync_domain::team::Origin;
use contact_sync_domain::undo::{Refusal, Undoes};
use futures::{StreamExt, TryStreamExt, stream};

use super::several::{Seen, Several};
use super::{Done, not_kept, wrote_on};
use crate::port::{Blobs, Clock, Directory, Randomness, SegmentStore, TeamStore};
use crate::segments::load_segment;
use crate::sync::pass::{Held, Pass};
use crate::sync::{Stop, SyncStores, Worker};

/// How many pages, or contacts' teams, are read at the same time.
pub(super) const READERS: usize = 16;

/// How many contacts one page of memberships tells of.
const TOGETHER: usize = 100;

/// What a run did to the memberships of one contact.
#[derive(Debug)]
pub(super) struct Moved {
    user: ObjectId,
    /// The newest first.
    changes: Vec<MembershipChange>,
}

/// What a page did: it wrote contacts, or moved them between teams.
pub(super) struct PageDid {
    pub(super) wrote: Vec<Done>,
    moved: Vec<SegmentItem>,
}

/// What a run did to memberships.
pub(super) type Moves = BTreeMap<ContactId, Moved>;

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// What a run did to the memberships of whoever is meant, and on which contacts it wrote more
    /// than once.
    pub(super) async fn deeds_of(
        &self,
        undoes: &Undoes,
        run: &Run,
    ) -> Result<(Moves, Several), Stop> {
        let mut pages = stream::iter(run.told_pages().rev())
            .map(|page| async move { Ok::<_, Stop>((page, self.page_of(run, page).await?)) })
            .buffered(READERS);
        let (mut moves, mut seen) = (Moves::new(), Seen::default());
        while let Some((page, PageDid { wrote, moved })) = pages.try_next().await? {
            for done in wrote.iter().filter(|done| undoes.means(&done.contact)) {
                seen.note(page, &done.contact);
            }
            for item in moved {
                let Some(contact) = item.contact_id.filter(|one| undoes.means(one)) else {
                    continue;
                };
                let changes = item.trace.map(|trace| trace.memberships).unwrap_or_default();
                let blank = || Moved { user: item.object_id.clone(), changes: Vec::new() };
                let moved = moves.entry(contact).or_insert_with(blank);
                moved.changes.extend(changes.into_iter().rev());
            }
        }
        drop(pages);
        Ok((moves, self.several_of(run, seen).await?))
    }

    /// What a page of a run wrote, and who moved between teams on it.
    pub(super) async fn page_of(&self, run: &Run, page: u32) -> Result<PageDid, Stop> {
        let (connection, id) = (&run.connection_id, &run.id);
        let segment = load_segment(&self.stores, &self.blobs, connection, id, page).await?;
        let segment = segment.ok_or_else(|| not_kept(id))?;
        let deviations = self.stores.deviations(connection, id, page).await?;
        if segment.phase != Phase::Teams {
            let (wrote, moved) = (wrote_on(segment, &deviations), Vec::new());
            return Ok(PageDid { wrote, moved });
        }
        let went = |item: &SegmentItem| {
            item.outcome != Outcome::Left
                && !deviations.iter().any(|one| one.object_id == item.object_id)
        };
        let moved = segment.items.into_iter().filter(went).collect();
        Ok(PageDid { wrote: Vec::new(), moved })
    }

    /// What leads a contact's memberships back to what they were before a run, those included that
    /// are so already; `None` where somebody else changed one of them since.
    pub(super) async fn teams_before(
        &self,
        pass: &Pass,
        moves: &Moves,
        contact: &ContactId,
    ) -> Result<Option<Vec<MembershipChange>>, Stop> {
        let Some(moved) = moves.get(contact) else { return Ok(Some(Vec::new())) };
        let mut back: BTreeMap<&TeamId, MembershipChange> = BTreeMap::new();
        for change in &moved.changes {
            let team = &change.team_id;
            if !back.contains_key(team) {
                let known = self.stores.membership(&pass.account.id, contact, team).await?;
                let (version, origins): (u64, BTreeSet<Origin>) =
                    known.map(|known| (known.version, known.origins)).unwrap_or_default();
                let stands = MembershipChange {
                    team_id: team.clone(),
                    version,
                    old: origins.clone(),
                    new: origins,
                    ended: None,
                    moved: None,
                };
                back.insert(team, stands);
            }
            let Some(undo) = back.get_mut(team) else { continue };
            if undo.new == change.new {
                undo.new.clone_from(&change.old);
            } else if undo.new != change.old {
                return Ok(None);
            }
        }
        Ok(Some(back.into_values().collect()))
    }

    /// Gives everybody who is not left the teams that they had before the run. `last` is who got
    /// theirs last.
    pub(super) async fn take_back_teams(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        (run, behind): (u32, Option<DecisionPlace>),
        (moves, last): (&Moves, Option<ContactId>),
    ) -> Result<(), Stop> {
        let is_left = |one: &&ContactId| last.as_ref().is_none_or(|last| *one > last);
        let rest: Vec<&ContactId> = moves.keys().filter(is_left).collect();
        for some in rest.chunks(TOGETHER) {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            let items = self.teams_items(pass, moves, some).await?;
            if items.is_empty() {
                continue;
            }
            let segment = self.teams_page(held, pass, items).await?;
            let teams = some.last().map(|contact| (*contact).clone());
            pass.point.stage = Stage::Undo { run, left: Some(0), teams, behind };
            self.settle_moves(held, pass, &segment).await?;
        }
        Ok(())
    }

    /// What gives these contacts their teams back, and whom it leaves as they are.
    async fn teams_items(
        &self,
        pass: &mut Pass,
        moves: &Moves,
        contacts: &[&ContactId],
    ) -> Result<Vec<SegmentItem>, Stop> {
        let asked: &Pass = pass;
        let found = contacts.iter().filter(|contact| !asked.spared.contains(**contact));
        let found: Vec<_> = stream::iter(found)
            .map(|contact| self.teams_before(asked, moves, contact))
            .buffered(READERS)
            .try_collect()
            .await?;
        let meant = contacts.iter().filter(|contact| !pass.spared.contains(**contact));
        let meant: Vec<&ContactId> = meant.copied().collect();
        let mut items = Vec::new();
        for (contact, back) in meant.into_iter().zip(found) {
            let Some(Moved { user, .. }) = moves.get(contact) else { continue };
            let back = back.map(|mut back| {
                back.retain(|undo| undo.old != undo.new);
                back
            });
            match back {
                Some(back) if back.is_empty() => {}
                Some(memberships) => items.push(SegmentItem {
                    trace: Some(Box::new(Trace { memberships, ..Trace::default() })),
                    ..blank_item(user, Some(contact.clone()), Outcome::Unchanged)
                }),
                None => items.push(self.leave(pass, user, contact, &Refusal::Team).await?),
            }
        }
        Ok(items)
    }
}
