//! Delta queries: rounds, tokens and their ends.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Call;
use super::delta_pages::{self, Cursor};
use super::errors::GraphError;
use super::filter::Filter;
use super::paging::{Entries, context, is_expired};
use super::permissions::{GROUPS, USERS, may_read_property, require};
use super::token::AccessClaims;
use super::users::{replicated_until, tenant};
use crate::directory::object::ChangeNumber;
use crate::directory::properties::Catalogue;
use crate::directory::selection::Selection;
use crate::exchange::{Incoming, Reply};
use crate::tenants::Tenant;
use crate::world::World;

/// Most ids of a delta `$filter`.
const LONGEST_FILTER: usize = 50;

/// The resources with a delta function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Resource {
    Users,
    Groups,
}

/// What a round is about; tokens are bound to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Scope {
    pub(super) resource: Resource,
    tenant: Uuid,
    select: Vec<String>,
    pub(super) ids: Vec<Uuid>,
    /// The tenant's delta generation at the time of issue.
    generation: u64,
    /// Seconds.
    issued: i64,
}

/// A round under way, in a `$skiptoken`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Round {
    pub(super) scope: Scope,
    /// Changes after this are told; `None` in a first round, which tells everything.
    pub(super) since: Option<ChangeNumber>,
    /// Changes up to this are told; the next round begins here.
    pub(super) upto: ChangeNumber,
    pub(super) cursor: Cursor,
    /// `Prefer: return=minimal` was sent at the start.
    pub(super) minimal: bool,
    /// Entries on a page, if `Prefer: odata.maxpagesize` counts.
    pub(super) page_limit: Option<usize>,
    /// Pages given so far.
    pub(super) page: u64,
    page_generation: u64,
    issued: i64,
}

/// A finished round, in a `$deltatoken`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Link {
    scope: Scope,
    upto: ChangeNumber,
}

impl Resource {
    fn path(self) -> &'static str {
        match self {
            Self::Users => "/v1.0/users/delta",
            Self::Groups => "/v1.0/groups/delta",
        }
    }

    fn collection(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
        }
    }

    pub(super) fn catalogue(self, tenant: &Tenant) -> Catalogue<'_> {
        match self {
            Self::Users => tenant.directory.user_catalogue(),
            Self::Groups => Catalogue::groups(),
        }
    }
}

/// `GET /users/delta` and `GET /groups/delta`
pub(super) fn answer(
    world: &World,
    call: &Call<'_>,
    resource: Resource,
) -> Result<Reply, GraphError> {
    require(call.claims, if resource == Resource::Users { USERS } else { GROUPS })?;
    check_options(call.incoming)?;
    let tenant = tenant(world, call)?;
    let delta_token = call.incoming.parameter("$deltatoken");
    let skip_token = call.incoming.parameter("$skiptoken");
    let round = match (skip_token, delta_token.as_deref()) {
        (Some(token), _) => resumed(world, call, tenant, resource, &token)?,
        (None, None | Some("")) => first_round(world, call, tenant, resource)?,
        (None, Some("latest")) => {
            let round = first_round(world, call, tenant, resource)?;
            return Ok(close(world, call, tenant, &round, Entries::default()));
        }
        (None, Some(token)) => change_round(world, call, tenant, resource, token)?,
    };
    turn(world, call, tenant, round)
}

/// Gives one page of a round.
fn turn(
    world: &World,
    call: &Call<'_>,
    tenant: &Tenant,
    mut round: Round,
) -> Result<Reply, GraphError> {
    let catalogue = round.scope.resource.catalogue(tenant);
    let selection = selection(&round.scope, &catalogue, call.claims)?;
    let limit = replicated_until(world, call.now);
    let page = delta_pages::page(world, tenant, &round, &selection, limit);
    match page.next {
        None => Ok(close(world, call, tenant, &round, page.entries)),
        Some(cursor) => {
            round.cursor = cursor;
            round.page += 1;
            round.page_generation = tenant.page_generation;
            round.issued = call.now.as_second();
            let base = &world.graph_url;
            let path = round.scope.resource.path();
            let link = format!("{base}{path}?$skiptoken={}", world.seal.seal(&round));
            let link = Some(("@odata.nextLink", link.as_str()));
            Ok(reply(world, &round.scope, page.entries, link))
        }
    }
}

