//! One request and its answer, apart from the web framework: login, Graph and `$batch` share it.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

/// A request as received.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) method: Method,
    /// Path as sent, percent-encoded.
    pub(crate) path: String,
    /// Query without `?`, percent-encoded; empty without one.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Identifies the exchange in headers and errors.
    pub(crate) request_id: Uuid,
}

impl Incoming {
    #[cfg(test)]
    pub(crate) fn new(method: Method, path: &str, query: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            request_id: Uuid::new_v4(),
        }
    }

    /// Path segments, percent-decoded.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| {
                percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
            })
            .collect()
    }

    /// Query parameters in order, decoded.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_bytes()).into_owned().collect()
    }

    /// The first query parameter of this name, decoded; OData names compare without case.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let found = self.parameters().into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Form fields of the body.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The path and decoded query, as fault patterns see it.
    pub(crate) fn described(&self) -> String {
        let decoded = percent_encoding::percent_decode_str(&self.query).decode_utf8_lossy();
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{decoded}", self.path) }
    }

    /// The original URL under the simulator's origin.
    pub(crate) fn url(&self, base_url: &str) -> String {
        if self.query.is_empty() {
            format!("{base_url}{}", self.path)
        } else {
            format!("{base_url}{}?{}", self.path, self.query)
        }
    }
}

/// An answer to send.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// Name of the endpoint for counting, as `/users/{id}`.
    pub(crate) template: String,
    /// Resource units charged.
    pub(crate) units: f64,
    pub(crate) tenant: Option<Uuid>,
    /// Which credential bought the token in it.
    pub(crate) credential: Option<String>,
    /// Send only so many bytes of the body and then break the connection.
    pub(crate) broken_after: Option<usize>,
}

/// Content type of Graph's JSON.
pub(crate) const GRAPH_JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

impl Reply {
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            template: String::new(),
            units: 0.0,
            tenant: None,
            credential: None,
            broken_after: None,
        }
    }

    pub(crate) fn text(status: StatusCode, content_type: &str, body: String) -> Self {
        Self {
            headers: vec![("content-type", content_type.to_owned())],
            body: Bytes::from(body),
            ..Self::empty(status)
        }
    }

    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self::text(status, "application/json; charset=utf-8", body.to_string())
    }

    /// JSON as Graph sends it.
    pub(crate) fn graph(status: StatusCode, body: String) -> Self {
        Self::text(status, GRAPH_JSON, body)
    }

    pub(crate) fn html(status: StatusCode, body: String) -> Self {
        Self::text(status, "text/html; charset=utf-8", body)
    }

    pub(crate) fn redirect(location: String) -> Self {
        Self::empty(StatusCode::FOUND).with_header("location", location)
    }

    #[must_use]
    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value));
        self
    }

    /// Names the endpoint for the request log.
    #[must_use]
    pub(crate) fn at(mut self, template: &str) -> Self {
        if self.template.is_empty() {
            template.clone_into(&mut self.template);
        }
        self
    }
}
