//! Lists of people, single people, managers.

use std::ops::Bound;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Call;
use super::errors::GraphError;
use super::paging::{Entries, Position, context, next_link, position};
use super::permissions::{AUDIT_LOG, USERS, USERS_BASIC, may_read_property, require};
use super::query::{ListQuery, is_eventual, needs_eventual};
use super::token::AccessClaims;
use crate::directory::properties::{Catalogue, ID};
use crate::directory::selection::{Detail, Selection};
use crate::directory::{Directory, User};
use crate::exchange::Reply;
use crate::tenants::Tenant;
use crate::world::World;

/// The caller's tenant.
pub(super) fn tenant<'w>(world: &'w World, call: &Call<'_>) -> Result<&'w Tenant, GraphError> {
    world.tenant(call.claims.tid).ok_or_else(GraphError::identity_not_found)
}

/// Objects that appeared later than this are not replicated yet.
pub(super) fn replicated_until(world: &World, now: Timestamp) -> Timestamp {
    let settings = &world.settings.graph;
    // Replicas do not care what Graph's own clock shows.
    let delay = i64::from(settings.replication_delay_seconds) + settings.clock_skew_seconds;
    crate::clock::shifted(now, SignedDuration::from_secs(-delay))
}

/// The selection of a read of people, with what the caller may not read hidden.
pub(super) fn readable_selection(
    select: Option<&str>,
    catalogue: &Catalogue<'_>,
    claims: &AccessClaims,
    tenant: &Tenant,
    single: bool,
) -> Result<Selection, GraphError> {
    let mut selection = if single {
        Selection::parse(select, catalogue)?
    } else {
        Selection::for_list(select, catalogue)?
    };
    if selection.names_property("signInActivity") {
        require(claims, AUDIT_LOG)?;
        require_premium(tenant)?;
    }
    let fully = claims.has_any(USERS);
    let basic = claims.has_any(USERS_BASIC);
    selection.hide_unless(|id| {
        let property = catalogue.property(id);
        let name = property.map_or("", |property| property.name);
        let covered = fully || (basic && property.is_some_and(|property| property.basic));
        id == ID || (covered && may_read_property(claims, name))
    });
    Ok(selection)
}

/// 403 for a tenant without a premium licence; the whole call fails.
pub(super) fn require_premium(tenant: &Tenant) -> Result<(), GraphError> {
    if tenant.spec.premium {
        return Ok(());
    }
    Err(GraphError::new(
        StatusCode::FORBIDDEN,
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
        "Neither tenant is B2C or tenant doesn't have premium license",
    ))
}

/// `GET /users`
pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Reply, GraphError> {
    require(call.claims, USERS_BASIC)?;
    let tenant = tenant(world, call)?;
    let directory = &tenant.directory;
    let catalogue = directory.user_catalogue();
    let mut query = ListQuery::parse(call.incoming, &catalogue, &world.settings.graph)?;
    let selection =
        readable_selection(query.select.as_deref(), &catalogue, call.claims, tenant, false)?;
    if selection.names_property("signInActivity") {
        query.page_size = query.page_size.min(500);
    }
    let expand = query.expand.as_deref();
    let manager = manager_expansion(expand, query.counted, &catalogue, call, tenant)?;
    let limit = replicated_until(world, call.now);
    let wanted = |user: &User| matches(user, &query, &catalogue, limit);
    let from = position(world, call)?;
    let (users, next) = page(directory, &query, from, &wanted);
    let mut entries = Entries::default();
    for user in users {
        entries.add(|out| {
            user.object.write(out, &catalogue, &selection, Detail::Every);
            if let Some(manager) = &manager {
                write_manager(out, directory, &catalogue, manager, user);
            }
        });
    }
    let first_page = query.skip_token.is_none();
    let count = (query.counted && first_page)
        .then(|| directory.users.values().filter(|u| wanted(u)).count());
    let link = next.map(|position| next_link(world, call, position));
    let context = context(world, "users", &selection.names);
    let link = link.as_deref().map(|link| ("@odata.nextLink", link));
    Ok(Reply::graph(
        StatusCode::OK,
        entries.list_page(&context, query.select.is_some(), count, link),
    ))
}

fn matches(user: &User, query: &ListQuery, catalogue: &Catalogue<'_>, limit: Timestamp) -> bool {
    user.object.is_visible(limit)
        && query.filter.as_ref().is_none_or(|filter| filter.matches(&user.object))
        && query
            .search
            .as_ref()
            .is_none_or(|search| search.matches(|name| user.object.text(catalogue.find(name)?)))
}

/// One page and where the next begins.
fn page<'d>(
    directory: &'d Directory,
    query: &ListQuery,
    from: Option<Position>,
    wanted: &impl Fn(&User) -> bool,
) -> (Vec<&'d User>, Option<Position>) {
    if let Some(ids) = query.filter.as_ref().and_then(super::filter::Filter::ids) {
        let ids = ids.iter().filter_map(|id| Uuid::try_parse(id).ok());
        let users = ids.filter_map(|id| directory.users.get(&id)).filter(|user| wanted(user));
        return (users.collect(), None);
    }
    if let Some((name, descending)) = &query.order_by {
        return ordered_page(directory, query, from, (name, *descending), wanted);
    }
    let start = match from {
        Some(Position::After(id)) => Bound::Excluded(id),
        _ => Bound::Unbounded,
    };
    let mut following = directory
        .users
        .range((start, Bound::Unbounded))
        .map(|(_, user)| user)
        .filter(|u| wanted(u));
    let users: Vec<&User> = following.by_ref().take(query.page_size).collect();
    let last = users.last().map(|user| Position::After(user.object.id));
    let more = following.next().is_some();
    (users, last.filter(|_| more))
}

