//! Forgetting one person: receipts, and taking away what lies around a contact.

use aws_sdk_dynamodb::types::AttributeValue;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::erasure::{ErasedUser, ErasureReceipt, Erasures, OpenErasure};
use contact_sync_domain::id::{
    AccountId, ConnectionId, ContactId, ErasureId, ObjectId, ReviewId, RunId, TenantId,
};
use contact_sync_domain::retention::Retention;
use contact_sync_domain::review::ReviewList;
use contact_sync_domain::run::Run;
use contact_sync_domain::sync_state::Lane;
use contact_sync_engine::port::{
    Burial, ErasureStore, EventsForgotten, KeptRecord, SHARDS, StoreError, StoredContact,
};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use crate::contacts::{TOMBSTONE, read};
use crate::failure::{Answer, Defect, unavailable};
use crate::item::{Item, document, expiry, name, number, number_of, read_document, text, to_map};
use crate::keys::{self, Key};
use crate::segments::inline_segment;
use crate::table::{Condition, Query};
use crate::transaction::{Transacted, Transaction};
use crate::{DynamoStore, runs, stands};

pub(crate) const KIND: &str = "receipt";

/// What leads to a receipt that is open.
const OPEN: &str = "open erasure";

/// How many items are deleted at the same time.
const TOGETHER: usize = 16;

/// How often a contact that others change meanwhile is read again.
const ATTEMPTS: u32 = 10;

/// By what a person is found.
fn ids_of(contact: &ContactId, user: Option<&ObjectId>) -> Vec<String> {
    let mut ids = vec![contact.to_string()];
    ids.extend(user.map(ObjectId::to_string));
    ids.extend(user.map(|user| ReviewId::of(user).to_string()));
    ids
}

/// Whether an item names any of these ids, in a key or in what it holds.
pub(crate) fn mentions(item: &Item, ids: &[&str]) -> bool {
    item.values().any(|value| names(value, ids))
}

fn names(value: &AttributeValue, ids: &[&str]) -> bool {
    match value {
        AttributeValue::S(text) => ids.iter().any(|id| text.contains(id)),
        AttributeValue::M(members) => members.values().any(|member| names(member, ids)),
        AttributeValue::L(members) => members.iter().any(|member| names(member, ids)),
        _ => false,
    }
}

impl DynamoStore {
    /// Deletes the items of a partition of the state table that name any of these ids.
    async fn delete_naming(
        &self,
        partition: String,
        prefix: &str,
        ids: &[&str],
    ) -> Result<u64, StoreError> {
        let mut after = None;
        let mut deleted = 0;
        loop {
            let query = Query {
                partition: partition.clone(),
                prefix,
                after,
                strongly: true,
                ..Query::default()
            };
            let page = self.state.query("Query erasure", query).await?;
            let found = page.items.iter().filter(|item| mentions(item, ids));
            let found: Vec<Key> = found.filter_map(Key::of).collect();
            deleted += found.len() as u64;
            self.state.delete_all("BatchWriteItem erasure", found).await?;
            match page.next {
                None => return Ok(deleted),
                next => after = next,
            }
        }
    }

    /// Deletes the items beside a contact whose sort keys begin so; with each, what leads to it.
    async fn delete_beside(
        &self,
        account: &AccountId,
        contact: &ContactId,
        prefix: &str,
    ) -> Result<u64, StoreError> {
        let query = Query {
            partition: keys::contacts_partition(account, contact.shard(SHARDS)),
            prefix,
            strongly: true,
            projection: Some("#pk, #sk"),
            ..Query::default()
        };
        let items = self.contacts.query_all("Query erasure", query).await?;
        let found: Vec<Key> = items.iter().filter_map(Key::of).collect();
        let deleted = found.len() as u64;
        let leading: Vec<Key> = found
            .iter()
            .filter_map(|key| keys::membership_of(&key.sk))
            .map(|(contact, team)| keys::team_member(account, &contact, &team))
            .collect();
        self.delete_each(found.into_iter().chain(leading)).await?;
        Ok(deleted)
    }

