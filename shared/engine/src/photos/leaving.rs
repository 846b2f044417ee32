//! Where photos lie, and how they go.

use contact_sync_domain::id::{AccountId, ContactId};

use crate::port::{Blobs, ContactStore, PhotoStore, StoreError, StoredContact};

/// The folder of photos.
pub const PHOTOS: &str = "photos";

/// The folder of a contact's photo.
fn folder(account: &AccountId, contact: &ContactId) -> String {
    format!("{PHOTOS}/{account}/{contact}/")
}

/// Where a contact's photo lies: one place, so that another photo takes the place of the one before
/// and none is ever left behind.
pub fn photo_key(account: &AccountId, contact: &ContactId) -> String {
    format!("{}photo", folder(account, contact))
}

/// What was deleted of a contact's photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletedPhoto {
    /// Whether anything was known of it.
    pub was_known: bool,
    /// How many photos were kept: one at most, also where nothing was known of it.
    pub kept: u64,
}

/// Deletes a contact's photo and what is known of it.
///
/// What is known goes between two deletions of the photo: after the first nobody is left who dies
/// before it, and whoever stores a photo meanwhile is refused afterwards, or found by the second.
pub async fn delete_photo(
    stores: &impl PhotoStore,
    blobs: &impl Blobs,
    account: &AccountId,
    contact: &ContactId,
) -> Result<DeletedPhoto, StoreError> {
    let folder = folder(account, contact);
    let mut kept = blobs.delete_prefix(&folder).await?;
    let was_known = stores.delete_photo(account, contact).await?;
    if was_known {
        kept = kept.max(blobs.delete_prefix(&folder).await?);
    }
    Ok(DeletedPhoto { was_known, kept })
}

/// A contact was removed: its photo goes. Where none was ever looked for that is one read.
pub async fn photo_of_removed<S: ContactStore + PhotoStore>(
    stores: &S,
    blobs: &impl Blobs,
    account: &AccountId,
    contact: &ContactId,
) -> Result<bool, StoreError> {
    if stores.contact_photo(account, contact).await?.is_none() {
        return Ok(false);
    }
    // It may have come back before this was heard.
    if let Some(StoredContact::Present(_)) = stores.get(account, contact).await? {
        return Ok(false);
    }
    Ok(delete_photo(stores, blobs, account, contact).await?.was_known)
}
