//! Errors as RFC 9457 problem documents.

mod of_admin;
mod of_directory;
mod of_plan;

use axum::http::StatusCode;
use axum::http::header::{self, HeaderName};
use contact_sync_domain::settings;
use contact_sync_lambda_shell::Chain;
use serde::Serialize;

use crate::answer::Answer;

/// An error as its reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    /// A stable word; the problem's `type`.
    kind: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<settings::Problem>,
    headers: Vec<(HeaderName, String)>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [settings::Problem],
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        let detail = detail.into();
        Self { status, kind, title, detail, errors: Vec::new(), headers: Vec::new() }
    }

    fn with_errors(mut self, errors: Vec<settings::Problem>) -> Self {
        self.errors = errors;
        self
    }

    fn retry_after(mut self, seconds: i64) -> Self {
        self.headers.push((header::RETRY_AFTER, seconds.max(1).to_string()));
        self
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// What went wrong, in a sentence.
    pub(crate) fn into_detail(self) -> String {
        self.detail
    }

    pub(crate) fn bad_json(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-json", "The body is no JSON document", detail)
    }

    pub(crate) fn bad_query(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-query", "A query parameter is wrong", detail)
    }

    pub(crate) fn bad_header(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-header", "A header field is wrong", detail)
    }

    pub(crate) fn unauthenticated() -> Self {
        let detail = "Send a bearer token that the installation's issuer signed.";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "No verified token", detail)
            .with_header(header::WWW_AUTHENTICATE, "Bearer".to_owned())
    }

    pub(crate) fn unusable_claims(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "unusable-claims", "The token gives no role", detail)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        let detail = format!("There is no such {what}, or it is not yours.");
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("The body may have at most {limit} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail)
    }

    pub(crate) fn key_reused() -> Self {
        let detail = "The Idempotency-Key was used for another request within 24 hours; use a new \
                      one.";
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "The Idempotency-Key was used for something else",
            detail,
        )
    }

    pub(crate) fn request_at_work() -> Self {
        let detail = "The same request is being worked on; repeat it to read its answer.";
        Self::new(StatusCode::CONFLICT, "request-at-work", "The request is at work", detail)
            .retry_after(2)
    }

    pub(crate) fn into_answer(self) -> Answer {
        let document = Document {
            kind: self.kind,
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        };
        // A struct of texts always becomes JSON.
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut answer = Answer::text(self.status, "application/problem+json", body);
        for (name, value) in self.headers {
            answer = answer.with_header(name, value);
        }
        answer
    }
}

/// One line where an error ends: what failed, with its causes.
fn failed(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error = %Chain(error), "a request failed");
}
