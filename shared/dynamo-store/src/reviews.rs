//! What waits for people, and what they decided.

use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId, ReviewId};
use contact_sync_domain::review::{
    Decision, Rejected, RejectedSet, ReviewAction, ReviewItem, ReviewList,
};
use contact_sync_engine::port::{
    DecisionPage, DecisionStore, ReviewPage, ReviewStore, StoreError, decided_until,
};

use crate::item::{Item, document, expiry, name, number, read_document, text_of};
use crate::table::{Condition, Query};
use crate::{DynamoStore, cursor, keys};

pub(crate) const KIND: &str = "review";
const DECISION: &str = "decision";
const REFUSED: &str = "refused";

fn key(item: &ReviewItem) -> keys::Key {
    keys::review(&item.connection_id, item.list, &item.user.object_id)
}

fn of_version(version: u64) -> Condition {
    Condition::new("#doc.#version = :version", vec![(":version", number(version))])
}

impl ReviewStore for DynamoStore {
    async fn reviews_of(
        &self,
        connection: &ConnectionId,
        places: &[(ReviewList, ObjectId)],
    ) -> Result<Vec<ReviewItem>, StoreError> {
        let keys = places.iter().map(|(list, user)| keys::review(connection, *list, user));
        let found = self.state.get_all("BatchGetItem reviews", keys).await?;
        found.into_values().map(|item| read_document(KIND, item)).collect()
    }

    async fn reviews(
        &self,
        connection: &ConnectionId,
        list: ReviewList,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<ReviewPage>, StoreError> {
        let this = ["reviews", connection.as_str(), list.name()];
        let after = match cursor {
            None => None,
            Some(cursor) => match cursor::open(&this, cursor) {
                None => return Ok(None),
                after => after,
            },
        };
        let query = Query {
            partition: keys::reviews_partition(connection, list),
            after,
            limit: Some(limit.max(1)),
            strongly: true,
            ..Query::default()
        };
        let page = self.state.query("Query reviews", query).await?;
        let items = page.items.into_iter().map(|item| read_document(KIND, item));
        Ok(Some(ReviewPage {
            items: items.collect::<Result<_, _>>()?,
            cursor: page.next.map(|sk| cursor::seal(&this, &sk)),
        }))
    }

    async fn put_review(&self, item: &ReviewItem, over: Option<u64>) -> Result<bool, StoreError> {
        let condition = over.map_or_else(Condition::absent, of_version);
        let stored = document(&key(item), KIND, item)?;
        let answer = self.state.put_if("PutItem review", stored, condition).await?;
        crate::stands(KIND, answer, item)
    }

    async fn delete_review(&self, item: &ReviewItem) -> Result<(), StoreError> {
        self.state.delete_if("DeleteItem review", &key(item), of_version(item.version)).await
    }
}

impl DecisionStore for DynamoStore {
    /// What is refused is stored first, and what a repeated request finds: a decision on record
    /// holds.
    async fn record_decision(
        &self,
        connection: &ConnectionId,
        decision: &Decision,
    ) -> Result<(), StoreError> {
        for refused in &decision.refused {
            let key = keys::refused(connection, refused.key());
            self.state.put("PutItem refused", document(&key, REFUSED, refused)?).await?;
        }
        let made = |key| {
            let mut item = document(key, DECISION, decision)?;
            item.insert(name::EXPIRES_AT.to_owned(), expiry(decided_until(decision)));
            Ok::<Item, StoreError>(item)
        };
        let key = keys::decided(connection, &decision.item, decision.version, decision.action);
        self.state.put("PutItem decided", made(&key)?).await?;
        let key = keys::decision(connection, decision.at, &decision.item);
        self.state.put("PutItem decision", made(&key)?).await
    }

    async fn decision(
        &self,
        connection: &ConnectionId,
        item: &ReviewId,
        version: u64,
        action: ReviewAction,
    ) -> Result<Option<Decision>, StoreError> {
        let key = keys::decided(connection, item, version, action);
        let found = self.state.get("GetItem decided", &key).await?;
        found.map(|item| read_document(DECISION, item)).transpose()
    }

    async fn decisions(
        &self,
        connection: &ConnectionId,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<DecisionPage>, StoreError> {
        let this = ["decisions", connection.as_str()];
        let after = match cursor {
            None => None,
            Some(cursor) => match cursor::open(&this, cursor) {
                None => return Ok(None),
                after => after,
            },
        };
        let query = Query {
            partition: keys::decisions_partition(connection),
            prefix: keys::DECISION_PREFIX,
            after,
            backwards: true,
            limit: Some(limit.max(1)),
            strongly: true,
            ..Query::default()
        };
        let page = self.state.query("Query decisions", query).await?;
        let decisions = page.items.into_iter().map(|item| read_document(DECISION, item));
        Ok(Some(DecisionPage {
            decisions: decisions.collect::<Result<_, _>>()?,
            cursor: page.next.map(|sk| cursor::seal(&this, &sk)),
        }))
    }

    async fn forget_refusals(
        &self,
        connection: &ConnectionId,
        user: &ObjectId,
        contact: &ContactId,
    ) -> Result<(), StoreError> {
        let query = Query {
            partition: keys::refused_partition(connection),
            strongly: true,
            ..Query::default()
        };
        let items = self.state.query_all("Query refused", query).await?;
        let mut taken_back = Vec::new();
        for item in items {
            let key = keys::Key::of(&item);
            let refused: Rejected = read_document(REFUSED, item)?;
            taken_back.extend(key.filter(|_| refused.is_about(user, contact)));
        }
        self.state.delete_all("BatchWriteItem refused", taken_back).await
    }

    async fn forget_refusal(
        &self,
        connection: &ConnectionId,
        refused: &Rejected,
    ) -> Result<(), StoreError> {
        let key = keys::refused(connection, refused.key());
        self.state.delete("DeleteItem refused", &key).await?;
        Ok(())
    }

    async fn refused(&self, connection: &ConnectionId) -> Result<RejectedSet, StoreError> {
        let query = Query {
            partition: keys::refused_partition(connection),
            strongly: true,
            projection: Some("#sk"),
            ..Query::default()
        };
        let items = self.state.query_all("Query refused", query).await?;
        let bits = |item: &Item| u128::from_str_radix(text_of(item, name::SK)?, 16).ok();
        Ok(items.iter().filter_map(bits).collect())
    }
}
