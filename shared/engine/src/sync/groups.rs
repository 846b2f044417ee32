//! Scopes by group: joining or leaving never shows in the users delta, so member sets are kept and
//! compared.

use contact_sync_domain::directory::{DeltaEntry, RemovedReason};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::segment::{NextStep, Phase};
use contact_sync_domain::sync_state::{DeltaCursor, Stage};

use super::members::{GroupsError, MemberSets, groups_digest, read_groups, scope_groups};
use super::page::Source;
use super::pass::{Held, Pass};
use super::reading::people_hash;
use super::{MAX_PAGES, Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, Randomness};

/// How many joiners and leavers are followed one by one; a full run deals better with more.
const MOST_MOVED: usize = 5_000;

/// How many joiners and leavers are read and decided as one page.
const JOINERS: usize = 200;

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Reads the members of the scope's groups, and from where their changes are to be followed.
    pub(super) async fn read_scope_groups(
        &self,
        held: &mut Held,
        pass: &mut Pass,
    ) -> Result<(), Stop> {
        let (link, cost) = self.directory.latest_groups_link(&pass.tenant).await?;
        pass.point.graph.add(cost);
        // What was known before, if anything: a group that is empty all at once is doubted.
        let groups = scope_groups(&pass.settings.scope);
        let (account, connection) = (&pass.account.id, &pass.connection.id);
        let known = MemberSets::load(&self.blobs, account, connection, &groups).await?;
        if let Some(known) = known {
            pass.set_members(known);
        }
        let read = self.read_members(pass).await?;
        held.work.groups_digest = Some(groups_digest(&groups));
        read.0.store(&self.blobs, &pass.account.id, &pass.connection.id).await?;
        pass.set_members(read.0);
        held.work.group_closure = read.1;
        held.work.groups_delta = Some(self.groups_cursor(link));
        Ok(())
    }

    /// Loads the member sets that a resumed run or a delta works with.
    pub(super) async fn load_members(&self, pass: &mut Pass) -> Result<(), Stop> {
        let groups = scope_groups(&pass.settings.scope);
        let sets =
            MemberSets::load(&self.blobs, &pass.account.id, &pass.connection.id, &groups).await?;
        pass.set_members(sets.ok_or(Stop::NeedsFull)?);
        Ok(())
    }

    /// Reads which groups changed; where one of the scope's did, compares its members.
    pub(super) async fn follow_groups(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        let cursor = held.work.groups_delta.clone().ok_or(Stop::NeedsFull)?;
        let mut link = cursor.link;
        let mut touched = false;
        let mut end = None;
        for _ in 0..MAX_PAGES {
            held.check_time(&self.clock)?;
            let page = self.directory.groups_delta(&pass.tenant, &link).await?;
            pass.point.graph.add(page.cost);
            let closure = &held.work.group_closure;
            touched |= page
                .changed
                .iter()
                .chain(&page.removed)
                .any(|group| closure.binary_search(group).is_ok());
            match page.next {
                NextStep::Next(next) => link = next,
                NextStep::Delta(next) => {
                    end = Some(next);
                    break;
                }
                NextStep::End => break,
            }
        }
        let end = end.ok_or_else(|| {
            Stop::Failed("the directory's group pages never end; nothing was removed".to_owned())
        })?;
        if touched {
            let (members, closure) = self.read_members(pass).await?;
            let moved = pass.members.differing(&members);
            if moved.len() > MOST_MOVED {
                return Err(Stop::NeedsFull);
            }
            let former = pass.members.clone();
            pass.set_members(members);
            let late = self.decide_moved(held, pass, &moved).await?;
            if !late.is_empty() {
                let members = std::mem::take(&mut pass.members).with_former(&former, &late);
                pass.set_members(members);
            }
            // Only now: a slice that dies before compares again, which changes nothing twice.
            pass.members.store(&self.blobs, &pass.account.id, &pass.connection.id).await?;
            held.work.group_closure = closure;
            if !late.is_empty() {
                // The next look is told of the same change, and finds them still to be decided.
                return Ok(());
            }
        }
        held.work.groups_delta = Some(self.groups_cursor(end));
        Ok(())
    }

    /// Decides whoever joined or left a group. Answers the members whom a read by id does not find:
    /// they are there, but not everywhere yet (Graph replicates with a delay), and not gone.
    async fn decide_moved(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        moved: &[ObjectId],
    ) -> Result<Vec<ObjectId>, Stop> {
        let mut late = Vec::new();
        for users in moved.chunks(JOINERS) {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            let fence = held.fence();
            let mut entries = self.confirm(pass, users).await?;
            entries.retain(|entry| match entry {
                DeltaEntry::Removed { id, reason: RemovedReason::Purged }
                    if pass.members.has(id) =>
                {
                    late.push(id.clone());
                    false
                }
                DeltaEntry::Removed { .. } | DeltaEntry::Changed(_) => true,
            });
            let link = people_hash(users.iter());
            let source = Source { phase: Phase::Reread, link, next: NextStep::End, fence };
            self.page(held, pass, source, entries).await?;
        }
        Ok(late)
    }

    async fn read_members(&self, pass: &mut Pass) -> Result<(MemberSets, Vec<ObjectId>), Stop> {
        let groups = scope_groups(&pass.settings.scope);
        match read_groups(&self.directory, &pass.tenant, &groups).await {
            Ok(read) => {
                pass.point.graph.add(read.cost);
                match pass.members.emptied_in(&read.members, &pass.settings.scope) {
                    Some(group) => Err(Stop::GroupEmptied(group.clone())),
                    None => Ok((read.members, read.closure)),
                }
            }
            Err(GroupsError::Missing(group)) => Err(Stop::GroupMissing(group)),
            Err(GroupsError::Directory(error)) => Err(error.into()),
        }
    }

    fn groups_cursor(&self, link: String) -> DeltaCursor {
        DeltaCursor { link, select_hash: "groups".to_owned(), issued_at: self.clock.now() }
    }

    /// The stage behind the groups: the users delta.
    pub(super) fn after_groups(held: &Held) -> Result<Stage, Stop> {
        let cursor = held.work.users_delta.clone().ok_or(Stop::NeedsFull)?;
        Ok(Stage::Delta { link: cursor.link })
    }
}
