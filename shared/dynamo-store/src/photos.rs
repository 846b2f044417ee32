//! What is known of contacts' photos, and how far connections' photos were looked at.

use aws_sdk_dynamodb::types::ReturnValue;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId};
use contact_sync_domain::photo::{ContactPhoto, OpenPhotoWalk, PhotoLane};
use contact_sync_engine::port::{PhotoStore, StoreError};
use jiff::Timestamp;

use crate::contacts::linked_through;
use crate::failure::Answer;
use crate::item::{document, number, read_document, text, to_map};
use crate::keys::{self, Key};
use crate::table::{Condition, Query};
use crate::transaction::{Transacted, Transaction};
use crate::{DynamoStore, stands};

pub(crate) const KIND: &str = "photo";
pub(crate) const LANE: &str = "photoLane";

/// What leads to a lane whose walk is not over.
const OPEN: &str = "openPhotoWalk";

impl PhotoStore for DynamoStore {
    async fn contact_photo(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<Option<ContactPhoto>, StoreError> {
        let found = self.contacts.get("GetItem photo", &keys::photo(account, contact)).await?;
        found.map(|item| read_document(KIND, item)).transpose()
    }

    async fn contact_photos(
        &self,
        account: &AccountId,
        first: &ContactId,
        last: &ContactId,
    ) -> Result<Vec<ContactPhoto>, StoreError> {
        let (from, until) = (keys::photo(account, first), keys::photo(account, last));
        let query = Query {
            partition: from.pk,
            prefix: &from.sk,
            until: Some(&until.sk),
            ..Query::default()
        };
        let items = self.contacts.query_all("Query photos", query).await?;
        items.into_iter().map(|item| read_document(KIND, item)).collect()
    }

    async fn put_first_photo(&self, photo: &ContactPhoto) -> Result<bool, StoreError> {
        let operation = "TransactWriteItems photo";
        let item = document(&keys::photo(&photo.account_id, &photo.contact_id), KIND, photo)?;
        let contact = keys::contact(&photo.account_id, &photo.contact_id);
        let transacted = Transaction::new()
            .put(operation, &self.contacts, item, Some(Condition::absent()))?
            .check(operation, &self.contacts, &contact, linked_through(&photo.connection_id))?
            .commit(operation, &self.contacts)
            .await?;
        match transacted {
            Transacted::Done => Ok(true),
            refused @ Transacted::Refused(_) => match refused.standing(0) {
                Some(standing) => {
                    Ok(read_document::<ContactPhoto>(KIND, standing.clone())? == *photo)
                }
                None => Ok(false),
            },
        }
    }

    async fn put_photo(&self, photo: &ContactPhoto) -> Result<bool, StoreError> {
        let item = document(&keys::photo(&photo.account_id, &photo.contact_id), KIND, photo)?;
        let before = number(photo.version.saturating_sub(1));
        let condition = Condition::new("#doc.#version = :before", vec![(":before", before)]);
        let answer = self.contacts.put_if("PutItem photo", item, condition).await?;
        stands(KIND, answer, photo)
    }

    async fn stamp_photo(
        &self,
        photo: &ContactPhoto,
        checked_at: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::photo(&photo.account_id, &photo.contact_id);
        let condition = Condition::new(
            "#doc.#version = :version",
            vec![(":version", number(photo.version)), (":at", to_map(KIND, &checked_at)?)],
        );
        self.contacts
            .update_if(
                "UpdateItem photo",
                &key,
                "SET #doc.#checkedAt = :at",
                condition,
                ReturnValue::None,
            )
            .await
            .map(drop)
    }

    async fn delete_photo(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<bool, StoreError> {
        let key = keys::photo(account, contact);
        Ok(self.contacts.delete("DeleteItem photo", &key).await?.is_some())
    }

    async fn photo_lane(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<Option<PhotoLane>, StoreError> {
        let found = self.state.get("GetItem photo lane", &keys::photo_lane(connection)).await?;
        let lane: Option<PhotoLane> = found.map(|item| read_document(LANE, item)).transpose()?;
        Ok(lane.filter(|lane| lane.account_id == *account))
    }

    async fn put_photo_lane(&self, lane: &PhotoLane) -> Result<bool, StoreError> {
        let operation = "TransactWriteItems photo lane";
        let (account, connection) = (&lane.account_id, &lane.connection_id);
        let condition = match lane.version {
            // A connection that changed accounts leaves what the old one had.
            0 | 1 => Condition::new(
                "attribute_not_exists(#pk) OR #doc.#accountId <> :account",
                vec![(":account", text(account.as_str()))],
            ),
            later => Condition::new(
                "#doc.#version = :before AND #doc.#accountId = :account",
                vec![(":before", number(later - 1)), (":account", text(account.as_str()))],
            ),
        };
        let item = document(&keys::photo_lane(connection), LANE, lane)?;
        let listed = keys::open_photo_walk(account, connection);
        let write = Transaction::new().put(operation, &self.state, item, Some(condition))?;
        let write = match lane.open() {
            Some(open) => {
                write.put(operation, &self.state, document(&listed, OPEN, &open)?, None)?
            }
            None => write.delete(operation, &self.state, &listed)?,
        };
        match write.commit(operation, &self.state).await? {
            Transacted::Done => Ok(true),
            refused @ Transacted::Refused(_) => {
                stands(LANE, Answer::Refused(refused.standing(0).cloned()), lane)
            }
        }
    }

    async fn open_photo_walks(&self) -> Result<Vec<OpenPhotoWalk>, StoreError> {
        let query = Query { partition: keys::OPEN_PHOTO_WALKS.to_owned(), ..Query::default() };
        let items = self.state.query_all("Query photo walks", query).await?;
        items.into_iter().map(|item| read_document(OPEN, item)).collect()
    }

    async fn close_photo_walk(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<(), StoreError> {
        let key: Key = keys::open_photo_walk(account, connection);
        self.state.delete("DeleteItem photo walk", &key).await.map(drop)
    }
}
