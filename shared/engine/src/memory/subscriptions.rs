//! Records of subscriptions.

use contact_sync_domain::id::{SubscriptionKey, TenantId};
use contact_sync_domain::subscription::{SubscribedResource, Subscription};

use super::{MemoryStore, unreadable};
use crate::port::{SHARDS, ShardPage, StoreError, SubscriptionStore};

impl SubscriptionStore for MemoryStore {
    async fn subscription(
        &self,
        key: &SubscriptionKey,
    ) -> Result<Option<Subscription>, StoreError> {
        Ok(self.up()?.subscriptions.get(key).cloned())
    }

    async fn tenant_subscription(
        &self,
        tenant: &TenantId,
        resource: SubscribedResource,
    ) -> Result<Option<Subscription>, StoreError> {
        let world = self.up()?;
        let mut all = world.subscriptions.values();
        Ok(all.find(|one| one.tenant_id == *tenant && one.resource == resource).cloned())
    }

    async fn put_subscription(&self, next: &Subscription) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        if world.loses_race() {
            return Ok(false);
        }
        let standing = world.subscriptions.get(&next.key).map_or(0, |one| one.version);
        let has_another = world.subscriptions.values().any(|one| {
            one.key != next.key && one.tenant_id == next.tenant_id && one.resource == next.resource
        });
        let holds = standing + 1 == next.version && !has_another;
        if holds {
            world.subscriptions.insert(next.key.clone(), next.clone());
        }
        Ok(holds)
    }

    async fn delete_subscription(&self, subscription: &Subscription) -> Result<(), StoreError> {
        self.up()?.subscriptions.remove(&subscription.key);
        Ok(())
    }

    async fn subscriptions(
        &self,
        shard: u8,
        cursor: Option<&str>,
    ) -> Result<ShardPage<Subscription>, StoreError> {
        let world = self.up()?;
        let mut rest = world
            .subscriptions
            .values()
            .filter(|one| one.key.shard(SHARDS) == shard)
            .filter(|one| cursor.is_none_or(|cursor| one.key.as_str() > cursor));
        let found = rest.next();
        let cursor = rest.next().and(found).map(|one| one.key.to_string());
        let read = |one: &Subscription| {
            if world.unreadable_subscriptions.contains(&one.key) {
                return Err(unreadable(format!("subscription {}", one.key)));
            }
            Ok(one.clone())
        };
        Ok(ShardPage { items: found.map(read).into_iter().collect(), cursor })
    }
}
