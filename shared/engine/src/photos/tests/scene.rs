//! A connection with people, and a directory that answers for each.

use std::collections::BTreeMap;
use std::sync::Mutex;

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, TenantId};
use contact_sync_domain::pause::Pause;
use contact_sync_domain::photo::{ContactPhoto, PhotoLane, PhotoState};
use contact_sync_domain::settings::{Features, Settings};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::memory::{HeldClock, MemoryBlobs, MemoryStore};
use crate::photos::{PhotoWorker, SliceBounds, Walked};
use crate::port::{
    Blobs, Clock, DirectoryError, Photos, SettingsVersion, StoreError, StoredContact,
};

const NOON: &str = "2026-03-02T12:00:00Z";
const TENANT: &str = "84bd8158-6d4d-4958-8b9f-9d6445542f95";

/// How many people there are, over all shards.
pub(super) const PEOPLE: u32 = 42;

pub(super) fn account() -> AccountId {
    AccountId::from_bits(1)
}

pub(super) fn connection() -> ConnectionId {
    ConnectionId::from_bits(2)
}

pub(super) fn contact(number: u32) -> ContactId {
    ContactId::from_bits(number.into())
}

/// What the directory says of one person.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Nothing,
    Photo(&'static [u8]),
    Throttled(SignedDuration),
    Forbidden,
    Broken,
}

/// A directory of photos; nobody has one unless a test says so.
#[derive(Debug, Default)]
pub(super) struct Album {
    answers: Mutex<BTreeMap<u128, Answer>>,
    all: Mutex<Option<Answer>>,
    asked: Mutex<u64>,
}

impl Album {
    pub(super) fn answers(&self, number: u32, answer: Answer) {
        self.answers.lock().unwrap().insert(number.into(), answer);
    }

    pub(super) fn answers_all(&self, answer: Answer) {
        *self.all.lock().unwrap() = Some(answer);
    }

    pub(super) fn asked(&self) -> u64 {
        *self.asked.lock().unwrap()
    }
}

impl Photos for Album {
    async fn photo(
        &self,
        _: &TenantId,
        user: &ObjectId,
    ) -> Result<Option<Vec<u8>>, DirectoryError> {
        *self.asked.lock().unwrap() += 1;
        let own = self.answers.lock().unwrap().get(&user.as_u128()).copied();
        let answer = self.all.lock().unwrap().or(own).unwrap_or(Answer::Nothing);
        match answer {
            Answer::Nothing => Ok(None),
            Answer::Photo(bytes) => Ok(Some(bytes.to_vec())),
            Answer::Throttled(wait) => Err(DirectoryError::Throttled { retry_after: Some(wait) }),
            Answer::Forbidden => Err(DirectoryError::Forbidden {
                what: "a photo",
                code: "Authorization_RequestDenied".to_owned(),
            }),
            Answer::Broken => {
                Err(DirectoryError::Unavailable { what: "HTTP 500".to_owned(), source: None })
            }
        }
    }
}

/// Blobs whose calls count with the store's: whoever dies, dies among both.
#[derive(Debug, Default)]
pub(super) struct MortalBlobs {
    pub(super) blobs: MemoryBlobs,
    pub(super) stores: std::sync::Arc<MemoryStore>,
}

impl MortalBlobs {
    async fn alive(&self) -> Result<(), StoreError> {
        crate::port::PauseStore::pause(&*self.stores).await.map(drop)
    }
}

impl Blobs for MortalBlobs {
    async fn put(&self, key: &str, bytes: Vec<u8>, kind: &str) -> Result<(), StoreError> {
        self.alive().await?;
        self.blobs.put(key, bytes, kind).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.blobs.get(key).await
    }

    async fn keys(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.blobs.keys(prefix).await
    }

    async fn delete_prefix(&self, prefix: &str) -> Result<u64, StoreError> {
        self.alive().await?;
        self.blobs.delete_prefix(prefix).await
    }

    async fn signed_url(
        &self,
        key: &str,
        file_name: &str,
        lifetime: SignedDuration,
    ) -> Result<String, StoreError> {
        self.blobs.signed_url(key, file_name, lifetime).await
    }
}

