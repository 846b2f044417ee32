//! A server that answers by script, and a client whose waits take no time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use contact_sync_domain::id::TenantId;
use contact_sync_engine::port::Clock;
use contact_sync_graph_client::{
    ClientCredential, CredentialError, CredentialSource, Endpoints, GraphClient,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub(crate) const APP: &str = "24d3b144-21ae-4080-943f-7067b395b913";
pub(crate) const TENANT: &str = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
pub(crate) const ADA: &str = "8f0c1b1e-0000-4000-8000-000000000001";
pub(crate) const BEN: &str = "8f0c1b1e-0000-4000-8000-000000000002";

pub(crate) fn tenant() -> TenantId {
    TenantId::parse(TENANT).unwrap()
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// With the query, undecoded.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// How many requests to Graph came before; token requests are not counted.
    pub(crate) nth: usize,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn is_token(&self) -> bool {
        self.path.ends_with("/oauth2/v2.0/token")
    }

    pub(crate) fn form(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.body.as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(value: &Value) -> Self {
        Self::new(200, &value.to_string()).header("content-type", "application/json")
    }

    pub(crate) fn new(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    pub(crate) fn bytes(body: Vec<u8>) -> Self {
        Self { status: 200, headers: Vec::new(), body }
    }

    /// Graph's error envelope.
    pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Self {
        let error = json!({"error": {"code": code, "message": message,
            "innerError": {"date": "2026-11-21T10:11:12", "request-id": "36e3062d"}}});
        Self { status, ..Self::json(&error) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

pub(crate) fn good_token(number: u32) -> Reply {
    let text = format!("token-{number}");
    Reply::json(&json!({"token_type": "Bearer", "expires_in": 3600, "ext_expires_in": 3600,
        "access_token": text}))
}

/// A clock that moves only when somebody waits or says so; remembers the waits.
#[derive(Debug, Clone)]
pub(crate) struct TestClock {
    now: Arc<Mutex<Timestamp>>,
    pub(crate) waits: Arc<Mutex<Vec<SignedDuration>>>,
}

impl TestClock {
    fn new() -> Self {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        Self { now: Arc::new(Mutex::new(now)), waits: Arc::default() }
    }

    pub(crate) fn advance(&self, duration: SignedDuration) {
        *self.now.lock().unwrap() += duration;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, duration: SignedDuration) {
        self.waits.lock().unwrap().push(duration);
        self.advance(duration);
    }
}

/// A credential that counts how often it was read anew.
#[derive(Debug, Clone)]
pub(crate) struct TestCredential {
    credential: ClientCredential,
    pub(crate) forgotten: Arc<AtomicU32>,
}

impl CredentialSource for TestCredential {
    async fn current(&self) -> Result<ClientCredential, CredentialError> {
        Ok(self.credential.clone())
    }

    async fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::Relaxed);
    }
}

type Script = dyn Fn(&Received) -> Option<Reply> + Send + Sync;

/// The server, its client, and what passed between them.
pub(crate) struct Stub {
    pub(crate) base: String,
    pub(crate) client: GraphClient<TestCredential, TestClock>,
    pub(crate) clock: TestClock,
    pub(crate) credential: TestCredential,
    received: Arc<Mutex<Vec<Received>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Stub {
    /// Answers by `script`; token requests that it leaves alone get a good token.
    pub(crate) async fn new(
        script: impl Fn(&Received) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self::with(ClientCredential::Secret("s3cret+/&=ä".to_owned().into()), script).await
    }

    /// Graph answers one after the other; the last one stays.
    pub(crate) async fn of(replies: Vec<Reply>) -> Self {
        Self::new(move |received| {
            let last = replies.len().saturating_sub(1);
            (!received.is_token()).then(|| replies[received.nth.min(last)].clone())
        })
        .await
    }

    pub(crate) async fn with(
        credential: ClientCredential,
        script: impl Fn(&Received) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (log, script): (_, Arc<Script>) = (Arc::clone(&received), Arc::new(script));
        let router = Router::new().fallback(move |request: Request| {
            let (log, script) = (Arc::clone(&log), Arc::clone(&script));
            async move { answer(request, &log, &*script).await }
        });
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        let clock = TestClock::new();
        let credential = TestCredential { credential, forgotten: Arc::default() };
        let endpoints = Endpoints::parse(&base, &base).unwrap();
        let client = GraphClient::new(endpoints, APP, credential.clone(), clock.clone()).unwrap();
        Self { base, client, clock, credential, received, server }
    }

    pub(crate) fn graph_requests(&self) -> Vec<Received> {
        let received = self.received.lock().unwrap();
        received.iter().filter(|one| !one.is_token()).cloned().collect()
    }

    pub(crate) fn token_requests(&self) -> Vec<Received> {
        let received = self.received.lock().unwrap();
        received.iter().filter(|one| one.is_token()).cloned().collect()
    }
}

async fn answer(request: Request, log: &Mutex<Vec<Received>>, script: &Script) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut received = Received {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().unwrap().to_string(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
        nth: 0,
    };
    let tokens = {
        let mut log = log.lock().unwrap();
        let tokens = log.iter().filter(|one| one.is_token()).count();
        received.nth = if received.is_token() { tokens } else { log.len() - tokens };
        log.push(received.clone());
        tokens
    };
    let reply = script(&received).unwrap_or_else(|| {
        if received.is_token() {
            good_token(u32::try_from(tokens).unwrap() + 1)
        } else {
            Reply::new(404, "")
        }
    });
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}

/// A user as Graph lists one.
pub(crate) fn user(id: &str, name: &str) -> Value {
    json!({"id": id, "userPrincipalName": format!("{name}@contoso.example"), "displayName": name,
        "mail": null, "businessPhones": [], "accountEnabled": true, "userType": "Member"})
}

pub(crate) fn page(users: &[Value]) -> Reply {
    Reply::json(&json!({"@odata.context": "x", "@microsoft.graph.tips": "use $select",
        "value": users}))
}
