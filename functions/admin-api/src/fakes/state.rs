//! Accounts, connections, settings and subscriptions.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{AccountId, ConnectionId, SubscriptionKey, TenantId};
use contact_sync_domain::settings::Settings;
use contact_sync_domain::subscription::{SubscribedResource, Subscription};
use contact_sync_domain::sync_state::SyncState;
use contact_sync_engine::port::{
    AccountStore, ConnectionStore, ConsentAttempt, ConsentInvitation, ConsentStore, SettingsStore,
    SettingsVersion, StoreError, SubscriptionStore, TenantClaim,
};
use jiff::Timestamp;

use super::MemoryStore;

/// A page of a list by position; the cursor is the position.
pub(super) fn page<T>(
    items: Vec<T>,
    cursor: Option<&str>,
    limit: u16,
) -> Option<(Vec<T>, Option<String>)> {
    let start: usize = cursor.map_or(Some(0), |cursor| cursor.parse().ok())?;
    let end = start + usize::from(limit);
    let next = (end < items.len()).then(|| end.to_string());
    Some((items.into_iter().skip(start).take(usize::from(limit)).collect(), next))
}

impl AccountStore for MemoryStore {
    async fn create_account(&self, account: &Account) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let taken = world.accounts.values().any(|other| other.external_id == account.external_id);
        if !taken {
            world.accounts.insert(account.id.clone(), account.clone());
        }
        Ok(!taken)
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.up()?.accounts.get(id).cloned())
    }

    async fn update_account(&self, account: &Account) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        if world.loses_race() {
            return Ok(false);
        }
        let standing = world.accounts.get(&account.id).map(|standing| standing.version);
        let holds = standing == Some(account.version - 1);
        if holds {
            world.accounts.insert(account.id.clone(), account.clone());
        }
        Ok(holds)
    }

    async fn accounts(
        &self,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<(Vec<Account>, Option<String>)>, StoreError> {
        Ok(page(self.up()?.accounts.values().cloned().collect(), cursor, limit))
    }

    async fn erase_account_state(&self, account: &Account) -> Result<(), StoreError> {
        let mut world = self.up()?;
        world.accounts.remove(&account.id);
        world.connections.retain(|_, connection| connection.account_id != account.id);
        Ok(())
    }
}

impl ConnectionStore for MemoryStore {
    async fn create_connection(&self, connection: &Connection) -> Result<(), StoreError> {
        let mut world = self.up()?;
        let state = SyncState::new(connection.account_id.clone(), connection.id.clone());
        world.states.insert(connection.id.clone(), state);
        world.connections.insert(connection.id.clone(), connection.clone());
        Ok(())
    }

    async fn connection(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        let found = self.up()?.connections.get(id).cloned();
        Ok(found.filter(|connection| connection.account_id == *account))
    }

    async fn update_connection(&self, connection: &Connection) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        if world.loses_race() {
            return Ok(false);
        }
        let standing = world.connections.get(&connection.id).map(|standing| standing.version);
        let holds = standing == Some(connection.version - 1);
        if holds {
            world.connections.insert(connection.id.clone(), connection.clone());
        }
        Ok(holds)
    }

    async fn connections(&self, account: &AccountId) -> Result<Vec<Connection>, StoreError> {
        let world = self.up()?;
        let own = world.connections.values().filter(|other| other.account_id == *account);
        Ok(own.cloned().collect())
    }

    async fn delete_connection(&self, _: &AccountId, id: &ConnectionId) -> Result<(), StoreError> {
        let mut world = self.up()?;
        world.connections.remove(id);
        world.settings.remove(id);
        Ok(())
    }

    async fn claim_tenant(
        &self,
        claim: &TenantClaim,
    ) -> Result<Result<(), TenantClaim>, StoreError> {
        self.up()?.tenants.insert(claim.tenant_id.clone(), claim.clone());
        Ok(Ok(()))
    }

    async fn tenant_claim(&self, tenant: &TenantId) -> Result<Option<TenantClaim>, StoreError> {
        Ok(self.up()?.tenants.get(tenant).cloned())
    }

    async fn release_tenant(&self, claim: &TenantClaim) -> Result<(), StoreError> {
        self.up()?.tenants.remove(&claim.tenant_id);
        Ok(())
    }
}

impl SettingsStore for MemoryStore {
    async fn settings(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
    ) -> Result<SettingsVersion, StoreError> {
        let world = self.up()?;
        let current = world.settings.get(connection).and_then(|versions| versions.last());
        Ok(current.cloned().unwrap_or_else(|| SettingsVersion {
            version: 0,
            settings: Settings::default(),
            saved_by: None,
            saved_at: None,
        }))
    }

    async fn settings_version(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
        version: u64,
    ) -> Result<Option<SettingsVersion>, StoreError> {
        let world = self.up()?;
        let mut versions = world.settings.get(connection).into_iter().flatten();
        Ok(versions.find(|other| other.version == version).cloned())
    }

    async fn save_settings(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        next: &SettingsVersion,
    ) -> Result<bool, StoreError> {
        let current = self.settings(account, connection).await?.version;
        let mut world = self.up()?;
        if world.loses_race() || current + 1 != next.version {
            return Ok(false);
        }
        world.settings.entry(connection.clone()).or_default().push(next.clone());
        Ok(true)
    }
}

impl ConsentStore for MemoryStore {
    async fn put_invitation(&self, invitation: &ConsentInvitation) -> Result<(), StoreError> {
        self.up()?.invitations.push(invitation.clone());
        Ok(())
    }
    async fn invitation(
        &self,
        _: &str,
        _: Timestamp,
    ) -> Result<Option<ConsentInvitation>, StoreError> {
        unimplemented!("consent is another function's")
    }
    async fn start_attempt(&self, _: &ConsentAttempt, _: Timestamp) -> Result<bool, StoreError> {
        unimplemented!("consent is another function's")
    }
    async fn consume_attempt(
        &self,
        _: &str,
        _: Timestamp,
    ) -> Result<Option<ConsentAttempt>, StoreError> {
        unimplemented!("consent is another function's")
    }
    async fn put_attempt(&self, _: &ConsentAttempt) -> Result<(), StoreError> {
        unimplemented!("consent is another function's")
    }
    async fn delete_invitation(&self, _: &str) -> Result<(), StoreError> {
        unimplemented!("consent is another function's")
    }
}

impl SubscriptionStore for MemoryStore {
    async fn subscription(&self, _: &SubscriptionKey) -> Result<Option<Subscription>, StoreError> {
        unimplemented!("renewal is another function's")
    }

    async fn tenant_subscription(
        &self,
        tenant: &TenantId,
        resource: SubscribedResource,
    ) -> Result<Option<Subscription>, StoreError> {
        let world = self.up()?;
        let mut all = world.subscriptions.iter();
        Ok(all.find(|one| one.tenant_id == *tenant && one.resource == resource).cloned())
    }

    async fn put_subscription(&self, subscription: &Subscription) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let standing = world.subscriptions.iter_mut().find(|one| one.key == subscription.key);
        Ok(match standing {
            Some(standing) if standing.version + 1 == subscription.version => {
                *standing = subscription.clone();
                true
            }
            Some(_) | None => false,
        })
    }

    async fn delete_subscription(&self, subscription: &Subscription) -> Result<(), StoreError> {
        self.up()?.subscriptions.retain(|one| one.key != subscription.key);
        Ok(())
    }

    async fn subscriptions(
        &self,
        _: u8,
        _: Option<&str>,
    ) -> Result<(Vec<Subscription>, Option<String>), StoreError> {
        unimplemented!("renewal is another function's")
    }
}
