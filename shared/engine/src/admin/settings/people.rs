//! Reading a directory's people while somebody waits: as many as the time allows, on the lane that
//! Graph sheds first.

use std::pin::pin;

use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::scope::Memberships;
use contact_sync_domain::segment::NextStep;
use contact_sync_domain::settings::{AllOr, Scope};
use futures::future::{Either, select};
use jiff::{SignedDuration, Timestamp};

use crate::port::{Clock, Directory, DirectoryError, Lane};
use crate::sync::members::{GroupsError, MemberSets, Watched, read_groups, scope_groups};

/// How long people are read: HTTP APIs give up after 30 seconds, and deciding takes time too.
pub(super) const TIME: SignedDuration = SignedDuration::from_secs(18);

/// Members in one read by ids (Graph: getByIds).
const MEMBERS: usize = 1_000;

/// What stopped reading before everybody was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Time was up.
    TimeUp,
    /// Graph asked to wait, or did not answer.
    DirectoryBusy,
}

/// A reading of the people of one directory.
pub(super) struct People<'a, D, C> {
    pub(super) directory: &'a D,
    pub(super) clock: &'a C,
    pub(super) tenant: &'a TenantId,
    pub(super) selection: UserSelection,
    /// When reading ends.
    pub(super) until: Timestamp,
    /// What it cost so far.
    pub(super) cost: GraphCost,
    pub(super) stopped: Option<Stopped>,
    place: Place,
}

enum Place {
    Listing(Option<String>),
    Members(Vec<ObjectId>),
    End,
}

impl<'a, D: Directory, C: Clock> People<'a, D, C> {
    pub(super) fn of(
        directory: &'a D,
        clock: &'a C,
        tenant: &'a TenantId,
        selection: UserSelection,
    ) -> Self {
        Self {
            directory,
            clock,
            tenant,
            selection,
            until: clock.now() + TIME,
            cost: GraphCost::default(),
            stopped: None,
            place: Place::Listing(None),
        }
    }

    /// Reads who belongs to the groups that the scopes name. A group that does not exist has no
    /// members. Where all scopes mean members only, nobody else is read later.
    pub(super) async fn read_members(
        &mut self,
        scopes: &[&Scope],
    ) -> Result<Vec<Memberships>, DirectoryError> {
        let mut groups: Vec<Watched> =
            scopes.iter().flat_map(|scope| scope_groups(scope)).collect();
        groups.sort_unstable();
        groups.dedup();
        let mut sets = MemberSets::default();
        for group in groups {
            let reading =
                pin!(read_groups(self.directory, self.tenant, std::slice::from_ref(&group)));
            let time_up = pin!(self.clock.sleep(self.until.duration_since(self.clock.now())));
            match select(reading, time_up).await {
                Either::Left((Ok(read), _)) => {
                    self.cost.add(read.cost);
                    sets.absorb(read.members);
                }
                Either::Left((Err(GroupsError::Missing(_)), _)) => {}
                Either::Left((Err(GroupsError::Directory(error)), _)) => return Err(error),
                Either::Right(((), _)) => {
                    self.stopped = Some(Stopped::TimeUp);
                    self.place = Place::End;
                    break;
                }
            }
        }
        let memberships: Vec<Memberships> =
            scopes.iter().map(|scope| sets.memberships(scope)).collect();
        let by_group = scopes.iter().all(|scope| !matches!(scope.groups, AllOr::All));
        if by_group && self.stopped.is_none() {
            let mut members: Vec<u128> =
                memberships.iter().flat_map(Memberships::in_scope).copied().collect();
            members.sort_unstable();
            members.dedup();
            self.place = Place::Members(members.into_iter().map(ObjectId::from_u128).collect());
        }
        Ok(memberships)
    }

    /// The next people; `None` at the end, or where reading had to stop.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<DirectoryUser>>, DirectoryError> {
        let now = self.clock.now();
        let place = std::mem::replace(&mut self.place, Place::End);
        if matches!(place, Place::End) {
            return Ok(None);
        }
        if now >= self.until {
            self.stopped = Some(Stopped::TimeUp);
            return Ok(None);
        }
        let is_first = self.cost.requests == 0;
        let read = {
            let reading = pin!(self.read(&place));
            let time_up = pin!(self.clock.sleep(self.until.duration_since(now)));
            match select(reading, time_up).await {
                Either::Left((read, _)) => Some(read),
                Either::Right(((), _)) => None,
            }
        };
        match read {
            None => {
                self.stopped = Some(Stopped::TimeUp);
                Ok(None)
            }
            Some(Ok((users, next, cost))) => {
                self.place = next;
                self.cost.add(cost);
                Ok(Some(users))
            }
            // What was seen so far tells more than nothing.
            Some(Err(error)) if !is_first && (error.is_transient() || is_lost(&error)) => {
                self.stopped = Some(Stopped::DirectoryBusy);
                Ok(None)
            }
            Some(Err(error)) => Err(error),
        }
    }

    async fn read(
        &self,
        place: &Place,
    ) -> Result<(Vec<DirectoryUser>, Place, GraphCost), DirectoryError> {
        match place {
            Place::End => Ok((Vec::new(), Place::End, GraphCost::default())),
            Place::Members(members) => {
                let (some, rest) = members.split_at(members.len().min(MEMBERS));
                if some.is_empty() {
                    return Ok((Vec::new(), Place::End, GraphCost::default()));
                }
                let read = self.directory.users_by_id(self.tenant, &self.selection, some).await?;
                Ok((read.found, Place::Members(rest.to_vec()), read.cost))
            }
            Place::Listing(link) => {
                let page = self
                    .directory
                    .list_users(self.tenant, &self.selection, link.as_deref(), Lane::Bulk)
                    .await?;
                let next = match page.next {
                    NextStep::Next(next) if link.as_ref() != Some(&next) => {
                        Place::Listing(Some(next))
                    }
                    NextStep::Next(_) | NextStep::Delta(_) | NextStep::End => Place::End,
                };
                Ok((page.users, next, page.cost))
            }
        }
    }

    /// Whether everybody was seen.
    pub(super) fn is_complete(&self) -> bool {
        self.stopped.is_none()
    }
}

fn is_lost(error: &DirectoryError) -> bool {
    matches!(error, DirectoryError::PageExpired | DirectoryError::Gone { .. })
}
