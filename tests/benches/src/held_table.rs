//! A table that answers the webhook at once: what the embedded engine takes on the same processors
//! is not the webhook's.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken measurement may panic"
)]

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Its two items, as they were read from the true table.
#[derive(Debug)]
struct Items {
    subscription: String,
    sync_state: String,
}

/// A running table.
#[derive(Debug, Clone)]
pub(crate) struct HeldTable {
    url: String,
    items: Arc<OnceLock<Items>>,
}

impl HeldTable {
    /// Starts it on a free loopback port.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let table = Self { url: format!("http://{address}"), items: Arc::default() };
        let router = Router::new().fallback(answer).with_state(table.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        table
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Holds a subscription's record and the sync state of its connection, at which somebody
    /// works: Graph's bursts are counted meanwhile, and not announced again.
    pub(crate) fn hold(&self, subscription: &Value, sync_state: &Value) {
        let mut at_work = sync_state.clone();
        at_work["holder"] = json!({"S": "somebody"});
        let far = "7000000000000000000";
        at_work["leaseUntil"] = json!({"N": far});
        at_work["lastHintAt"] = json!({"N": far});
        let items = Items {
            subscription: json!({"Item": subscription}).to_string(),
            sync_state: json!({"Attributes": at_work}).to_string(),
        };
        self.items.set(items).expect("it holds nothing yet");
    }
}

async fn answer(State(table): State<HeldTable>, headers: HeaderMap) -> impl IntoResponse {
    let items = table.items.get().expect("nobody notifies before it holds its items");
    let operation = headers.get("x-amz-target").and_then(|name| name.to_str().ok());
    let body = match operation.and_then(|name| name.rsplit('.').next()) {
        Some("GetItem") => items.subscription.clone(),
        Some("UpdateItem") => items.sync_state.clone(),
        other => panic!("the webhook does not call {other:?}"),
    };
    ([(header::CONTENT_TYPE, "application/x-amz-json-1.0")], body)
}
