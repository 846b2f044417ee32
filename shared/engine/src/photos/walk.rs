//! One slice of a walk through a connection's people.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use contact_sync_domain::connection::Connection;
use contact_sync_domain::contact::LinkState;
use contact_sync_domain::id::ContactId;
use contact_sync_domain::photo::{
    ContactPhoto, PhotoHindrance, PhotoLane, PhotoTrouble, PhotoWalk,
};
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::look::{Look, Through};
use super::{Looked, PhotoStores, PhotoWorker, REST, Walked, syncs};
use crate::port::{
    Blobs, Clock, DirectoryError, IndexEntry, IndexPage, Photos, SHARDS, StoreError,
};

/// How many people are looked at between two looks whether they still may be.
const BETWEEN_LOOKS: usize = 64;

/// So many refusals without one answer between them: the directory does not answer at all.
const SILENCE: u64 = 8;

/// Why a slice ends.
enum End {
    /// Everybody was looked at.
    Done,
    /// Its share is done, or its time is up.
    Cut,
    /// The directory asks to wait, or does not answer; for so long, where it says.
    Waits(Option<SignedDuration>),
    /// Nobody may read photos.
    Hindered(PhotoHindrance, String),
    /// The connection was stopped, or everything was.
    Stopped,
}

/// A slice at work.
struct Slice<'a, W> {
    worker: &'a W,
    through: Through<'a>,
    until: Timestamp,
    done: Looked,
    /// Refusals since the last answer.
    unanswered: u64,
}

impl<S, B, G, C> PhotoWorker<'_, S, B, G, C>
where
    S: PhotoStores,
    B: Blobs,
    G: Photos,
    C: Clock,
{
    /// Goes through people until everybody was looked at, its share is done, or something stands in
    /// the way; then stores how far it came, which asks for the next slice.
    pub(super) async fn slice(
        &self,
        connection: &Connection,
        lane: PhotoLane,
        until: Timestamp,
    ) -> Result<Walked, StoreError> {
        let (Some(tenant), Some(walk)) = (&connection.tenant, lane.walk.clone()) else {
            return Ok(Walked::NotOurs);
        };
        let began_at = (walk.shard, walk.cursor.clone());
        let through = Through {
            account: &connection.account_id,
            connection: &connection.id,
            tenant: &tenant.id,
        };
        let mut slice =
            Slice { worker: self, through, until, done: Looked::default(), unanswered: 0 };
        let mut walk = walk;
        let went = slice.go(&mut walk).await;
        let done = slice.done;
        walk.looked += done.people;
        walk.changed += done.changed;
        walk.failed += done.failed;
        let has_moved = done.people > 0 || (walk.shard, walk.cursor.clone()) != began_at;
        let now = self.clock.now();
        let end = match &went {
            Ok(end) => Self::ended(lane, walk, (end, has_moved), now),
            // What failed is tried again by the clock, not at once and for ever.
            Err(_) => Self::ended(lane, walk, (&End::Waits(None), has_moved), now),
        };
        let stored = self.stores.put_photo_lane(&end).await;
        let end_of = went?;
        stored?;
        Ok(match end_of {
            End::Done => Walked::Done(done),
            End::Cut | End::Stopped => Walked::GoesOn(done),
            End::Waits(_) => Walked::Waits(done),
            End::Hindered(..) => Walked::Hindered(done),
        })
    }

    /// What a slice leaves behind.
    fn ended(
        lane: PhotoLane,
        walk: PhotoWalk,
        (end, has_moved): (&End, bool),
        now: Timestamp,
    ) -> PhotoLane {
        let lane = PhotoLane { version: lane.version + 1, lease_until: None, ..lane };
        let has_answered = walk.looked > walk.failed;
        let kept = lane.trouble.clone().filter(|_| !has_answered);
        match end {
            End::Done => PhotoLane { walk: None, finished_at: Some(now), trouble: kept, ..lane },
            End::Hindered(what, code) => {
                let since = kept.filter(|was| was.what == *what).map_or(now, |was| was.since);
                let trouble = PhotoTrouble { what: *what, code: code.clone(), since };
                PhotoLane { walk: None, trouble: Some(trouble), ..lane }
            }
            // A slice that came to nothing asks for no other at once.
            End::Cut if has_moved => PhotoLane { walk: Some(walk), trouble: kept, ..lane },
            End::Cut | End::Stopped => PhotoLane {
                walk: Some(PhotoWalk { waits_until: Some(now + REST), ..walk }),
                trouble: kept,
                ..lane
            },
            End::Waits(wait) => {
                let until = now + wait.unwrap_or(REST);
                PhotoLane {
                    walk: Some(PhotoWalk { waits_until: Some(until), ..walk }),
                    trouble: kept,
                    ..lane
                }
            }
        }
    }

    /// Whether the connection still syncs and nothing is paused.
    async fn may_go_on(&self, through: Through<'_>) -> Result<bool, StoreError> {
        let (found, pause) =
            self.stores.connection_and_pause(through.account, through.connection).await?;
        Ok(pause.is_none() && found.as_ref().is_some_and(syncs))
    }
}

