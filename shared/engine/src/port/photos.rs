//! Photos of people, and what is known of them.

use std::future::Future;

use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, TenantId};
use contact_sync_domain::photo::{ContactPhoto, OpenPhotoWalk, PhotoLane};
use jiff::Timestamp;

use super::{DirectoryError, StoreError};

/// Where photos come from.
pub trait Photos: Send + Sync {
    /// The largest photo that a user has; `None` where the user has none.
    fn photo(
        &self,
        tenant: &TenantId,
        user: &ObjectId,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, DirectoryError>> + Send;
}

/// What is known of contacts' photos, and how far connections' photos were looked at.
pub trait PhotoStore: Send + Sync {
    /// What is known of a contact's photo, read strongly.
    fn contact_photo(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> impl Future<Output = Result<Option<ContactPhoto>, StoreError>> + Send;

    /// The same of the contacts of one of the [`super::SHARDS`] from `first` to `last`, both
    /// included and of the same shard; eventually consistent.
    fn contact_photos(
        &self,
        account: &AccountId,
        first: &ContactId,
        last: &ContactId,
    ) -> impl Future<Output = Result<Vec<ContactPhoto>, StoreError>> + Send;

    /// Stores what is known first, where nothing is known and the contact stands there with a link
    /// of that connection; `false` otherwise. So nobody who was removed or forgotten gets a photo.
    fn put_first_photo(
        &self,
        photo: &ContactPhoto,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Stores what is known over the version before; `false` when it moved or was deleted.
    fn put_photo(
        &self,
        photo: &ContactPhoto,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Notes when the person was looked at, where this version stands; whatever else stands there
    /// stays.
    fn stamp_photo(
        &self,
        photo: &ContactPhoto,
        checked_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Deletes what is known of a contact's photo; `true` where anything was.
    fn delete_photo(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// How far a connection's photos were looked at; of a connection that changed accounts, nothing
    /// from before.
    fn photo_lane(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> impl Future<Output = Result<Option<PhotoLane>, StoreError>> + Send;

    /// Stores that over the version before (none before version 1); with it, it is listed among the
    /// walks that are not over, or no more. `false` when it moved.
    fn put_photo_lane(
        &self,
        lane: &PhotoLane,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The walks of all accounts that are not over.
    fn open_photo_walks(
        &self,
    ) -> impl Future<Output = Result<Vec<OpenPhotoWalk>, StoreError>> + Send;

    /// Takes a walk off that list, whose connection may have gone.
    fn close_photo_walk(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
