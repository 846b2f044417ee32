//! `$batch`: up to twenty requests in one.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Call;
use super::errors::GraphError;
use crate::exchange::{Incoming, Reply};
use crate::simulation::Sim;

/// Most requests of a batch.
const LONGEST: usize = 20;

#[derive(Deserialize)]
struct Batch {
    requests: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    depends_on: Vec<String>,
}

/// Answers a batch: 200 whatever its items say; 400 only if it is malformed itself.
pub(super) async fn answer(sim: &Sim, call: &Call<'_>) -> Reply {
    let batch = match parse(&call.incoming.body) {
        Ok(batch) => batch,
        Err(error) => return error.reply(call.incoming, call.now),
    };
    let mut failed: BTreeSet<String> = BTreeSet::new();
    let mut responses = Vec::new();
    let mut units = 0.0;
    for item in &batch.requests {
        let reply = if item.depends_on.iter().any(|id| failed.contains(id)) {
            let error = GraphError::new(
                StatusCode::FAILED_DEPENDENCY,
                "FailedDependency",
                "A request this one depends on failed.",
            );
            error.reply(call.incoming, call.now)
        } else {
            match incoming(item, call.incoming) {
                Ok(incoming) => Box::pin(sim.serve(&incoming)).await,
                Err(error) => error.reply(call.incoming, call.now),
            }
        };
        if !reply.status.is_success() {
            failed.insert(item.id.clone());
        }
        units += reply.units;
        responses.push(response(&item.id, &reply));
    }
    // The service answers in any order: clients must match by id.
    responses.reverse();
    let body = json!({ "responses": responses });
    Reply { units, ..Reply::graph(StatusCode::OK, body.to_string()) }
}

fn parse(body: &[u8]) -> Result<Batch, GraphError> {
    let batch: Batch = serde_json::from_slice(body).map_err(|error| {
        GraphError::bad_request(&format!("Invalid batch payload format: {error}"))
    })?;
    if batch.requests.is_empty() || batch.requests.len() > LONGEST {
        return Err(GraphError::bad_request(&format!(
            "Number of batch request steps must be between 1 and {LONGEST}."
        )));
    }
    let ids: BTreeSet<&String> = batch.requests.iter().map(|item| &item.id).collect();
    if ids.len() != batch.requests.len() {
        return Err(GraphError::bad_request("Request ids must be unique within a batch."));
    }
    Ok(batch)
}

fn incoming(item: &Item, outer: &Incoming) -> Result<Incoming, GraphError> {
    let method = Method::from_bytes(item.method.to_uppercase().as_bytes())
        .map_err(|_unknown| GraphError::bad_request("Unknown method of a batch request."))?;
    if !item.url.starts_with('/') || item.url.starts_with("/$batch") {
        return Err(GraphError::bad_request("Batch request URLs are relative to the version."));
    }
    let (path, query) = item.url.split_once('?').unwrap_or((&item.url, ""));
    let mut headers = HeaderMap::new();
    for (name, value) in &item.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            headers.insert(name, value);
        }
    }
    if item.body.is_some() && !headers.contains_key("content-type") {
        return Err(GraphError::bad_request("A batch request with a body needs Content-Type."));
    }
    if let Some(token) = outer.headers.get("authorization") {
        headers.insert("authorization", token.clone());
    }
    let body = item.body.as_ref().map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let path = format!("/v1.0{path}");
    let request_id = Uuid::new_v4();
    Ok(Incoming { method, path, query: query.to_owned(), headers, body, request_id })
}

fn response(id: &str, reply: &Reply) -> Value {
    let mut headers = Map::new();
    for (name, value) in &reply.headers {
        if matches!(*name, "content-type" | "retry-after" | "location" | "cache-control") {
            let name = match *name {
                "content-type" => "Content-Type",
                "retry-after" => "Retry-After",
                "location" => "Location",
                _ => "Cache-Control",
            };
            headers.insert(name.to_owned(), json!(value));
        }
    }
    let mut response = json!({ "id": id, "status": reply.status.as_u16(), "headers": headers });
    if let (false, Some(members)) = (reply.body.is_empty(), response.as_object_mut()) {
        let body = serde_json::from_slice(&reply.body).unwrap_or_else(|_| {
            Value::String(base64::engine::general_purpose::STANDARD.encode(&reply.body))
        });
        members.insert("body".to_owned(), body);
    }
    response
}
