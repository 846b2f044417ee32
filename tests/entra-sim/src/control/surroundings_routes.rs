//! Changing what lies around people, and filling groups.

use axum::extract::{Path, State};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Refusal;
use crate::controls::Controls;
use crate::directory::{CalendarEvent, DirectoryCommand};

type Done = Result<StatusCode, Refusal>;

pub(super) fn routes() -> Router<Controls> {
    Router::new()
        .route("/tenants/{tenant}/devices", get(devices).post(create_device))
        .route("/tenants/{tenant}/devices/{device}", delete(delete_device))
        .route("/tenants/{tenant}/groups/{group}/fill", post(fill_group))
        .route("/tenants/{tenant}/users/{user}/registration", put(set_registration))
        .route("/tenants/{tenant}/users/{user}/photo", put(put_photo).delete(delete_photo))
        .route("/tenants/{tenant}/users/{user}/events/{key}", put(put_event).delete(remove_event))
}

fn apply(controls: &Controls, tenant: &str, command: DirectoryCommand) -> Done {
    controls.apply(tenant, command)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn devices(
    State(controls): State<Controls>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Refusal> {
    Ok(Json(json!({ "devices": controls.devices(&tenant)? })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDevice {
    owner: Option<String>,
    #[serde(default)]
    managed: bool,
    properties: Map<String, Value>,
}

async fn create_device(
    State(controls): State<Controls>,
    Path(tenant): Path<String>,
    Json(NewDevice { owner, managed, properties }): Json<NewDevice>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let command = DirectoryCommand::CreateDevice { id: None, owner, managed, properties };
    let id = controls.apply(&tenant, command)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

async fn delete_device(
    State(controls): State<Controls>,
    Path((tenant, device)): Path<(String, Uuid)>,
) -> Done {
    apply(&controls, &tenant, DirectoryCommand::DeleteDevice { device })
}

#[derive(Deserialize)]
struct Fill {
    members: u32,
}

async fn fill_group(
    State(controls): State<Controls>,
    Path((tenant, group)): Path<(String, String)>,
    Json(Fill { members }): Json<Fill>,
) -> Done {
    apply(&controls, &tenant, DirectoryCommand::FillGroup { group, members })
}

async fn set_registration(
    State(controls): State<Controls>,
    Path((tenant, user)): Path<(String, String)>,
    Json(properties): Json<Map<String, Value>>,
) -> Done {
    apply(&controls, &tenant, DirectoryCommand::SetRegistration { user, properties })
}

async fn put_photo(
    State(controls): State<Controls>,
    Path((tenant, user)): Path<(String, String)>,
) -> Done {
    apply(&controls, &tenant, DirectoryCommand::SetPhoto { user, present: true })
}

async fn delete_photo(
    State(controls): State<Controls>,
    Path((tenant, user)): Path<(String, String)>,
) -> Done {
    apply(&controls, &tenant, DirectoryCommand::SetPhoto { user, present: false })
}

async fn put_event(
    State(controls): State<Controls>,
    Path((tenant, user, key)): Path<(String, String, Uuid)>,
    Json(event): Json<CalendarEvent>,
) -> Done {
    apply(&controls, &tenant, DirectoryCommand::PutEvent { user, key, event })
}

async fn remove_event(
    State(controls): State<Controls>,
    Path((tenant, user, key)): Path<(String, String, Uuid)>,
) -> Done {
    apply(&controls, &tenant, DirectoryCommand::RemoveEvent { user, key })
}
