//! The AWS services that functions call, as far as they call them, on one loopback address.
//!
//! A request is routed by the service in its signature's scope and held to the caller's role.
//! Whatever operation is not served is answered with an error that names it.

#![expect(
    clippy::result_large_err,
    reason = "a refusal is the answer itself; boxing it on loopback saves nothing"
)]

mod access;
mod counters;
mod events;
mod mail;
mod objects;
mod presigned;
mod scheduler;
mod secrets;
mod tokens;
mod xml;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

pub use access::PermissionUse;
pub(crate) use access::{Access, Caller, OPERATOR_ACCESS_KEY};
pub use counters::{CallCount, CallKey, Counters};
pub(crate) use mail::Outbox;
pub use mail::{MailTrouble, SentMail};
pub(crate) use objects::ObjectStore;
pub(crate) use secrets::SecretStore;
pub use tokens::ISSUER as TOKEN_ISSUER;
pub(crate) use tokens::TokenSigner;

use crate::bus::EventBuses;
use crate::clock::LocalClock;
use crate::dynamo::DynamoProxy;
use crate::schedules::ScheduleBook;

/// DynamoDB's and S3's largest requests stay below this.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// Everything the stand-ins stand on.
#[derive(Debug)]
pub(crate) struct AwsServices {
    pub(crate) access: Arc<Access>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) clock: LocalClock,
    pub(crate) tables: DynamoProxy,
    pub(crate) objects: Arc<ObjectStore>,
    pub(crate) secrets: Arc<SecretStore>,
    pub(crate) signer: Arc<TokenSigner>,
    pub(crate) buses: Arc<EventBuses>,
    pub(crate) schedules: Arc<ScheduleBook>,
    pub(crate) mail: Arc<Outbox>,
}

/// One request with what its signature says.
pub(crate) struct AwsRequest {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    pub(crate) caller: Caller,
    pub(crate) service: String,
}

impl AwsRequest {
    /// The operation after the service's prefix in `X-Amz-Target`.
    pub(crate) fn operation(&self) -> &str {
        let target = self.parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        target.and_then(|target| target.rsplit('.').next()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Result<Value, Response> {
        serde_json::from_slice(&self.body).map_err(|error| {
            json_error(StatusCode::BAD_REQUEST, "SerializationException", &error.to_string())
        })
    }
}

pub(crate) fn router(services: Arc<AwsServices>) -> Router {
    Router::new().fallback(serve).with_state(services)
}

async fn serve(State(services): State<Arc<AwsServices>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return json_error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLarge",
            "the body is too large",
        );
    };
    let Some((access_key, service)) = signer(&parts) else {
        return json_error(
            StatusCode::FORBIDDEN,
            "MissingAuthenticationTokenException",
            "the request is not signed",
        );
    };
    let Some(caller) = services.access.caller(&access_key) else {
        return json_error(
            StatusCode::FORBIDDEN,
            "UnrecognizedClientException",
            "the access key is none of this stack's",
        );
    };
    let request = AwsRequest { parts, body, caller, service };
    match request.service.as_str() {
        "dynamodb" => services.tables.serve(&services, request).await,
        "events" => events::serve(&services, &request),
        "secretsmanager" => secrets::serve(&services, &request),
        "scheduler" => scheduler::serve(&services, &request),
        "s3" => objects::serve(&services, &request),
        "ses" => mail::serve(&services, &request),
        "sts" => tokens::serve(&services, &request),
        unknown => json_error(
            StatusCode::NOT_IMPLEMENTED,
            "UnknownOperationException",
            &format!("the local stack has no {unknown} service"),
        ),
    }
}

/// Access key id and service of the request's signature.
fn signer(parts: &Parts) -> Option<(String, String)> {
    let from_header = parts
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|header| header.split_once("Credential="))
        .map(|(_, rest)| rest.split(',').next().unwrap_or_default().to_owned());
    let credential = from_header.or_else(|| {
        form_urlencoded::parse(parts.uri.query()?.as_bytes())
            .find(|(name, _)| name == "X-Amz-Credential")
            .map(|(_, value)| value.into_owned())
    })?;
    let mut scope = credential.split('/');
    let access_key = scope.next()?.to_owned();
    let service = scope.nth(2)?.to_owned();
    Some((access_key, service))
}

/// An answer of the JSON protocols.
pub(crate) fn json_answer(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    response
}

/// An error of the JSON protocols.
pub(crate) fn json_error(status: StatusCode, code: &str, message: &str) -> Response {
    let mut response =
        json_answer(status, &json!({"__type": code, "message": message, "Message": message}));
    if let Ok(code) = HeaderValue::from_str(code) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), code);
    }
    response
}

/// The answer for an operation that is not served.
pub(crate) fn unknown_operation(service: &str, operation: &str) -> Response {
    json_error(
        StatusCode::NOT_IMPLEMENTED,
        "UnknownOperationException",
        &format!("the local stack does not serve {service}:{operation}"),
    )
}
