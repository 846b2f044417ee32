//! The Lambda Runtime API, version 2018-06-01, for one process.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};

use super::{FunctionError, FunctionErrorKind, Outcome};

/// Lambda's limit on an answer.
const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024;

/// One event on its way to the process.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    /// Milliseconds since the epoch at which the process is killed.
    pub(super) deadline_ms: i64,
    pub(super) function_arn: String,
    pub(super) trace_id: String,
    pub(super) reply: oneshot::Sender<Outcome>,
}

/// The process's side of the conversation.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    waiting: AsyncMutex<mpsc::Receiver<Invocation>>,
    current: Mutex<Option<(String, oneshot::Sender<Outcome>)>>,
    /// Turns true at the process's first request for work.
    ready: watch::Sender<bool>,
    init_error: Mutex<Option<Value>>,
}

impl RuntimeApi {
    pub(super) fn new(waiting: mpsc::Receiver<Invocation>) -> Self {
        Self {
            waiting: AsyncMutex::new(waiting),
            current: Mutex::new(None),
            ready: watch::Sender::new(false),
            init_error: Mutex::new(None),
        }
    }

    pub(super) fn ready(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// What the process said went wrong before it asked for work.
    pub(super) fn init_error(&self) -> Option<Value> {
        self.init_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{request_id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{request_id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(self)
    }

    fn take_reply(&self, request_id: &str) -> Option<oneshot::Sender<Outcome>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let (id, reply) = current.take()?;
        if id == request_id {
            return Some(reply);
        }
        *current = Some((id, reply));
        None
    }

    /// Hands the outcome to whoever invoked; answers the process.
    fn settle(&self, request_id: &str, outcome: Outcome) -> Response {
        let Some(reply) = self.take_reply(request_id) else {
            return refused("InvalidRequestID", "no such invocation is running");
        };
        // Whoever invoked may have given up; the process need not know.
        drop(reply.send(outcome));
        accepted()
    }
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, axum::Json(json!({"status": "OK"}))).into_response()
}

fn refused(error_type: &str, message: &str) -> Response {
    let body = json!({"errorType": error_type, "errorMessage": message});
    (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
}

async fn next(State(api): State<Arc<RuntimeApi>>) -> Response {
    api.ready.send_replace(true);
    let invocation = api.waiting.lock().await.recv().await;
    let Some(invocation) = invocation else {
        return (StatusCode::GONE, "the stack is shutting down").into_response();
    };
    let answer = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &invocation.request_id)
        .header("lambda-runtime-deadline-ms", invocation.deadline_ms)
        .header("lambda-runtime-invoked-function-arn", invocation.function_arn)
        .header("lambda-runtime-trace-id", invocation.trace_id)
        .body(Body::from(invocation.payload));
    let mut current = api.current.lock().unwrap_or_else(PoisonError::into_inner);
    *current = Some((invocation.request_id, invocation.reply));
    answer.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn response(
    State(api): State<Arc<RuntimeApi>>,
    Path(request_id): Path<String>,
    request: Request,
) -> Response {
    if let Ok(body) = to_bytes(request.into_body(), MAX_RESPONSE_BYTES).await {
        return api.settle(&request_id, Ok(body));
    }
    let message = "the response is larger than 6 MB";
    let error = FunctionError::new(FunctionErrorKind::ResponseTooLarge, message);
    drop(api.settle(&request_id, Err(error)));
    (StatusCode::PAYLOAD_TOO_LARGE, message).into_response()
}

async fn error(
    State(api): State<Arc<RuntimeApi>>,
    Path(request_id): Path<String>,
    body: Bytes,
) -> Response {
    let payload = error_document(&body);
    api.settle(&request_id, Err(FunctionError { kind: FunctionErrorKind::Reported, payload }))
}

async fn init_error(State(api): State<Arc<RuntimeApi>>, body: Bytes) -> Response {
    *api.init_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error_document(&body));
    accepted()
}

fn error_document(body: &[u8]) -> Value {
    serde_json::from_slice(body)
        .unwrap_or_else(|_| json!({"errorMessage": String::from_utf8_lossy(body)}))
}
