//! Changing administrative units by hand.

use axum::extract::{Path, State};
use axum::routing::{get, patch, put};
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Refusal;
use crate::controls::Controls;
use crate::directory::DirectoryCommand;

type Done = Result<StatusCode, Refusal>;
type Two = Path<(String, String)>;
type Three = Path<(String, String, String)>;

pub(super) fn routes() -> Router<Controls> {
    Router::new()
        .route("/tenants/{tenant}/units", get(units).post(create))
        .route("/tenants/{tenant}/units/{unit}", patch(update).delete(remove))
        .route("/tenants/{tenant}/units/{unit}/members/{member}", put(add).delete(take_out))
}

fn apply(controls: &Controls, tenant: &str, command: DirectoryCommand) -> Done {
    controls.apply(tenant, command)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn units(
    State(controls): State<Controls>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Refusal> {
    Ok(Json(json!({ "units": controls.units(&tenant)? })))
}

async fn create(
    State(controls): State<Controls>,
    Path(tenant): Path<String>,
    Json(properties): Json<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let id = Uuid::new_v4();
    controls.apply(&tenant, DirectoryCommand::CreateUnit { id: Some(id), properties })?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

async fn update(
    State(controls): State<Controls>,
    Path((tenant, unit)): Two,
    Json(properties): Json<Map<String, Value>>,
) -> Done {
    apply(&controls, &tenant, DirectoryCommand::UpdateUnit { unit, properties })
}

async fn remove(State(controls): State<Controls>, Path((tenant, unit)): Two) -> Done {
    apply(&controls, &tenant, DirectoryCommand::DeleteUnit { unit })
}

async fn add(State(controls): State<Controls>, Path((tenant, unit, member)): Three) -> Done {
    apply(&controls, &tenant, DirectoryCommand::AddToUnit { unit, member })
}

async fn take_out(State(controls): State<Controls>, Path((tenant, unit, member)): Three) -> Done {
    apply(&controls, &tenant, DirectoryCommand::RemoveFromUnit { unit, member })
}
