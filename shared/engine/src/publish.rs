//! From what changed in the tables to the events that tell of it.
//!
//! Every event that follows a state change is made here, from the change itself as the tables'
//! streams deliver it: nothing is announced that was not stored, and nothing stored goes untold.

mod announce;
mod batch;
mod changes;

use contact_sync_domain::connection::Connection;
use contact_sync_domain::erasure::ErasureReceipt;
use contact_sync_domain::notice::Notice;
use contact_sync_domain::photo::{ContactPhoto, PhotoLane};
use contact_sync_domain::review::ReviewItem;
use contact_sync_domain::run::Run;
use contact_sync_domain::sync_state::SyncState;
use contact_sync_domain::team::Membership;
use jiff::Timestamp;

use crate::port::StoredContact;

pub use announce::{AnnouncementError, announce};
pub use batch::{Publication, PublicationError, publish_changes};
pub use changes::events_of;

/// One change of an item that events are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamChange {
    /// When the item changed.
    pub at: Timestamp,
    /// What changed.
    pub item: ChangedItem,
}

/// What an item was and is. Where something is absent, the item was made or deleted.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangedItem {
    /// A contact or its tombstone.
    Contact {
        /// Before.
        old: Option<StoredContact>,
        /// After. Absent when a tombstone's time was up, or its account was erased.
        new: Option<StoredContact>,
    },
    /// A run.
    Run {
        /// Before.
        old: Option<Box<Run>>,
        /// After.
        new: Option<Box<Run>>,
    },
    /// A connection.
    Connection {
        /// Before.
        old: Option<Box<Connection>>,
        /// After.
        new: Option<Box<Connection>>,
    },
    /// A connection's lease, hints, queue and checkpoint.
    SyncState {
        /// Before.
        old: Option<Box<SyncState>>,
        /// After.
        new: Option<Box<SyncState>>,
    },
    /// A contact's membership of a team.
    Membership {
        /// Before.
        old: Option<Box<Membership>>,
        /// After. Absent when the time of one that ended was up, or its account was erased.
        new: Option<Box<Membership>>,
    },
    /// A decision that waits for a person.
    Review {
        /// Before.
        old: Option<Box<ReviewItem>>,
        /// After. Absent when it was decided or moot.
        new: Option<Box<ReviewItem>>,
    },
    /// What people are told.
    Notice {
        /// Before.
        old: Option<Box<Notice>>,
        /// After. Absent when its time was up, or its account was erased.
        new: Option<Box<Notice>>,
    },
    /// A receipt of a person who is forgotten.
    Erasure {
        /// Before.
        old: Option<Box<ErasureReceipt>>,
        /// After. Absent when its account was erased.
        new: Option<Box<ErasureReceipt>>,
    },
    /// What is known of a contact's photo.
    Photo {
        /// Before.
        old: Option<Box<ContactPhoto>>,
        /// After. Absent when the contact was removed, or its account was erased.
        new: Option<Box<ContactPhoto>>,
    },
    /// How far a connection's photos were looked at.
    PhotoLane {
        /// Before.
        old: Option<Box<PhotoLane>>,
        /// After. Absent when its connection was deleted.
        new: Option<Box<PhotoLane>>,
    },
    /// Anything else in the tables; nobody is told.
    Other,
}
