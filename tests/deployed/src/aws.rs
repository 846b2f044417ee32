//! The AWS APIs that this check calls itself, in their JSON and query protocols. The product's own
//! calls go through the AWS SDK inside its functions; here a few lines are enough.

use reqwest::{Method, StatusCode};
use serde_json::Value;

/// The Region of everything.
pub(crate) const REGION: &str = "us-east-1";
/// The credentials that the stand-in takes for its root's.
pub(crate) const ACCESS_KEY: &str = "test";

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AwsError {
    #[error("{0} does not answer")]
    Transport(String, #[source] reqwest::Error),
    #[error("{operation} answered {status}: {body}")]
    Refused { operation: String, status: StatusCode, body: String },
    #[error("{0} answered no JSON")]
    Shape(String, #[source] serde_json::Error),
}

/// A client of one endpoint for all services.
#[derive(Debug, Clone)]
pub(crate) struct Aws {
    http: reqwest::Client,
    url: String,
}

impl Aws {
    pub(crate) fn new(http: reqwest::Client, url: String) -> Self {
        Self { http, url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Calls a service of the JSON protocol: `target` is `AWSEvents.PutRule`.
    pub(crate) async fn json(
        &self,
        service: &str,
        target: &str,
        body: &Value,
    ) -> Result<Value, AwsError> {
        let request = self
            .http
            .post(&self.url)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(body.to_string());
        json_of(target, &self.send(service, target, request).await?)
    }

    /// Calls a service of the REST protocol.
    pub(crate) async fn rest(
        &self,
        service: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, AwsError> {
        let operation = format!("{method} {path}");
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let text = self.send(service, &operation, request).await?;
        if text.is_empty() { Ok(Value::Null) } else { json_of(&operation, &text) }
    }

    /// Calls a service of the query protocol; answers its XML.
    pub(crate) async fn query(
        &self,
        service: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, AwsError> {
        let operation = parameters.first().map(|(_, action)| *action).unwrap_or_default();
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let request = self
            .http
            .post(&self.url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        self.send(service, operation, request).await
    }

    async fn send(
        &self,
        service: &str,
        operation: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<String, AwsError> {
        let transport = |error| AwsError::Transport(operation.to_owned(), error);
        // The stand-in reads service and Region from the credential's scope; signatures it does not
        // check.
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{REGION}/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        );
        let response = request
            .header("authorization", authorization)
            .header("x-amz-date", "20260101T000000Z")
            .send()
            .await
            .map_err(transport)?;
        let status = response.status();
        let body = response.text().await.map_err(transport)?;
        if status.is_success() {
            return Ok(body);
        }
        Err(AwsError::Refused { operation: operation.to_owned(), status, body })
    }
}

fn json_of(operation: &str, text: &str) -> Result<Value, AwsError> {
    serde_json::from_str(text).map_err(|error| AwsError::Shape(operation.to_owned(), error))
}

/// A text member, empty if there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The members of a list, none if there is no list.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}
