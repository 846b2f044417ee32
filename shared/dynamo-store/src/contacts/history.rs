//! What people did to contacts: an item beside the contact, in one transaction with it.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::history::HistoryEntry;
use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_engine::port::{
    ContactWrite, HistoryPage, HistoryStore, SHARDS, StoreError, WriteOutcome, told_until,
};
use jiff::Timestamp;

use super::item::{contact as contact_item, read};
use super::write::{buried, unmoved};
use crate::failure::Answer;
use crate::item::{Item, document, expiry, name, read_document};
use crate::table::{Condition, Query};
use crate::transaction::{Transacted, Transaction};
use crate::{DynamoStore, keys};

const HISTORY: &str = "history";

fn item(account: &AccountId, entry: &HistoryEntry) -> Result<Item, StoreError> {
    let mut item = document(&keys::history(account, entry), HISTORY, entry)?;
    item.insert(name::EXPIRES_AT.to_owned(), expiry(told_until(entry)));
    Ok(item)
}

impl DynamoStore {
    /// Stores what takes the contact's place and what a person did, both or none.
    async fn put_told(
        &self,
        operation: &'static str,
        wanted: Item,
        condition: Condition,
        told: Item,
    ) -> Result<WriteOutcome, StoreError> {
        let transaction = Transaction::new()
            .put(operation, &self.contacts, wanted.clone(), Some(condition))?
            .put(operation, &self.contacts, told, Some(Condition::absent()))?;
        let answered = transaction.commit(operation, &self.contacts).await?;
        match &answered {
            Transacted::Done => Ok(WriteOutcome::Written),
            Transacted::Refused(answers) => match answers.first() {
                // The very same write: an earlier attempt did it and its answer got lost.
                Some(Answer::Refused(Some(standing))) if *standing == wanted => {
                    Ok(WriteOutcome::Written)
                }
                Some(Answer::Refused(Some(standing))) => {
                    Ok(WriteOutcome::Moved(Some(read(standing)?)))
                }
                Some(Answer::Refused(None) | Answer::Done(())) | None => {
                    Ok(WriteOutcome::Moved(None))
                }
            },
        }
    }
}

impl HistoryStore for DynamoStore {
    async fn write_told(
        &self,
        write: &ContactWrite,
        entry: &HistoryEntry,
    ) -> Result<WriteOutcome, StoreError> {
        let contact = &write.contact;
        let owner = self.owner(contact).await?;
        let condition =
            unmoved(write.expected_version, write.fence, owner.as_ref(), contact.updated_at);
        let wanted = contact_item(contact, owner.as_ref())?;
        let told = item(&contact.account_id, entry)?;
        self.put_told("TransactWriteItems contact", wanted, condition, told).await
    }

    async fn remove_told(
        &self,
        contact: &Contact,
        expires_at: Timestamp,
        entry: &HistoryEntry,
    ) -> Result<WriteOutcome, StoreError> {
        let owner = self.owner(contact).await?;
        let condition = unmoved(contact.version, None, owner.as_ref(), contact.updated_at);
        let wanted = buried(contact, None, owner, expires_at, None);
        let told = item(&contact.account_id, entry)?;
        self.put_told("TransactWriteItems tombstone", wanted, condition, told).await
    }

    async fn tell(&self, account: &AccountId, entry: &HistoryEntry) -> Result<(), StoreError> {
        self.contacts.put("PutItem history", item(account, entry)?).await
    }

    async fn history(
        &self,
        account: &AccountId,
        contact: &ContactId,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Option<HistoryPage>, StoreError> {
        let prefix = keys::history_prefix(contact);
        let is_place = |place: &str| {
            place.len() <= 100
                && place
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'#' | b'_'))
        };
        if before.is_some_and(|place| !is_place(place)) {
            return Ok(None);
        }
        let query = Query {
            partition: keys::contacts_partition(account, contact.shard(SHARDS)),
            after: before.map(|place| format!("{prefix}{place}")),
            backwards: true,
            limit: Some(limit.max(1)),
            strongly: true,
            prefix: &prefix,
            ..Query::default()
        };
        let page = self.contacts.query("Query history", query).await?;
        let entries = page.items.into_iter().map(|item| read_document(HISTORY, item));
        let next = page.next.and_then(|sk| sk.strip_prefix(prefix.as_str()).map(str::to_owned));
        Ok(Some(HistoryPage { entries: entries.collect::<Result<_, _>>()?, next }))
    }
}
