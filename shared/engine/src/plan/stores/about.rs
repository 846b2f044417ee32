//! Whose and under what rules: as it is.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{AccountId, ConnectionId, RunId, TenantId};
use contact_sync_domain::pause::Pause;
use jiff::Timestamp;

use super::LaneStores;
use crate::port::{
    AccountStore, ConnectionStore, Granted, PauseStore, SettingsStore, SettingsVersion, StoreError,
    TenantClaim, TenantGrant, TenantStore, TenantTaken,
};

impl<S: AccountStore> AccountStore for LaneStores<S> {
    async fn create_account(&self, account: &Account) -> Result<bool, StoreError> {
        self.store.create_account(account).await
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.store.account(id).await
    }

    async fn update_account(&self, account: &Account) -> Result<bool, StoreError> {
        self.store.update_account(account).await
    }

    async fn accounts(
        &self,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<(Vec<Account>, Option<String>)>, StoreError> {
        self.store.accounts(cursor, limit).await
    }

    async fn erase_account_state(&self, account: &Account) -> Result<(), StoreError> {
        self.store.erase_account_state(account).await
    }
}

impl<S: ConnectionStore> ConnectionStore for LaneStores<S> {
    async fn create_connection(&self, connection: &Connection) -> Result<(), StoreError> {
        self.store.create_connection(connection).await
    }

    async fn connection(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        self.store.connection(account, id).await
    }

    /// A plan changes no connection.
    async fn update_connection(&self, connection: &Connection) -> Result<bool, StoreError> {
        if self.over.is_plan() { Ok(true) } else { self.store.update_connection(connection).await }
    }

    async fn connections(&self, account: &AccountId) -> Result<Vec<Connection>, StoreError> {
        self.store.connections(account).await
    }

    async fn delete_connection(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<(), StoreError> {
        self.store.delete_connection(account, id).await
    }

    async fn move_connection(
        &self,
        from: &Connection,
        to: &Connection,
    ) -> Result<bool, StoreError> {
        self.store.move_connection(from, to).await
    }
}

impl<S: PauseStore> PauseStore for LaneStores<S> {
    async fn pause(&self) -> Result<Option<Pause>, StoreError> {
        self.store.pause().await
    }

    async fn begin_pause(&self, pause: &Pause) -> Result<Pause, StoreError> {
        self.store.begin_pause(pause).await
    }

    async fn end_pause(&self, now: Timestamp) -> Result<(), StoreError> {
        self.store.end_pause(now).await
    }

    async fn resumed_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.store.resumed_at().await
    }

    async fn connection_and_pause(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<(Option<Connection>, Option<Pause>), StoreError> {
        self.store.connection_and_pause(account, id).await
    }
}

impl<S: SettingsStore> SettingsStore for LaneStores<S> {
    /// Those of a plan's draft stand in the place of the saved ones.
    async fn settings(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<SettingsVersion, StoreError> {
        if let Some(draft) = self.over.look().and_then(|over| over.draft(connection).cloned()) {
            return Ok(draft);
        }
        self.store.settings(account, connection).await
    }

    async fn settings_version(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        version: u64,
    ) -> Result<Option<SettingsVersion>, StoreError> {
        self.store.settings_version(account, connection, version).await
    }

    async fn save_settings(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        next: &SettingsVersion,
    ) -> Result<bool, StoreError> {
        self.store.save_settings(account, connection, next).await
    }

    async fn put_draft(
        &self,
        connection: &ConnectionId,
        run: &RunId,
        draft: &SettingsVersion,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.store.put_draft(connection, run, draft, expires_at).await
    }

    async fn draft(
        &self,
        connection: &ConnectionId,
        run: &RunId,
    ) -> Result<Option<SettingsVersion>, StoreError> {
        self.store.draft(connection, run).await
    }
}

impl<S: TenantStore> TenantStore for LaneStores<S> {
    async fn claim_tenant(
        &self,
        claim: &TenantClaim,
    ) -> Result<Result<(), TenantTaken>, StoreError> {
        self.store.claim_tenant(claim).await
    }

    async fn tenant_claims(&self, tenant: &TenantId) -> Result<Vec<TenantClaim>, StoreError> {
        self.store.tenant_claims(tenant).await
    }

    async fn release_tenant(&self, claim: &TenantClaim) -> Result<(), StoreError> {
        self.store.release_tenant(claim).await
    }

    async fn pass_tenant(
        &self,
        claim: &TenantClaim,
        to: &AccountId,
    ) -> Result<Result<(), TenantTaken>, StoreError> {
        self.store.pass_tenant(claim, to).await
    }

    async fn tenant_grant(&self, tenant: &TenantId) -> Result<Option<TenantGrant>, StoreError> {
        self.store.tenant_grant(tenant).await
    }

    async fn put_tenant_grant(&self, grant: &TenantGrant) -> Result<Granted, StoreError> {
        self.store.put_tenant_grant(grant).await
    }
}
