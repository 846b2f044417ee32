//! Our records of Graph's subscriptions: found by our key, by tenant, and all of them.

use contact_sync_domain::id::{SubscriptionKey, TenantId};
use contact_sync_domain::subscription::{SubscribedResource, Subscription};
use contact_sync_engine::port::{ShardPage, StoreError, SubscriptionStore};

use crate::failure::corrupt;
use crate::item::{document, name, number, read_document, text, text_of};
use crate::table::{Condition, Query};
use crate::transaction::{Transacted, Transaction};
use crate::{DynamoStore, keys};

const KIND: &str = "subscription";

/// Which record the tenant's pointer leads to.
const RECORD: &str = "record";

impl SubscriptionStore for DynamoStore {
    async fn subscription(
        &self,
        key: &SubscriptionKey,
    ) -> Result<Option<Subscription>, StoreError> {
        let found = self.state.get("GetItem subscription", &keys::subscription(key)).await?;
        found.map(|item| read_document(KIND, item)).transpose()
    }

    async fn tenant_subscription(
        &self,
        tenant: &TenantId,
        resource: SubscribedResource,
    ) -> Result<Option<Subscription>, StoreError> {
        let pointer = keys::tenant_subscription(tenant, resource);
        let Some(found) = self.state.get("GetItem tenant's subscription", &pointer).await? else {
            return Ok(None);
        };
        let record = text_of(&found, RECORD).unwrap_or_default();
        let key = SubscriptionKey::parse(record).map_err(corrupt(KIND))?;
        self.subscription(&key).await
    }

    async fn put_subscription(&self, subscription: &Subscription) -> Result<bool, StoreError> {
        let operation = "TransactWriteItems subscription";
        let unmoved = if subscription.version <= 1 {
            Condition::absent()
        } else {
            let before = number(subscription.version - 1);
            Condition::new("#doc.#version = :before", vec![(":before", before)])
        };
        let key = keys::subscription(&subscription.key);
        let pointer = keys::tenant_subscription(&subscription.tenant_id, subscription.resource);
        let mut pointing = pointer.attributes();
        pointing.insert(name::KIND.into(), text("tenantSubscription"));
        pointing.insert(RECORD.into(), text(subscription.key.as_str()));
        let only_one = Condition::new(
            "attribute_not_exists(#pk) OR #record = :record",
            vec![(":record", text(subscription.key.as_str()))],
        );
        let transacted = Transaction::new()
            .put(operation, &self.state, document(&key, KIND, subscription)?, Some(unmoved))?
            .put(operation, &self.state, pointing, Some(only_one))?
            .commit(operation, &self.state)
            .await?;
        match (&transacted, transacted.standing(0)) {
            (Transacted::Done, _) => Ok(true),
            (Transacted::Refused(_), Some(standing)) => {
                Ok(read_document::<Subscription>(KIND, standing.clone())? == *subscription)
            }
            (Transacted::Refused(_), None) => Ok(false),
        }
    }

    async fn delete_subscription(&self, subscription: &Subscription) -> Result<(), StoreError> {
        let pointer = keys::tenant_subscription(&subscription.tenant_id, subscription.resource);
        let leads_here =
            Condition::new("#record = :record", vec![(":record", text(subscription.key.as_str()))]);
        self.state.delete_if("DeleteItem tenant's subscription", &pointer, leads_here).await?;
        let record = keys::subscription(&subscription.key);
        self.state.delete("DeleteItem subscription", &record).await?;
        Ok(())
    }

    async fn subscriptions(
        &self,
        shard: u8,
        cursor: Option<&str>,
    ) -> Result<ShardPage<Subscription>, StoreError> {
        let page = self
            .state
            .query(
                "Query subscriptions",
                Query {
                    partition: keys::subscription_partition(shard),
                    after: cursor.map(str::to_owned),
                    ..Query::default()
                },
            )
            .await?;
        Ok(page.each_read(KIND, |item| read_document(KIND, item)))
    }
}
