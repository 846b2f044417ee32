//! Graph's subscriptions on the directory.

use contact_sync_domain::id::TenantId;
use jiff::Timestamp;

use super::MemoryDirectory;
use crate::port::{NewSubscription, RemoteSubscription, SubscriptionError, Subscriptions};

impl Subscriptions for MemoryDirectory {
    async fn create(
        &self,
        tenant: &TenantId,
        new: &NewSubscription,
    ) -> Result<RemoteSubscription, SubscriptionError> {
        let mut entra = self.asked()?;
        let resource = new.resource.path();
        let is_same =
            |(of, one): &(TenantId, RemoteSubscription)| of == tenant && one.resource == resource;
        if entra.subscriptions.iter().any(is_same) {
            return Err(SubscriptionError::AlreadyExists);
        }
        let subscription = RemoteSubscription {
            id: format!("graph-{}", entra.subscriptions.len() + 1),
            resource: resource.to_owned(),
            notification_url: new.notification_url.clone(),
            expires_at: new.expires_at,
        };
        entra.subscriptions.push((tenant.clone(), subscription.clone()));
        Ok(subscription)
    }

    async fn renew(
        &self,
        tenant: &TenantId,
        id: &str,
        expires_at: Timestamp,
    ) -> Result<Option<RemoteSubscription>, SubscriptionError> {
        let mut entra = self.asked()?;
        let found = entra.subscriptions.iter_mut().find(|(of, one)| of == tenant && one.id == id);
        Ok(found.map(|(_, one)| {
            one.expires_at = expires_at;
            one.clone()
        }))
    }

    async fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), SubscriptionError> {
        self.asked()?.subscriptions.retain(|(of, one)| of != tenant || one.id != id);
        Ok(())
    }

    async fn list(&self, tenant: &TenantId) -> Result<Vec<RemoteSubscription>, SubscriptionError> {
        let entra = self.asked()?;
        let own = entra.subscriptions.iter().filter(|(of, _)| of == tenant);
        Ok(own.map(|(_, one)| one.clone()).collect())
    }
}
