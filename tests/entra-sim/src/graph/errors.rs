//! The Graph error envelope.

use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::clock::shifted;
use crate::directory::selection::SelectError;
use crate::exchange::{Incoming, Reply};
use crate::settings::RetryAfterForm;

/// A refusal of Graph.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GraphError {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
    headers: Vec<(&'static str, String)>,
}

impl GraphError {
    pub(crate) fn new(status: StatusCode, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned(), headers: Vec::new() }
    }

    pub(crate) fn bad_request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(crate) fn unsupported_query(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", message)
    }

    pub(crate) fn expired_page_token() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "Directory_ExpiredPageToken",
            "The specified page token value has expired and can no longer be included in your \
             request.",
        )
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Request_ResourceNotFound",
            &format!(
                "Resource '{what}' does not exist or one of its queried reference-property \
                 objects are not present."
            ),
        )
    }

    /// 404 for an object that exists but has not reached every replica.
    pub(crate) fn not_replicated(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Directory_ObjectNotFound",
            &format!("Unable to read the company information from the directory for '{what}'."),
        )
    }

    pub(crate) fn invalid_token(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
            .with_header("www-authenticate", "Bearer realm=\"\"".to_owned())
    }

    pub(crate) fn identity_not_found() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Authorization_IdentityNotFound",
            "The identity of the calling application could not be established.",
        )
    }

    pub(crate) fn denied() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    pub(crate) fn method_not_allowed(method: &Method) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Request_BadRequest",
            &format!("Specified HTTP method '{method}' is not allowed for the request target."),
        )
    }

    /// 429 with `Retry-After` in the wanted form and the throttling headers.
    pub(crate) fn throttled(
        scope: String,
        wait: SignedDuration,
        form: RetryAfterForm,
        used: f64,
        now: Timestamp,
    ) -> Self {
        let error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            "Please retry again later.",
        )
        .with_header("x-ms-throttle-scope", scope)
        .with_header("x-ms-throttle-information", "ResourceUnitLimitExceeded".to_owned())
        .with_header("x-ms-throttle-limit-percentage", format!("{:.1}", used.min(1.8)));
        let seconds = wait.as_secs_f64();
        match form {
            RetryAfterForm::Integer => {
                error.with_header("retry-after", format!("{:.0}", seconds.ceil()))
            }
            RetryAfterForm::Decimal => {
                // Never less than it takes.
                let seconds = (seconds * 1e3).ceil() / 1e3;
                error.with_header("retry-after", format!("{seconds:.3}"))
            }
            RetryAfterForm::HttpDate => {
                let until = shifted(now, wait.saturating_add(SignedDuration::from_secs(1)));
                let date = until.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
                error.with_header("retry-after", date)
            }
            RetryAfterForm::Absent => error,
        }
    }

    #[must_use]
    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn reply(&self, incoming: &Incoming, now: Timestamp) -> Reply {
        let client_request_id = incoming
            .header("client-request-id")
            .map_or_else(|| incoming.request_id.to_string(), str::to_owned);
        let mut inner = json!({
            "date": now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            "request-id": incoming.request_id,
            "client-request-id": client_request_id,
        });
        if let (StatusCode::TOO_MANY_REQUESTS, Some(members)) = (self.status, inner.as_object_mut())
        {
            for (name, value) in
                [("code", "429"), ("message", "Please retry after"), ("status", "429")]
            {
                members.insert(name.to_owned(), json!(value));
            }
        }
        let body = json!({
            "error": { "code": self.code, "message": self.message, "innerError": inner },
        });
        let reply = Reply::graph(self.status, body.to_string());
        self.headers
            .iter()
            .fold(reply, |reply, (name, value)| reply.with_header(name, value.clone()))
    }
}

impl From<SelectError> for GraphError {
    fn from(error: SelectError) -> Self {
        Self::bad_request(&error.to_string())
    }
}
