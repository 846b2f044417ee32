//! An outside in memory: one test's stores, directory, schedules and clock.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId};
use contact_sync_engine::admin::Outside;
use contact_sync_engine::memory::{
    Counter, HeldClock, MemoryBlobs, MemoryDirectory, MemoryMailer, MemoryStore,
};
use contact_sync_engine::port::{Group, ScheduleError, Schedules};
use serde_json::json;

/// Schedules by connection: expression, zone, whether it fires.
#[derive(Debug, Default)]
pub(super) struct MemorySchedules(pub(super) Mutex<BTreeMap<ConnectionId, (String, String, bool)>>);

impl Schedules for MemorySchedules {
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

/// The outside of one test.
#[derive(Debug)]
pub(super) struct InMemory {
    pub(super) store: MemoryStore,
    pub(super) directory: MemoryDirectory,
    pub(super) blobs: MemoryBlobs,
    pub(super) schedules: MemorySchedules,
    pub(super) clock: HeldClock,
    pub(super) chance: Counter,
    /// Whether the installation has a sender of mail.
    pub(super) sends_mail: AtomicBool,
    pub(super) mailer: MemoryMailer,
}

impl InMemory {
    /// At noon, with a directory of twelve people and one group, which may not be counted.
    pub(super) fn new() -> Self {
        let directory = MemoryDirectory::of((1..=12).map(person));
        let sales = Group { id: ObjectId::from_u128(100), display_name: Some("Sales".to_owned()) };
        directory.entra().put_group(sales, Vec::new(), Vec::new());
        directory.entra().hides_group_count = true;
        Self {
            store: MemoryStore::default(),
            directory,
            blobs: MemoryBlobs::default(),
            schedules: MemorySchedules::default(),
            clock: HeldClock::at("2026-03-02T12:00:00Z".parse().unwrap()),
            chance: Counter::default(),
            sends_mail: AtomicBool::new(true),
            mailer: MemoryMailer::default(),
        }
    }
}

fn person(number: u128) -> DirectoryUser {
    let attributes = json!({
        "displayName": format!("Person {number}"),
        "userPrincipalName": format!("p{number}@contoso.example"),
        "accountEnabled": true,
    });
    DirectoryUser {
        id: ObjectId::from_u128(number),
        attributes: attributes.as_object().unwrap().clone(),
    }
}

/// The outside of one test, held by the API and by the test.
#[derive(Debug, Clone)]
pub(super) struct Shared(pub(super) Arc<InMemory>);

impl Outside for Shared {
    type Store = MemoryStore;
    type Directory = MemoryDirectory;
    type Blobs = MemoryBlobs;
    type Schedules = MemorySchedules;
    type Mailer = MemoryMailer;
    type Clock = HeldClock;
    type Randomness = Counter;

    fn mailer(&self) -> Option<&MemoryMailer> {
        self.0.sends_mail.load(Ordering::Relaxed).then_some(&self.0.mailer)
    }
    fn portal_url(&self) -> Option<&str> {
        Some("https://portal.host.example")
    }
    fn store(&self) -> &MemoryStore {
        &self.0.store
    }
    fn directory(&self) -> &MemoryDirectory {
        &self.0.directory
    }
    fn blobs(&self) -> &MemoryBlobs {
        &self.0.blobs
    }
    fn schedules(&self) -> &MemorySchedules {
        &self.0.schedules
    }
    fn clock(&self) -> &HeldClock {
        &self.0.clock
    }
    fn randomness(&self) -> &Counter {
        &self.0.chance
    }
}