fn ordered_page<'d>(
    directory: &'d Directory,
    query: &ListQuery,
    from: Option<Position>,
    (name, descending): (&str, bool),
    wanted: &impl Fn(&User) -> bool,
) -> (Vec<&'d User>, Option<Position>) {
    let property = directory.user_catalogue().find(name);
    let mut users: Vec<&User> = directory.users.values().filter(|user| wanted(user)).collect();
    users.sort_by_cached_key(|user| {
        property.and_then(|property| user.object.text(property)).unwrap_or_default().to_lowercase()
    });
    if descending {
        users.reverse();
    }
    let skipped = match from {
        Some(Position::Skipped(count)) => count,
        _ => 0,
    };
    let end = skipped + query.page_size;
    let more = users.len() > end;
    let page = users.into_iter().skip(skipped).take(query.page_size).collect();
    (page, more.then_some(Position::Skipped(end)))
}

/// The selection of `$expand=manager`, if asked for.
fn manager_expansion(
    expand: Option<&str>,
    counted: bool,
    catalogue: &Catalogue<'_>,
    call: &Call<'_>,
    tenant: &Tenant,
) -> Result<Option<Selection>, GraphError> {
    let Some(expand) = expand else { return Ok(None) };
    let options = match expand.trim().strip_prefix("manager") {
        Some("") => "",
        Some(options) => options.trim_start_matches('(').trim_end_matches(')'),
        None => {
            return Err(GraphError::bad_request(&format!(
                "Parsing OData Select and Expand failed: '{expand}' cannot be expanded."
            )));
        }
    };
    let select = options.split(';').find_map(|option| option.trim().strip_prefix("$select="));
    let selection = readable_selection(select, catalogue, call.claims, tenant, false)?;
    let only_id = selection.properties == [ID];
    if select.is_some() && !only_id && !counted {
        return Err(needs_eventual());
    }
    Ok(Some(selection))
}

fn write_manager(
    out: &mut String,
    directory: &Directory,
    catalogue: &Catalogue<'_>,
    selection: &Selection,
    user: &User,
) {
    let manager = user.manager.and_then(|id| directory.users.get(&id));
    let Some(manager) = manager.filter(|manager| manager.object.is_live()) else { return };
    out.push_str(",\"manager\":{\"@odata.type\":\"#microsoft.graph.user\",");
    manager.object.write(out, catalogue, selection, Detail::Every);
    out.push('}');
}

/// `GET /users/$count`
pub(super) fn count(world: &World, call: &Call<'_>) -> Result<Reply, GraphError> {
    require(call.claims, USERS_BASIC)?;
    if !is_eventual(call.incoming) {
        return Err(GraphError::bad_request(
            "$count is not currently supported without the header 'ConsistencyLevel: eventual'.",
        ));
    }
    let directory = &tenant(world, call)?.directory;
    let catalogue = directory.user_catalogue();
    let filter = call.incoming.parameter("$filter");
    let filter = filter.map(|text| super::filter::Filter::parse(&text, &catalogue)).transpose()?;
    let limit = replicated_until(world, call.now);
    let count = directory
        .users
        .values()
        .filter(|user| user.object.is_visible(limit))
        .filter(|user| filter.as_ref().is_none_or(|filter| filter.matches(&user.object)))
        .count();
    Ok(Reply::text(StatusCode::OK, "text/plain", count.to_string()))
}

/// `GET /users/{id or userPrincipalName}`
pub(super) fn one(world: &World, call: &Call<'_>, reference: &str) -> Result<Reply, GraphError> {
    require(call.claims, USERS_BASIC)?;
    let tenant = tenant(world, call)?;
    let limit = replicated_until(world, call.now);
    let found = tenant.directory.live_user(reference);
    let user = found.ok_or_else(|| GraphError::not_found(reference))?;
    if !user.object.is_visible(limit) {
        return Err(GraphError::not_replicated(reference));
    }
    entity(world, call, tenant, user, "users", false)
}

/// `GET /users/{id}/manager`
pub(super) fn manager(
    world: &World,
    call: &Call<'_>,
    reference: &str,
) -> Result<Reply, GraphError> {
    require(call.claims, USERS)?;
    let tenant = tenant(world, call)?;
    let missing = || GraphError::not_found(reference);
    let user = tenant.directory.live_user(reference).ok_or_else(missing)?;
    let manager = user.manager.and_then(|id| tenant.directory.users.get(&id));
    let no_manager = || GraphError::not_found("manager");
    let manager = manager.filter(|manager| manager.object.is_live()).ok_or_else(no_manager)?;
    entity(world, call, tenant, manager, "directoryObjects", true)
}

/// One person as an entity of a collection.
pub(super) fn entity(
    world: &World,
    call: &Call<'_>,
    tenant: &Tenant,
    user: &User,
    collection: &str,
    typed: bool,
) -> Result<Reply, GraphError> {
    let catalogue = tenant.directory.user_catalogue();
    let select = call.incoming.parameter("$select");
    let selection = readable_selection(select.as_deref(), &catalogue, call.claims, tenant, true)?;
    let context = format!("{}/$entity", context(world, collection, &selection.names));
    let mut body = format!("{{\"@odata.context\":{},", serde_json::Value::from(context));
    if typed {
        body.push_str("\"@odata.type\":\"#microsoft.graph.user\",");
    }
    user.object.write(&mut body, &catalogue, &selection, Detail::Every);
    let expand = call.incoming.parameter("$expand").filter(|_| collection == "users");
    if let Some(manager) = manager_expansion(expand.as_deref(), true, &catalogue, call, tenant)? {
        write_manager(&mut body, &tenant.directory, &catalogue, &manager, user);
    }
    body.push('}');
    Ok(Reply::graph(StatusCode::OK, body))
}
