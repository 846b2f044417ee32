//! One HTTP exchange: bounded in time and size, without redirects and proxies.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use contact_sync_engine::port::BoxError;
use http::{HeaderMap, StatusCode};
use reqwest::redirect::Policy;
use thiserror::Error;

use crate::client::GraphClientError;

/// The most that one answer may hold after decompression.
const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Why there is no complete answer. Says nothing about the address: it may hold a cursor.
#[derive(Debug, Error)]
pub(crate) enum TransportError {
    /// Not connected, timed out, reset, or cut in the middle of the body.
    #[error("the exchange broke")]
    Broken(#[source] BoxError),
    /// Longer than we read.
    #[error("the answer is longer than {BODY_LIMIT} bytes")]
    TooLong,
}

/// The HTTP client.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    http: reqwest::Client,
}

impl Transport {
    pub(crate) fn new() -> Result<Self, GraphClientError> {
        // An error here means that a provider is installed already, by an earlier client.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .gzip(true)
            .connect_timeout(Duration::from_secs(5))
            .pool_idle_timeout(Duration::from_secs(50))
            .user_agent(concat!("entra-contact-sync/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| GraphClientError::Tls(error.into()))?;
        Ok(Self { http })
    }

    pub(crate) fn request(&self, method: http::Method, url: url::Url) -> reqwest::RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request and reads its answer to the end.
    pub(crate) async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
        timeout: Duration,
    ) -> Result<Answer, TransportError> {
        let mut response = request.timeout(timeout).send().await.map_err(broken)?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(TransportError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body: body.freeze() })
    }
}

fn broken(error: reqwest::Error) -> TransportError {
    TransportError::Broken(error.without_url().into())
}