/// Ends a round with a new deltaLink.
fn close(
    world: &World,
    call: &Call<'_>,
    tenant: &Tenant,
    round: &Round,
    entries: Entries,
) -> Reply {
    let scope = Scope {
        generation: tenant.delta_generation,
        issued: call.now.as_second(),
        ..round.scope.clone()
    };
    let link = Link { scope, upto: round.upto };
    let base = &world.graph_url;
    let path = link.scope.resource.path();
    let url = format!("{base}{path}?$deltatoken={}", world.seal.seal(&link));
    reply(world, &link.scope, entries, Some(("@odata.deltaLink", url.as_str())))
}

fn reply(world: &World, scope: &Scope, entries: Entries, link: Option<(&str, &str)>) -> Reply {
    let context = context(world, scope.resource.collection(), &scope.select);
    Reply::graph(StatusCode::OK, entries.page(&context, None, link))
}

fn first_round(
    world: &World,
    call: &Call<'_>,
    tenant: &Tenant,
    resource: Resource,
) -> Result<Round, GraphError> {
    let catalogue = resource.catalogue(tenant);
    let select = call.incoming.parameter("$select");
    let selection = Selection::for_delta(select.as_deref(), &catalogue)?;
    let ids = match call.incoming.parameter("$filter") {
        Some(filter) => filtered_ids(&filter, &catalogue)?,
        None => Vec::new(),
    };
    let scope = Scope {
        resource,
        tenant: tenant.id,
        select: selection.names,
        ids,
        generation: tenant.delta_generation,
        issued: call.now.as_second(),
    };
    Ok(Round {
        since: None,
        upto: newest(world, call, tenant, resource),
        cursor: Cursor::default(),
        minimal: false,
        page_limit: page_limit(world, call),
        page: 0,
        page_generation: tenant.page_generation,
        issued: call.now.as_second(),
        scope,
    })
}

fn change_round(
    world: &World,
    call: &Call<'_>,
    tenant: &Tenant,
    resource: Resource,
    token: &str,
) -> Result<Round, GraphError> {
    refuse_additions(call.incoming)?;
    let link: Link = world.seal.open(token).ok_or_else(damaged)?;
    check_scope(world, call, tenant, resource, &link.scope)?;
    let since = link.upto.saturating_sub(world.settings.delta.replayed_changes);
    let prefer = call.incoming.header("prefer").unwrap_or_default().to_lowercase();
    Ok(Round {
        since: Some(since),
        upto: newest(world, call, tenant, resource).max(link.upto),
        cursor: Cursor::starting_after(since),
        minimal: prefer.replace(' ', "").contains("return=minimal"),
        page_limit: page_limit(world, call),
        page: 0,
        page_generation: tenant.page_generation,
        issued: call.now.as_second(),
        scope: link.scope,
    })
}

fn resumed(
    world: &World,
    call: &Call<'_>,
    tenant: &Tenant,
    resource: Resource,
    token: &str,
) -> Result<Round, GraphError> {
    refuse_additions(call.incoming)?;
    let round: Round = world.seal.open(token).ok_or_else(damaged)?;
    check_scope(world, call, tenant, resource, &round.scope)?;
    if is_expired(world, tenant, round.page_generation, round.issued, call.now) {
        return Err(GraphError::expired_page_token());
    }
    Ok(round)
}

