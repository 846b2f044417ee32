//! Contacts and their events.

use std::collections::BTreeMap;

use contact_sync_domain::contact::{
    Contact, ContactField, ContactSource, ContactStatus, Link, Target,
};
use contact_sync_domain::event::{ContactEvent, ContactEventKind};
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId};
use contact_sync_domain::photo::ContactPhoto;
use contact_sync_engine::admin::TeamOf;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::photo::PhotoShape;
use super::team::TeamOfShape;

/// A contact without what sync keeps for itself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContactShape {
    id: ContactId,
    account_id: AccountId,
    version: u64,
    status: ContactStatus,
    source: ContactSource,
    fields: BTreeMap<ContactField, String>,
    custom: BTreeMap<String, Value>,
    managed_fields: Vec<Target>,
    protected: bool,
    link: Option<Link>,
    /// Left out of events: who joins or leaves a team is told by events of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    teams: Option<Vec<TeamOfShape>>,
    /// Of one contact alone, and where somebody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    photo: Option<PhotoShape>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl ContactShape {
    /// A contact and the teams it is in.
    pub(crate) fn with_teams(contact: Contact, teams: Vec<TeamOf>) -> Self {
        let teams = teams.into_iter().map(TeamOfShape::from).collect();
        Self { teams: Some(teams), ..Self::from(contact) }
    }

    /// The same with what is known of its photo.
    pub(crate) fn with_photo(self, photo: Option<ContactPhoto>) -> Self {
        Self { photo: photo.map(PhotoShape::from), ..self }
    }
}

impl From<Contact> for ContactShape {
    fn from(contact: Contact) -> Self {
        Self {
            id: contact.id,
            account_id: contact.account_id,
            version: contact.version,
            status: contact.status,
            source: contact.source,
            fields: contact.fields,
            custom: contact.custom,
            managed_fields: contact.managed_fields,
            protected: contact.protected,
            link: contact.link,
            teams: None,
            photo: None,
            created_at: contact.created_at,
            updated_at: contact.updated_at,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventShape {
    event_id: String,
    sequence: u64,
    #[serde(rename = "type")]
    kind: ContactEventKind,
    account_id: AccountId,
    connection_id: Option<ConnectionId>,
    contact_id: ContactId,
    contact: Option<ContactShape>,
    occurred_at: Timestamp,
}

impl From<ContactEvent> for EventShape {
    fn from(event: ContactEvent) -> Self {
        Self {
            event_id: event.event_id,
            sequence: event.sequence,
            kind: event.kind,
            account_id: event.account_id,
            connection_id: event.connection_id,
            contact_id: event.contact_id,
            contact: event.contact.map(ContactShape::from),
            occurred_at: event.occurred_at,
        }
    }
}
