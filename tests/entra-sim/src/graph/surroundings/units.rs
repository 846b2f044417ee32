//! Administrative units and who is directly in them.

use std::borrow::Cow;
use std::ops::Bound;

use http::StatusCode;
use uuid::Uuid;

use super::collection::Collection;
use crate::directory::members::MemberKind;
use crate::directory::properties::Catalogue;
use crate::directory::{Directory, units::Unit};
use crate::exchange::Reply;
use crate::graph::Call;
use crate::graph::errors::GraphError;
use crate::graph::member_lists::MixedSelection;
use crate::graph::paging::{Entries, Position, context, next_link, position};
use crate::graph::permissions::{HIDDEN_MEMBERS, UNITS, require};
use crate::graph::query::{ListQuery, is_eventual, needs_eventual};
use crate::graph::users::tenant;
use crate::settings::HiddenMembers;
use crate::world::World;

const LIST: Collection<'static> = Collection {
    catalogue: Catalogue::units(),
    name: "directory/administrativeUnits",
    odata_type: None,
    emptied: &[],
};

/// `GET /directory/administrativeUnits`
pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Reply, GraphError> {
    require(call.claims, UNITS)?;
    let units = tenant(world, call)?.directory.units.values();
    LIST.page(world, call, units.map(|unit| Cow::Borrowed(&unit.object)))
}

/// `GET /directory/administrativeUnits/{id}`
pub(super) fn one(world: &World, call: &Call<'_>, reference: &str) -> Result<Reply, GraphError> {
    let (_, unit) = found(world, call, reference)?;
    LIST.entity(world, call, &unit.object)
}

/// `GET /directory/administrativeUnits/{id}/members`, of all types or cast to people.
pub(super) fn members(
    world: &World,
    call: &Call<'_>,
    reference: &str,
    people: bool,
) -> Result<Reply, GraphError> {
    let (directory, unit) = found(world, call, reference)?;
    let query =
        ListQuery::parse(call.incoming, &directory.user_catalogue(), &world.settings.graph)?;
    if people && !query.counted {
        return Err(needs_eventual());
    }
    if query.filter.is_some() || query.search.is_some() {
        return Err(GraphError::unsupported_query("Filters are not simulated here."));
    }
    let start = match position(world, call)? {
        Some(Position::After(id)) => Bound::Excluded(id),
        _ => Bound::Unbounded,
    };
    let all = present(world, call, (directory, unit), people)?;
    let count = (query.counted && query.skip_token.is_none()).then_some(all.len());
    let is_next = |(id, _): &&(Uuid, MemberKind)| match start {
        Bound::Excluded(after) => *id > after,
        _ => true,
    };
    let mut following = all.iter().filter(is_next);
    let page: Vec<&(Uuid, MemberKind)> = following.by_ref().take(query.page_size).collect();
    let next = page.last().map(|(id, _)| Position::After(*id));
    let next = next.filter(|_| following.next().is_some());
    let cast = people.then_some(MemberKind::User);
    let selection = MixedSelection::new(tenant(world, call)?, call, cast)?;
    let mut entries = Entries::default();
    for (id, kind) in page {
        entries.add(|out| selection.write(out, *id, *kind));
    }
    let names: Vec<String> =
        query.select.iter().flat_map(|s| s.split(',')).map(|n| n.trim().to_owned()).collect();
    let collection = if people { "users" } else { "directoryObjects" };
    let link = next.map(|position| next_link(world, call, position));
    let link = link.as_deref().map(|link| ("@odata.nextLink", link));
    let page = entries.page(&context(world, collection, &names), count, link);
    Ok(Reply::graph(StatusCode::OK, page))
}

/// `…/$count` of a unit's members.
pub(super) fn count(
    world: &World,
    call: &Call<'_>,
    reference: &str,
    people: bool,
) -> Result<Reply, GraphError> {
    if !is_eventual(call.incoming) {
        return Err(needs_eventual());
    }
    let found = found(world, call, reference)?;
    let count = present(world, call, found, people)?.len();
    Ok(Reply::text(StatusCode::OK, "text/plain", count.to_string()))
}

fn found<'w>(
    world: &'w World,
    call: &Call<'_>,
    reference: &str,
) -> Result<(&'w Directory, &'w Unit), GraphError> {
    require(call.claims, UNITS)?;
    let directory = &tenant(world, call)?.directory;
    let id = Uuid::try_parse(reference).ok();
    let unit = id.and_then(|id| directory.units.get(&id));
    Ok((directory, unit.ok_or_else(|| GraphError::not_found(reference))?))
}

/// The members that are there, in order of id.
fn present(
    world: &World,
    call: &Call<'_>,
    (directory, unit): (&Directory, &Unit),
    people: bool,
) -> Result<Vec<(Uuid, MemberKind)>, GraphError> {
    let hides = unit.text("visibility").as_deref() == Some("HiddenMembership");
    if hides && !call.claims.has_any(HIDDEN_MEMBERS) {
        return match world.settings.graph.hidden_members {
            HiddenMembers::Forbidden => Err(GraphError::denied()),
            HiddenMembers::Empty => Ok(Vec::new()),
        };
    }
    let kinds = unit.members.iter().filter_map(|id| Some((*id, directory.kind_of(*id)?)));
    Ok(kinds.filter(|(_, kind)| !people || *kind == MemberKind::User).collect())
}