pub(super) struct Scene {
    pub(super) stores: std::sync::Arc<MemoryStore>,
    pub(super) blobs: MortalBlobs,
    pub(super) graph: Album,
    pub(super) clock: HeldClock,
    pub(super) bounds: SliceBounds,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::of(PEOPLE)
    }

    pub(super) fn of(people: u32) -> Self {
        let stores = std::sync::Arc::new(MemoryStore::default());
        let scene = Self {
            blobs: MortalBlobs { stores: std::sync::Arc::clone(&stores), ..MortalBlobs::default() },
            stores,
            graph: Album::default(),
            clock: HeldClock::at(NOON.parse().unwrap()),
            bounds: SliceBounds { people: 1_000, together: 4 },
        };
        let own: Connection = serde_json::from_value(json!({
            "id": connection(), "accountId": account(), "status": "enabled", "version": 1,
            "tenant": {"id": TENANT, "verifiedDomains": []},
            "createdAt": NOON, "updatedAt": NOON,
        }))
        .unwrap();
        scene.stores.world().connections.insert(connection(), own);
        for number in 1..=people {
            scene.put(number);
        }
        scene.wants(true);
        scene
    }

    fn put(&self, number: u32) {
        let user = ObjectId::from_u128(number.into());
        let linked: Contact = serde_json::from_value(json!({
            "id": contact(number), "accountId": account(), "version": 1, "status": "active",
            "source": "entra", "fields": {"displayName": "Ada"},
            "link": {"connectionId": connection(), "tenantId": TENANT, "objectId": user, "state": "linked"},
            "createdAt": NOON, "updatedAt": NOON,
        }))
        .unwrap();
        let stored = StoredContact::Present(Box::new(linked));
        self.stores.world().contacts.insert(contact(number), stored);
    }

    pub(super) fn change(&self, number: u32, change: impl FnOnce(&mut Contact)) {
        if let Some(StoredContact::Present(standing)) =
            self.stores.world().contacts.get_mut(&contact(number))
        {
            change(standing);
        }
    }

    pub(super) fn wants(&self, photo: bool) {
        let features = Features { photo, ..Features::default() };
        let settings = Settings { features, ..Settings::default() };
        let version = SettingsVersion { version: 1, settings, ..SettingsVersion::never_saved() };
        self.stores.world().settings.insert(connection(), vec![version]);
    }

    pub(super) fn disable(&self) {
        let mut world = self.stores.world();
        world.connections.get_mut(&connection()).unwrap().status = ConnectionStatus::Disabled;
    }

    pub(super) fn pause(&self, is_paused: bool) {
        let pause = Pause { since: self.clock.now(), by: None };
        self.stores.world().pause = is_paused.then_some(pause);
    }

    pub(super) fn worker(&self) -> PhotoWorker<'_, MemoryStore, MortalBlobs, Album, HeldClock> {
        PhotoWorker {
            stores: &self.stores,
            blobs: &self.blobs,
            graph: &self.graph,
            clock: &self.clock,
            bounds: self.bounds,
        }
    }

    fn until(&self) -> Timestamp {
        self.clock.now() + SignedDuration::from_secs(80)
    }

    pub(super) async fn begin(&self) -> Result<Walked, StoreError> {
        self.worker().begin(&account(), &connection(), self.until()).await
    }

    pub(super) async fn go_on(&self) -> Result<Walked, StoreError> {
        self.worker().go_on(&account(), &connection(), self.until()).await
    }

    /// As the clock goes on with everybody's; how many it was.
    pub(super) async fn all(&self) -> usize {
        self.worker().go_on_with_all(self.until()).await.unwrap().len()
    }

    pub(super) fn known(&self, number: u32) -> Option<ContactPhoto> {
        self.stores.world().photos.get(&contact(number)).cloned()
    }

    pub(super) fn state(&self, number: u32) -> Option<PhotoState> {
        self.known(number).map(|photo| photo.state)
    }

    pub(super) fn kept(&self) -> Vec<(String, Vec<u8>)> {
        self.blobs.blobs.all().iter().map(|(key, bytes)| (key.clone(), bytes.clone())).collect()
    }

    pub(super) fn lane(&self) -> PhotoLane {
        self.stores.world().photo_lanes.get(&connection()).cloned().unwrap()
    }
}
