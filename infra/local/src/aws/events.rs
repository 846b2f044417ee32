//! EventBridge: PutEvents.

use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    AwsRequest, AwsServices, CallCount, CallKey, json_answer, json_error, unknown_operation,
};
use crate::bus::Entry;
use crate::template::{ACCOUNT_ID, REGION};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutEvents {
    entries: Vec<PutEventsEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutEventsEntry {
    #[serde(default)]
    source: String,
    #[serde(default)]
    detail_type: String,
    #[serde(default)]
    detail: String,
    #[serde(default = "default_bus")]
    event_bus_name: String,
    #[serde(default)]
    resources: Vec<String>,
    /// Seconds since the epoch.
    #[serde(default)]
    time: Option<f64>,
    #[serde(default)]
    trace_header: Option<String>,
}

fn default_bus() -> String {
    "default".to_owned()
}

/// EventBridge takes ten entries at a time.
const MAX_ENTRIES: usize = 10;

pub(super) fn serve(services: &AwsServices, request: &AwsRequest) -> Response {
    if request.operation() != "PutEvents" {
        return unknown_operation("events", request.operation());
    }
    let put: PutEvents = match serde_json::from_slice(&request.body) {
        Ok(put) => put,
        Err(error) => {
            return json_error(StatusCode::BAD_REQUEST, "ValidationException", &error.to_string());
        }
    };
    if put.entries.is_empty() || put.entries.len() > MAX_ENTRIES {
        return json_error(
            StatusCode::BAD_REQUEST,
            "ValidationException",
            "Member must have length between 1 and 10: entries",
        );
    }
    for entry in &put.entries {
        let arn = if entry.event_bus_name.starts_with("arn:") {
            entry.event_bus_name.clone()
        } else {
            format!("arn:aws:events:{REGION}:{ACCOUNT_ID}:event-bus/{}", entry.event_bus_name)
        };
        if let Err(denied) = services.access.check(&request.caller, "events:PutEvents", &arn) {
            return denied.answer();
        }
    }
    services.counters.add(
        CallKey {
            caller: request.caller.name().to_owned(),
            operation: "events:PutEvents".to_owned(),
            resource: String::new(),
        },
        CallCount { requests: 1, ..CallCount::default() },
    );
    let results: Vec<Result<String, Value>> =
        put.entries
            .into_iter()
            .map(|entry| {
                // A trace header would be passed on to X-Ray, which one machine does not have.
                drop(entry.trace_header);
                let entry = Entry {
                    bus: entry.event_bus_name,
                    source: entry.source,
                    detail_type: entry.detail_type,
                    detail: entry.detail,
                    resources: entry.resources,
                    time: entry.time.and_then(instant),
                };
                services.buses.publish(&entry).map_err(
                    |error| json!({"ErrorCode": error.code, "ErrorMessage": error.message}),
                )
            })
            .collect();
    let failed = results.iter().filter(|result| result.is_err()).count();
    let entries: Vec<Value> = results
        .into_iter()
        .map(|result| result.map_or_else(|error| error, |id| json!({"EventId": id})))
        .collect();
    json_answer(StatusCode::OK, &json!({"FailedEntryCount": failed, "Entries": entries}))
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds are enough")]
fn instant(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_millisecond((seconds * 1_000.0) as i64).ok()
}
