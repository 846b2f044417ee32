//! What was asked: the last requests and counters per endpoint. Benchmarks count with it.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Requests kept one by one; counters are kept for all.
const KEPT: usize = 5_000;

/// One request that was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggedRequest {
    /// Counted from 1 since the start or the last reset.
    pub number: u64,
    /// Simulated instant.
    pub at: Timestamp,
    /// HTTP method.
    pub method: String,
    /// Endpoint, as `/users/{id}` or `/{tenant}/oauth2/v2.0/token`.
    pub endpoint: String,
    /// Path and query, with tokens cut short.
    pub url: String,
    /// HTTP status.
    pub status: u16,
    /// The caller's tenant, once known.
    pub tenant: Option<Uuid>,
    /// Headers that change how Graph serves a request, by name in lower case: `accept`,
    /// `consistencylevel`, `prefer`, `x-ms-throttle-priority`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Which of the app's credentials bought a token: the first eight hexadecimal digits of the
    /// SHA-256 digest of the secret's text or of the certificate.
    #[serde(default)]
    pub credential: Option<String>,
    /// Resource units charged.
    pub resource_units: f64,
    /// Bytes of the body before compression.
    pub bytes: usize,
}

/// Counters of one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointCounts {
    /// Requests.
    pub requests: u64,
    /// Resource units charged.
    pub resource_units: f64,
    /// Requests by status.
    pub statuses: BTreeMap<u16, u64>,
}

/// Counters since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestCounts {
    /// All requests.
    pub requests: u64,
    /// Requests to Graph alone.
    pub graph_requests: u64,
    /// Resource units charged.
    pub resource_units: f64,
    /// By `METHOD endpoint`.
    pub endpoints: BTreeMap<String, EndpointCounts>,
}

/// The log.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    counts: RequestCounts,
    last: VecDeque<LoggedRequest>,
}

impl RequestLog {
    pub(crate) fn add(&mut self, mut request: LoggedRequest) {
        let counts = &mut self.counts;
        counts.requests += 1;
        if request.url.starts_with("/v1.0/") {
            counts.graph_requests += 1;
        }
        counts.resource_units += request.resource_units;
        let key = format!("{} {}", request.method, request.endpoint);
        let endpoint = counts.endpoints.entry(key).or_default();
        endpoint.requests += 1;
        endpoint.resource_units += request.resource_units;
        *endpoint.statuses.entry(request.status).or_default() += 1;
        request.number = counts.requests;
        self.last.push_back(request);
        if self.last.len() > KEPT {
            self.last.pop_front();
        }
    }

    pub(crate) fn counts(&self) -> RequestCounts {
        self.counts.clone()
    }

    /// The newest `count` requests, oldest first.
    pub(crate) fn newest(&self, count: usize) -> Vec<LoggedRequest> {
        self.last.iter().skip(self.last.len().saturating_sub(count)).cloned().collect()
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// Cuts sealed tokens, which are long and say nothing.
pub(crate) fn shortened(url: &str) -> String {
    url.split('&')
        .map(|part| match part.char_indices().nth(120) {
            Some((end, _)) if part.contains("token=") => {
                format!("{}…", part.get(..end).unwrap_or_default())
            }
            _ => part.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("&")
}
