//! Clock, faults, settings, requests, keys, subscriptions.

use axum::extract::{Path, Query, State};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Refusal, missing};
use crate::clock::parse_duration;
use crate::controls::{ClockReading, Controls};
use crate::faults::Fault;
use crate::settings::Settings;

pub(super) fn routes() -> Router<Controls> {
    Router::new()
        .route("/clock", get(clock).post(move_clock))
        .route("/settings", get(settings).patch(change_settings))
        .route("/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/requests", get(requests).delete(reset_requests))
        .route("/keys/roll", post(roll_keys))
        .route("/subscriptions", get(subscriptions))
        .route("/subscriptions/{id}", delete(remove_subscription))
        .route("/subscriptions/{id}/notify", post(notify))
        .route("/subscriptions/{id}/lifecycle", post(lifecycle))
        .route("/subscriptions/{id}/forge", post(forge))
        .route("/deliveries", get(deliveries))
        .route("/endpoints", get(endpoints))
}

async fn clock(State(controls): State<Controls>) -> Json<ClockReading> {
    Json(controls.read_clock())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    /// As `8d` or `1h30m`.
    advance: Option<String>,
    set: Option<Timestamp>,
    freeze: Option<bool>,
}

async fn move_clock(
    State(controls): State<Controls>,
    Json(wanted): Json<Move>,
) -> Result<Json<ClockReading>, Refusal> {
    match wanted.freeze {
        Some(true) => controls.clock().freeze(),
        Some(false) => controls.clock().resume(),
        None => {}
    }
    if let Some(text) = wanted.advance {
        let refused = || {
            let text = format!("'{text}' is not a span; write 90s, 15m, 8d or 1h30m");
            Refusal(StatusCode::UNPROCESSABLE_ENTITY, text)
        };
        controls.advance_clock(parse_duration(&text).ok_or_else(refused)?);
    }
    if let Some(to) = wanted.set {
        controls.set_clock(to);
    }
    Ok(Json(controls.read_clock()))
}

async fn settings(State(controls): State<Controls>) -> Json<Settings> {
    Json(controls.settings())
}

async fn change_settings(
    State(controls): State<Controls>,
    Json(changes): Json<Value>,
) -> Result<Json<Settings>, Refusal> {
    let refused = |error: crate::controls::SettingsError| {
        Refusal(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
    };
    controls.merge_settings(&changes).map(Json).map_err(refused)
}

async fn faults(State(controls): State<Controls>) -> Json<Value> {
    Json(json!({ "faults": controls.faults() }))
}

async fn add_faults(
    State(controls): State<Controls>,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let list = match body {
        Value::Array(list) => list,
        one => vec![one],
    };
    let faults: Result<Vec<Fault>, _> = list.into_iter().map(serde_json::from_value).collect();
    let refused =
        |error: serde_json::Error| Refusal(StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
    let ids: Vec<u64> =
        faults.map_err(refused)?.into_iter().map(|fault| controls.add_fault(fault)).collect();
    Ok((StatusCode::CREATED, Json(json!({ "ids": ids }))))
}

async fn clear_faults(State(controls): State<Controls>) -> StatusCode {
    controls.clear_faults();
    StatusCode::NO_CONTENT
}

async fn remove_fault(
    State(controls): State<Controls>,
    Path(id): Path<u64>,
) -> Result<StatusCode, Refusal> {
    if controls.remove_fault(id) { Ok(StatusCode::NO_CONTENT) } else { Err(missing("fault")) }
}

#[derive(Deserialize)]
struct Newest {
    #[serde(default = "hundred")]
    last: usize,
}

const fn hundred() -> usize {
    100
}

async fn requests(State(controls): State<Controls>, Query(query): Query<Newest>) -> Json<Value> {
    let requests = controls.requests(query.last);
    Json(json!({ "counts": controls.request_counts(), "requests": requests }))
}

async fn reset_requests(State(controls): State<Controls>) -> StatusCode {
    controls.reset_requests();
    StatusCode::NO_CONTENT
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Roll {
    #[serde(default)]
    retire_old: bool,
}

async fn roll_keys(
    State(controls): State<Controls>,
    body: Option<Json<Roll>>,
) -> Result<StatusCode, Refusal> {
    let Json(Roll { retire_old }) = body.unwrap_or_default();
    let failed = |error: crate::signing::SigningError| {
        Refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    };
    controls.roll_keys(retire_old).map_err(failed)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn subscriptions(State(controls): State<Controls>) -> Json<Value> {
    Json(json!({ "subscriptions": controls.subscriptions() }))
}

async fn remove_subscription(
    State(controls): State<Controls>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Refusal> {
    let known = controls.remove_subscription(id);
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(missing("subscription")) }
}

#[derive(Deserialize)]
struct Notice {
    /// Object the notification is about; a random one unless given.
    object: Option<Uuid>,
    #[serde(default)]
    deleted: bool,
    #[serde(default = "once")]
    times: u32,
}

const fn once() -> u32 {
    1
}

async fn notify(
    State(controls): State<Controls>,
    Path(id): Path<Uuid>,
    Json(notice): Json<Notice>,
) -> Result<StatusCode, Refusal> {
    let object = notice.object.unwrap_or_else(Uuid::new_v4);
    let known = controls.send_notification(id, object, notice.deleted, notice.times);
    if known { Ok(StatusCode::ACCEPTED) } else { Err(missing("subscription")) }
}

#[derive(Deserialize)]
struct Lifecycle {
    #[serde(default = "reauthorization_required")]
    event: String,
    #[serde(default)]
    hold: bool,
}

fn reauthorization_required() -> String {
    "reauthorizationRequired".to_owned()
}

async fn lifecycle(
    State(controls): State<Controls>,
    Path(id): Path<Uuid>,
    Json(Lifecycle { event, hold }): Json<Lifecycle>,
) -> Result<StatusCode, Refusal> {
    let known = controls.send_lifecycle(id, &event, hold);
    if known { Ok(StatusCode::ACCEPTED) } else { Err(missing("subscription")) }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Forgery {
    /// Members put over those of a true notification.
    item: serde_json::Map<String, Value>,
    /// The whole body instead.
    body: Option<String>,
}

async fn forge(
    State(controls): State<Controls>,
    Path(id): Path<Uuid>,
    Json(Forgery { item, body }): Json<Forgery>,
) -> Result<Json<Value>, Refusal> {
    let status = controls.send_forged(id, &item, body).await;
    let status = status.ok_or_else(|| missing("subscription or receiver"))?;
    Ok(Json(json!({ "status": status })))
}

/// Every endpoint that is simulated, as the request log names them.
async fn endpoints() -> Json<Value> {
    Json(json!({
        "graph": crate::graph::route::ENDPOINTS,
        "login": crate::login::ENDPOINTS,
    }))
}

async fn deliveries(State(controls): State<Controls>) -> Json<Value> {
    Json(json!(controls.deliveries()))
}
