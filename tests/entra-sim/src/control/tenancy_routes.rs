//! Tenants, consents, tokens, sign-ins and app registrations.

use axum::extract::{Path, State};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Refusal;
use crate::controls::Controls;
use crate::login::sign_in::SignIn;
use crate::options::AppRegistration;

type Done = Result<StatusCode, Refusal>;

pub(super) fn routes() -> Router<Controls> {
    Router::new()
        .route("/tenants", get(tenants))
        .route("/tenants/{tenant}", get(tenant))
        .route("/tenants/{tenant}/licence", put(change_licence))
        .route("/tenants/{tenant}/subscriptions", delete(end_subscriptions))
        .route("/tenants/{tenant}/consents/{app}", put(grant).delete(revoke))
        .route("/tenants/{tenant}/consents/{app}/roles/{role}", delete(remove_role))
        .route("/tenants/{tenant}/consents/{app}/enabled", put(enable))
        .route("/tenants/{tenant}/revoke-tokens", post(revoke_tokens))
        .route("/tenants/{tenant}/expire-delta-tokens", post(expire_delta_tokens))
        .route("/tenants/{tenant}/expire-page-tokens", post(expire_page_tokens))
        .route("/tenants/{tenant}/deleted", put(set_deleted))
        .route("/next-sign-in", post(next_sign_in).delete(clear_sign_ins))
        .route("/apps", get(apps).put(put_app))
}

async fn tenants(State(controls): State<Controls>) -> Json<Value> {
    Json(json!({ "baseUrl": controls.base_url(), "tenants": controls.tenants() }))
}

async fn tenant(
    State(controls): State<Controls>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Refusal> {
    Ok(Json(json!(controls.tenant(tenant)?)))
}

#[derive(Default, Deserialize)]
struct Roles {
    #[serde(default)]
    roles: Option<Vec<String>>,
}

async fn grant(
    State(controls): State<Controls>,
    Path((tenant, app)): Path<(String, Uuid)>,
    body: Option<Json<Roles>>,
) -> Done {
    let Json(Roles { roles }) = body.unwrap_or_default();
    controls.grant_consent(tenant, app, roles)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke(
    State(controls): State<Controls>,
    Path((tenant, app)): Path<(String, Uuid)>,
) -> Done {
    controls.revoke_consent(tenant, app)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove_role(
    State(controls): State<Controls>,
    Path((tenant, app, role)): Path<(String, Uuid, String)>,
) -> Done {
    controls.remove_role(tenant, app, &role)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Enabled {
    enabled: bool,
}

async fn enable(
    State(controls): State<Controls>,
    Path((tenant, app)): Path<(String, Uuid)>,
    Json(Enabled { enabled }): Json<Enabled>,
) -> Done {
    controls.enable_app(tenant, app, enabled)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke_tokens(State(controls): State<Controls>, Path(tenant): Path<String>) -> Done {
    controls.revoke_tokens(tenant)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn expire_delta_tokens(State(controls): State<Controls>, Path(tenant): Path<String>) -> Done {
    controls.expire_delta_tokens(tenant)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn expire_page_tokens(State(controls): State<Controls>, Path(tenant): Path<String>) -> Done {
    controls.expire_page_tokens(tenant)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Deleted {
    deleted: bool,
}

async fn set_deleted(
    State(controls): State<Controls>,
    Path(tenant): Path<String>,
    Json(Deleted { deleted }): Json<Deleted>,
) -> Done {
    controls.delete_tenant(tenant, deleted)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn next_sign_in(State(controls): State<Controls>, Json(sign_in): Json<SignIn>) -> Done {
    let tenant = controls.tenant(&sign_in.tenant)?;
    tracing::debug!(tenant.id = %tenant.id, "the next sign-in was decided");
    controls.next_sign_in(sign_in);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Licence {
    premium: Option<bool>,
    intune: Option<bool>,
}

async fn change_licence(
    State(controls): State<Controls>,
    Path(tenant): Path<String>,
    Json(Licence { premium, intune }): Json<Licence>,
) -> Done {
    controls.change_licence(&tenant, premium, intune)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end_subscriptions(State(controls): State<Controls>, Path(tenant): Path<String>) -> Done {
    controls.end_subscriptions(&tenant)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_sign_ins(State(controls): State<Controls>) -> StatusCode {
    controls.clear_sign_ins();
    StatusCode::NO_CONTENT
}

async fn apps(State(controls): State<Controls>) -> Json<Value> {
    Json(json!({ "apps": controls.apps() }))
}

async fn put_app(State(controls): State<Controls>, Json(app): Json<AppRegistration>) -> StatusCode {
    controls.put_app(app);
    StatusCode::NO_CONTENT
}
