//! Runs about one person, or the members of one group: read by their ids and decided, whatever is
//! known of them.

use contact_sync_domain::directory::{DeltaEntry, RemovedReason};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::{NextStep, Phase};
use contact_sync_domain::sync_state::Stage;

use super::full::CONFIRM;
use super::members::{GroupsError, read_groups};
use super::page::Source;
use super::pass::{Held, Pass};
use super::reading::people_hash;
use super::watched::{ReadAs, Watched, WatchedBy};
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, Randomness};

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Reads one person and decides about him.
    pub(super) async fn about_person(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        user: ObjectId,
    ) -> Result<(), Stop> {
        self.know_groups(held, pass).await?;
        self.read_one_by_one(held, pass, &[user]).await?;
        pass.point.stage = Stage::Takeovers;
        Ok(())
    }

    /// Reads whoever is in a group, or in one inside it, and decides about them all. Who left it is
    /// found by what its changes tell.
    pub(super) async fn about_group(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        group: ObjectId,
    ) -> Result<(), Stop> {
        self.know_groups(held, pass).await?;
        let by = WatchedBy { scope: true, ..WatchedBy::default() };
        let watched = Watched { group, as_what: ReadAs::Nested, by };
        let read = read_groups(&self.directory, &pass.tenant, std::slice::from_ref(&watched)).await;
        let read = match read {
            Ok(read) => read,
            Err(GroupsError::Missing(group) | GroupsError::UnitMissing(group)) => {
                let reason = format!("the directory has no group {group} any more");
                return Err(Stop::Failed(reason));
            }
            Err(GroupsError::Directory(error)) => return Err(error.into()),
        };
        pass.point.graph.add(read.cost);
        let members = read.members.team_members(&watched.group).iter();
        let members: Vec<ObjectId> = members.map(|user| ObjectId::from_u128(*user)).collect();
        pass.point.total = u64::try_from(members.len()).ok();
        self.read_one_by_one(held, pass, &members).await?;
        pass.point.stage = Stage::Takeovers;
        Ok(())
    }

    /// Who is in the scope's groups may be older than what somebody asks about.
    async fn know_groups(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        if pass.uses_groups() { Box::pin(self.follow_groups(held, pass)).await } else { Ok(()) }
    }

    /// Reads people by their ids and decides about them, but for those about whom the run decided
    /// already.
    pub(super) async fn read_one_by_one(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        users: &[ObjectId],
    ) -> Result<(), Stop> {
        let open = users.iter().filter(|user| !pass.has_met(user)).cloned();
        let open: Vec<ObjectId> = open.collect();
        for users in open.chunks(CONFIRM) {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            let fence = held.fence();
            let mut entries = self.confirm(pass, users).await?;
            // Replicas disagree: who is a member still and is not known by id is not gone.
            entries.retain(|entry| match entry {
                DeltaEntry::Removed { id, reason: RemovedReason::Purged } => !pass.is_member(id),
                DeltaEntry::Removed { .. } | DeltaEntry::Changed(_) => true,
            });
            let link = people_hash(users.iter());
            let source = Source { phase: Phase::Reread, link, next: NextStep::End, fence };
            self.page(held, pass, source, entries).await?;
        }
        Ok(())
    }
}

/// Where a run begins that is about one person or group.
pub(super) fn about(run: Option<&Run>) -> Option<Stage> {
    let run = run?;
    let person = run.user.clone().map(|user| Stage::Person { user });
    person.or_else(|| run.group.clone().map(|group| Stage::Members { group }))
}
