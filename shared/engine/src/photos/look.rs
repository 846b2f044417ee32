//! One person's photo.

use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, TenantId};
use contact_sync_domain::photo::{ContactPhoto, Finding, PhotoState};

use super::{PhotoStores, PhotoWorker, photo_key};
use crate::port::{Blobs, Clock, DirectoryError, IndexEntry, Photos, StoreError};

/// What came of a look.
#[derive(Debug)]
pub(super) enum Look {
    /// It is as it was.
    Same,
    /// It changed.
    Changed,
    /// The contact went meanwhile, or somebody else looked.
    Moved,
    /// The directory did not answer.
    Refused(DirectoryError),
}

/// Through which connection people are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Through<'a> {
    pub(super) account: &'a AccountId,
    pub(super) connection: &'a ConnectionId,
    pub(super) tenant: &'a TenantId,
}

impl<S, B, G, C> PhotoWorker<'_, S, B, G, C>
where
    S: PhotoStores,
    B: Blobs,
    G: Photos,
    C: Clock,
{
    /// Looks at a person's photo, and stores what changed.
    pub(super) async fn look(
        &self,
        through: Through<'_>,
        entry: &IndexEntry,
        known: Option<&ContactPhoto>,
    ) -> Result<Look, StoreError> {
        let bytes = match self.asked(through, &entry.object_id).await {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Look::Refused(error)),
        };
        let finding = Finding::of(bytes.as_deref());
        let now = self.clock.now();
        let contact = &entry.contact_id;
        match known {
            Some(known) if known.is(&finding) => {
                self.stores.stamp_photo(known, now).await?;
                Ok(Look::Same)
            }
            Some(known) => self.replace(through, known.clone(), &finding, bytes).await,
            None => {
                let of = (through.account, through.connection);
                let first = ContactPhoto::first(of, contact, &finding, now);
                if !self.stores.put_first_photo(&first).await? {
                    return Ok(Look::Moved);
                }
                match first.state {
                    PhotoState::Expected => self.replace(through, first, &finding, bytes).await,
                    PhotoState::None => Ok(Look::Same),
                    PhotoState::Present | PhotoState::Unavailable => Ok(Look::Changed),
                }
            }
        }
    }

    async fn asked(
        &self,
        through: Through<'_>,
        user: &ObjectId,
    ) -> Result<Option<Vec<u8>>, DirectoryError> {
        self.graph.photo(through.tenant, user).await
    }

    /// Puts what was found in the place of what is known: first the bytes, so that nobody is sent to
    /// a photo that is not there.
    async fn replace(
        &self,
        through: Through<'_>,
        known: ContactPhoto,
        finding: &Finding,
        bytes: Option<Vec<u8>>,
    ) -> Result<Look, StoreError> {
        let contact: ContactId = known.contact_id.clone();
        let key = photo_key(through.account, &contact);
        match (finding, bytes) {
            (Finding::Image(image), Some(bytes)) => {
                let media_type = image.content_type.media_type();
                self.blobs.put(&key, bytes, media_type).await?;
            }
            // Before what is known, which is what leads to it: whoever dies here finds it again.
            (Finding::Image(_) | Finding::None | Finding::Unfit(_), _) => {
                if known.image.is_some() || known.state == PhotoState::Expected {
                    self.blobs.delete_prefix(&key).await?;
                }
            }
        }
        let changed = known.changed(through.connection, finding, self.clock.now());
        if self.stores.put_photo(&changed).await? {
            return Ok(Look::Changed);
        }
        // Somebody deleted it, and what was just stored with it; or somebody else stores another.
        if self.stores.contact_photo(through.account, &contact).await?.is_none() {
            self.blobs.delete_prefix(&key).await?;
        }
        Ok(Look::Moved)
    }
}
