//! The login service: discovery, keys, consent, sign-in and tokens.

pub(crate) mod assertion;
pub(crate) mod authorize;
pub(crate) mod consent;
mod discovery;
pub(crate) mod errors;
mod federated;
mod pages;
pub(crate) mod redirects;
pub(crate) mod sign_in;
mod token;

pub(crate) use token::skewed;

use http::{Method, StatusCode};
use uuid::Uuid;

use crate::exchange::{Incoming, Reply};
use crate::simulation::Sim;
use crate::world::World;
use errors::LoginError;

/// What `{tenant}` in a login path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// One tenant, by id or verified domain.
    Tenant(Uuid),
    /// `organizations`: any work account.
    Organizations,
    /// `common`: any account.
    Common,
    /// `consumers`: personal accounts only.
    Consumers,
}

impl Audience {
    pub(crate) fn parse(segment: &str, world: &World) -> Option<Self> {
        match segment {
            "organizations" => Some(Self::Organizations),
            "common" => Some(Self::Common),
            "consumers" => Some(Self::Consumers),
            name => world.tenant_named(name).map(|tenant| Self::Tenant(tenant.id)),
        }
    }
}

/// Every endpoint below `/{tenant}`, as the request log names them.
pub(crate) const ENDPOINTS: &[&str] = &[
    "GET /{tenant}/v2.0/.well-known/openid-configuration",
    "GET /{tenant}/discovery/v2.0/keys",
    "GET /{tenant}/v2.0/adminconsent",
    "GET /{tenant}/adminconsent",
    "GET /{tenant}/oauth2/v2.0/authorize",
    "POST /{tenant}/oauth2/v2.0/token",
];

/// Answers a request below `/{tenant}/`.
pub(crate) fn answer(sim: &Sim, incoming: &Incoming) -> Reply {
    let segments = incoming.segments();
    let Some((tenant, rest)) = segments.split_first() else {
        return not_found();
    };
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let now = sim.now();
    let mut world = sim.world();
    let Some(audience) = Audience::parse(tenant, &world) else {
        let known_page =
            matches!(rest.first(), Some(&("v2.0" | "oauth2" | "discovery" | "adminconsent")));
        let elsewhere = world.elsewhere.iter().find(|(name, _)| name.eq_ignore_ascii_case(tenant));
        return if let (true, Some((_, cloud))) = (known_page, elsewhere) {
            let text = format!("Go to '{}'.", cloud.instance_name());
            LoginError::numbered(90038).about(&text).reply(incoming, now)
        } else if known_page {
            LoginError::numbered(90002).about(&format!("Tenant '{tenant}'.")).reply(incoming, now)
        } else {
            not_found()
        }
        .at(&template(&rest));
    };
    let reply = match (rest.as_slice(), &incoming.method) {
        (["v2.0", ".well-known", "openid-configuration"], &Method::GET) => {
            discovery::configuration(&world, audience)
        }
        (["discovery", "v2.0", "keys"] | ["discovery", "keys"], &Method::GET) => {
            discovery::keys(&world, audience)
        }
        (["v2.0", "adminconsent"], &Method::GET | &Method::POST) => {
            consent::answer(&mut world, audience, incoming, consent::Version::V2, now)
        }
        (["adminconsent"], &Method::GET | &Method::POST) => {
            consent::answer(&mut world, audience, incoming, consent::Version::V1, now)
        }
        (["oauth2", "v2.0", "authorize"], &Method::GET | &Method::POST) => {
            authorize::answer(&mut world, audience, incoming, now)
        }
        (["oauth2", "v2.0", "token"], &Method::POST) => {
            token::answer(&mut world, audience, tenant, incoming, now)
        }
        _ => not_found(),
    };
    drop(world);
    sim.clock.nudge();
    reply.at(&template(&rest))
}

fn template(rest: &[&str]) -> String {
    format!("/{{tenant}}/{}", rest.join("/"))
}

fn not_found() -> Reply {
    Reply::html(StatusCode::NOT_FOUND, "<h1>404 - not found</h1>".to_owned())
}
