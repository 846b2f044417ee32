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

/// Deletes a contact's photo and what is known of it; `true` where anything was known.
///
/// What is known goes between two deletions of the photo: after the first nobody is left who dies
/// before it, and whoever stores a photo meanwhile is refused afterwards, or found by the second.
pub async fn delete_photo(
    stores: &impl PhotoStore,
    blobs: &impl Blobs,
    account: &AccountId,
    contact: &ContactId,
) -> Result<bool, StoreError> {
    let folder = folder(account, contact);
    blobs.delete_prefix(&folder).await?;
    let was_known = stores.delete_photo(account, contact).await?;
    if was_known {
        blobs.delete_prefix(&folder).await?;
    }
    Ok(was_known)
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
    delete_photo(stores, blobs, account, contact).await
}
