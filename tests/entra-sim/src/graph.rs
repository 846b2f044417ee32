//! Microsoft Graph v1.0 as far as directory synchronisation touches it.

mod admission;
mod batch;
pub(crate) mod cost;
pub(crate) mod delta;
mod delta_pages;
pub(crate) mod errors;
mod filter;
mod groups;
mod handshake;
mod member_lists;
mod objects;
mod organization;
mod paging;
mod permissions;
mod query;
pub(crate) mod reply;
pub(crate) mod route;
mod subscription_requests;
pub(crate) mod surroundings;
pub(crate) mod token;
mod users;

use http::{Method, StatusCode};
use jiff::Timestamp;

use crate::exchange::{Incoming, Reply};
use crate::simulation::Sim;
use crate::world::World;
use admission::admit;
use errors::GraphError;
use route::Route;
use token::AccessClaims;

/// A verified request on its way to its answer.
pub(crate) struct Call<'a> {
    pub(crate) incoming: &'a Incoming,
    pub(crate) claims: &'a AccessClaims,
    pub(crate) now: Timestamp,
}

/// Answers a request below `/v1.0`.
pub(crate) async fn answer(sim: &Sim, incoming: &Incoming) -> Reply {
    let now = sim.graph_now();
    let route = match Route::parse(incoming) {
        Ok(route) => route,
        Err(error) => return error.reply(incoming, now).at("unknown"),
    };
    let template = route.template();
    let (claims, units, used) = match admit(sim, incoming, &route, now) {
        Ok(admitted) => admitted,
        Err((error, units)) => {
            let tenant = token::claimed_tenant(incoming);
            return Reply { units, tenant, ..error.reply(incoming, now) }.at(&template);
        }
    };
    let call = Call { incoming, claims: &claims, now };
    let outcome = match (&route, &incoming.method) {
        (Route::Batch, &Method::POST) => Ok(Box::pin(batch::answer(sim, &call)).await),
        (Route::Subscriptions, &Method::POST) => subscription_requests::create(sim, &call).await,
        (Route::Subscription(id), &Method::PATCH) => {
            subscription_requests::update(sim, &call, id).await
        }
        _ => serve(&mut sim.world(), &call, &route),
    };
    let reply = outcome.unwrap_or_else(|error| error.reply(incoming, now));
    let units = units + reply.units;
    let reply = Reply { tenant: Some(claims.tid), units, ..reply }.at(&template);
    // Shown only near the budget, as the service does.
    if (0.8..=1.0).contains(&used) && reply.status != StatusCode::TOO_MANY_REQUESTS {
        return reply.with_header("x-ms-throttle-limit-percentage", format!("{used:.1}"));
    }
    reply
}

fn serve(world: &mut World, call: &Call<'_>, route: &Route) -> Result<Reply, GraphError> {
    let method = &call.incoming.method;
    let get = method == Method::GET;
    let post = method == Method::POST;
    match route {
        Route::Around(surrounding) => surroundings::serve(world, call, surrounding),
        Route::Users if get => users::list(world, call),
        Route::UsersCount if get => users::count(world, call),
        Route::User(user) if get => users::one(world, call, user),
        Route::UserManager(user) if get => users::manager(world, call, user),
        Route::MemberOf { user, transitive, cast } if get => {
            objects::member_of(world, call, user, *transitive, cast.as_deref())
        }
        Route::CheckMemberGroups(user) if post => objects::check_member_groups(world, call, user),
        Route::GetMemberGroups(user) if post => objects::get_member_groups(world, call, user),
        Route::UsersDelta if get => delta::answer(world, call, delta::Resource::Users),
        Route::GroupsDelta if get => delta::answer(world, call, delta::Resource::Groups),
        Route::Groups if get => groups::list(world, call),
        Route::GroupsCount if get => groups::count(world, call),
        Route::Group(group) if get => groups::one(world, call, group),
        Route::Members { group, transitive, cast } if get => {
            member_lists::list(world, call, group, *transitive, cast.as_deref())
        }
        Route::MembersCount { group, transitive, cast } if get => {
            member_lists::count(world, call, group, *transitive, cast.as_deref())
        }
        Route::GetByIds if post => objects::get_by_ids(world, call),
        Route::DirectoryObject(id) if get => objects::one(world, call, id),
        Route::DeletedItems(kind) if get => objects::deleted_items(world, call, *kind),
        Route::DeletedItem(id) if get => objects::deleted_item(world, call, id),
        Route::Organization(id) if get => organization::answer(world, call, id.as_deref()),
        Route::Subscriptions if get => subscription_requests::list(world, call),
        Route::Subscription(id) if get => subscription_requests::one(world, call, id),
        Route::Subscription(id) if method == Method::DELETE => {
            subscription_requests::delete(world, call, id)
        }
        Route::Reauthorize(id) if post => subscription_requests::reauthorize(world, call, id),
        _ => Err(GraphError::method_not_allowed(method)),
    }
}

/// An instant as Graph writes it, to the second.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// An instant with the seven digits of captured notifications.
pub(crate) fn instant_with_fraction(at: Timestamp) -> String {
    let ticks = at.subsec_nanosecond().unsigned_abs() / 100;
    format!("{}.{ticks:07}Z", at.strftime("%Y-%m-%dT%H:%M:%S"))
}
