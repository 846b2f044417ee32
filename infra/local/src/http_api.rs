//! The HTTP API: the template's routes, served as API Gateway serves them.

mod authorizer;
mod payload;
mod routes;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse as _, Response};
use futures::TryStreamExt as _;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use serde_json::json;

pub use authorizer::ApiToken;
pub use routes::{RouteConflict, Routes};

use crate::clock::LocalClock;
use crate::runtime::{FunctionErrorKind, FunctionPool};

/// API Gateway's limit on a request body.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// What is read of a body that is too large, before the connection is closed on it.
const MAX_DISCARDED_BYTES: usize = 64 * 1024 * 1024;
/// Lambda's limit on a synchronous event, which the body becomes part of.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// What the gateway needs to answer a request.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) routes: Routes,
    pub(crate) token: ApiToken,
    pub(crate) pools: BTreeMap<String, Arc<FunctionPool>>,
    pub(crate) clock: LocalClock,
}

pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new().fallback(serve).with_state(gateway)
}

async fn serve(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Some(route) = gateway.routes.find(&parts.method, parts.uri.path()) else {
        return problem(StatusCode::NOT_FOUND, "Not Found", "No route has this method and path.");
    };
    let claims = if route.is_protected {
        match gateway.token.claims(&parts.headers) {
            Ok(claims) => Some(claims),
            Err(reason) => {
                let mut response = problem(StatusCode::UNAUTHORIZED, "Unauthorized", reason);
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                return response;
            }
        }
    } else {
        None
    };
    let too_large = || {
        problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Request Entity Too Large",
            "The request body is too large.",
        )
    };
    let body = match read_body(body).await {
        Ok(Some(body)) => body,
        Ok(None) => return too_large(),
        Err(_) => return message(StatusCode::BAD_REQUEST, "Bad Request"),
    };
    let event = payload::event(&parts, &body, &route, claims, peer, gateway.clock.now());
    let event = event.to_string();
    if event.len() > MAX_EVENT_BYTES {
        return too_large();
    }
    let Some(pool) = gateway.pools.get(&route.function).cloned() else {
        return internal_error();
    };
    // A caller who hangs up does not stop the function, in Lambda either.
    let outcome = tokio::spawn(async move { pool.invoke(event.into()).await }).await;
    match outcome {
        Ok(Ok(answer)) => payload::response(&answer).unwrap_or_else(internal_error),
        Ok(Err(error)) if error.kind == FunctionErrorKind::TimedOut => {
            message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
        Ok(Err(_)) | Err(_) => internal_error(),
    }
}

/// The whole body; `None` if it is too large. Such a one is read to its end all the same, within
/// reason: whoever is still sending would see a broken connection and not the answer.
async fn read_body(body: Body) -> Result<Option<Bytes>, axum::Error> {
    let mut stream = body.into_data_stream();
    let mut read = Vec::new();
    let mut length = 0_usize;
    while let Some(chunk) = stream.try_next().await? {
        length += chunk.len();
        if length > MAX_DISCARDED_BYTES {
            break;
        }
        if length <= MAX_BODY_BYTES {
            read.extend_from_slice(&chunk);
        }
    }
    Ok((length <= MAX_BODY_BYTES).then(|| Bytes::from(read)))
}

/// What API Gateway answers when a function fails or answers nonsense.
fn internal_error() -> Response {
    message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

fn message(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({"message": message}))).into_response()
}

/// The gateway's own refusals; `message` is what API Gateway calls the title.
fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
        "message": title,
    });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
