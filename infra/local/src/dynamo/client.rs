//! DynamoDB's JSON protocol, for the stack's own needs: tables, streams, expiry.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::aws::OPERATOR_ACCESS_KEY;
use crate::plan::Table;
use crate::template::REGION;

/// How long a table may take to become active.
const TABLE_WAIT: Duration = Duration::from_millis(200);
const TABLE_ATTEMPTS: usize = 50;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum DynamoError {
    #[error("DynamoDB does not answer at {url}")]
    Transport {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("DynamoDB refused {operation}: {code}: {message}")]
    Refused { operation: String, code: String, message: String },
    #[error("the table {0} exists with other keys or without its stream")]
    Different(String),
    #[error("the table {0} does not become active")]
    NotActive(String),
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: http::StatusCode,
    pub(crate) body: Bytes,
}

/// A client of a DynamoDB endpoint.
#[derive(Debug, Clone)]
pub(crate) struct DynamoClient {
    http: reqwest::Client,
    url: String,
}

impl DynamoClient {
    pub(crate) fn new(http: reqwest::Client, url: String) -> Self {
        Self { http, url }
    }

    /// Sends `body` for `target` (`DynamoDB_20120810.GetItem`) and answers what came.
    pub(crate) async fn send(&self, target: &str, body: Vec<u8>) -> Result<RawAnswer, DynamoError> {
        let transport = |source| DynamoError::Transport { url: self.url.clone(), source };
        let response = self
            .http
            .post(&self.url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .header("x-amz-date", "20260101T000000Z")
            .header("authorization", authorization("dynamodb"))
            .body(body)
            .send()
            .await
            .map_err(transport)?;
        let status = response.status();
        let body = response.bytes().await.map_err(transport)?;
        Ok(RawAnswer { status, body })
    }

    async fn call(&self, target: &str, body: &Value) -> Result<Value, DynamoError> {
        let answer = self.send(target, body.to_string().into_bytes()).await?;
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status.is_success() {
            return Ok(value);
        }
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let code = text("__type");
        let message = if text("message").is_empty() { text("Message") } else { text("message") };
        Err(DynamoError::Refused {
            operation: target.rsplit('.').next().unwrap_or_default().to_owned(),
            code: code.rsplit('#').next().unwrap_or_default().to_owned(),
            message: message.to_owned(),
        })
    }

    /// Calls an operation of DynamoDB.
    pub(crate) async fn tables(&self, operation: &str, body: &Value) -> Result<Value, DynamoError> {
        self.call(&format!("DynamoDB_20120810.{operation}"), body).await
    }

    /// Calls an operation of DynamoDB Streams.
    pub(crate) async fn streams(
        &self,
        operation: &str,
        body: &Value,
    ) -> Result<Value, DynamoError> {
        self.call(&format!("DynamoDBStreams_20120810.{operation}"), body).await
    }

    /// Makes `table` unless it is there; answers the ARN of its stream.
    pub(crate) async fn ensure_table(&self, table: &Table) -> Result<Option<String>, DynamoError> {
        let name = json!({"TableName": table.name});
        if let Err(error) = self.tables("CreateTable", &table.create_request).await {
            match &error {
                DynamoError::Refused { code, .. } if code == "ResourceInUseException" => {}
                _ => return Err(error),
            }
        }
        for _ in 0..TABLE_ATTEMPTS {
            let described = self.tables("DescribeTable", &name).await?;
            let text = |pointer: &str| described.pointer(pointer).and_then(Value::as_str);
            if text("/Table/TableStatus") != Some("ACTIVE") {
                tokio::time::sleep(TABLE_WAIT).await;
                continue;
            }
            let same_keys =
                described.pointer("/Table/KeySchema") == table.create_request.pointer("/KeySchema");
            let stream = text("/Table/LatestStreamArn").map(str::to_owned);
            if !same_keys || (table.stream_arn.is_some() && stream.is_none()) {
                return Err(DynamoError::Different(table.name.clone()));
            }
            self.ensure_expiry(table).await?;
            return Ok(stream);
        }
        Err(DynamoError::NotActive(table.name.clone()))
    }

    async fn ensure_expiry(&self, table: &Table) -> Result<(), DynamoError> {
        let Some(attribute) = &table.expiry_attribute else { return Ok(()) };
        let name = json!({"TableName": table.name});
        let described = self.tables("DescribeTimeToLive", &name).await?;
        let status = described.pointer("/TimeToLiveDescription/TimeToLiveStatus");
        if matches!(status.and_then(Value::as_str), Some("ENABLED" | "ENABLING")) {
            return Ok(());
        }
        let request = json!({
            "TableName": table.name,
            "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true},
        });
        self.tables("UpdateTimeToLive", &request).await.map(drop)
    }
}

/// A signature that names the stack; stand-ins do not verify it.
pub(crate) fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={OPERATOR_ACCESS_KEY}/20260101/{REGION}/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000"
    )
}
