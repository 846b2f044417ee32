//! Changing directories by hand.

use axum::extract::{Path, Query, State};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Refusal, missing};
use crate::controls::Controls;
use crate::directory::DirectoryCommand;

type Answer = Result<(StatusCode, Json<Value>), Refusal>;
type Two = Path<(String, String)>;
type Three = Path<(String, String, String)>;

pub(super) fn routes() -> Router<Controls> {
    Router::new()
        .route("/tenants/{tenant}/commands", post(commands))
        .route("/tenants/{tenant}/users", get(users).post(create_user))
        .route("/tenants/{tenant}/users/{user}", get(user).patch(update_user).delete(delete_user))
        .route("/tenants/{tenant}/users/{user}/restore", post(restore_user))
        .route("/tenants/{tenant}/users/{user}/manager", put(set_manager))
        .route(
            "/tenants/{tenant}/users/{user}/roles/{role}",
            put(assign_role).delete(unassign_role),
        )
        .route("/tenants/{tenant}/groups", get(groups).post(create_group))
        .route("/tenants/{tenant}/groups/{group}", delete(delete_group).patch(update_group))
        .route("/tenants/{tenant}/groups/{group}/restore", post(restore_group))
        .route(
            "/tenants/{tenant}/groups/{group}/members/{member}",
            put(add_member).delete(remove_member),
        )
}

fn apply(controls: &Controls, tenant: &str, command: DirectoryCommand) -> Answer {
    let id = controls.apply(tenant, command)?;
    Ok((StatusCode::OK, Json(json!({ "id": id, "changed": id.is_some() }))))
}

async fn commands(
    State(controls): State<Controls>,
    Path(tenant): Path<String>,
    Json(commands): Json<Vec<DirectoryCommand>>,
) -> Answer {
    let mut ids = Vec::new();
    for command in commands {
        ids.push(controls.apply(&tenant, command)?);
    }
    Ok((StatusCode::OK, Json(json!({ "ids": ids }))))
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    query: String,
    #[serde(default = "fifty")]
    limit: usize,
}

const fn fifty() -> usize {
    50
}

async fn users(
    State(controls): State<Controls>,
    Path(tenant): Path<String>,
    Query(search): Query<Search>,
) -> Answer {
    let found = controls.find_users(&tenant, &search.query, search.limit)?;
    Ok((StatusCode::OK, Json(json!({ "users": found }))))
}

async fn user(State(controls): State<Controls>, Path((tenant, user)): Two) -> Answer {
    let found = controls.user(&tenant, &user)?.ok_or_else(|| missing("user"))?;
    Ok((StatusCode::OK, Json(found)))
}

async fn create_user(
    State(controls): State<Controls>,
    Path(tenant): Path<String>,
    Json(mut properties): Json<Map<String, Value>>,
) -> Answer {
    let id = taken_id(&mut properties);
    let (_, body) = apply(&controls, &tenant, DirectoryCommand::CreateUser { id, properties })?;
    Ok((StatusCode::CREATED, body))
}

/// The `id` among the properties of a new object, if given.
fn taken_id(properties: &mut Map<String, Value>) -> Option<Uuid> {
    let id = properties.remove("id")?;
    id.as_str().and_then(|id| Uuid::try_parse(id).ok())
}

async fn update_user(
    State(controls): State<Controls>,
    Path((tenant, user)): Two,
    Json(properties): Json<Map<String, Value>>,
) -> Answer {
    apply(&controls, &tenant, DirectoryCommand::UpdateUser { user, properties })
}

#[derive(Deserialize)]
struct Deletion {
    #[serde(default)]
    permanent: bool,
}

async fn delete_user(
    State(controls): State<Controls>,
    Path((tenant, user)): Two,
    Query(Deletion { permanent }): Query<Deletion>,
) -> Answer {
    apply(&controls, &tenant, DirectoryCommand::DeleteUser { user, permanent })
}

async fn restore_user(State(controls): State<Controls>, Path((tenant, user)): Two) -> Answer {
    apply(&controls, &tenant, DirectoryCommand::RestoreUser { user })
}

#[derive(Deserialize)]
struct Manager {
    manager: Option<String>,
}

async fn set_manager(
    State(controls): State<Controls>,
    Path((tenant, user)): Two,
    Json(Manager { manager }): Json<Manager>,
) -> Answer {
    apply(&controls, &tenant, DirectoryCommand::SetManager { user, manager })
}

async fn assign_role(
    State(controls): State<Controls>,
    Path((tenant, user, role)): Path<(String, String, Uuid)>,
) -> Answer {
    apply(&controls, &tenant, DirectoryCommand::AssignRole { user, role })
}

async fn unassign_role(
    State(controls): State<Controls>,
    Path((tenant, user, role)): Path<(String, String, Uuid)>,
) -> Answer {
    apply(&controls, &tenant, DirectoryCommand::UnassignRole { user, role })
}

#[derive(Deserialize)]
struct WithMembers {
    #[serde(default)]
    members: bool,
}

async fn groups(
    State(controls): State<Controls>,
    Path(tenant): Path<String>,
    Query(WithMembers { members }): Query<WithMembers>,
) -> Answer {
    let groups = if members { controls.groups(&tenant)? } else { controls.group_list(&tenant)? };
    Ok((StatusCode::OK, Json(json!({ "groups": groups }))))
}

async fn create_group(
    State(controls): State<Controls>,
    Path(tenant): Path<String>,
    Json(mut properties): Json<Map<String, Value>>,
) -> Answer {
    let id = taken_id(&mut properties);
    let (_, body) = apply(&controls, &tenant, DirectoryCommand::CreateGroup { id, properties })?;
    Ok((StatusCode::CREATED, body))
}

async fn update_group(
    State(controls): State<Controls>,
    Path((tenant, group)): Two,
    Json(properties): Json<Map<String, Value>>,
) -> Answer {
    apply(&controls, &tenant, DirectoryCommand::UpdateGroup { group, properties })
}

async fn delete_group(State(controls): State<Controls>, Path((tenant, group)): Two) -> Answer {
    apply(&controls, &tenant, DirectoryCommand::DeleteGroup { group })
}

async fn restore_group(State(controls): State<Controls>, Path((tenant, group)): Two) -> Answer {
    apply(&controls, &tenant, DirectoryCommand::RestoreGroup { group })
}

async fn add_member(
    State(controls): State<Controls>,
    Path((tenant, group, member)): Three,
) -> Answer {
    apply(&controls, &tenant, DirectoryCommand::AddMember { group, member })
}

async fn remove_member(
    State(controls): State<Controls>,
    Path((tenant, group, member)): Three,
) -> Answer {
    apply(&controls, &tenant, DirectoryCommand::RemoveMember { group, member })
}
