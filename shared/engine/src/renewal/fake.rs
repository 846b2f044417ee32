//! A small store, bus, clock and source of chance for the tests of intake and renewal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use contact_sync_domain::connection::{Connection, ConnectionStatus, Tenant};
use contact_sync_domain::event::Event;
use contact_sync_domain::id::{AccountId, ConnectionId, RunId, SubscriptionKey, TenantId};
use contact_sync_domain::run::Run;
use contact_sync_domain::settings::Settings;
use contact_sync_domain::subscription::{SubscribedResource, Subscription};
use contact_sync_domain::sync_state::{Handover, SyncState, Work};
use jiff::{SignedDuration, Timestamp};

use crate::port::{
    Clock, ConnectionStore, EventPublisher, PublishError, Randomness, Release, SettingsStore,
    SettingsVersion, StoreError, SubscriptionStore, SyncStateStore, Taken, TenantClaim,
};

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
        enabled_once: true,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    }
}

#[derive(Debug, Default)]
pub(crate) struct FakeStore {
    pub(crate) subscriptions: Mutex<BTreeMap<SubscriptionKey, Subscription>>,
    pub(crate) states: Mutex<BTreeMap<ConnectionId, SyncState>>,
    pub(crate) connections: Mutex<BTreeMap<ConnectionId, Connection>>,
    pub(crate) settings: Mutex<BTreeMap<ConnectionId, Settings>>,
    /// Nothing can be read or written.
    pub(crate) down: AtomicBool,
    /// The next writes of subscriptions find that the record moved.
    pub(crate) moves: AtomicU64,
    /// Items of this connection cannot be read.
    pub(crate) corrupt: Mutex<BTreeSet<ConnectionId>>,
}

impl FakeStore {
    /// Adds a connection with its empty sync state.
    pub(crate) fn with_connection(self, connection: Connection) -> Self {
        let state = SyncState::new(connection.account_id.clone(), connection.id.clone());
        self.states.lock().unwrap().insert(connection.id.clone(), state);
        self.connections.lock().unwrap().insert(connection.id.clone(), connection);
        self
    }

    pub(crate) fn with_subscription(self, subscription: Subscription) -> Self {
        self.subscriptions.lock().unwrap().insert(subscription.key.clone(), subscription);
        self
    }

    pub(crate) fn edit_state(&self, number: u128, edit: impl FnOnce(&mut SyncState)) {
        edit(self.states.lock().unwrap().get_mut(&connection_id(number)).unwrap());
    }

    pub(crate) fn edit_connection(&self, number: u128, edit: impl FnOnce(&mut Connection)) {
        edit(self.connections.lock().unwrap().get_mut(&connection_id(number)).unwrap());
    }

    pub(crate) fn state_of(&self, number: u128) -> SyncState {
        self.states.lock().unwrap()[&connection_id(number)].clone()
    }

    pub(crate) fn connection_of(&self, number: u128) -> Connection {
        self.connections.lock().unwrap()[&connection_id(number)].clone()
    }

    pub(crate) fn records(&self) -> Vec<Subscription> {
        self.subscriptions.lock().unwrap().values().cloned().collect()
    }

    fn answer(&self, operation: &'static str) -> Result<(), StoreError> {
        if self.down.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable { operation, source: "down".into() });
        }
        Ok(())
    }
}

impl SubscriptionStore for FakeStore {
    async fn subscription(
        &self,
        key: &SubscriptionKey,
    ) -> Result<Option<Subscription>, StoreError> {
        self.answer("GetItem subscription")?;
        Ok(self.subscriptions.lock().unwrap().get(key).cloned())
    }

    async fn tenant_subscription(
        &self,
        tenant: &TenantId,
        resource: SubscribedResource,
    ) -> Result<Option<Subscription>, StoreError> {
        self.answer("GetItem tenant subscription")?;
        let found =
            |record: &&Subscription| record.tenant_id == *tenant && record.resource == resource;
        Ok(self.subscriptions.lock().unwrap().values().find(found).cloned())
    }

