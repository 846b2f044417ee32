//! Contacts' photos, as people see them.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::photo::{ContactPhoto, PhotoState};
use jiff::SignedDuration;

use super::contacts::contact;
use super::{AdminError, Outside};
use crate::photos::photo_key;
use crate::port::{Blobs, PhotoStore};

/// How long a signed address of a photo works.
const ADDRESS_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// What is known of a contact's photo; of a contact that sync never had, nothing is asked.
pub async fn contact_photo(
    outside: &impl Outside,
    contact: &Contact,
) -> Result<Option<ContactPhoto>, AdminError> {
    if contact.link.is_none() && contact.sync.is_none() {
        return Ok(None);
    }
    Ok(outside.store().contact_photo(&contact.account_id, &contact.id).await?)
}

/// Where a contact's photo can be read for a few minutes. Its type is stored with it and was told
/// from its first bytes; browsers are asked to save it, so that it never is a page.
pub async fn photo_address(
    outside: &impl Outside,
    account: &AccountId,
    id: &ContactId,
) -> Result<String, AdminError> {
    let found = contact(outside.store(), account, id).await?;
    let photo = contact_photo(outside, &found).await?;
    let none = |why: String| Err(AdminError::NoPhoto(why));
    let Some(photo) = photo else {
        return none(
            "Nobody looked for one yet. Set `features.photo` in the connection's settings; the next \
             full run looks at everybody who is linked."
                .to_owned(),
        );
    };
    let since = photo.checked_at;
    match (photo.state, photo.image, photo.unfit) {
        (PhotoState::Present, Some(image), _) => {
            let name = format!("{id}.{}", image.content_type.extension());
            Ok(outside.blobs().signed_url(&photo_key(account, id), &name, ADDRESS_LIFE).await?)
        }
        (PhotoState::Unavailable, _, Some(unfit)) => none(format!(
            "What the directory has cannot be kept: {}. Put another photo there; the next full run \
             that comes 20 hours after {since} looks again.",
            unfit.told()
        )),
        (PhotoState::Expected, ..) => {
            none("It was found and is being stored. Ask again in a few minutes.".to_owned())
        }
        (PhotoState::None | PhotoState::Present | PhotoState::Unavailable, ..) => none(format!(
            "The directory had none at {since}. Put one there; the next full run that comes 20 hours \
             after that looks again."
        )),
    }
}
