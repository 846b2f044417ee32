//! Lists of groups and single groups.

use std::ops::Bound;

use http::StatusCode;
use uuid::Uuid;

use super::Call;
use super::errors::GraphError;
use super::paging::{Entries, Position, context, next_link, position};
use super::permissions::{GROUPS, require};
use super::query::{ListQuery, is_eventual};
use super::users::{replicated_until, tenant};
use crate::directory::Group;
use crate::directory::properties::Catalogue;
use crate::directory::selection::{Detail, Selection};
use crate::exchange::Reply;
use crate::world::World;

/// `GET /groups`
pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Reply, GraphError> {
    require(call.claims, GROUPS)?;
    let directory = &tenant(world, call)?.directory;
    let catalogue = Catalogue::groups();
    let query = ListQuery::parse(call.incoming, &catalogue, &world.settings.graph)?;
    let selection = Selection::for_list(query.select.as_deref(), &catalogue)?;
    let limit = replicated_until(world, call.now);
    let wanted = |group: &Group| {
        group.object.is_visible(limit)
            && query.filter.as_ref().is_none_or(|filter| filter.matches(&group.object))
            && query.search.as_ref().is_none_or(|search| {
                search.matches(|name| group.object.text(catalogue.find(name)?))
            })
    };
    let start = match position(world, call)? {
        Some(Position::After(id)) => Bound::Excluded(id),
        _ => Bound::Unbounded,
    };
    let mut following =
        directory.groups.range((start, Bound::Unbounded)).map(|(_, g)| g).filter(|g| wanted(g));
    let groups: Vec<&Group> = following.by_ref().take(query.page_size).collect();
    let next = groups.last().map(|group| Position::After(group.object.id));
    let next = next.filter(|_| following.next().is_some());
    let mut entries = Entries::default();
    for group in groups {
        entries.add(|out| group.object.write(out, &catalogue, &selection, Detail::Every));
    }
    let first_page = query.skip_token.is_none();
    let count = (query.counted && first_page)
        .then(|| directory.groups.values().filter(|group| wanted(group)).count());
    let link = next.map(|position| next_link(world, call, position));
    let context = context(world, "groups", &selection.names);
    let link = link.as_deref().map(|link| ("@odata.nextLink", link));
    Ok(Reply::graph(
        StatusCode::OK,
        entries.list_page(&context, query.select.is_some(), count, link),
    ))
}

/// `GET /groups/$count`
pub(super) fn count(world: &World, call: &Call<'_>) -> Result<Reply, GraphError> {
    require(call.claims, GROUPS)?;
    if !is_eventual(call.incoming) {
        return Err(GraphError::bad_request(
            "$count is not currently supported without the header 'ConsistencyLevel: eventual'.",
        ));
    }
    let directory = &tenant(world, call)?.directory;
    let limit = replicated_until(world, call.now);
    let count = directory.groups.values().filter(|group| group.object.is_visible(limit)).count();
    Ok(Reply::text(StatusCode::OK, "text/plain", count.to_string()))
}

/// `GET /groups/{id}`
pub(super) fn one(world: &World, call: &Call<'_>, reference: &str) -> Result<Reply, GraphError> {
    require(call.claims, GROUPS)?;
    let directory = &tenant(world, call)?.directory;
    let limit = replicated_until(world, call.now);
    let group = Uuid::try_parse(reference)
        .ok()
        .and_then(|id| directory.live_group(id))
        .filter(|group| group.object.is_visible(limit))
        .ok_or_else(|| GraphError::not_found(reference))?;
    let catalogue = Catalogue::groups();
    let select = call.incoming.parameter("$select");
    let selection = Selection::parse(select.as_deref(), &catalogue)?;
    let context = format!("{}/$entity", context(world, "groups", &selection.names));
    let mut body = format!("{{\"@odata.context\":{},", serde_json::Value::from(context));
    group.object.write(&mut body, &catalogue, &selection, Detail::Every);
    body.push('}');
    Ok(Reply::graph(StatusCode::OK, body))
}
