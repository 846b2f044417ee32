//! Between the functions and the engine: holds callers to their roles and counts what they use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::Value;
use tokio::sync::Notify;

use super::{DynamoClient, permissions};
use crate::aws::{AwsRequest, AwsServices, CallCount, CallKey, json_error, unknown_operation};
use crate::template::{ACCOUNT_ID, REGION};

/// The proxy in front of one endpoint.
#[derive(Debug)]
pub(crate) struct DynamoProxy {
    client: DynamoClient,
    /// Told after every write, so that streams are read at once.
    written: Arc<Notify>,
}

/// Reads and writes of items; their capacity is asked for and counted.
const READS: [&str; 5] = ["GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems"];
const WRITES: [&str; 5] =
    ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"];

impl DynamoProxy {
    pub(crate) fn new(client: DynamoClient, written: Arc<Notify>) -> Self {
        Self { client, written }
    }

    pub(crate) async fn serve(&self, services: &AwsServices, request: AwsRequest) -> Response {
        let operation = request.operation().to_owned();
        let is_write = WRITES.contains(&operation.as_str());
        if !is_write && !READS.contains(&operation.as_str()) && operation != "DescribeTable" {
            return unknown_operation("dynamodb", &operation);
        }
        let asked = request.body.len();
        let mut body = match request.json() {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        let permissions = permissions::of(&operation, &body);
        for needed in &permissions {
            let table = &needed.table;
            let arn = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{table}");
            let checked = services.access.check_request(
                &request.caller,
                &needed.action,
                &arn,
                &needed.context(),
            );
            if let Err(denied) = checked {
                return denied.answer();
            }
        }
        let tables: BTreeSet<&str> =
            permissions.iter().map(|needed| needed.table.as_str()).collect();
        let wants_capacity = body
            .get("ReturnConsumedCapacity")
            .and_then(Value::as_str)
            .is_some_and(|mode| mode != "NONE");
        if let (false, Some(members)) =
            (wants_capacity || operation == "DescribeTable", body.as_object_mut())
        {
            members.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
        }
        let target = format!("DynamoDB_20120810.{operation}");
        let answer = match self.client.send(&target, body.to_string().into_bytes()).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(%error, "DynamoDB could not be asked.");
                return json_error(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "InternalServerError",
                    "the database engine does not answer",
                );
            }
        };
        if is_write {
            self.written.notify_waiters();
        }
        let mut count = Consumption::default();
        let answered: Bytes = if answer.status.is_success() {
            let mut value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            count.add(value.get("ConsumedCapacity"), is_write);
            if let (false, Some(members)) = (wants_capacity, value.as_object_mut()) {
                members.remove("ConsumedCapacity");
            }
            value.to_string().into()
        } else {
            if is_write {
                count.add_failed_condition(&operation, &body, &answer.body, &tables);
            }
            answer.body
        };
        let bytes = u64::try_from(asked + answered.len()).unwrap_or(u64::MAX);
        count.report(services, &request, &operation, &tables, bytes);
        let mut response = Response::new(Body::from(answered));
        *response.status_mut() = answer.status;
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
        response
    }
}

/// Units per table, as the engine reported them.
#[derive(Default)]
struct Consumption {
    by_table: BTreeMap<String, CallCount>,
}

impl Consumption {
    fn add(&mut self, reported: Option<&Value>, is_write: bool) {
        let reports = match reported {
            Some(Value::Array(reports)) => reports.as_slice(),
            Some(report) => std::slice::from_ref(report),
            None => &[],
        };
        for report in reports {
            let table = report.get("TableName").and_then(Value::as_str).unwrap_or_default();
            let units = report.get("CapacityUnits").and_then(Value::as_f64).unwrap_or_default();
            let count = self.by_table.entry(table.to_owned()).or_default();
            if is_write {
                count.write_units += units;
            } else {
                count.read_units += units;
            }
        }
    }

    /// A write that its condition stopped is billed by the size of the item; DynamoDB does not
    /// report it, so the item in the request stands for it.
    fn add_failed_condition(
        &mut self,
        operation: &str,
        body: &Value,
        answer: &[u8],
        tables: &BTreeSet<&str>,
    ) {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let code = answer.get("__type").and_then(Value::as_str).unwrap_or_default();
        let (count, units) = if code.ends_with("ConditionalCheckFailedException") {
            (1, kilobytes(body.get("Item")))
        } else if code.ends_with("TransactionCanceledException")
            && operation == "TransactWriteItems"
        {
            let items = body.get("TransactItems").and_then(Value::as_array);
            let items = items.map_or(&[][..], Vec::as_slice);
            let units: f64 =
                items.iter().map(|item| 2.0 * kilobytes(item.pointer("/Put/Item"))).sum();
            (1, units)
        } else {
            return;
        };
        if let Some(table) = tables.iter().next() {
            let entry = self.by_table.entry((*table).to_owned()).or_default();
            entry.failed_conditions += count;
            entry.write_units += units;
        }
    }

    fn report(
        mut self,
        services: &AwsServices,
        request: &AwsRequest,
        operation: &str,
        tables: &BTreeSet<&str>,
        bytes: u64,
    ) {
        for table in tables {
            self.by_table.entry((*table).to_owned()).or_default();
        }
        // One request, however many tables it names.
        if let Some(first) = self.by_table.values_mut().next() {
            first.requests = 1;
            first.bytes = bytes;
        }
        for (table, count) in self.by_table {
            services.counters.add(
                CallKey {
                    caller: request.caller.name().to_owned(),
                    operation: format!("dynamodb:{operation}"),
                    resource: table,
                },
                count,
            );
        }
    }
}

/// Write units for an item: one per begun kilobyte of its JSON, at least one.
#[expect(clippy::cast_precision_loss, reason = "an item has at most 400 KB")]
fn kilobytes(item: Option<&Value>) -> f64 {
    let bytes = item.map_or(0, |item| item.to_string().len());
    bytes.div_ceil(1024).max(1) as f64
}
