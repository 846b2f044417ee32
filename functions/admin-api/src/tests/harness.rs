//! A running API of one test, and how to ask it.

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::http::{HeaderMap, StatusCode};
use contact_sync_domain::account::{Account, CustomField, CustomFieldType};
use contact_sync_domain::connection::{Connection, ConnectionStatus, Tenant};
use contact_sync_domain::contact::{
    Contact, ContactField, ContactSource, ContactStatus, Link, LinkState, SyncMark, Target,
};
use contact_sync_domain::email::email_key;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, TenantId};
use contact_sync_domain::sync_state::SyncState;
use contact_sync_engine::port::{Clock, StoredContact, TenantClaim};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::description;
use super::outside::{InMemory, Shared};
use crate::api::{Api, router};

/// An API over its own outside.
pub(super) struct App {
    pub(super) outside: Arc<InMemory>,
    router: Router,
}

/// One answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Expects a problem of this status and type and gives the pointers it names.
    #[track_caller]
    pub(super) fn problem(&self, status: u16, kind: &str) -> Vec<String> {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let document = self.json();
        assert_eq!(document["type"], kind, "{document}");
        assert_eq!(document["status"], status, "{document}");
        let errors = document["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }
}

/// A request in the making; without a claim the caller is an admin of the whole installation.
pub(super) struct Ask {
    method: &'static str,
    path: String,
    claims: Option<Value>,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Ask {
    pub(super) fn new(method: &'static str, path: impl Into<String>) -> Self {
        let claims = Some(json!({"role": "admin", "sub": "ada"}));
        Self { method, path: path.into(), claims, headers: Vec::new(), body: None }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    pub(super) fn post(path: impl Into<String>, body: &Value) -> Self {
        Self::new("POST", path).text(body.to_string())
    }

    pub(super) fn put(path: impl Into<String>, body: &Value) -> Self {
        Self::new("PUT", path).text(body.to_string())
    }

    pub(super) fn patch(path: impl Into<String>, body: &Value) -> Self {
        Self::new("PATCH", path).text(body.to_string())
    }

    pub(super) fn text(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn claims(mut self, claims: Option<Value>) -> Self {
        self.claims = claims;
        self
    }

    pub(super) fn role(self, role: &str) -> Self {
        self.claims(Some(json!({"role": role, "sub": "ben"})))
    }

    /// As API Gateway delivers it.
    fn event(&self) -> Value {
        let mut event = event("health");
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        event["rawPath"] = json!(path);
        event["rawQueryString"] = json!(query);
        event["requestContext"]["http"]["method"] = json!(self.method);
        event["requestContext"]["http"]["path"] = json!(path);
        for (name, value) in &self.headers {
            event["headers"][*name] = json!(value);
        }
        if let Some(claims) = &self.claims {
            event["requestContext"]["authorizer"] =
                json!({"jwt": {"claims": claims, "scopes": null}});
        }
        if let Some(body) = &self.body {
            event["body"] = json!(body);
        }
        event
    }
}

/// A captured payload.
pub(super) fn event(case: &str) -> Value {
    let path = format!("{}/../../events/admin-api/{case}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(super) const ACCOUNT: &str = "acc_00000000000000000000000000000001";
pub(super) const CONNECTION: &str = "con_000000000000000000000000000000c1";
pub(super) const TENANT: &str = "00000000-0000-0000-0000-0000000000aa";

pub(super) fn tenant() -> TenantId {
    TenantId::parse(TENANT).unwrap()
}

pub(super) fn account_id() -> AccountId {
    AccountId::parse(ACCOUNT).unwrap()
}

pub(super) fn connection_id() -> ConnectionId {
    ConnectionId::parse(CONNECTION).unwrap()
}

/// A path below the account of [`App::with_account`].
pub(super) fn of_account(rest: &str) -> String {
    format!("/v1/accounts/{ACCOUNT}{rest}")
}

/// A path below the connection of [`App::with_connection`].
pub(super) fn of_connection(rest: &str) -> String {
    format!("/v1/accounts/{ACCOUNT}/connections/{CONNECTION}{rest}")
}

impl App {
    pub(super) fn empty() -> Self {
        let outside = Arc::new(InMemory::new());
        let api = Api {
            outside: Shared(Arc::clone(&outside)),
            public_base_url: None,
            stage: "dev".to_owned(),
        };
        Self { outside, router: router(api) }
    }

    /// With one account in Berlin that has a size and an age of its own.
    pub(super) fn with_account() -> Self {
        let app = Self::empty();
        let field = |key: &str, kind, options: &[&str]| CustomField {
            key: key.to_owned(),
            label: key.to_uppercase(),
            kind,
            required: false,
            options: options.iter().map(|option| (*option).to_owned()).collect(),
        };
        let account = Account {
            id: account_id(),
            external_id: "4711".to_owned(),
            name: "Contoso".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            allowed_origins: Vec::new(),
            custom_fields: vec![
                field("size", CustomFieldType::SingleSelect, &["S", "M", "L"]),
                field("age", CustomFieldType::Number, &[]),
            ],
            retention: contact_sync_domain::retention::Retention::default(),
            version: 1,
            created_at: app.outside.clock.now(),
        };
        app.outside.store.world().accounts.insert(account.id.clone(), account);
        app
    }

    /// With an account and a connection in this state, whose tenant is proven.
    pub(super) fn with_connection(status: ConnectionStatus) -> Self {
        let app = Self::with_account();
        let now = app.outside.clock.now();
        let tenant = Tenant {
            id: TenantId::parse(TENANT).unwrap(),
            name: Some("Contoso".to_owned()),
            verified_domains: vec!["contoso.example".to_owned()],
            user_count: None,
            group_count: None,
        };
        let connection = Connection {
            id: connection_id(),
            account_id: account_id(),
            status,
            attention: None,
            wanted_tenant: None,
            tenant: (status != ConnectionStatus::Invited).then_some(tenant),
            permissions: Vec::new(),
            authorized_at: Some(now),
            last_sync_at: None,
            paused_for: None,
            silence: None,
            enabled_once: false,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let state = SyncState::new(account_id(), connection.id.clone());
        let mut world = app.outside.store.world();
        if let Some(tenant) =
            connection.tenant.as_ref().filter(|_| status != ConnectionStatus::Disconnected)
        {
            let claim = TenantClaim {
                tenant_id: tenant.id.clone(),
                account_id: account_id(),
                connection_id: connection.id.clone(),
            };
            world.tenants.insert(tenant.id.clone(), claim);
        }
        world.states.insert(connection.id.clone(), state);
        world.connections.insert(connection.id.clone(), connection);
        drop(world);
        app
    }

    /// Adds a contact that sync made and manages the e-mail and job title of.
    pub(super) fn add_linked_contact(&self) -> ContactId {
        let now = self.outside.clock.now();
        let id = ContactId::from_bits(0xabc);
        let contact = Contact {
            id: id.clone(),
            account_id: account_id(),
            version: 3,
            status: ContactStatus::Active,
            source: ContactSource::Entra,
            fields: [
                (ContactField::Email, "ana@contoso.example".to_owned()),
                (ContactField::JobTitle, "CEO".to_owned()),
            ]
            .into(),
            custom: std::collections::BTreeMap::new(),
            protected: false,
            written: Vec::new(),
            managed_fields: vec![
                Target::Field(ContactField::Email),
                Target::Field(ContactField::JobTitle),
            ],
            link: Some(Link {
                connection_id: connection_id(),
                tenant_id: TenantId::parse(TENANT).unwrap(),
                object_id: ObjectId::from_u128(7),
                user_principal_name: None,
                state: LinkState::Linked,
                acts_at: None,
                planned: None,
                cause: None,
            }),
            sync: Some(SyncMark {
                welcome: false,
                untied_by_hand: false,
                replaced: std::collections::BTreeMap::new(),
                source_version: 1,
                settings_version: 0,
                fingerprint: Some("ab".to_owned()),
                run: "run_1".to_owned(),
                page: 0,
            }),
            created_at: now,
            updated_at: now,
        };
        let key = email_key("ana@contoso.example");
        let mut world = self.outside.store.world();
        world.claims.insert((account_id(), key), id.clone());
        world.contacts.insert(id.clone(), StoredContact::Present(Box::new(contact)));
        id
    }

    pub(super) async fn ask(&self, ask: Ask) -> Answer {
        self.deliver(&ask.event()).await
    }

    /// Asks for what only a broken store makes the API answer, which is described nowhere.
    pub(super) async fn ask_broken(&self, ask: Ask) -> Answer {
        self.answer(&ask.event()).await
    }

    /// Delivers an event; whatever is answered must be described.
    pub(super) async fn deliver(&self, event: &Value) -> Answer {
        let answer = self.answer(event).await;
        let method = event["requestContext"]["http"]["method"].as_str().unwrap();
        description::is_described(method, event["rawPath"].as_str().unwrap(), &answer);
        answer
    }

    async fn answer(&self, event: &Value) -> Answer {
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}