    async fn put_subscription(&self, next: &Subscription) -> Result<bool, StoreError> {
        self.answer("PutItem subscription")?;
        let moved = |left: u64| left.checked_sub(1);
        if self.moves.fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved).is_ok() {
            return Ok(false);
        }
        let mut records = self.subscriptions.lock().unwrap();
        let standing = records.get(&next.key).map_or(0, |record| record.version);
        let other = records.values().any(|record| {
            record.key != next.key
                && record.tenant_id == next.tenant_id
                && record.resource == next.resource
        });
        if standing + 1 != next.version || other {
            return Ok(false);
        }
        records.insert(next.key.clone(), next.clone());
        Ok(true)
    }

    async fn delete_subscription(&self, subscription: &Subscription) -> Result<(), StoreError> {
        self.answer("DeleteItem subscription")?;
        self.subscriptions.lock().unwrap().remove(&subscription.key);
        Ok(())
    }

    async fn subscriptions(
        &self,
        shard: u8,
        cursor: Option<&str>,
    ) -> Result<(Vec<Subscription>, Option<String>), StoreError> {
        self.answer("Query subscriptions")?;
        let records = self.subscriptions.lock().unwrap();
        let mut rest = records
            .values()
            .filter(|record| record.key.shard(16) == shard)
            .filter(|record| cursor.is_none_or(|cursor| record.key.as_str() > cursor));
        let page = rest.next().cloned();
        let next = rest.next().and(page.as_ref()).map(|record| record.key.to_string());
        Ok((page.into_iter().collect(), next))
    }
}

impl SyncStateStore for FakeStore {
    async fn sync_state(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
    ) -> Result<Option<SyncState>, StoreError> {
        self.answer("GetItem sync state")?;
        Ok(self.states.lock().unwrap().get(connection).cloned())
    }

    async fn take(
        &self,
        _: &AccountId,
        _: &ConnectionId,
        _: &str,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Option<Taken>, StoreError> {
        unimplemented!("neither intake nor renewal works on a connection")
    }

    async fn checkpoint(
        &self,
        _: &SyncState,
        _: &Work,
        _: Timestamp,
        _: Option<&RunId>,
    ) -> Result<Option<SyncState>, StoreError> {
        unimplemented!("neither intake nor renewal works on a connection")
    }

    async fn release(
        &self,
        _: &SyncState,
        _: &Work,
        _: Option<&Handover>,
        _: Timestamp,
    ) -> Result<Release, StoreError> {
        unimplemented!("neither intake nor renewal works on a connection")
    }

    async fn hint(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
        now: Timestamp,
    ) -> Result<Option<SyncState>, StoreError> {
        self.answer("UpdateItem hint")?;
        Ok(self.states.lock().unwrap().get_mut(connection).map(|state| {
            let before = state.clone();
            state.wanted += 1;
            state.last_hint_at = Some(now);
            before
        }))
    }

    async fn enqueue(&self, _: &Run) -> Result<(), StoreError> {
        unimplemented!("neither intake nor renewal queues runs")
    }

    async fn reset_sync_state(&self, _: &AccountId, _: &ConnectionId) -> Result<(), StoreError> {
        unimplemented!("neither intake nor renewal resets a connection")
    }

    async fn sync_states(
        &self,
        shard: u8,
        cursor: Option<&str>,
    ) -> Result<(Vec<SyncState>, Option<String>), StoreError> {
        self.answer("Query sync states")?;
        let states = self.states.lock().unwrap();
        let mut rest = states
            .values()
            .filter(|state| state.connection_id.shard(16) == shard)
            .filter(|state| cursor.is_none_or(|cursor| state.connection_id.as_str() > cursor));
        let page = rest.next().cloned();
        let next = rest.next().and(page.as_ref()).map(|state| state.connection_id.to_string());
        Ok((page.into_iter().collect(), next))
    }
}

impl ConnectionStore for FakeStore {
    async fn create_connection(&self, _: &Connection) -> Result<(), StoreError> {
        unimplemented!("neither intake nor renewal makes connections")
    }

