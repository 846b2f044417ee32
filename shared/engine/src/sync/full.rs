//! The stages that read: baseline, listing, drain, absence, delta.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::directory::{DeltaEntry, RemovedReason, UserSelection};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::run::{GraphCost, RunKind};
use contact_sync_domain::segment::{NextStep, Phase};
use contact_sync_domain::sync_state::{Lane, Stage};
use jiff::SignedDuration;

use super::decide::present;
use super::page::Source;
use super::pass::{Held, Pass};
use super::reading::people_hash;
use super::{Stop, SyncStores, Worker, short_digest};
use crate::port::{
    Blobs, Clock, Directory, DirectoryError, PauseStore, Randomness, SettingsStore, UserPage,
};
use crate::split;

/// How many people are confirmed by one read (Graph: getByIds takes 1,000 ids).
pub(super) const CONFIRM: usize = 1_000;

/// How long an answer to "may it still be written?" holds.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(2);

/// How many pages a look between two pages of the listing reads at most: the listing must get on.
const LOOK_PAGES: usize = 50;

/// A listing page read ahead, with the fence at which it was requested.
struct ListedAhead {
    link: String,
    fence: u64,
    page: Result<UserPage, DirectoryError>,
}

/// Digest of the attributes that a delta link is bound to.
pub(super) fn select_hash(selection: &UserSelection) -> String {
    short_digest(&selection.tracked())
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Takes the token from which the closing drain starts, then reads the scope's groups: nothing
    /// that changes from here on is missed.
    pub(super) async fn baseline(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        pass.point.wanted_seen = held.state.wanted;
        let (link, cost) = self.directory.latest_users_link(&pass.tenant, &pass.selection).await?;
        pass.point.graph.add(cost);
        pass.point.baseline = Some(link);
        pass.point.select_hash = select_hash(&pass.selection);
        pass.point.rivals = Some(split::digest(&pass.sharers));
        if pass.uses_groups() {
            self.read_watched_groups(held, pass).await?;
        }
        // Informs progress and plan only: a count that cannot be had stops nothing.
        let users = match self.directory.count_users(&pass.tenant).await {
            Ok((users, cost)) => {
                pass.point.graph.add(cost);
                Some(users)
            }
            Err(_) => None,
        };
        pass.choose_reading(users);
        pass.point.stage = Stage::List { link: None };
        pass.begin_listing(held.fence() + 1);
        held.work.checkpoint = Some(pass.point.clone());
        held.checkpoint(&self.stores).await
    }

    /// Lists people to the end, reading one page ahead.
    pub(super) async fn list(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        from: Option<String>,
    ) -> Result<(), Stop> {
        let mut link = from;
        let mut ahead: Option<ListedAhead> = None;
        let mut looked = held.work.done;
        let mut may_look = true;
        let mut called = HashSet::new();
        loop {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            if may_look && held.state.wanted > looked && held.work.users_delta.is_some() {
                looked = held.state.wanted;
                // More than one look can deal with is left to the closing drain.
                may_look = self.look_between(held, pass).await?;
                ahead = None;
            }
            if !called.insert(link.clone()) {
                return Err(repeating());
            }
            let (fence, page) = match ahead.take() {
                Some(read) if Some(&read.link) == link.as_ref() => (read.fence, read.page?),
                _ => {
                    let fence = held.fence();
                    let page = pass.listed(link.as_deref());
                    (fence, self.read_listed(&pass.tenant, &pass.selection, page).await?)
                }
            };
            pass.point.graph.add(page.cost);
            let next = page.next.clone();
            let source = Source {
                phase: Phase::List,
                link: link.clone().unwrap_or_default(),
                next: page.next,
                fence,
            };
            let entries = page.users.into_iter().map(DeltaEntry::Changed).collect();
            let NextStep::Next(next) = next else {
                return self.page(held, pass, source, entries).await;
            };
            let requested = held.fence();
            let (tenant, selection) = (pass.tenant.clone(), pass.selection.clone());
            let following = pass.listed(Some(&next));
            let (settled, page) = futures::join!(
                self.page(held, pass, source, entries),
                self.read_listed(&tenant, &selection, following)
            );
            settled?;
            ahead = Some(ListedAhead { link: next.clone(), fence: requested, page });
            link = Some(next);
        }
    }

    /// Hints came in while listing: what changed is applied before the listing goes on. `false`
    /// when there is more than a look may take: half of the time left, so that the listing gets
    /// the other; such a look settles no hint.
    async fn look_between(&self, held: &mut Held, pass: &mut Pass) -> Result<bool, Stop> {
        let wanted = held.state.wanted;
        let began = self.clock.now();
        let enough = held.deadline.duration_since(began) / 2;
        // The listing goes on under a new fence: what this look writes is older than it.
        held.work.checkpoint = Some(pass.point.clone());
        held.checkpoint(&self.stores).await?;
        let Some(cursor) = held.work.users_delta.clone() else { return Ok(true) };
        let mut link = cursor.link;
        let mut called = HashSet::new();
        while called.insert(link.clone()) {
            held.check_time(&self.clock)?;
            if called.len() > LOOK_PAGES || self.clock.now().duration_since(began) > enough {
                return Ok(false);
            }
            let fence = held.fence();
            let page = match self.directory.users_delta(&pass.tenant, &link).await {
                Ok(page) => page,
                // The closing drain finds what this look would have found.
                Err(DirectoryError::Gone { .. } | DirectoryError::PageExpired) => {
                    held.work.users_delta = None;
                    return Ok(true);
                }
                Err(error) => return Err(error.into()),
            };
            pass.point.graph.add(page.cost);
            let next = page.next.clone();
            let source = Source { phase: Phase::Delta, link, next: page.next, fence };
            self.page(held, pass, source, page.entries).await?;
            match next {
                NextStep::Next(next) => link = next,
                NextStep::Delta(_) | NextStep::End => {
                    // Groups are looked at by the next run.
                    if !pass.uses_groups() {
                        held.serve(wanted, self.clock.now());
                    }
                    held.work.last_checked_at = Some(self.clock.now());
                    held.work.checkpoint = Some(pass.point.clone());
                    held.checkpoint(&self.stores).await?;
                    return Ok(true);
                }
            }
        }
        Err(repeating())
    }

    /// Follows a delta to its end: the closing drain of a full run, or a delta run's own round.
    pub(super) async fn follow_delta(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        phase: Phase,
        from: String,
    ) -> Result<(), Stop> {
        let mut link = from;
        let mut called = HashSet::new();
        // Hints that came before the drain began are dealt with by it, those about groups by the
        // reading of the groups.
        let drains = pass.point.baseline.as_deref() == Some(link.as_str());
        if phase == Phase::Drain && drains && !pass.uses_groups() {
            pass.point.wanted_seen = held.state.wanted;
        }
        loop {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            if !called.insert(link.clone()) {
                return Err(repeating());
            }
            let (fence, page) = match pass.peeked.take() {
                Some(read) if read.link == link => (read.fence, read.page),
                _ => {
                    let fence = held.fence();
                    let page = self.directory.users_delta(&pass.tenant, &link).await?;
                    pass.point.graph.add(page.cost);
                    (fence, page)
                }
            };
            let next = page.next.clone();
            let source = Source { phase, link, next: page.next, fence };
            self.page(held, pass, source, page.entries).await?;
            match next {
                NextStep::Next(next) => link = next,
                NextStep::Delta(_) | NextStep::End => return Ok(()),
            }
        }
    }

    /// Finds linked contacts that a complete listing and its drain did not name, those of people out
    /// of scope and in the recycle bin among them, and asks the directory for each by id. Only what
    /// that read does not find is gone.
    pub(super) async fn absence(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        let first_fence = pass.point.first_fence;
        let index = pass.index.as_ref();
        let unseen = index.map(|index| index.unseen(first_fence, &pass.rules)).unwrap_or_default();
        for chunk in unseen.chunks(CONFIRM) {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            let users = self.still_candidates(pass, chunk, first_fence).await?;
            if users.is_empty() {
                continue;
            }
            let fence = held.fence();
            let mut entries = self.confirm(pass, &users).await?;
            // Who is a member still and is not known by id is no evidence of anything: replicas
            // disagree. The next run looks again.
            entries.retain(|entry| match entry {
                DeltaEntry::Removed { id, reason: RemovedReason::Purged } => !pass.is_member(id),
                DeltaEntry::Removed { .. } | DeltaEntry::Changed(_) => true,
            });
            let link = people_hash(users.iter());
            let source = Source { phase: Phase::Reread, link, next: NextStep::End, fence };
            self.page(held, pass, source, entries).await?;
        }
        let missing = self.ask_for_left_out(held, pass).await?;
        self.forget_absent(held, pass).await?;
        pass.point.stage = Stage::Takeovers;
        if !missing.is_empty() {
            pass.point.proof.unread += u64::try_from(missing.len()).unwrap_or(u64::MAX);
            let late = std::mem::take(&mut held.work.late);
            held.work.late = late.after(&[], &missing, self.clock.now());
            held.work.checkpoint = Some(pass.point.clone());
            held.checkpoint(&self.stores).await?;
        }
        Ok(())
    }

    /// Of these contacts, the users whose link is still older than the listing.
    async fn still_candidates(
        &self,
        pass: &Pass,
        contacts: &[ContactId],
        first_fence: u64,
    ) -> Result<Vec<ObjectId>, Stop> {
        let mut stored = HashMap::new();
        self.read_contacts(pass, contacts, &mut stored).await?;
        Ok(contacts
            .iter()
            .filter_map(|id| present(stored.get(id)))
            .filter_map(|contact| {
                let link = contact.link.as_ref()?;
                let fresh =
                    contact.sync.as_ref().is_some_and(|sync| sync.source_version >= first_fence);
                let linked = link.connection_id == pass.connection.id
                    && pass.rules.looks_for(link.state, link.cause)
                    && !fresh
                    && !pass.tally.knows(&link.object_id);
                linked.then(|| link.object_id.clone())
            })
            .collect())
    }

    /// Reads users by id: who is there is decided as always, who is not is gone.
    pub(super) async fn confirm(
        &self,
        pass: &mut Pass,
        users: &[ObjectId],
    ) -> Result<Vec<DeltaEntry>, Stop> {
        let (entries, cost) = self.read_by_id(pass, users).await?;
        pass.point.graph.add(cost);
        Ok(entries)
    }

    /// The same, by anybody; and what it cost.
    pub(super) async fn read_by_id(
        &self,
        pass: &Pass,
        users: &[ObjectId],
    ) -> Result<(Vec<DeltaEntry>, GraphCost), Stop> {
        let read = self.read_users(pass, users).await?;
        let there: HashSet<ObjectId> = read.found.iter().map(|user| user.id.clone()).collect();
        let soft: HashSet<&ObjectId> = read.soft_deleted.iter().collect();
        let gone = users.iter().filter(|user| !there.contains(user)).map(|user| {
            let reason = if soft.contains(user) {
                RemovedReason::SoftDeleted
            } else {
                RemovedReason::Purged
            };
            DeltaEntry::Removed { id: user.clone(), reason }
        });
        let gone: Vec<DeltaEntry> = gone.collect();
        let entries = read.found.into_iter().map(DeltaEntry::Changed).chain(gone).collect();
        Ok((entries, read.cost))
    }

    /// The users whom the connection's settings ignore now.
    pub(super) async fn ignored_now(&self, pass: &Pass) -> Result<HashSet<ObjectId>, Stop> {
        let current = self.stores.settings(&pass.account.id, &pass.connection.id).await?;
        Ok(current.settings.scope.ignored_users.into_iter().collect())
    }

    /// Whether the connection may still be written: asked before every page, so that a pause acts
    /// in the middle of a run.
    pub(super) async fn check_allowed(&self, pass: &mut Pass) -> Result<(), Stop> {
        let now = self.clock.now();
        if pass.allowed_at.is_some_and(|at| now.duration_since(at) < ASK_AGAIN) {
            return Ok(());
        }
        pass.allowed_at = Some(now);
        let (account, id) = (&pass.account.id, &pass.connection.id);
        let (connection, pause) = self.stores.connection_and_pause(account, id).await?;
        let status = connection.as_ref().map(|connection| connection.status);
        match status {
            Some(status) if pass.lane == Lane::Main && status.may_write() => {}
            // What was done is taken back while the connection rests.
            Some(status)
                if pass.lane == Lane::Main
                    && pass.point.kind == RunKind::Undo
                    && status.rests() => {}
            Some(status) if pass.lane == Lane::Plan && status.may_be_planned() => {}
            Some(status) => return Err(Stop::NotAllowed(status)),
            None => return Err(Stop::Lost),
        }
        if pause.is_some() {
            return Err(Stop::Paused);
        }
        if pass.index.is_none() {
            // A look finds no trace of an adopted contact that was removed since it began: only
            // the settings tell.
            pass.ignored = self.ignored_now(pass).await?;
        }
        Ok(())
    }
}

fn repeating() -> Stop {
    Stop::Failed("the directory's page links repeat themselves; nothing was removed".to_owned())
}