impl<S, B, G, C> Slice<'_, PhotoWorker<'_, S, B, G, C>>
where
    S: PhotoStores,
    B: Blobs,
    G: Photos,
    C: Clock,
{
    async fn go(&mut self, walk: &mut PhotoWalk) -> Result<End, StoreError> {
        while walk.shard < SHARDS {
            let (account, cursor) = (self.through.account, walk.cursor.as_deref());
            let page = self.worker.stores.index(account, walk.shard, cursor).await?;
            let IndexPage { entries, cursor, .. } = page;
            if let Some(end) = self.look_at(entries).await? {
                return Ok(end);
            }
            if cursor.is_none() {
                walk.shard += 1;
            }
            walk.cursor = cursor;
        }
        Ok(End::Done)
    }

    /// Looks at whoever of a page is due; whoever was looked at is passed over when the page is read
    /// again, so that a slice may end anywhere in it.
    async fn look_at(&mut self, entries: Vec<IndexEntry>) -> Result<Option<End>, StoreError> {
        let connection = self.through.connection;
        let ours = |entry: &IndexEntry| {
            entry.connection_id == *connection && entry.link_state == LinkState::Linked
        };
        let people: Vec<IndexEntry> = entries.into_iter().filter(ours).collect();
        let (Some(first), Some(last)) = (
            people.iter().map(|entry| &entry.contact_id).min(),
            people.iter().map(|entry| &entry.contact_id).max(),
        ) else {
            return Ok(None);
        };
        let known = self.worker.stores.contact_photos(self.through.account, first, last).await?;
        let known: HashMap<ContactId, ContactPhoto> =
            known.into_iter().map(|photo| (photo.contact_id.clone(), photo)).collect();
        let now = self.worker.clock.now();
        let due: Vec<&IndexEntry> = people
            .iter()
            .filter(|entry| known.get(&entry.contact_id).is_none_or(|photo| photo.is_due(now)))
            .collect();
        for (number, some) in due.chunks(BETWEEN_LOOKS).enumerate() {
            let asked = usize::try_from(self.done.people).unwrap_or(usize::MAX);
            let left = self.worker.bounds.people.saturating_sub(asked);
            if left == 0 || self.worker.clock.now() >= self.until {
                return Ok(Some(End::Cut));
            }
            if number > 0 && !self.worker.may_go_on(self.through).await? {
                return Ok(Some(End::Stopped));
            }
            let meant = some.get(..left).unwrap_or(some);
            if let Some(end) = self.look_at_some(meant, &known).await? {
                return Ok(Some(end));
            }
            if meant.len() < some.len() {
                return Ok(Some(End::Cut));
            }
        }
        Ok(None)
    }

    async fn look_at_some(
        &mut self,
        people: &[&IndexEntry],
        known: &HashMap<ContactId, ContactPhoto>,
    ) -> Result<Option<End>, StoreError> {
        let (worker, through, until) = (self.worker, self.through, self.until);
        let stops = AtomicBool::new(false);
        let stops = &stops;
        let mut looks = stream::iter(people.iter().copied())
            .map(|entry| async move {
                if stops.load(Ordering::Relaxed) || worker.clock.now() >= until {
                    return None;
                }
                Some(worker.look(through, entry, known.get(&entry.contact_id)).await)
            })
            .buffer_unordered(worker.bounds.together.max(1));
        let mut end = None;
        while let Some(look) = looks.next().await {
            let Some(look) = look else {
                end = end.or(Some(End::Cut));
                continue;
            };
            let found = match look {
                Ok(look) => self.count(look),
                Err(error) => {
                    stops.store(true, Ordering::Relaxed);
                    // Those that are on their way come to their end first.
                    while looks.next().await.is_some() {}
                    return Err(error);
                }
            };
            if found.is_some() {
                stops.store(true, Ordering::Relaxed);
                end = weightier(end, found);
            }
        }
        Ok(end)
    }

    /// Counts a look; answers where it ends the slice.
    fn count(&mut self, look: Look) -> Option<End> {
        self.done.people += 1;
        match look {
            Look::Same | Look::Moved => {}
            Look::Changed => self.done.changed += 1,
            Look::Refused(error) => {
                self.done.failed += 1;
                self.unanswered += 1;
                return match error {
                    DirectoryError::Throttled { retry_after } => Some(End::Waits(retry_after)),
                    DirectoryError::Forbidden { code, .. } => {
                        Some(End::Hindered(PhotoHindrance::Permission, code))
                    }
                    DirectoryError::ConsentLost { code }
                    | DirectoryError::Blocked { code }
                    | DirectoryError::CredentialRefused { code } => {
                        Some(End::Hindered(PhotoHindrance::Refused, code))
                    }
                    // One person's, perhaps: the next walk tries again.
                    DirectoryError::Unavailable { .. }
                    | DirectoryError::Refused { .. }
                    | DirectoryError::NotFound { .. }
                    | DirectoryError::Gone { .. }
                    | DirectoryError::PageExpired
                    | DirectoryError::UnknownAttribute { .. }
                    | DirectoryError::ForeignLink => {
                        (self.unanswered >= SILENCE).then_some(End::Waits(None))
                    }
                };
            }
        }
        self.unanswered = 0;
        None
    }
}

/// Of two reasons the one that says more: that nobody may look, then that somebody must wait.
fn weightier(one: Option<End>, other: Option<End>) -> Option<End> {
    let weight = |end: &Option<End>| match end {
        Some(End::Hindered(..)) => 3,
        Some(End::Waits(_)) => 2,
        Some(End::Cut | End::Stopped | End::Done) => 1,
        None => 0,
    };
    if weight(&other) > weight(&one) { other } else { one }
}
