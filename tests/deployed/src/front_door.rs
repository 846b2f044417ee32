//! The installation's public address: on loopback, in front of the API's own host name.
//!
//! The API's host name does not resolve here, and `PublicBaseUrl` must be known before there is an
//! API. Nothing is looked into or changed but the name of the host.

use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The largest body that is handed on; API Gateway takes 10 MB.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// A listening front door. It closes when dropped.
#[derive(Debug)]
pub(crate) struct FrontDoor {
    url: String,
    behind: Arc<Behind>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Behind {
    http: reqwest::Client,
    /// Where the stand-in listens.
    origin: String,
    /// The API's host name, once there is an API.
    host: OnceLock<String>,
}

impl FrontDoor {
    /// Opens the door in front of the stand-in at `origin`; no API is behind it yet.
    pub(crate) async fn open(http: reqwest::Client, origin: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let behind = Arc::new(Behind { http, origin: origin.to_owned(), host: OnceLock::new() });
        let router = Router::new().fallback(hand_on).with_state(Arc::clone(&behind));
        let server = tokio::spawn(async move {
            // It ends with the task.
            drop(axum::serve(listener, router).await);
        });
        Ok(Self { url, behind, server })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Leads to the API called `id` from now on.
    pub(crate) fn lead_to(&self, id: &str) {
        let port = self.behind.origin.rsplit(':').next().unwrap_or_default();
        self.behind.host.get_or_init(|| format!("{id}.execute-api.localhost:{port}"));
    }
}

impl Drop for FrontDoor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn hand_on(State(behind): State<Arc<Behind>>, request: Request) -> Response {
    let Some(host) = behind.host.get() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "there is no API yet").into_response();
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = parts.headers;
    for name in [HOST, CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    let answer = behind
        .http
        .request(parts.method, format!("{}{path}", behind.origin))
        .headers(headers)
        .header(HOST, host)
        .body(body)
        .send()
        .await;
    match answer {
        Ok(answer) => returned(answer).await,
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn returned(answer: reqwest::Response) -> Response {
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    for name in [CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    let Ok(body) = answer.bytes().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
