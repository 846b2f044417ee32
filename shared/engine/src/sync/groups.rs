//! Groups that settings name: joining or leaving never shows in the users delta, so member sets
//! are kept and compared.

use contact_sync_domain::directory::{DeltaEntry, RemovedReason};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::segment::{NextStep, Phase};
use contact_sync_domain::sync_state::{DeltaCursor, Stage};
use jiff::SignedDuration;

use super::members::{GroupsError, MemberSets};
use super::page::Source;
use super::pass::{Held, Pass};
use super::reading::people_hash;
use super::watched::{ReadAs, Watched, follows_groups, groups_digest};
use super::{MAX_PAGES, Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, GroupChange, Randomness};

/// How many joiners and leavers are followed one by one; a full run deals better with more.
const MOST_MOVED: usize = 5_000;

/// How old the members of administrative units may be before a look reads them again.
const UNITS_LIFE: SignedDuration = SignedDuration::from_mins(55);

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
    /// Reads the members of the watched groups, and from where their changes are to be followed.
    pub(super) async fn read_watched_groups(
        &self,
        held: &mut Held,
        pass: &mut Pass,
    ) -> Result<(), Stop> {
        let link = self.groups_link(pass).await?;
        // What was known before, if anything: a group that is empty all at once is doubted.
        let groups = pass.watched.clone();
        let (account, connection) = (&pass.account.id, &pass.connection.id);
        let stored = MemberSets::load_known(&self.blobs, account, connection, &groups).await?;
        let known = if stored.are_all(&groups) { stored.clone() } else { MemberSets::default() };
        let mut cost = GraphCost::default();
        let read = known.read(&self.directory, &pass.tenant, &groups, &mut cost).await;
        let mut read = believed(pass, &known, read, cost)?;
        read.note_left(&stored, &pass.settings.policies.guard.groups);
        held.work.groups_digest = Some(groups_digest(&groups));
        read.store(&stored, &self.blobs, &pass.account.id, &pass.connection.id).await?;
        pass.set_members(read);
        held.work.groups_delta = link.map(|link| self.groups_cursor(link));
        self.note_units(held, pass);
        Ok(())
    }

    /// Reads the watched groups for what a plan says of teams: it was made from groups that nobody
    /// else has read since, perhaps. What the connection knows of them stays as it is, so that the
    /// next look finds what changed.
    pub(super) async fn read_groups_afresh(&self, pass: &mut Pass) -> Result<(), Stop> {
        if pass.has_fresh_groups {
            return Ok(());
        }
        let known = pass.members.clone();
        let mut cost = GraphCost::default();
        let read = known.read(&self.directory, &pass.tenant, &pass.watched, &mut cost).await;
        let mut read = believed(pass, &known, read, cost)?;
        read.note_left(&known, &pass.settings.policies.guard.groups);
        pass.set_members(read);
        pass.has_fresh_groups = true;
        Ok(())
    }

    /// Loads the member sets that a resumed run or a delta works with.
    pub(super) async fn load_members(&self, pass: &mut Pass) -> Result<(), Stop> {
        let groups = pass.watched.clone();
        let sets =
            MemberSets::load(&self.blobs, &pass.account.id, &pass.connection.id, &groups).await?;
        pass.set_members(sets.ok_or(Stop::NeedsFull)?);
        Ok(())
    }

    /// Reads which groups changed, and follows who joined or left the watched ones.
    pub(super) async fn follow_groups(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        let (changes, end) = self.group_changes(held, pass).await?;
        let groups = pass.watched.clone();
        let known = pass.members.clone();
        let mut cost = GraphCost::default();
        let reads_units = self.units_are_due(held, pass);
        let told = (changes.as_slice(), reads_units);
        let newer = known.follow(&self.directory, &pass.tenant, &groups, told, &mut cost).await;
        let mut newer = believed(pass, &known, newer, cost)?;
        newer.note_left(&known, &pass.settings.policies.guard.groups);
        let of = |is_meant: fn(&Watched) -> bool| {
            let meant: Vec<&Watched> = groups.iter().filter(|one| is_meant(one)).collect();
            known.differing(&newer, &meant)
        };
        let moved = of(|watched| watched.by.scope || watched.by.rivals);
        let teams = of(|watched| watched.by.teams);
        if moved.len() + teams.len() > MOST_MOVED {
            return Err(Stop::NeedsFull);
        }
        let is_changed = newer != known;
        pass.set_members(newer);
        let late = held.work.late.clone();
        self.decide_moved(held, pass, moved).await?;
        self.move_teams(held, pass, &teams).await?;
        if is_changed {
            if held.work.late != late {
                // Once the sets are stored, nothing but this list tells of who was not found.
                held.checkpoint(&self.stores).await?;
            }
            // Only now: a slice that dies before compares again, which changes nothing twice.
            pass.members.store(&known, &self.blobs, &pass.account.id, &pass.connection.id).await?;
        }
        held.work.groups_delta = end.map(|end| self.groups_cursor(end));
        if reads_units {
            self.note_units(held, pass);
        }
        Ok(())
    }

    /// From where the changes of groups are to be followed; none where only units are watched.
    async fn groups_link(&self, pass: &mut Pass) -> Result<Option<String>, Stop> {
        if !follows_groups(&pass.watched) {
            return Ok(None);
        }
        let (link, cost) = self.directory.latest_groups_link(&pass.tenant).await?;
        pass.point.graph.add(cost);
        Ok(Some(link))
    }

    /// Whether a look reads the members of units again: no delta tells who joined or left one.
    fn units_are_due(&self, held: &Held, pass: &Pass) -> bool {
        let now = self.clock.now();
        let is_old = |read| now.duration_since(read) >= UNITS_LIFE;
        pass.watched.iter().any(Watched::is_unit) && held.work.units_read_at.is_none_or(is_old)
    }

    fn note_units(&self, held: &mut Held, pass: &Pass) {
        let reads = pass.watched.iter().any(Watched::is_unit);
        held.work.units_read_at = reads.then(|| self.clock.now());
    }

    /// The groups delta to its end: what changed, and the link behind it.
    async fn group_changes(
        &self,
        held: &mut Held,
        pass: &mut Pass,
    ) -> Result<(Vec<GroupChange>, Option<String>), Stop> {
        if !follows_groups(&pass.watched) {
            return Ok((Vec::new(), None));
        }
        let cursor = held.work.groups_delta.clone().ok_or(Stop::NeedsFull)?;
        let watched = pass.watched.clone();
        let mut link = cursor.link;
        let mut changes = Vec::new();
        for _ in 0..MAX_PAGES {
            held.check_time(&self.clock)?;
            let page = self.directory.groups_delta(&pass.tenant, &link).await?;
            pass.point.graph.add(page.cost);
            let of_ours = |change: &GroupChange| pass.members.are_of(&watched, change.group());
            changes.extend(page.changes.into_iter().filter(of_ours));
            match page.next {
                NextStep::Next(next) => link = next,
                NextStep::Delta(next) => return Ok((changes, Some(next))),
                NextStep::End => break,
            }
        }
        let reason = "the directory's group pages never end; nothing was removed";
        Err(Stop::Failed(reason.to_owned()))
    }

    /// Decides whoever joined or left a group. Members whom a read by id does not find are there, but
    /// not everywhere yet (Graph replicates with a delay), and not gone: they are looked for again
    /// for a while, and hold nothing up.
    async fn decide_moved(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        moved: Vec<ObjectId>,
    ) -> Result<(), Stop> {
        let now = self.clock.now();
        let late = std::mem::take(&mut held.work.late).of(|user| pass.members.has(user));
        let due = late.due(now);
        let mut asked = moved;
        asked.extend(due.iter().filter(|user| pass.members.has(user)).cloned());
        asked.sort_unstable();
        asked.dedup();
        let mut missing = Vec::new();
        held.work.late = late;
        for users in asked.chunks(JOINERS) {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            let fence = held.fence();
            let mut entries = self.confirm(pass, users).await?;
            entries.retain(|entry| match entry {
                DeltaEntry::Removed { id, reason: RemovedReason::Purged }
                    if pass.members.has(id) =>
                {
                    missing.push(id.clone());
                    false
                }
                DeltaEntry::Removed { .. } | DeltaEntry::Changed(_) => true,
            });
            let link = people_hash(users.iter());
            let source = Source { phase: Phase::Reread, link, next: NextStep::End, fence };
            self.page(held, pass, source, entries).await?;
        }
        held.work.late = std::mem::take(&mut held.work.late).after(&due, &missing, now);
        Ok(())
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

/// The sets as read, unless that would empty the scope.
fn believed(
    pass: &mut Pass,
    known: &MemberSets,
    read: Result<MemberSets, GroupsError>,
    cost: GraphCost,
) -> Result<MemberSets, Stop> {
    pass.point.graph.add(cost);
    match read {
        Ok(read) => match known.emptied_in(&read, &pass.settings.scope) {
            Some((unit, ReadAs::Unit)) => Err(Stop::UnitEmptied(unit.clone())),
            Some((group, ReadAs::Group | ReadAs::Nested)) => Err(Stop::GroupEmptied(group.clone())),
            None => Ok(read),
        },
        Err(GroupsError::Missing(group)) => Err(Stop::GroupMissing(group)),
        Err(GroupsError::UnitMissing(unit)) => Err(Stop::UnitMissing(unit)),
        Err(GroupsError::Directory(error)) => Err(error.into()),
    }
}
