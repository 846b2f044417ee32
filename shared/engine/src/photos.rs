//! Profile photos: a slow lane of their own, beside sync and never in its way.
//!
//! After a full run a walk goes through the connection's linked contacts, in slices. Whoever was
//! looked at within [`FRESH`] is passed over, so that a walk that is begun again costs no second
//! look. A photo is stored before what is known of it says so, and only where something is known of
//! the contact's photo already: whoever removes a contact finds by that what is to be deleted.
//!
//! [`FRESH`]: contact_sync_domain::photo::FRESH

mod leaving;
mod look;
mod walk;

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::id::{AccountId, ConnectionId};
use contact_sync_domain::photo::{PhotoLane, PhotoWalk};
use jiff::{SignedDuration, Timestamp};

use crate::port::{
    Blobs, Clock, ConnectionStore, ContactStore, PauseStore, PhotoStore, Photos, SettingsStore,
    StoreError,
};

pub use leaving::{DeletedPhoto, PHOTOS, delete_photo, photo_key, photo_of_removed};

/// Everything that photos need of the state.
pub trait PhotoStores:
    ConnectionStore + ContactStore + PauseStore + PhotoStore + SettingsStore
{
}

impl<S> PhotoStores for S where
    S: ConnectionStore + ContactStore + PauseStore + PhotoStore + SettingsStore
{
}

/// How long after a slice's own end nobody else takes its walk: one look may still be on its way.
const LEASE_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// How long a walk rests that the directory refused without saying for how long, or that came to
/// nothing.
const REST: SignedDuration = SignedDuration::from_mins(15);

/// After so many slices a walk is given up, whatever it says; the next full run begins another.
const MOST_SLICES: u32 = 20_000;

/// With what photos are looked at.
#[derive(Debug)]
pub struct PhotoWorker<'a, S, B, G, C> {
    /// The state.
    pub stores: &'a S,
    /// Where photos are kept.
    pub blobs: &'a B,
    /// Where photos come from.
    pub graph: &'a G,
    /// The time.
    pub clock: &'a C,
    /// How much one slice does.
    pub bounds: SliceBounds,
}

/// How much one slice does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceBounds {
    /// How many people it looks at, at most.
    pub people: usize,
    /// How many of them at the same time: each may bring up to 10 MB.
    pub together: usize,
}

/// What came of an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walked {
    /// Photos are off, or nobody syncs.
    Unwanted,
    /// There was no walk to go on with, or somebody else is at it, or it waits.
    NotOurs,
    /// The slice ended before the walk did.
    GoesOn(Looked),
    /// The directory asks to wait, or does not answer.
    Waits(Looked),
    /// The directory lets nobody read photos.
    Hindered(Looked),
    /// Everybody was looked at.
    Done(Looked),
}

/// What a slice did, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// People whose photo was asked for.
    pub people: u64,
    /// Of how many of them something changed.
    pub changed: u64,
    /// How many could not be looked at.
    pub failed: u64,
}

impl<S, B, G, C> PhotoWorker<'_, S, B, G, C>
where
    S: PhotoStores,
    B: Blobs,
    G: Photos,
    C: Clock,
{
    /// A full run ended: begins a walk, or goes on with one that nobody is at. Where photos are off
    /// that is one read.
    pub async fn begin(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        until: Timestamp,
    ) -> Result<Walked, StoreError> {
        if !self.stores.settings(account, connection).await?.settings.features.photo {
            return Ok(Walked::Unwanted);
        }
        self.work((account, connection), true, until).await
    }

    /// Goes on with a walk that is not over.
    pub async fn go_on(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        until: Timestamp,
    ) -> Result<Walked, StoreError> {
        self.work((account, connection), false, until).await
    }

    /// Goes on with all walks that waited long enough, or whose worker died; one after another, each
    /// for a slice. What keeps one from being gone on with keeps no other.
    pub async fn go_on_with_all(
        &self,
        until: Timestamp,
    ) -> Result<Vec<(ConnectionId, Result<Walked, StoreError>)>, StoreError> {
        let mut walked = Vec::new();
        for open in self.stores.open_photo_walks().await? {
            let now = self.clock.now();
            if now >= until {
                break;
            }
            if open.is_left(now) {
                let done = self.go_on(&open.account_id, &open.connection_id, until).await;
                walked.push((open.connection_id, done));
            }
        }
        Ok(walked)
    }

    async fn work(
        &self,
        of: (&AccountId, &ConnectionId),
        may_begin: bool,
        until: Timestamp,
    ) -> Result<Walked, StoreError> {
        let (account, connection) = of;
        let now = self.clock.now();
        let lane = self.stores.photo_lane(account, connection).await?;
        let lane = lane.unwrap_or_else(|| PhotoLane::new(account, connection));
        let waits = lane.walk.as_ref().and_then(|walk| walk.waits_until);
        if lane.is_held(now) || waits.is_some_and(|until| until > now) {
            return Ok(Walked::NotOurs);
        }
        let (found, pause) = self.stores.connection_and_pause(account, connection).await?;
        if pause.is_some() {
            return Ok(Walked::NotOurs);
        }
        let Some(found) = found.filter(syncs) else {
            return self.drop_walk(of, lane).await;
        };
        if !may_begin && !self.is_wanted(of).await? {
            return self.drop_walk(of, lane).await;
        }
        let walk = match (lane.walk.clone(), may_begin) {
            (Some(walk), _) if walk.slices < MOST_SLICES => walk,
            (Some(_) | None, true) => PhotoWalk::begun(now),
            (Some(_), false) => return self.drop_walk(of, lane).await,
            (None, false) => {
                self.stores.close_photo_walk(account, connection).await?;
                return Ok(Walked::NotOurs);
            }
        };
        let taken = PhotoLane {
            version: lane.version + 1,
            walk: Some(PhotoWalk { slices: walk.slices + 1, waits_until: None, ..walk }),
            lease_until: Some(until.max(now) + LEASE_AFTER),
            ..lane
        };
        if !self.stores.put_photo_lane(&taken).await? {
            return Ok(Walked::NotOurs);
        }
        self.slice(&found, taken, until).await
    }

    async fn is_wanted(&self, of: (&AccountId, &ConnectionId)) -> Result<bool, StoreError> {
        Ok(self.stores.settings(of.0, of.1).await?.settings.features.photo)
    }

    /// Nobody wants photos any more: the next full run that does begins anew, and passes over
    /// whoever was looked at.
    async fn drop_walk(
        &self,
        (account, connection): (&AccountId, &ConnectionId),
        lane: PhotoLane,
    ) -> Result<Walked, StoreError> {
        if lane.walk.is_some() {
            let version = lane.version + 1;
            let dropped = PhotoLane { version, walk: None, lease_until: None, ..lane };
            self.stores.put_photo_lane(&dropped).await?;
        } else {
            self.stores.close_photo_walk(account, connection).await?;
        }
        Ok(Walked::Unwanted)
    }
}

/// Whether photos of a connection's people may be read at all.
fn syncs(connection: &Connection) -> bool {
    connection.status == ConnectionStatus::Enabled && connection.tenant.is_some()
}

#[cfg(test)]
mod tests;