    async fn connection(
        &self,
        _: &AccountId,
        id: &ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        self.answer("GetItem connection")?;
        if self.corrupt.lock().unwrap().contains(id) {
            let item = format!("connection {id}");
            return Err(StoreError::Corrupt { item, source: "no such status".into() });
        }
        Ok(self.connections.lock().unwrap().get(id).cloned())
    }

    async fn update_connection(&self, next: &Connection) -> Result<bool, StoreError> {
        self.answer("PutItem connection")?;
        let mut connections = self.connections.lock().unwrap();
        let standing = connections.get(&next.id).map(|connection| connection.version + 1);
        if standing != Some(next.version) {
            return Ok(false);
        }
        connections.insert(next.id.clone(), next.clone());
        Ok(true)
    }

    async fn connections(&self, account: &AccountId) -> Result<Vec<Connection>, StoreError> {
        let connections = self.connections.lock().unwrap();
        Ok(connections.values().filter(|one| one.account_id == *account).cloned().collect())
    }

    async fn delete_connection(&self, _: &AccountId, _: &ConnectionId) -> Result<(), StoreError> {
        unimplemented!("neither intake nor renewal deletes connections")
    }

    async fn claim_tenant(&self, _: &TenantClaim) -> Result<Result<(), TenantClaim>, StoreError> {
        unimplemented!("neither intake nor renewal claims tenants")
    }

    async fn tenant_claim(&self, _: &TenantId) -> Result<Option<TenantClaim>, StoreError> {
        unimplemented!("neither intake nor renewal asks who has a tenant")
    }

    async fn release_tenant(&self, _: &TenantClaim) -> Result<(), StoreError> {
        unimplemented!("neither intake nor renewal gives tenants up")
    }
}

impl SettingsStore for FakeStore {
    async fn settings(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
    ) -> Result<SettingsVersion, StoreError> {
        self.answer("GetItem settings")?;
        let settings = self.settings.lock().unwrap().get(connection).cloned().unwrap_or_default();
        Ok(SettingsVersion { version: 0, settings, saved_by: None, saved_at: None })
    }

    async fn settings_version(
        &self,
        _: &AccountId,
        _: &ConnectionId,
        _: u64,
    ) -> Result<Option<SettingsVersion>, StoreError> {
        unimplemented!("neither intake nor renewal reads older settings")
    }

    async fn save_settings(
        &self,
        _: &AccountId,
        _: &ConnectionId,
        _: &SettingsVersion,
    ) -> Result<bool, StoreError> {
        unimplemented!("neither intake nor renewal saves settings")
    }
}

#[derive(Debug, Default)]
pub(crate) struct FakeBus {
    pub(crate) taken: Mutex<Vec<Event>>,
    /// Takes nothing.
    pub(crate) down: AtomicBool,
}

impl FakeBus {
    /// What was published since the last call.
    pub(crate) fn drain(&self) -> Vec<Event> {
        std::mem::take(&mut *self.taken.lock().unwrap())
    }
}

impl EventPublisher for FakeBus {
    async fn publish(&self, events: &[Event]) -> Result<Vec<Result<(), String>>, PublishError> {
        if self.down.load(Ordering::Relaxed) {
            return Err(PublishError("down".into()));
        }
        self.taken.lock().unwrap().extend_from_slice(events);
        Ok(events.iter().map(|_| Ok(())).collect())
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct FakeClock(AtomicI64);

impl FakeClock {
    pub(crate) fn at(second: i64) -> Self {
        Self(AtomicI64::new(second))
    }

    pub(crate) fn move_to(&self, second: i64) {
        self.0.store(second, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::Relaxed))
    }

    async fn sleep(&self, duration: SignedDuration) {
        self.0.fetch_add(duration.as_secs(), Ordering::Relaxed);
    }
}

/// Counts instead of drawing.
#[derive(Debug, Default)]
pub(crate) struct FakeChance(AtomicU64);

impl Randomness for FakeChance {
    fn bits(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1
    }

    fn ordered_bits(&self) -> u128 {
        self.bits()
    }

    fn secret(&self) -> String {
        format!("secret-{}", self.bits())
    }
}
