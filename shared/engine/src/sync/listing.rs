//! The pages of a full run's listing: of the whole directory, or of the members of the scope's
//! groups and administrative units alone, whichever costs Graph less.
//!
//! Members are read by their ids. Whom such a read does not find is not on the page, just as in a
//! listing: that somebody is gone is only told by the delta, or by the end of the run, which asks
//! once more for the members that were left out.

use contact_sync_domain::directory::{DeltaEntry, RemovedReason, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::query_plan::{QueryPlan, Reading, Sizes};
use contact_sync_domain::segment::{NextStep, Phase};

use super::page::Source;
use super::pass::{Held, Pass};
use super::reading::people_hash;
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, DirectoryError, Lane, Randomness, UserPage};

/// How many members are read at once (Graph: getByIds takes 1,000 ids).
const MEMBERS: usize = 1_000;

/// What the links of a listing of members begin with; the number behind it is the place of the
/// page's first member in the sorted set.
const LINK: &str = "members-";

/// A page to be read.
pub(super) enum Listed {
    /// Of the directory: the first, or the one behind a next link.
    Directory(Option<String>),
    /// These members, and where the listing goes on.
    Members(Vec<ObjectId>, NextStep),
}

impl Pass {
    /// Chooses how people are read, once the members of the scope's groups and units are known and Graph was
    /// asked how many users there are.
    pub(super) fn choose_reading(&mut self, users: Option<u64>) {
        let members = self.rules.scope().is_by_members().then(|| self.memberships.in_scope().len());
        let people = members.map(|members| u64::try_from(members).unwrap_or(u64::MAX));
        // What both ways cost alike decides nothing.
        let plan = QueryPlan::cheapest(&Sizes {
            users,
            lists: Vec::new(),
            people,
            managers: self.selection.has_manager(),
        });
        self.point.reading = Some(plan.reading);
        self.point.total = match plan.reading {
            Reading::Directory => users,
            Reading::Members => people,
        };
    }

    /// The listing's first page, or the one behind a link.
    pub(super) fn listed(&self, link: Option<&str>) -> Listed {
        match self.point.reading {
            None | Some(Reading::Directory) => Listed::Directory(link.map(str::to_owned)),
            Some(Reading::Members) => self.listed_members(link),
        }
    }

    fn listed_members(&self, link: Option<&str>) -> Listed {
        let all = self.memberships.in_scope();
        let place = link.and_then(|link| link.strip_prefix(LINK)?.parse().ok()).unwrap_or(0);
        let rest = all.get(place..).unwrap_or_default();
        let members = rest.iter().take(MEMBERS).map(|user| ObjectId::from_u128(*user)).collect();
        let next = if rest.len() > MEMBERS {
            NextStep::Next(format!("{LINK}{}", place + MEMBERS))
        } else {
            NextStep::End
        };
        Listed::Members(members, next)
    }
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Reads a page of the listing.
    pub(super) async fn read_listed(
        &self,
        tenant: &TenantId,
        select: &UserSelection,
        page: Listed,
    ) -> Result<UserPage, DirectoryError> {
        match page {
            Listed::Directory(link) => {
                self.directory.list_users(tenant, select, link.as_deref(), Lane::Bulk).await
            }
            Listed::Members(members, next) => {
                let read = self.directory.users_by_id(tenant, select, &members).await?;
                Ok(UserPage { users: read.found, next, cost: read.cost })
            }
        }
    }

    /// Asks for the members of the scope's groups whom nothing named so far; answers those who are
    /// not found now either. They are there, but not everywhere yet.
    pub(super) async fn ask_for_left_out(
        &self,
        held: &mut Held,
        pass: &mut Pass,
    ) -> Result<Vec<ObjectId>, Stop> {
        let members = pass.memberships.in_scope().iter().map(|user| ObjectId::from_u128(*user));
        let left_out: Vec<ObjectId> = members.filter(|user| !pass.has_met(user)).collect();
        let mut missing = Vec::new();
        for users in left_out.chunks(MEMBERS) {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            let fence = held.fence();
            let mut entries = self.confirm(pass, users).await?;
            entries.retain(|entry| match entry {
                DeltaEntry::Changed(_) => true,
                DeltaEntry::Removed { id, reason: RemovedReason::Purged } => {
                    missing.push(id.clone());
                    false
                }
                // Who has a contact was dealt with as absent.
                DeltaEntry::Removed { reason: RemovedReason::SoftDeleted, .. } => false,
            });
            let link = people_hash(users.iter());
            let source = Source { phase: Phase::Reread, link, next: NextStep::End, fence };
            self.page(held, pass, source, entries).await?;
        }
        Ok(missing)
    }
}
