//! Valid things; a test changes the one member that it is about.

use std::collections::BTreeMap;

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionStatus, Tenant};
use contact_sync_domain::contact::{
    Contact, ContactField, ContactSource, ContactStatus, Link, LinkState, SyncMark, Target,
};
use contact_sync_domain::event::{ContactEvent, ContactEventKind, SCHEMA_VERSION};
use contact_sync_domain::id::{
    AccountId, ConnectionId, ContactId, ObjectId, RunId, SubscriptionKey, TenantId,
};
use contact_sync_domain::run::{Run, RunKind, Trigger};
use contact_sync_domain::subscription::{
    SubscribedResource, Subscriber, Subscription, SubscriptionState,
};
use contact_sync_engine::port::{ContactWrite, WriteOutcome};
use jiff::Timestamp;

/// Some second after the year's beginning.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

pub(crate) fn account_id(number: u128) -> AccountId {
    AccountId::from_bits(number)
}

pub(crate) fn connection_id(number: u128) -> ConnectionId {
    ConnectionId::from_bits(number)
}

pub(crate) fn account(number: u128) -> Account {
    Account {
        id: account_id(number),
        external_id: format!("customer-{number}"),
        name: "Contoso".into(),
        time_zone: "Europe/Berlin".into(),
        allowed_origins: vec!["https://app.example".into()],
        custom_fields: vec![],
        retention: contact_sync_domain::retention::Retention::default(),
        version: 1,
        created_at: at(0),
    }
}

pub(crate) fn connection(account: u128, number: u128) -> Connection {
    Connection {
        id: connection_id(number),
        account_id: account_id(account),
        status: ConnectionStatus::Invited,
        attention: None,
        wanted_tenant: None,
        tenant: Some(Tenant {
            id: TenantId::from_u128(number),
            name: Some("Contoso".into()),
            verified_domains: vec!["contoso.example".into()],
            user_count: None,
            group_count: None,
        }),
        permissions: vec![],
        authorized_at: None,
        last_sync_at: None,
        paused_for: None,
        silence: None,
        enabled_once: false,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    }
}

pub(crate) fn run(account: u128, connection: u128, number: u128) -> Run {
    Run::queued(
        RunId::from_bits(number),
        (account_id(account), connection_id(connection)),
        (RunKind::Full, Trigger::Manual),
        0,
        at(i64::try_from(number).unwrap()),
    )
}

pub(crate) fn subscription(tenant: u128, number: u128) -> Subscription {
    Subscription {
        key: SubscriptionKey::from_bits(number),
        tenant_id: TenantId::from_u128(tenant),
        resource: SubscribedResource::Users,
        client_state: "secret".into(),
        graph_id: None,
        expires_at: None,
        renewed_at: at(0),
        state: SubscriptionState::Pending,
        connections: vec![Subscriber {
            account_id: account_id(1),
            connection_id: connection_id(tenant),
        }],
        problem: None,
        version: 1,
    }
}

/// A linked contact at version 1, written under fence `fence` of connection 1.
pub(crate) fn contact(account: u128, number: u128, fence: u64) -> Contact {
    Contact {
        id: ContactId::from_bits(number),
        account_id: account_id(account),
        version: 1,
        status: ContactStatus::Active,
        source: ContactSource::Entra,
        fields: BTreeMap::from([
            (ContactField::Email, format!("person{number}@contoso.example")),
            (ContactField::DisplayName, format!("Person {number}")),
        ]),
        custom: BTreeMap::new(),
        written: Vec::new(),
        managed_fields: vec![Target::Field(ContactField::Email)],
        protected: false,
        link: Some(Link {
            connection_id: connection_id(1),
            tenant_id: TenantId::from_u128(1),
            object_id: ObjectId::from_u128(number),
            user_principal_name: Some(format!("person{number}@contoso.example")),
            state: LinkState::Linked,
            acts_at: None,
            planned: None,
            cause: None,
        }),
        sync: Some(SyncMark {
            welcome: false,
            untied_by_hand: false,
            replaced: [(Target::Field(ContactField::JobTitle), serde_json::json!("Clerk"))].into(),
            source_version: fence,
            settings_version: 0,
            fingerprint: Some(format!("{number:032x}")),
            run: RunId::from_bits(1).to_string(),
            page: 0,
        }),
        created_at: at(0),
        updated_at: at(0),
    }
}

/// A contact that people made.
pub(crate) fn local(account: u128, number: u128) -> Contact {
    Contact {
        source: ContactSource::Local,
        managed_fields: vec![],
        protected: false,
        link: None,
        sync: None,
        ..contact(account, number, 0)
    }
}

/// The next version of a contact, written under a later fence.
pub(crate) fn next(contact: &Contact, fence: u64) -> Contact {
    let sync = contact.sync.clone().map(|mark| SyncMark { source_version: fence, ..mark });
    Contact { version: contact.version + 1, sync, ..contact.clone() }
}

/// The contact with another e-mail.
pub(crate) fn with_email(contact: &Contact, email: &str) -> Contact {
    let mut contact = contact.clone();
    contact.fields.insert(ContactField::Email, email.into());
    contact
}

/// A sync's write of a contact.
pub(crate) fn write(contact: &Contact) -> ContactWrite {
    ContactWrite {
        expected_version: contact.version - 1,
        fence: contact.sync.as_ref().map(|mark| mark.source_version),
        contact: contact.clone(),
    }
}

pub(crate) fn moved(outcome: &WriteOutcome) -> bool {
    matches!(outcome, WriteOutcome::Moved(_))
}

pub(crate) fn event(account: u128, number: u64) -> ContactEvent {
    ContactEvent {
        schema_version: SCHEMA_VERSION,
        event_id: format!("e-{number}"),
        sequence: number,
        kind: ContactEventKind::Updated,
        account_id: account_id(account),
        connection_id: None,
        contact_id: ContactId::from_bits(u128::from(number)),
        contact: None,
        welcome: false,
        occurred_at: at(0),
    }
}
