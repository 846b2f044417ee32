//! The tables' streams: from the images of an item to what changed.

use contact_sync_engine::port::StoreError;
use contact_sync_engine::publish::ChangedItem;
use serde::de::DeserializeOwned;

use crate::item::{Item, name, read_document, text_of};
use crate::{connections, contacts, erasures, notices, photos, reviews, runs, sync_states, teams};

/// Tells what an item was and is. An image that the stream leaves out is an empty map.
pub fn changed_item(
    old: serde_dynamo::Item,
    new: serde_dynamo::Item,
) -> Result<ChangedItem, StoreError> {
    let (old, new): (Item, Item) = (old.into(), new.into());
    let kind = |item: &Item| text_of(item, name::KIND).map(str::to_owned);
    let Some(kind) = kind(&new).or_else(|| kind(&old)) else { return Ok(ChangedItem::Other) };
    let (old, new) = (present(old), present(new));
    Ok(match kind.as_str() {
        contacts::CONTACT | contacts::TOMBSTONE => ChangedItem::Contact {
            old: old.as_ref().map(contacts::read).transpose()?,
            new: new.as_ref().map(contacts::read).transpose()?,
        },
        runs::KIND => {
            ChangedItem::Run { old: whole(runs::KIND, old)?, new: whole(runs::KIND, new)? }
        }
        connections::KIND => ChangedItem::Connection {
            old: whole(connections::KIND, old)?,
            new: whole(connections::KIND, new)?,
        },
        sync_states::KIND => ChangedItem::SyncState {
            old: old.map(sync_states::read).transpose()?.map(Box::new),
            new: new.map(sync_states::read).transpose()?.map(Box::new),
        },
        teams::MEMBERSHIP => ChangedItem::Membership {
            old: whole(teams::MEMBERSHIP, old)?,
            new: whole(teams::MEMBERSHIP, new)?,
        },
        reviews::KIND => {
            ChangedItem::Review { old: whole(reviews::KIND, old)?, new: whole(reviews::KIND, new)? }
        }
        notices::KIND => {
            ChangedItem::Notice { old: whole(notices::KIND, old)?, new: whole(notices::KIND, new)? }
        }
        erasures::KIND => ChangedItem::Erasure {
            old: whole(erasures::KIND, old)?,
            new: whole(erasures::KIND, new)?,
        },
        photos::KIND => {
            ChangedItem::Photo { old: whole(photos::KIND, old)?, new: whole(photos::KIND, new)? }
        }
        photos::LANE => ChangedItem::PhotoLane {
            old: whole(photos::LANE, old)?,
            new: whole(photos::LANE, new)?,
        },
        _ => ChangedItem::Other,
    })
}

fn present(item: Item) -> Option<Item> {
    (!item.is_empty()).then_some(item)
}

fn whole<T: DeserializeOwned>(
    kind: &'static str,
    item: Option<Item>,
) -> Result<Option<Box<T>>, StoreError> {
    item.map(|item| read_document(kind, item)).transpose().map(|value| value.map(Box::new))
}
