//! Which contacts people made part of which.

use std::future::Future;

use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::retention::LONGEST;
use jiff::{SignedDuration, Timestamp};

use super::StoreError;

/// Until when a merge is known that was made now: as long as anything may be told of the contact
/// that went into another, and a day more.
pub fn merged_until(now: Timestamp) -> Timestamp {
    let life = SignedDuration::from_hours(24 * (i64::from(LONGEST) + 1));
    now.saturating_add(life).unwrap_or(Timestamp::MAX)
}

/// Notes of merges: what is still kept of a contact that went into another is found by the one that
/// stays. They go with their account.
pub trait MergeStore: Send + Sync {
    /// Notes that one contact goes into another.
    fn note_merge(
        &self,
        account: &AccountId,
        stays: &ContactId,
        goes: &ContactId,
        until: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The contacts that went into this one itself.
    fn merged_into(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> impl Future<Output = Result<Vec<ContactId>, StoreError>> + Send;
}
