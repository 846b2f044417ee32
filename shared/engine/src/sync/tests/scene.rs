//! A connection that syncs, with everything outside in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionStatus, Tenant};
use contact_sync_domain::contact::{Contact, ContactField, ContactSource, ContactStatus};
use contact_sync_domain::directory::{DirectoryUser, USER_SELECT};
use contact_sync_domain::email::email_key;
use contact_sync_domain::event::RequestTrigger;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, RunId, TenantId};
use contact_sync_domain::run::{Run, RunKind, Trigger};
use contact_sync_domain::settings::{MappingRow, Settings};
use contact_sync_domain::sync_state::SyncState;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::graph::Graph;
use crate::memory::{Counter, HeldClock, MemoryBlobs, MemoryStore};
use crate::port::{Clock, SettingsVersion, StoreError, StoredContact, SyncStateStore};
use crate::sync::{Driven, Request, Worker};

/// How long an invocation may last.
const INVOCATION: SignedDuration = SignedDuration::from_secs(120);

pub(super) fn account_id() -> AccountId {
    AccountId::from_bits(1)
}

pub(super) fn connection_id() -> ConnectionId {
    ConnectionId::from_bits(1)
}

pub(super) fn tenant_id() -> TenantId {
    TenantId::from_u128(1)
}

/// The contact that sync makes of a user.
pub(super) fn contact_id(user: u128) -> ContactId {
    ContactId::derived(&account_id(), &tenant_id(), &ObjectId::from_u128(user))
}

/// A contact that people made.
pub(super) fn local_id(number: u128) -> ContactId {
    ContactId::from_bits((0xca11 << 64) | number)
}

/// A user with every attribute, most of them empty.
pub(super) fn user(number: u128) -> DirectoryUser {
    user_with(number, &json!({}))
}

/// A user with some attributes of the test's own.
pub(super) fn user_with(number: u128, own: &Value) -> DirectoryUser {
    let mut attributes: Map<String, Value> = USER_SELECT
        .iter()
        .filter(|name| **name != "id")
        .map(|name| ((*name).to_owned(), Value::Null))
        .collect();
    let address = format!("user{number}@contoso.example");
    let usual = json!({
        "userPrincipalName": address, "mail": address, "displayName": format!("User {number}"),
        "givenName": "User", "surname": number.to_string(), "userType": "Member",
        "accountEnabled": true, "businessPhones": []
    });
    for given in [&usual, own] {
        for (name, value) in given.as_object().unwrap() {
            attributes.insert(name.clone(), value.clone());
        }
    }
    DirectoryUser { id: ObjectId::from_u128(number), attributes }
}

type Work = Worker<MemoryStore, Graph, MemoryBlobs, HeldClock, Counter>;

pub(super) struct Scene {
    pub(super) worker: Work,
    runs: u128,
    invocations: u32,
}

pub(super) fn start() -> Timestamp {
    Timestamp::from_second(1_767_225_600).unwrap()
}

impl Scene {
    /// An enabled connection to a directory of these users, five on a page.
    pub(super) fn of(users: impl IntoIterator<Item = DirectoryUser>) -> Self {
        let graph = Graph {
            inner: crate::memory::MemoryDirectory::of(users),
            page_size: 5,
            ..Graph::default()
        };
        let scene = Self {
            worker: Worker::new(
                MemoryStore::default(),
                graph,
                MemoryBlobs::default(),
                HeldClock::at(start()),
                Counter::default(),
            ),
            runs: 1_000,
            invocations: 0,
        };
        {
            let mut world = scene.worker.stores.world();
            world.accounts.insert(account_id(), account());
            world.connections.insert(connection_id(), connection());
            world.states.insert(connection_id(), SyncState::new(account_id(), connection_id()));
        }
        scene
    }

