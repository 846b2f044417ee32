//! What is stored about one person, as it is stored: what whoever asks for it gets.
//!
//! The partitions are those that forgetting goes through, so that nothing is forgotten which nobody
//! was shown, and nothing shown which stays.

use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, TenantId};
use contact_sync_domain::review::ReviewList;
use contact_sync_domain::sync_state::Lane;
use contact_sync_engine::port::{ContactStore, KeptRecord, SHARDS, StoreError};
use serde_json::{Value, json};

use crate::erasures::mentions;
use crate::item::{Item, name, read_document, text_of};
use crate::keys;
use crate::table::{Query, Table};
use crate::{DynamoStore, settings};

/// What an item says: its document, or what waits, and as what.
fn told(item: Item) -> Result<Value, StoreError> {
    if item.contains_key(name::DOCUMENT) {
        return read_document("record", item);
    }
    let waits_as = text_of(&item, name::SK).and_then(|sk| sk.split('#').next());
    let text = text_of(&item, "json").unwrap_or_default();
    let body: Value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
    Ok(json!({"as": waits_as.map(str::to_lowercase), "body": body}))
}

impl DynamoStore {
    /// The items of a partition whose sort keys begin so and that name any of these ids.
    async fn naming(
        table: &Table,
        partition: String,
        prefix: &str,
        ids: &[&str],
    ) -> Result<Vec<Value>, StoreError> {
        let query = Query { partition, prefix, strongly: true, ..Query::default() };
        let items = table.query_all("Query records", query).await?;
        items.into_iter().filter(|item| mentions(item, ids)).map(told).collect()
    }

    pub(crate) async fn told_asked(
        &self,
        connection: &ConnectionId,
        ids: &[String],
        user: Option<&ObjectId>,
    ) -> Result<Vec<KeptRecord>, StoreError> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut places: Vec<(&'static str, String, &str)> = ReviewList::ALL
            .into_iter()
            .map(|list| ("review", keys::reviews_partition(connection, list), ""))
            .collect();
        let decisions = keys::decisions_partition(connection);
        places.push(("decision", decisions, keys::DECISION_PREFIX));
        places.push(("refusal", keys::refused_partition(connection), ""));
        for lane in [Lane::Main, Lane::Plan] {
            places.push(("waiting", keys::pending_partition(connection, lane), ""));
        }
        let mut found = Vec::new();
        let mut add = |store, records: Vec<Value>| {
            let connection_id = Some(connection.clone());
            found.extend(records.into_iter().map(|record| KeptRecord {
                store,
                connection_id: connection_id.clone(),
                record,
            }));
        };
        for (store, partition, prefix) in places {
            add(store, Self::naming(&self.state, partition, prefix, &ids).await?);
        }
        if let Some(user) = user {
            let named = self.settings_naming(connection, user).await?;
            for (kept, version) in named {
                match kept {
                    settings::Kept::Version => {
                        add("settings", vec![json!({"version": version.version})]);
                    }
                    settings::Kept::Draft(run) => add("draft", vec![json!({"run": run})]),
                }
            }
        }
        Ok(found)
    }

    pub(crate) async fn told_beside(
        &self,
        account: &AccountId,
        contact: &ContactId,
        user: Option<(&TenantId, &ObjectId)>,
    ) -> Result<Vec<KeptRecord>, StoreError> {
        let ids = [contact.as_str()];
        let own = keys::account_partition(account);
        let answers = Self::naming(&self.state, own, keys::KEYED_PREFIX, &ids).await?;
        let beside = keys::contacts_partition(account, contact.shard(SHARDS));
        let prefix = keys::history_prefix(contact);
        let history = Self::naming(&self.contacts, beside, &prefix, &ids).await?;
        let mut adoptions = Vec::new();
        if let Some((tenant, user)) = user {
            let found = self.adopted(account, tenant, std::slice::from_ref(user)).await?;
            let owners = found.into_iter().flatten();
            adoptions.extend(owners.map(|owner| json!({"user": user, "contact": owner})));
        }
        let stores = [("answer", answers), ("history", history), ("adoption", adoptions)];
        let records = stores.into_iter().flat_map(|(store, records)| {
            let kept = move |record| KeptRecord { store, connection_id: None, record };
            records.into_iter().map(kept)
        });
        Ok(records.collect())
    }
}
