//! An outside in memory that behaves: conditions hold or not, claims are taken, a throttled
//! directory says so.

mod contacts;
mod directory;
mod state;
mod work;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::Connection;
use contact_sync_domain::event::ContactEvent;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, RunId, TenantId};
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::Deviation;
use contact_sync_domain::subscription::Subscription;
use contact_sync_domain::sync_state::SyncState;
use contact_sync_engine::admin::Outside;
use contact_sync_engine::port::{
    Blobs, Clock, ConsentInvitation, KeyedRequest, Randomness, ScheduleError, Schedules,
    SegmentRef, SettingsVersion, StoreError, StoredContact, TenantClaim,
};
use jiff::{SignedDuration, Timestamp};

pub(crate) use directory::FakeDirectory;

/// Everything that is kept.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    pub(crate) tenants: BTreeMap<TenantId, TenantClaim>,
    pub(crate) settings: BTreeMap<ConnectionId, Vec<SettingsVersion>>,
    pub(crate) invitations: Vec<ConsentInvitation>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) states: BTreeMap<ConnectionId, SyncState>,
    pub(crate) runs: BTreeMap<RunId, Run>,
    pub(crate) segments: BTreeMap<(RunId, u32), SegmentRef>,
    pub(crate) deviations: BTreeMap<(RunId, u32), Vec<Deviation>>,
    pub(crate) keyed: BTreeMap<String, KeyedRequest>,
    pub(crate) contacts: BTreeMap<ContactId, StoredContact>,
    pub(crate) claims: BTreeMap<(AccountId, String), ContactId>,
    pub(crate) events: Vec<ContactEvent>,
    /// The next so many writes find that somebody else was faster.
    pub(crate) races: usize,
    /// Whether the store answers at all.
    pub(crate) is_down: bool,
}

/// Keeps the [`World`].
#[derive(Debug, Default)]
pub(crate) struct MemoryStore(Mutex<World>);

impl MemoryStore {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    fn up(&self) -> Result<MutexGuard<'_, World>, StoreError> {
        let world = self.world();
        if world.is_down {
            let source = Box::new(std::io::Error::other("no answer"));
            return Err(StoreError::Unavailable { operation: "anything", source });
        }
        Ok(world)
    }
}

impl World {
    /// Whether somebody else is faster this time.
    fn loses_race(&mut self) -> bool {
        let loses = self.races > 0;
        self.races = self.races.saturating_sub(1);
        loses
    }
}

/// Schedules by connection: expression, zone, whether it fires.
#[derive(Debug, Default)]
pub(crate) struct FakeSchedules(pub(crate) Mutex<BTreeMap<ConnectionId, (String, String, bool)>>);

impl Schedules for FakeSchedules {
    async fn put(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
        expression: &str,
        time_zone: &str,
        enabled: bool,
    ) -> Result<(), ScheduleError> {
        let schedule = (expression.to_owned(), time_zone.to_owned(), enabled);
        self.0.lock().unwrap().insert(connection.clone(), schedule);
        Ok(())
    }

    async fn delete(&self, connection: &ConnectionId) -> Result<(), ScheduleError> {
        self.0.lock().unwrap().remove(connection);
        Ok(())
    }
}

/// Blobs by key.
#[derive(Debug, Default)]
pub(crate) struct FakeBlobs(pub(crate) Mutex<BTreeMap<String, Vec<u8>>>);

impl Blobs for FakeBlobs {
    async fn put(&self, key: &str, bytes: Vec<u8>, _: &str) -> Result<(), StoreError> {
        self.0.lock().unwrap().insert(key.to_owned(), bytes);
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    async fn delete_prefix(&self, prefix: &str) -> Result<(), StoreError> {
        self.0.lock().unwrap().retain(|key, _| !key.starts_with(prefix));
        Ok(())
    }

    async fn signed_url(
        &self,
        key: &str,
        _: &str,
        _: SignedDuration,
    ) -> Result<String, StoreError> {
        Ok(format!("https://bucket.example/{key}?signature=s"))
    }
}

/// A clock that stands still, or moves on each time somebody looks at it.
#[derive(Debug)]
pub(crate) struct FakeClock {
    now: Mutex<Timestamp>,
    pub(crate) tick: Mutex<SignedDuration>,
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        let mut now = self.now.lock().unwrap();
        *now += *self.tick.lock().unwrap();
        *now
    }

    /// Nothing takes long here.
    async fn sleep(&self, _: SignedDuration) {
        std::future::pending::<()>().await;
    }
}

/// Counts up: ids differ and are the same in each run of a test.
#[derive(Debug, Default)]
pub(crate) struct FakeChance(Mutex<u128>);

impl Randomness for FakeChance {
    fn bits(&self) -> u128 {
        let mut next = self.0.lock().unwrap();
        *next += 1;
        *next
    }

    fn ordered_bits(&self) -> u128 {
        self.bits()
    }

    fn secret(&self) -> String {
        format!("secret-{}", self.bits())
    }
}

/// The outside of one test.
#[derive(Debug)]
pub(crate) struct FakeOutside {
    pub(crate) store: MemoryStore,
    pub(crate) directory: FakeDirectory,
    pub(crate) blobs: FakeBlobs,
    pub(crate) schedules: FakeSchedules,
    pub(crate) clock: FakeClock,
    pub(crate) chance: FakeChance,
}

impl FakeOutside {
    pub(crate) fn new() -> Self {
        let noon = "2026-03-02T12:00:00Z".parse().unwrap();
        Self {
            store: MemoryStore::default(),
            directory: FakeDirectory::default(),
            blobs: FakeBlobs::default(),
            schedules: FakeSchedules::default(),
            clock: FakeClock { now: Mutex::new(noon), tick: Mutex::default() },
            chance: FakeChance::default(),
        }
    }
}

/// The outside of one test, held by the API and by the test.
#[derive(Debug, Clone)]
pub(crate) struct Shared(pub(crate) Arc<FakeOutside>);

impl Outside for Shared {
    type Store = MemoryStore;
    type Directory = FakeDirectory;
    type Blobs = FakeBlobs;
    type Schedules = FakeSchedules;
    type Clock = FakeClock;
    type Randomness = FakeChance;

    fn store(&self) -> &MemoryStore {
        &self.0.store
    }
    fn directory(&self) -> &FakeDirectory {
        &self.0.directory
    }
    fn blobs(&self) -> &FakeBlobs {
        &self.0.blobs
    }
    fn schedules(&self) -> &FakeSchedules {
        &self.0.schedules
    }
    fn clock(&self) -> &FakeClock {
        &self.0.clock
    }
    fn randomness(&self) -> &FakeChance {
        &self.0.chance
    }
}
