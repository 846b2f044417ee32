//! How far a connection's photos were looked at.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, ConnectionId};

/// A connection's photos: the walk that goes through its people, and what came of the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhotoLane {
    /// Whose.
    pub account_id: AccountId,
    /// Which connection's.
    pub connection_id: ConnectionId,
    /// Raised by every write.
    pub version: u64,
    /// The walk that is not over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walk: Option<PhotoWalk>,
    /// Until when somebody is at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
    /// When a walk came to its end last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// What keeps photos from being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<PhotoTrouble>,
}

/// One pass over a connection's people, in slices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhotoWalk {
    /// When it began.
    pub started_at: Timestamp,
    /// The part of the account's contacts that is next.
    pub shard: u8,
    /// Where that part goes on, as the store says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How many slices it took so far.
    pub slices: u32,
    /// Nobody goes on before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Timestamp>,
    /// How many people were looked at.
    pub looked: u64,
    /// Of how many of them something changed.
    pub changed: u64,
    /// How many could not be looked at; the next walk tries them again.
    pub failed: u64,
}

impl PhotoWalk {
    /// At the beginning.
    pub fn begun(now: Timestamp) -> Self {
        Self {
            started_at: now,
            shard: 0,
            cursor: None,
            slices: 0,
            waits_until: None,
            looked: 0,
            changed: 0,
            failed: 0,
        }
    }
}

/// What keeps a connection's photos from being read, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhotoTrouble {
    /// The stable word.
    pub what: PhotoHindrance,
    /// The directory's own code.
    pub code: String,
    /// Since when.
    pub since: Timestamp,
}

/// What keeps photos from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PhotoHindrance {
    /// The permission is not granted.
    Permission,
    /// A policy of the tenant blocks it, or the tenant does not let us in at all.
    Refused,
}

impl PhotoHindrance {
    /// What is the matter, for people.
    pub fn told(self) -> &'static str {
        match self {
            Self::Permission => "needs ProfilePhoto.Read.All or User.Read.All",
            Self::Refused => "the tenant does not let us read photos",
        }
    }

    /// What to do.
    pub fn fix(self) -> &'static str {
        match self {
            Self::Permission => {
                "grant the application ProfilePhoto.Read.All or User.Read.All in the tenant; the next \
                 full run reads photos again"
            }
            Self::Refused => {
                "look at the connection's own state and at the tenant's policies for applications; \
                 the next full run reads photos again"
            }
        }
    }
}

/// A walk that is not over, as the list of those shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenPhotoWalk {
    /// Whose.
    pub account_id: AccountId,
    /// Which connection's.
    pub connection_id: ConnectionId,
    /// Until when it waits, or somebody is at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests_until: Option<Timestamp>,
}

impl OpenPhotoWalk {
    /// Whether somebody should go on with it.
    pub fn is_left(&self, now: Timestamp) -> bool {
        self.rests_until.is_none_or(|until| until <= now)
    }
}

impl PhotoLane {
    /// Of a connection that was never looked at; version 0 is never stored.
    pub fn new(account: &AccountId, connection: &ConnectionId) -> Self {
        Self {
            account_id: account.clone(),
            connection_id: connection.clone(),
            version: 0,
            walk: None,
            lease_until: None,
            finished_at: None,
            trouble: None,
        }
    }

    /// Whether somebody may be at it.
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.lease_until.is_some_and(|until| until > now)
    }

    /// Where it is listed while a walk is not over.
    pub fn open(&self) -> Option<OpenPhotoWalk> {
        let walk = self.walk.as_ref()?;
        Some(OpenPhotoWalk {
            account_id: self.account_id.clone(),
            connection_id: self.connection_id.clone(),
            rests_until: self.lease_until.max(walk.waits_until),
        })
    }

    /// Whether a slice ended and the next may begin at once: what waits, and whoever died, is gone
    /// on with by the clock.
    pub fn asks_for_more(&self) -> bool {
        self.lease_until.is_none()
            && self.walk.as_ref().is_some_and(|walk| walk.waits_until.is_none())
    }
}
