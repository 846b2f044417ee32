//! What somebody who returns finds on the contact that is made for him again.

use contact_sync_domain::contact::{Contact, Target};
use contact_sync_domain::id::ConnectionId;
use contact_sync_domain::reconcile::Rules;
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::trace::Image;

use crate::port::{Blobs, SegmentStore, StoreError, StoredContact};
use crate::segments::load_segment;

/// Gives back to somebody who returns what people had written on the contact that a run deleted,
/// whoever makes it again; what comes from the directory is as it is there now.
pub(crate) async fn as_it_was(
    (stores, blobs, connection): (&impl SegmentStore, &impl Blobs, &ConnectionId),
    rules: &Rules,
    item: &SegmentItem,
    base: Option<&StoredContact>,
    mut contact: Contact,
) -> Result<Contact, StoreError> {
    let Some(StoredContact::Tombstone { by: Some(by), .. }) = base else { return Ok(contact) };
    if item.outcome != Outcome::Create {
        return Ok(contact);
    }
    let removed = load_segment(stores, blobs, connection, &by.run, by.page).await;
    let removed = match removed {
        // What is not kept any more cannot come back.
        Ok(None) | Err(StoreError::Corrupt { .. }) => return Ok(contact),
        Ok(Some(segment)) => segment,
        Err(error) => return Err(error),
    };
    // Who was decided anew when he was written was removed as he was by then.
    let anew = stores.deviations(connection, &by.run, by.page).await?;
    let anew = anew.into_iter().rev().filter_map(|one| one.item.map(|item| *item));
    let mut items = anew.chain(removed.items);
    let item = items.find(|one| {
        one.contact_id.as_ref() == Some(&contact.id)
            && one.object_id == item.object_id
            && one.outcome == Outcome::Delete
    });
    let image = item.and_then(|item| item.trace).and_then(|trace| trace.before);
    let Some(Image { whole: Some(had), protected, source, created_at, .. }) =
        image.map(|image| *image)
    else {
        return Ok(contact);
    };
    contact.managed_fields = rules.managed_targets(source);
    let ours = contact.managed_fields.clone();
    let managed = |target: &Target| ours.contains(target);
    let fields = had.fields.into_iter().filter(|(field, _)| !managed(&Target::Field(*field)));
    let fields: Vec<_> = fields.collect();
    let custom = had.custom.into_iter().filter(|(key, _)| !managed(&Target::Custom(key.clone())));
    let custom: Vec<_> = custom.collect();
    // What sync does not manage stands as it was, also where nothing stood.
    contact.fields.retain(|field, _| managed(&Target::Field(*field)));
    contact.custom.retain(|key, _| managed(&Target::Custom(key.clone())));
    contact.fields.extend(fields);
    contact.custom.extend(custom);
    (contact.protected, contact.source, contact.created_at) = (protected, source, created_at);
    Ok(contact)
}