    pub(super) fn set_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = Settings::default();
        change(&mut settings);
        let mut world = self.worker.stores.world();
        let versions = world.settings.entry(connection_id()).or_default();
        let version = u64::try_from(versions.len()).unwrap() + 1;
        versions.push(SettingsVersion { version, settings, ..SettingsVersion::never_saved() });
    }

    /// So many users stand on a page of the directory from now on.
    pub(super) fn pages_of(&mut self, users: usize) {
        Arc::get_mut(&mut self.worker.directory).unwrap().page_size = users;
    }

    /// A contact that people made, with this e-mail and perhaps a staff number.
    pub(super) fn put_local(&self, number: u128, email: &str, employee_id: Option<&str>) {
        let mut fields = BTreeMap::from([(ContactField::Email, email.to_owned())]);
        fields.extend(employee_id.map(|id| (ContactField::EmployeeId, id.to_owned())));
        let contact = Contact {
            id: local_id(number),
            account_id: account_id(),
            version: 1,
            status: ContactStatus::Active,
            source: ContactSource::Local,
            fields,
            custom: BTreeMap::new(),
            written: Vec::new(),
            managed_fields: vec![],
            protected: false,
            link: None,
            sync: None,
            created_at: start(),
            updated_at: start(),
        };
        let mut world = self.worker.stores.world();
        world.claims.insert((account_id(), email_key(email)), contact.id.clone());
        world.contacts.insert(contact.id.clone(), StoredContact::Present(Box::new(contact)));
    }

    pub(super) fn set_status(&self, status: ConnectionStatus) {
        let mut world = self.worker.stores.world();
        world.connections.get_mut(&connection_id()).unwrap().status = status;
    }

    /// Puts a run on the queue.
    pub(super) async fn queue(&mut self, kind: RunKind, trigger: Trigger) -> RunId {
        self.runs += 1;
        let id = RunId::from_bits(self.runs);
        let run = Run::queued(
            id.clone(),
            (account_id(), connection_id()),
            (kind, trigger),
            0,
            self.worker.clock.now(),
        );
        self.worker.stores.enqueue(&run).await.unwrap();
        id
    }

    /// One invocation of the full-sync function.
    pub(super) async fn drive(&mut self) -> Result<Driven, StoreError> {
        self.drive_as(RunKind::Full, Some(RequestTrigger::Manual)).await
    }

    /// One invocation.
    pub(super) async fn drive_as(
        &mut self,
        kind: RunKind,
        trigger: Option<RequestTrigger>,
    ) -> Result<Driven, StoreError> {
        self.drive_for(kind, trigger, None).await
    }

    pub(super) async fn drive_for(
        &mut self,
        kind: RunKind,
        trigger: Option<RequestTrigger>,
        slot: Option<String>,
    ) -> Result<Driven, StoreError> {
        self.invocations += 1;
        let request = Request {
            account_id: account_id(),
            connection_id: connection_id(),
            kind,
            trigger,
            run_id: None,
            checkpoint: None,
            slot,
            lane: kind.lane(),
        };
        let holder = format!("invocation {}", self.invocations);
        let deadline = self.worker.clock.now() + INVOCATION;
        Box::pin(self.worker.drive(&request, &holder, deadline)).await
    }

    /// A full run from its queueing to its end.
    pub(super) async fn full(&mut self) -> Run {
        let id = self.queue(RunKind::Full, Trigger::Manual).await;
        self.drive().await.unwrap();
        self.run(&id)
    }

    /// Looks at what changed, as the sweep does.
    pub(super) async fn look(&mut self) {
        let sweep = Some(RequestTrigger::Sweep);
        if self.drive_as(RunKind::Delta, sweep).await.unwrap() == Driven::HandedOver {
            self.drive_as(RunKind::Full, Some(RequestTrigger::Continuation)).await.unwrap();
        }
    }

    /// The store answers so many more calls; whoever works then dies.
    pub(super) fn die_after(&self, calls: usize) {
        self.worker.stores.world().calls_left = Some(calls);
    }

    /// The store answers again, and the dead one's lease has expired.
    pub(super) fn revive(&self) {
        self.worker.stores.world().calls_left = None;
        self.pass(SignedDuration::from_secs(200));
    }

    /// Lets time pass.
    pub(super) fn pass(&self, time: SignedDuration) {
        self.worker.clock.advance(time);
    }

    pub(super) fn run(&self, id: &RunId) -> Run {
        self.worker.stores.world().runs[id].clone()
    }

    pub(super) fn runs(&self) -> Vec<Run> {
        self.worker.stores.world().runs.values().cloned().collect()
    }

    pub(super) fn state(&self) -> SyncState {
        self.worker.stores.world().states[&connection_id()].clone()
    }

    pub(super) fn contact(&self, id: &ContactId) -> Option<Contact> {
        match self.worker.stores.world().contacts.get(id) {
            Some(StoredContact::Present(contact)) => Some(Contact::clone(contact)),
            Some(StoredContact::Tombstone { .. }) | None => None,
        }
    }

    /// Contacts by address.
    pub(super) fn addresses(&self) -> BTreeMap<String, Vec<ContactId>> {
        let mut found: BTreeMap<String, Vec<ContactId>> = BTreeMap::new();
        for stored in self.worker.stores.world().contacts.values() {
            if let StoredContact::Present(contact) = stored
                && let Some(email) = contact.email()
            {
                found.entry(email.to_owned()).or_default().push(contact.id.clone());
            }
        }
        found
    }
}

fn account() -> Account {
    Account {
        id: account_id(),
        external_id: "customer".into(),
        name: "Contoso".into(),
        time_zone: "UTC".into(),
        allowed_origins: vec![],
        custom_fields: vec![],
        retention: contact_sync_domain::retention::Retention::default(),
        version: 1,
        created_at: start(),
    }
}

fn connection() -> Connection {
    Connection {
        id: connection_id(),
        account_id: account_id(),
        status: ConnectionStatus::Enabled,
        attention: None,
        wanted_tenant: None,
        tenant: Some(Tenant {
            id: tenant_id(),
            name: None,
            verified_domains: vec![],
            user_count: None,
            group_count: None,
        }),
        permissions: vec![],
        authorized_at: None,
        last_sync_at: None,
        paused_for: None,
        silence: None,
        enabled_once: true,
        version: 1,
        created_at: start(),
        updated_at: start(),
    }
}

/// Maps a field from the attribute of the same name.
pub(super) fn map(settings: &mut Settings, name: &str) {
    settings.mapping.push(MappingRow {
        target: name.to_owned(),
        source: format!("[{name}]"),
        required: false,
        policy: None,
        when_empty: None,
        default: None,
    });
}
