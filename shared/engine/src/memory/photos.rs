//! What is known of contacts' photos.

use contact_sync_domain::id::{AccountId, ConnectionId, ContactId};
use contact_sync_domain::photo::{ContactPhoto, OpenPhotoWalk, PhotoLane};
use jiff::Timestamp;

use super::MemoryStore;
use crate::port::{PhotoStore, SHARDS, StoreError, StoredContact};

impl PhotoStore for MemoryStore {
    async fn contact_photo(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<Option<ContactPhoto>, StoreError> {
        let found = self.up()?.photos.get(contact).cloned();
        Ok(found.filter(|photo| photo.account_id == *account))
    }

    async fn contact_photos(
        &self,
        account: &AccountId,
        first: &ContactId,
        last: &ContactId,
    ) -> Result<Vec<ContactPhoto>, StoreError> {
        let world = self.up()?;
        let shard = first.shard(SHARDS);
        let meant = world.photos.iter().filter(|(id, photo)| {
            photo.account_id == *account && id.shard(SHARDS) == shard && (first..=last).contains(id)
        });
        Ok(meant.map(|(_, photo)| photo.clone()).collect())
    }

    async fn put_first_photo(&self, photo: &ContactPhoto) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let is_linked = match world.contacts.get(&photo.contact_id) {
            Some(StoredContact::Present(contact)) => {
                contact.account_id == photo.account_id
                    && contact
                        .link
                        .as_ref()
                        .is_some_and(|link| link.connection_id == photo.connection_id)
            }
            Some(StoredContact::Tombstone { .. }) | None => false,
        };
        let holds = is_linked && !world.photos.contains_key(&photo.contact_id);
        if holds {
            world.photos.insert(photo.contact_id.clone(), photo.clone());
        }
        Ok(holds)
    }

    async fn put_photo(&self, photo: &ContactPhoto) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let Some(standing) = world.photos.get_mut(&photo.contact_id) else { return Ok(false) };
        let holds = standing.version + 1 == photo.version;
        if holds {
            *standing = photo.clone();
        }
        Ok(holds)
    }

    async fn stamp_photo(
        &self,
        photo: &ContactPhoto,
        checked_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut world = self.up()?;
        if let Some(standing) = world.photos.get_mut(&photo.contact_id)
            && standing.version == photo.version
        {
            standing.checked_at = checked_at;
        }
        Ok(())
    }

    async fn delete_photo(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let is_own = world.photos.get(contact).is_some_and(|photo| photo.account_id == *account);
        Ok(is_own && world.photos.remove(contact).is_some())
    }

    async fn photo_lane(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<Option<PhotoLane>, StoreError> {
        let found = self.up()?.photo_lanes.get(connection).cloned();
        Ok(found.filter(|lane| lane.account_id == *account))
    }

    async fn put_photo_lane(&self, lane: &PhotoLane) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let standing = world.photo_lanes.get(&lane.connection_id);
        let own = standing.filter(|standing| standing.account_id == lane.account_id);
        let holds = own.map_or(0, |standing| standing.version) + 1 == lane.version;
        if holds {
            world.photo_lanes.insert(lane.connection_id.clone(), lane.clone());
        }
        Ok(holds)
    }

    async fn open_photo_walks(&self) -> Result<Vec<OpenPhotoWalk>, StoreError> {
        Ok(self.up()?.photo_lanes.values().filter_map(PhotoLane::open).collect())
    }

    async fn close_photo_walk(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
    ) -> Result<(), StoreError> {
        let mut world = self.up()?;
        // The list is told by the lanes themselves here.
        if !world.connections.contains_key(connection) {
            world.photo_lanes.remove(connection);
        }
        Ok(())
    }
}
