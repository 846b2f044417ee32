//! Directory objects across types: memberships of a person, reads by id, the recycle bin.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::Call;
use super::errors::GraphError;
use super::member_lists::{MixedSelection, may_read};
use super::paging::{Entries, Position, context, next_link, position};
use super::permissions::{GROUPS, MEMBER_OF, ROLES, USERS, require};
use super::query::ListQuery;
use super::users::{entity, readable_selection, tenant};
use crate::directory::members::MemberKind;
use crate::directory::selection::Detail;
use crate::directory::{Presence, User, WELL_KNOWN};
use crate::exchange::Reply;
use crate::generate::{GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR};
use crate::identifiers::seeded_guid;
use crate::world::World;

/// Most ids of one `getByIds`.
const LONGEST_IDS: usize = 1_000;
/// Most ids of one `checkMemberGroups`.
const LONGEST_CHECK: usize = 20;

/// `GET /users/{id}/memberOf` and `/transitiveMemberOf`: groups and directory roles.
pub(super) fn member_of(
    world: &World,
    call: &Call<'_>,
    reference: &str,
    transitive: bool,
    cast: Option<&str>,
) -> Result<Reply, GraphError> {
    require(call.claims, if transitive { USERS } else { MEMBER_OF })?;
    let tenant = tenant(world, call)?;
    let user =
        tenant.directory.live_user(reference).ok_or_else(|| GraphError::not_found(reference))?;
    let roles_only = cast == Some("microsoft.graph.directoryRole");
    let groups_only = cast == Some("microsoft.graph.group");
    if cast.is_some() && !roles_only && !groups_only {
        return Ok(Reply::graph(
            StatusCode::OK,
            Entries::default().page(&context(world, "directoryObjects", &[]), None, None),
        ));
    }
    let mut entries = Entries::default();
    if !groups_only {
        let readable = call.claims.has_any(ROLES);
        for role in &user.roles {
            entries.add(|out| write_role(out, call, tenant.id, *role, readable, roles_only));
        }
    }
    if !roles_only {
        let direct = || -> BTreeSet<Uuid> {
            let groups = tenant.directory.direct_groups(user.object.id);
            groups.filter(|id| tenant.directory.live_group(*id).is_some()).collect()
        };
        let groups = if transitive { tenant.directory.groups_of(user.object.id) } else { direct() };
        let kind = groups_only.then_some(MemberKind::Group);
        // `roleTemplateId` is no property of users or groups: select what they have.
        let selection = MixedSelection::new(tenant, call, kind)?;
        for group in groups {
            entries.add(|out| selection.write(out, group, MemberKind::Group));
        }
    }
    let collection = match cast {
        Some("microsoft.graph.directoryRole") => "directoryRoles",
        Some(_) => "groups",
        None => "directoryObjects",
    };
    Ok(Reply::graph(StatusCode::OK, entries.page(&context(world, collection, &[]), None, None)))
}