    /// Deletes what leads from the account's teams to a contact: whoever died before the membership
    /// was put left it behind, and no membership tells of it.
    async fn delete_leads(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<(), StoreError> {
        let query = Query {
            partition: keys::account_partition(account),
            prefix: keys::TEAM_PREFIX,
            strongly: true,
            projection: Some("#pk, #sk"),
            ..Query::default()
        };
        let teams = self.state.query_all("Query teams", query).await?;
        let leads: Vec<Key> = teams
            .iter()
            .filter_map(|item| keys::team_of(&Key::of(item)?.sk))
            .map(|team| keys::team_member(account, contact, &team))
            .collect();
        let standing = self.contacts.get_all("BatchGetItem erasure", leads).await?;
        self.delete_each(standing.into_keys()).await
    }

    /// Puts a tombstone in a contact's place that stands for good, where that contact, or one that
    /// cannot be read, may go.
    async fn bury(
        &self,
        account: &AccountId,
        contact: &ContactId,
        may: impl Fn(Option<&Contact>) -> bool + Send,
    ) -> Result<Burial, StoreError> {
        let operation = "PutItem tombstone";
        let key = keys::contact(account, contact);
        for _ in 0..ATTEMPTS {
            let standing = self.contacts.get("GetItem contact", &key).await?;
            let version: Option<u64> = standing.as_ref().and_then(|item| number_of(item, "v"));
            let was = match standing.as_ref().map(read) {
                Some(Ok(StoredContact::Tombstone { erased: true, .. })) => {
                    return Ok(Burial::Done(None));
                }
                Some(Ok(StoredContact::Present(was))) if may(Some(&was)) => Some(was),
                Some(Err(_)) if may(None) => None,
                Some(Ok(StoredContact::Present(_)) | Err(_)) => return Ok(Burial::Left),
                Some(Ok(StoredContact::Tombstone { .. })) | None => None,
            };
            let condition = match version {
                Some(version) => Condition::new("#v = :v", vec![(":v", number(version))]),
                None => Condition::new("attribute_not_exists(#v)", vec![]),
            };
            let item = for_good(account, contact, version.unwrap_or_default() + 1);
            match self.contacts.put_if(operation, item, condition).await? {
                Answer::Done(()) => return Ok(Burial::Done(was)),
                Answer::Refused(_) => {}
            }
        }
        Err(unavailable(operation)(Defect::Contended))
    }

    /// Deletes items of the contacts table each by itself: a role that may do that can put nothing.
    async fn delete_each(&self, found: impl IntoIterator<Item = Key>) -> Result<(), StoreError> {
        stream::iter(found)
            .map(async |key| self.contacts.delete("DeleteItem erasure", &key).await.map(drop))
            .buffer_unordered(TOGETHER)
            .try_collect()
            .await
    }
}

/// What stands for a person who was forgotten: newer than any page of any connection, for ever.
fn for_good(account: &AccountId, contact: &ContactId, version: u64) -> Item {
    let mut item = keys::contact(account, contact).attributes();
    item.insert(name::KIND.to_owned(), text(TOMBSTONE));
    item.insert("v".to_owned(), number(version));
    item.insert("sv".to_owned(), number(u64::MAX));
    item.insert("z".to_owned(), number(1));
    item
}

impl ErasureStore for DynamoStore {
    async fn receipt(
        &self,
        account: &AccountId,
        id: &ErasureId,
    ) -> Result<Option<ErasureReceipt>, StoreError> {
        let found = self.state.get("GetItem receipt", &keys::receipt(account, id)).await?;
        found.map(|item| read_document(KIND, item)).transpose()
    }

    async fn put_receipt(&self, receipt: &ErasureReceipt) -> Result<bool, StoreError> {
        let operation = "TransactWriteItems receipt";
        let before = receipt.version.saturating_sub(1);
        let condition = if before == 0 {
            Condition::absent()
        } else {
            Condition::new("#doc.#version = :before", vec![(":before", number(before))])
        };
        let item = document(&keys::receipt(&receipt.account_id, &receipt.id), KIND, receipt)?;
        let key = keys::open_erasure(&receipt.account_id, &receipt.id);
        let write = Transaction::new().put(operation, &self.state, item, Some(condition))?;
        let write = match receipt.open() {
            Some(open) => write.put(operation, &self.state, document(&key, OPEN, &open)?, None)?,
            None => write.delete(operation, &self.state, &key)?,
        };
        match write.commit(operation, &self.state).await? {
            Transacted::Done => Ok(true),
            refused @ Transacted::Refused(_) => {
                stands(KIND, Answer::Refused(refused.standing(0).cloned()), receipt)
            }
        }
    }

    async fn open_erasures(&self) -> Result<Vec<OpenErasure>, StoreError> {
        let query = Query { partition: keys::OPEN_ERASURES.to_owned(), ..Query::default() };
        let items = self.state.query_all("Query erasures", query).await?;
        items.into_iter().map(|item| read_document(OPEN, item)).collect()
    }

    async fn close_erasure(&self, account: &AccountId, id: &ErasureId) -> Result<(), StoreError> {
        self.state.delete("DeleteItem erasure", &keys::open_erasure(account, id)).await.map(drop)
    }

