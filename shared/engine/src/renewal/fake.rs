//! Shorthands for the tests of intake and renewal.

use contact_sync_domain::connection::{Connection, ConnectionStatus, Tenant};
use contact_sync_domain::id::{AccountId, ConnectionId, TenantId};
use contact_sync_domain::settings::Settings;
use contact_sync_domain::subscription::Subscription;
use contact_sync_domain::sync_state::SyncState;
use jiff::Timestamp;

use crate::memory::MemoryStore;
use crate::port::SettingsVersion;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The account, tenant and connection number `number`.
pub(crate) fn account(number: u128) -> AccountId {
    AccountId::from_bits(number)
}

pub(crate) fn connection_id(number: u128) -> ConnectionId {
    ConnectionId::from_bits(number)
}

pub(crate) fn tenant(number: u128) -> TenantId {
    TenantId::from_u128(number)
}

pub(crate) fn connection(number: u128, status: ConnectionStatus) -> Connection {
    Connection {
        id: connection_id(number),
        account_id: account(number),
        status,
        attention: None,
        wanted_tenant: None,
        tenant: Some(Tenant {
            id: tenant(number),
            name: None,
            verified_domains: Vec::new(),
            user_count: None,
            group_count: None,
        }),
        permissions: Vec::new(),
        authorized_at: Some(at(0)),
        last_sync_at: None,
        paused_for: None,
        silence: None,
        enabled_once: true,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    }
}

impl MemoryStore {
    /// Adds a connection with its empty sync state.
    pub(crate) fn with_connection(self, connection: Connection) -> Self {
        let state = SyncState::new(connection.account_id.clone(), connection.id.clone());
        self.world().states.insert(connection.id.clone(), state);
        self.world().connections.insert(connection.id.clone(), connection);
        self
    }

    pub(crate) fn with_subscription(self, subscription: Subscription) -> Self {
        self.world().subscriptions.insert(subscription.key.clone(), subscription);
        self
    }

    /// Saves settings of connection number `number`.
    pub(crate) fn save(&self, number: u128, settings: Settings) {
        let version = SettingsVersion { version: 1, settings, ..SettingsVersion::never_saved() };
        self.world().settings.insert(connection_id(number), vec![version]);
    }

    pub(crate) fn edit_state(&self, number: u128, edit: impl FnOnce(&mut SyncState)) {
        edit(self.world().states.get_mut(&connection_id(number)).unwrap());
    }

    pub(crate) fn edit_connection(&self, number: u128, edit: impl FnOnce(&mut Connection)) {
        edit(self.world().connections.get_mut(&connection_id(number)).unwrap());
    }

    pub(crate) fn state_of(&self, number: u128) -> SyncState {
        self.world().states[&connection_id(number)].clone()
    }

    pub(crate) fn connection_of(&self, number: u128) -> Connection {
        self.world().connections[&connection_id(number)].clone()
    }

    pub(crate) fn records(&self) -> Vec<Subscription> {
        self.world().subscriptions.values().cloned().collect()
    }
}