fn write_role(
    out: &mut String,
    call: &Call<'_>,
    tenant: Uuid,
    role: Uuid,
    readable: bool,
    cast: bool,
) {
    let id = seeded_guid(0, &format!("directory-role/{tenant}"), role.as_u64_pair().0);
    if !readable || !cast {
        out.push_str("\"@odata.type\":\"#microsoft.graph.directoryRole\",");
    }
    let name = match role {
        GLOBAL_ADMINISTRATOR => "Global Administrator",
        PRIVILEGED_ROLE_ADMINISTRATOR => "Privileged Role Administrator",
        _ => "Directory role",
    };
    let all = [
        ("id", json!(id)),
        ("deletedDateTime", json!(null)),
        ("description", json!(name)),
        ("displayName", json!(name)),
        ("roleTemplateId", json!(role)),
    ];
    let select = call.incoming.parameter("$select");
    let wanted = |name: &str| {
        select.as_deref().is_none_or(|list| list.split(',').any(|entry| entry.trim() == name))
    };
    let mut first = true;
    for (name, value) in all {
        let shown = if readable {
            wanted(name)
        } else {
            name == "id" || (select.is_some() && wanted(name))
        };
        if !shown {
            continue;
        }
        let value = if readable || name == "id" { value } else { json!(null) };
        let _ = write!(out, "{}\"{name}\":{value}", if first { "" } else { "," });
        first = false;
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecurityOnly {
    #[serde(default)]
    security_enabled_only: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupIds {
    group_ids: Vec<String>,
}

/// `POST /users/{id}/checkMemberGroups`
pub(super) fn check_member_groups(
    world: &World,
    call: &Call<'_>,
    reference: &str,
) -> Result<Reply, GraphError> {
    let groups = groups_of(world, call, reference)?;
    let asked: GroupIds = body(call)?;
    if asked.group_ids.len() > LONGEST_CHECK {
        return Err(GraphError::bad_request(&format!(
            "The number of group ids must not exceed {LONGEST_CHECK}."
        )));
    }
    let held: Vec<String> = asked
        .group_ids
        .into_iter()
        .filter(|id| Uuid::try_parse(id).is_ok_and(|id| groups.contains(&id)))
        .collect();
    Ok(strings(world, &held))
}

/// `POST /users/{id}/getMemberGroups`
pub(super) fn get_member_groups(
    world: &World,
    call: &Call<'_>,
    reference: &str,
) -> Result<Reply, GraphError> {
    let groups = groups_of(world, call, reference)?;
    let asked: SecurityOnly = body(call)?;
    let directory = &tenant(world, call)?.directory;
    let is_asked = |id: &&Uuid| {
        let group = directory.live_group(**id);
        !asked.security_enabled_only
            || group.is_some_and(|group| {
                group.object.json(WELL_KNOWN.group_security_enabled) == Some("true")
            })
    };
    let ids: Vec<String> = groups.iter().filter(is_asked).map(Uuid::to_string).collect();
    Ok(strings(world, &ids))
}

fn groups_of(
    world: &World,
    call: &Call<'_>,
    reference: &str,
) -> Result<BTreeSet<Uuid>, GraphError> {
    require(call.claims, USERS)?;
    require(call.claims, GROUPS)?;
    let directory = &tenant(world, call)?.directory;
    let user = directory.live_user(reference).ok_or_else(|| GraphError::not_found(reference))?;
    Ok(directory.groups_of(user.object.id))
}

fn strings(world: &World, values: &[String]) -> Reply {
    let context = format!("{}/v1.0/$metadata#Collection(Edm.String)", world.graph_url);
    let body = json!({ "@odata.context": context, "value": values });
    Reply::graph(StatusCode::OK, body.to_string())
}

#[derive(Deserialize)]
struct ByIds {
    ids: Vec<String>,
    #[serde(default)]
    types: Option<Vec<String>>,
}

/// `POST /directoryObjects/getByIds`; unknown ids are left out.
pub(super) fn get_by_ids(world: &World, call: &Call<'_>) -> Result<Reply, GraphError> {
    let asked: ByIds = body(call)?;
    if asked.ids.len() > LONGEST_IDS {
        return Err(GraphError::bad_request(&format!(
            "The number of ids must not exceed {LONGEST_IDS}."
        )));
    }
    let readable = [MemberKind::User, MemberKind::Group, MemberKind::Device]
        .into_iter()
        .any(|kind| may_read(call.claims, kind));
    if !readable {
        return Err(GraphError::denied());
    }
    let tenant = tenant(world, call)?;
    let directory = &tenant.directory;
    let deleted_too = world.settings.graph.get_by_ids_returns_deleted;
    let is_wanted = |kind: MemberKind| {
        asked.types.as_ref().is_none_or(|types| {
            types.iter().any(|name| name == kind.type_name() || name == "directoryObject")
        })
    };
    let selection = MixedSelection::new(tenant, call, None)?;
    let catalogue = directory.user_catalogue();
    let select = call.incoming.parameter("$select");
    let mut with_deletion =
        readable_selection(select.as_deref(), &catalogue, call.claims, tenant, true).ok();
    if let (Some(selection), Some(id)) = (&mut with_deletion, catalogue.find("deletedDateTime"))
        && !selection.properties.contains(&id)
    {
        selection.properties.push(id);
    }
    let mut entries = Entries::default();
    let mut seen = BTreeSet::new();
    for id in asked.ids.iter().filter_map(|id| Uuid::try_parse(id).ok()) {
        if !seen.insert(id) {
            continue;
        }
        let binned = directory
            .users
            .get(&id)
            .filter(|user| matches!(user.object.presence, Presence::SoftDeleted(_)));
        match (directory.kind_of(id), binned, &with_deletion) {
            (Some(kind), _, _) if is_wanted(kind) => {
                entries.add(|out| selection.write(out, id, kind));
            }
            (None, Some(user), Some(selection))
                if deleted_too
                    && is_wanted(MemberKind::User)
                    && may_read(call.claims, MemberKind::User) =>
            {
                entries.add(|out| {
                    out.push_str("\"@odata.type\":\"#microsoft.graph.user\",");
                    user.object.write(out, &catalogue, selection, Detail::Every);
                });
            }
            (None, None, _) if deleted_too && is_wanted(MemberKind::Group) => {
                let binned = directory
                    .groups
                    .get(&id)
                    .filter(|group| matches!(group.object.presence, Presence::SoftDeleted(_)));
                if binned.is_some() {
                    entries.add(|out| selection.write(out, id, MemberKind::Group));
                }
            }
            _ => {}
        }
    }
    Ok(Reply::graph(
        StatusCode::OK,
        entries.page(&context(world, "directoryObjects", &[]), None, None),
    ))
}

/// `GET /directoryObjects/{id}`
pub(super) fn one(world: &World, call: &Call<'_>, reference: &str) -> Result<Reply, GraphError> {
    let tenant = tenant(world, call)?;
    let missing = || GraphError::not_found(reference);
    let id = Uuid::try_parse(reference).map_err(|_not_a_guid| missing())?;
    let kind = tenant.directory.kind_of(id).ok_or_else(missing)?;
    if !may_read(call.claims, kind) {
        return Err(GraphError::denied());
    }
    let selection = MixedSelection::new(tenant, call, None)?;
    let context = format!("{}/$entity", context(world, "directoryObjects", &[]));
    let mut body = format!("{{\"@odata.context\":{},", serde_json::Value::from(context));
    selection.write(&mut body, id, kind);
    body.push('}');
    Ok(Reply::graph(StatusCode::OK, body))
}

/// `GET /directory/deletedItems/microsoft.graph.user` (or `.group`)
pub(super) fn deleted_items(
    world: &World,
    call: &Call<'_>,
    kind: MemberKind,
) -> Result<Reply, GraphError> {
    require(call.claims, if kind == MemberKind::Group { GROUPS } else { USERS })?;
    let tenant = tenant(world, call)?;
    let directory = &tenant.directory;
    let mut entries = Entries::default();
    let mut next = None;
    if kind == MemberKind::User {
        let catalogue = directory.user_catalogue();
        let query = ListQuery::parse(call.incoming, &catalogue, &world.settings.graph)?;
        let mut selection =
            readable_selection(query.select.as_deref(), &catalogue, call.claims, tenant, false)?;
        if let (None, Some(id)) = (&query.select, catalogue.find("deletedDateTime")) {
            selection.properties.push(id);
        }
        let after = match position(world, call)? {
            Some(Position::After(id)) => Some(id),
            _ => None,
        };
        let is_binned = |user: &&User| {
            matches!(user.object.presence, Presence::SoftDeleted(_))
                && after.is_none_or(|after| user.object.id > after)
                && query.filter.as_ref().is_none_or(|filter| filter.matches(&user.object))
        };
        let mut binned = directory.users.values().filter(is_binned);
        for user in binned.by_ref().take(query.page_size) {
            next = Some(Position::After(user.object.id));
            entries.add(|out| user.object.write(out, &catalogue, &selection, Detail::Every));
        }
        next = next.filter(|_| binned.next().is_some());
    } else {
        let selection = MixedSelection::new(tenant, call, Some(kind))?;
        for group in directory.groups.values() {
            if matches!(group.object.presence, Presence::SoftDeleted(_)) {
                entries.add(|out| selection.write(out, group.object.id, kind));
            }
        }
    }
    let link = next.map(|position| next_link(world, call, position));
    let link = link.as_deref().map(|link| ("@odata.nextLink", link));
    let collection = if kind == MemberKind::User { "users" } else { "groups" };
    Ok(Reply::graph(StatusCode::OK, entries.page(&context(world, collection, &[]), None, link)))
}

/// `GET /directory/deletedItems/{id}`
pub(super) fn deleted_item(
    world: &World,
    call: &Call<'_>,
    reference: &str,
) -> Result<Reply, GraphError> {
    require(call.claims, USERS)?;
    let tenant = tenant(world, call)?;
    let user = Uuid::try_parse(reference)
        .ok()
        .and_then(|id| tenant.directory.users.get(&id))
        .filter(|user| matches!(user.object.presence, Presence::SoftDeleted(_)))
        .ok_or_else(|| GraphError::not_found(reference))?;
    entity(world, call, tenant, user, "directoryObjects", true)
}

fn body<T: serde::de::DeserializeOwned>(call: &Call<'_>) -> Result<T, GraphError> {
    serde_json::from_slice(&call.incoming.body).map_err(|error| {
        GraphError::bad_request(&format!("Unable to read JSON request payload: {error}"))
    })
}
