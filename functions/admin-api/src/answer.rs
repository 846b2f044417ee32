//! Answers, before they become HTTP responses: idempotency keeps some of them.

use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use contact_sync_engine::admin::Page;
use contact_sync_engine::port::KeptAnswer;
use serde::Serialize;

/// What a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: Vec<u8>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

impl Answer {
    pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Self {
        match serde_json::to_string(document) {
            Ok(body) => Self::text(status, "application/json", body),
            // Maps with keys that are no texts; no shape here has one.
            Err(error) => {
                tracing::error!(%error, "an answer could not be written");
                Self::empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    pub(crate) fn ok(document: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, document)
    }

    pub(crate) fn accepted(document: &impl Serialize) -> Self {
        Self::json(StatusCode::ACCEPTED, document)
    }

    pub(crate) fn created(location: String, document: &impl Serialize) -> Self {
        Self::json(StatusCode::CREATED, document).with_header(header::LOCATION, location)
    }

    pub(crate) fn list<T, V: Serialize>(page: Page<T>, view: impl Fn(T) -> V) -> Self {
        let items = page.items.into_iter().map(view).collect();
        Self::ok(&List { items, next_cursor: page.next })
    }

    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn text(status: StatusCode, content_type: &str, body: String) -> Self {
        Self::bytes(status, content_type, body.into_bytes())
    }

    pub(crate) fn bytes(status: StatusCode, content_type: &str, body: Vec<u8>) -> Self {
        Self { status, headers: vec![(header::CONTENT_TYPE, content_type.to_owned())], body }
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn with_version(self, version: u64) -> Self {
        self.with_header(header::ETAG, format!("\"{version}\""))
    }

    /// The answer to keep for repetitions; `None` for bytes that are no text.
    pub(crate) fn kept(&self) -> Option<KeptAnswer> {
        Some(KeptAnswer {
            status: self.status.as_u16(),
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
                .collect(),
            body: String::from_utf8(self.body.clone()).ok()?,
        })
    }

    /// A kept answer; `None` when it is not one that we wrote.
    pub(crate) fn of_kept(kept: KeptAnswer) -> Option<Self> {
        let headers = kept
            .headers
            .into_iter()
            .map(|(name, value)| Some((HeaderName::try_from(name).ok()?, value)))
            .collect::<Option<Vec<_>>>()?;
        let status = StatusCode::from_u16(kept.status).ok()?;
        Some(Self { status, headers, body: kept.body.into_bytes() })
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().append(name, value);
            }
        }
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}