/// A token counts only for its tenant and resource, seven days long.
fn check_scope(
    world: &World,
    call: &Call<'_>,
    tenant: &Tenant,
    resource: Resource,
    scope: &Scope,
) -> Result<(), GraphError> {
    if scope.tenant != tenant.id || scope.resource != resource {
        return Err(damaged());
    }
    let settings = &world.settings.delta;
    let life = i64::from(settings.token_lifetime_days) * 86_400;
    if scope.generation == tenant.delta_generation && call.now.as_second() - scope.issued <= life {
        return Ok(());
    }
    let answer = &settings.expired_answer;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::GONE);
    let error = GraphError::new(
        status,
        &answer.code,
        "The sync state generation is not found; perform a full synchronization.",
    );
    if !answer.location {
        return Err(error);
    }
    let select = match scope.select.as_slice() {
        [] => String::new(),
        names => format!("$select={}&", names.join(",")),
    };
    let start = format!("{}{}?{select}$deltatoken=", world.graph_url, resource.path());
    Err(error.with_header("location", start))
}

/// The tracked properties; those the caller may not read come empty, here: not at all.
fn selection(
    scope: &Scope,
    catalogue: &Catalogue<'_>,
    claims: &AccessClaims,
) -> Result<Selection, GraphError> {
    let list = scope.select.join(",");
    let mut selection =
        Selection::for_delta((!list.is_empty()).then_some(list.as_str()), catalogue)?;
    selection.properties.retain(|id| may_read_property(claims, catalogue.name(*id)));
    Ok(selection)
}

/// The newest change that has reached every replica.
fn newest(world: &World, call: &Call<'_>, tenant: &Tenant, resource: Resource) -> ChangeNumber {
    let limit = replicated_until(world, call.now);
    let directory = &tenant.directory;
    match resource {
        Resource::Users => directory.user_changes.visible_at(limit, directory.last_change),
        Resource::Groups => directory.group_changes.visible_at(limit, directory.last_change),
    }
}

/// `$top` and `$expand` are silently ignored, as the service does; the rest is refused.
fn check_options(incoming: &Incoming) -> Result<(), GraphError> {
    for (name, _) in incoming.parameters() {
        match name.to_lowercase().as_str() {
            "$select" | "$filter" | "$deltatoken" | "$skiptoken" | "$top" | "$expand" => {}
            other if other.starts_with('$') => {
                return Err(GraphError::unsupported_query(&format!(
                    "'{name}' is not supported by the delta function."
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// `Prefer: odata.maxpagesize`; whether directory delta heeds it is not documented.
fn page_limit(world: &World, call: &Call<'_>) -> Option<usize> {
    if !world.settings.delta.heeds_max_page_size {
        return None;
    }
    let prefer = call.incoming.header("prefer")?.to_lowercase();
    let wanted =
        prefer.split(',').find_map(|part| part.trim().strip_prefix("odata.maxpagesize="))?;
    wanted.parse().ok()
}

/// A link is to be called as it is.
fn refuse_additions(incoming: &Incoming) -> Result<(), GraphError> {
    let added = ["$select", "$filter"].iter().any(|name| incoming.parameter(name).is_some());
    if added {
        return Err(GraphError::bad_request(
            "Query options cannot be added to a nextLink or deltaLink.",
        ));
    }
    Ok(())
}

fn damaged() -> GraphError {
    GraphError::bad_request("Badly formed token.")
}

fn filtered_ids(text: &str, catalogue: &Catalogue<'_>) -> Result<Vec<Uuid>, GraphError> {
    let refused = || {
        GraphError::unsupported_query(
            "Only 'id eq ... or id eq ...' is supported in the filter of a delta query.",
        )
    };
    let ids = Filter::parse(text, catalogue)?.ids().ok_or_else(refused)?;
    if ids.len() > LONGEST_FILTER {
        return Err(GraphError::bad_request(&format!(
            "The filter of a delta query is limited to {LONGEST_FILTER} objects."
        )));
    }
    ids.iter().map(|id| Uuid::try_parse(id).map_err(|_not_a_guid| refused())).collect()
}