    async fn bury_for_good(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<Option<Box<Contact>>, StoreError> {
        // Whatever stands there, also what cannot be read.
        match self.bury(account, contact, |_| true).await? {
            Burial::Done(was) => Ok(was),
            Burial::Left => Ok(None),
        }
    }

    async fn bury_own(
        &self,
        account: &AccountId,
        contact: &ContactId,
        user: &ErasedUser,
    ) -> Result<Burial, StoreError> {
        self.bury(account, contact, |standing| standing.is_some_and(|one| user.has(one))).await
    }

    async fn lift(
        &self,
        account: &AccountId,
        contact: &ContactId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::contact(account, contact);
        let Some(mut item) = self.contacts.get("GetItem contact", &key).await? else {
            return Ok(());
        };
        if !matches!(read(&item), Ok(StoredContact::Tombstone { erased: true, .. })) {
            return Ok(());
        }
        // Nothing else writes in its place.
        item.remove("z");
        item.insert("sv".to_owned(), number(0));
        item.insert(name::EXPIRES_AT.to_owned(), expiry(expires_at));
        let condition = Condition::new("attribute_exists(#z)", vec![]);
        self.contacts.put_if("PutItem tombstone", item, condition).await.map(drop)
    }

    async fn erase_beside(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<Erasures, StoreError> {
        let memberships = keys::memberships_prefix(contact);
        let memberships = self.delete_beside(account, contact, &memberships).await?;
        let history = keys::history_prefix(contact);
        let history = self.delete_beside(account, contact, &history).await?;
        self.delete_beside(account, contact, &keys::merges_prefix(contact)).await?;
        self.delete_leads(account, contact).await?;
        Ok(Erasures { memberships, history, ..Erasures::default() })
    }

    async fn erase_asked(
        &self,
        connection: &ConnectionId,
        contact: &ContactId,
        user: Option<&ObjectId>,
    ) -> Result<Erasures, StoreError> {
        let ids = ids_of(contact, user);
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut erased = Erasures::default();
        for list in ReviewList::ALL {
            let partition = keys::reviews_partition(connection, list);
            erased.reviews += self.delete_naming(partition, "", &ids).await?;
        }
        let decisions = keys::decisions_partition(connection);
        erased.decisions = self.delete_naming(decisions, "", &ids).await?;
        let refused = keys::refused_partition(connection);
        erased.refusals = self.delete_naming(refused, "", &ids).await?;
        for lane in [Lane::Main, Lane::Plan] {
            let waiting = keys::pending_partition(connection, lane);
            erased.waiting += self.delete_naming(waiting, "", &ids).await?;
        }
        Ok(erased)
    }

    async fn forget_in_settings(
        &self,
        connection: &ConnectionId,
        user: &ObjectId,
    ) -> Result<u64, StoreError> {
        self.take_from_settings(connection, user).await
    }

    async fn records_asked(
        &self,
        connection: &ConnectionId,
        contact: &ContactId,
        user: Option<&ObjectId>,
    ) -> Result<Vec<KeptRecord>, StoreError> {
        self.told_asked(connection, &ids_of(contact, user), user).await
    }

    async fn records_beside(
        &self,
        account: &AccountId,
        contact: &ContactId,
        user: Option<(&TenantId, &ObjectId)>,
    ) -> Result<Vec<KeptRecord>, StoreError> {
        self.told_beside(account, contact, user).await
    }

    async fn replace_segment(
        &self,
        connection: &ConnectionId,
        run: (&RunId, Retention),
        page: u32,
        inline: Vec<u8>,
    ) -> Result<(), StoreError> {
        let item = inline_segment(connection, run, page, inline);
        self.state.put("PutItem segment", item).await
    }

    async fn replace_run(&self, run: &Run) -> Result<bool, StoreError> {
        let item = runs::item(run)?;
        let status = to_map(runs::KIND, &run.status)?;
        let condition = Condition::new(
            "#doc.#status = :status AND #doc.#reportReady = :ready",
            vec![(":status", status), (":ready", AttributeValue::Bool(run.report_ready))],
        );
        Ok(matches!(self.state.put_if("PutItem run", item, condition).await?, Answer::Done(())))
    }

    async fn forget_events(
        &self,
        account: &AccountId,
        contact: (&ContactId, &[ContactId]),
        from: u64,
    ) -> Result<EventsForgotten, StoreError> {
        self.take_from_events(account, contact, from).await
    }

    async fn erase_answers(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<u64, StoreError> {
        let partition = keys::account_partition(account);
        self.delete_naming(partition, keys::KEYED_PREFIX, &[contact.as_str()]).await
    }
}
