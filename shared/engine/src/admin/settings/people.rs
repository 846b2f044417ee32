//! Reading a directory's people while somebody waits: as many as the time allows, on the lane that
//! Graph sheds first.

use std::future::Future;
use std::pin::pin;

use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_domain::scope::Memberships;
use contact_sync_domain::segment::NextStep;
use contact_sync_domain::settings::Scope;
use futures::future::{Either, select};
use jiff::{SignedDuration, Timestamp};

use crate::port::{Clock, Directory, DirectoryError, Lane};
use crate::sync::{GroupsError, MemberSets, Watched, page_of, read_groups};

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
    /// Whether people were asked for.
    begun: bool,
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
            begun: false,
        }
    }

    /// Learns the members of groups beside those that are known. Where one takes too long, the first
    /// of its members stand for all; nothing more is read then.
    pub(super) async fn learn(
        &mut self,
        known: &mut MemberSets,
        groups: &[Watched],
    ) -> Result<(), GroupsError> {
        let until = self.until - TIME / 2;
        for group in groups {
            if self.stopped.is_some() {
                break;
            }
            let reading =
                pin!(read_groups(self.directory, self.tenant, std::slice::from_ref(group)));
            let time_up = pin!(self.clock.sleep(until.duration_since(self.clock.now())));
            match select(reading, time_up).await {
                Either::Left((read, _)) => {
                    let read = read?;
                    self.cost.add(read.cost);
                    known.absorb(read.members);
                }
                Either::Right(((), _)) => {
                    self.stopped = Some(Stopped::TimeUp);
                    let first = page_of(self.directory, self.tenant, group, None).await;
                    let first = first.map_err(GroupsError::Directory)?;
                    self.cost.add(first.cost);
                    known.absorb(MemberSets::sample(group, &first.users));
                }
            }
        }
        Ok(())
    }

    /// Begins with the members of the scopes, where they mean members only, else with the listing.
    pub(super) fn begin(&mut self, scopes: &[(&Scope, &Memberships)]) {
        let by_group = scopes.iter().all(|(scope, _)| scope.is_by_members());
        if by_group {
            let mut members: Vec<u128> =
                scopes.iter().flat_map(|(_, members)| members.in_scope()).copied().collect();
            members.sort_unstable();
            members.dedup();
            self.place = Place::Members(members.into_iter().map(ObjectId::from_u128).collect());
        } else if self.stopped.is_some() {
            // Whom the groups ignore is not known.
            self.place = Place::End;
        }
    }

    /// What comes of something that is read beside the people; `None` where it takes too long.
    pub(super) async fn in_time<T>(&self, reading: impl Future<Output = T>) -> Option<T> {
        let reading = pin!(reading);
        let time_up = pin!(self.clock.sleep(TIME / 3));
        match select(reading, time_up).await {
            Either::Left((read, _)) => Some(read),
            Either::Right(((), _)) => None,
        }
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
        let is_first = !std::mem::replace(&mut self.begun, true);
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
