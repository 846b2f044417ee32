//! The listener: turns HTTP into exchanges and back, with compression and broken connections.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{StreamExt as _, stream};
use http::{HeaderName, HeaderValue, StatusCode};
use uuid::Uuid;

use crate::control;
use crate::controls::Controls;
use crate::exchange::{Incoming, Reply};
use crate::simulation::{Sim, is_graph};

/// Largest request body taken.
const LARGEST_BODY: usize = 4 * 1024 * 1024;
/// Answers shorter than this are not compressed.
const SMALLEST_COMPRESSED: usize = 512;

/// What a listener serves besides the control API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Login and Graph.
    Both,
    /// Login alone: Graph has a host of its own.
    Login,
    /// Graph alone.
    Graph,
}

/// Control API below `/_sim`, the services of this side everywhere else.
pub(crate) fn router(sim: &Arc<Sim>, side: Side) -> Router {
    let controls = Controls { sim: Arc::clone(sim) };
    Router::new()
        .route("/_sim/", get(control::page))
        .nest("/_sim", control::router(controls))
        .fallback(exchange)
        .with_state((Arc::clone(sim), side))
}

async fn exchange(State((sim, side)): State<(Arc<Sim>, Side)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return respond(Reply::empty(StatusCode::PAYLOAD_TOO_LARGE), false);
    };
    let incoming = Incoming {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
        request_id: Uuid::new_v4(),
    };
    let wanted = if is_graph(&incoming) { Side::Graph } else { Side::Login };
    if side != Side::Both && side != wanted {
        let text = "<h1>404 - not this host</h1>".to_owned();
        return respond(Reply::html(StatusCode::NOT_FOUND, text), false);
    }
    let gzip = incoming.header("accept-encoding").is_some_and(|value| value.contains("gzip"));
    respond(sim.answer(incoming).await, gzip)
}

fn respond(reply: Reply, gzip: bool) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    for (name, value) in &reply.headers {
        // A scripted value may be no header text; then it is left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    if let Some(after) = reply.broken_after {
        headers.insert("content-length", HeaderValue::from(reply.body.len()));
        *response.body_mut() = broken(&reply.body, after);
        return response;
    }
    let compressed =
        (gzip && reply.body.len() >= SMALLEST_COMPRESSED).then(|| compress(&reply.body)).flatten();
    *response.body_mut() = match compressed {
        Some(body) => {
            headers.insert("content-encoding", HeaderValue::from_static("gzip"));
            headers.insert("vary", HeaderValue::from_static("Accept-Encoding"));
            Body::from(body)
        }
        None => Body::from(reply.body),
    };
    response
}

fn compress(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// A body that ends in a broken connection.
fn broken(body: &Bytes, after: usize) -> Body {
    let start = body.slice(..after.min(body.len()));
    let end = async {
        // What was sent must be on its way before the connection goes.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    };
    Body::from_stream(stream::iter([Ok(start)]).chain(stream::once(end)))
}
