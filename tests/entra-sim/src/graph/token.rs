//! Access tokens for Graph: what they say and whether they still count.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::errors::GraphError;
use crate::exchange::Incoming;
use crate::options::AppRegistration;
use crate::settings::ConsentDelayShows;
use crate::tenants::Grant;
use crate::world::World;

/// Claims of a Graph access token. Clients must treat the token as opaque.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccessClaims {
    pub(crate) aud: String,
    pub(crate) iss: String,
    pub(crate) iat: i64,
    pub(crate) nbf: i64,
    pub(crate) exp: i64,
    pub(crate) appid: Uuid,
    pub(crate) tid: Uuid,
    pub(crate) oid: Uuid,
    pub(crate) idtyp: String,
    pub(crate) roles: Vec<String>,
    /// Milliseconds, finer than `iat`: revocation compares with it.
    pub(crate) issued_ms: i64,
    pub(crate) uti: String,
    pub(crate) ver: String,
}

impl AccessClaims {
    /// An app-only token with the roles granted now.
    pub(crate) fn for_app(
        world: &World,
        tenant: Uuid,
        app: &AppRegistration,
        grant: &Grant,
        now: Timestamp,
        lifetime: u32,
    ) -> Self {
        let roles = grant.roles.iter().cloned().collect();
        Self {
            oid: grant.service_principal,
            idtyp: "app".to_owned(),
            roles,
            ..Self::for_user(world, tenant, app, grant.service_principal, now, lifetime)
        }
    }

    /// A token that only proves who signed in.
    pub(crate) fn for_user(
        world: &World,
        tenant: Uuid,
        app: &AppRegistration,
        user: Uuid,
        now: Timestamp,
        lifetime: u32,
    ) -> Self {
        let issued_ms = now.as_millisecond();
        let now = crate::login::skewed(world, now).as_second();
        Self {
            aud: world.graph_url.clone(),
            iss: format!("https://sts.windows.net/{tenant}/"),
            iat: now,
            nbf: now,
            exp: now + i64::from(lifetime),
            appid: app.app_id,
            tid: tenant,
            oid: user,
            idtyp: "user".to_owned(),
            roles: Vec::new(),
            issued_ms,
            uti: Uuid::new_v4().simple().to_string(),
            ver: "1.0".to_owned(),
        }
    }

    /// Whether any of these roles was granted; a write role includes its read role.
    pub(crate) fn has_any(&self, roles: &[&str]) -> bool {
        self.roles.iter().any(|held| {
            roles.iter().any(|role| held == role || held.replace("ReadWrite", "Read") == **role)
        })
    }
}

/// Verifies the bearer token of a request.
pub(crate) fn authenticate(
    world: &World,
    incoming: &Incoming,
    now: Timestamp,
) -> Result<AccessClaims, GraphError> {
    let Some(token) = bearer(incoming) else {
        return Err(GraphError::invalid_token("Access token is empty."));
    };
    let claims: AccessClaims = world
        .keys
        .verify(token)
        .ok_or_else(|| GraphError::invalid_token("CompactToken parsing failed."))?;
    if claims.aud != world.graph_url {
        return Err(GraphError::invalid_token(
            "Access token validation failure. Invalid audience.",
        ));
    }
    // Graph allows its own clock five minutes.
    if claims.exp + 300 < now.as_second() {
        return Err(GraphError::invalid_token("Lifetime validation failed, the token is expired."));
    }
    if claims.nbf - 300 > now.as_second() {
        return Err(GraphError::invalid_token("Lifetime validation failed, not valid yet."));
    }
    let tenant = world.tenant(claims.tid).filter(|tenant| !tenant.deleted);
    let tenant = tenant.ok_or_else(|| GraphError::invalid_token("The tenant is gone."))?;
    if claims.issued_ms <= tenant.tokens_valid_from.as_millisecond() {
        return Err(GraphError::invalid_token("Continuous access evaluation: token revoked."));
    }
    if claims.idtyp == "app" {
        let grant = tenant.grants.get(&claims.appid).ok_or_else(GraphError::identity_not_found)?;
        let delayed = world.settings.login.consent_delay_shows == ConsentDelayShows::Graph
            && world.consent_visible(grant.consented_at) > now;
        if delayed || !grant.enabled {
            return Err(GraphError::identity_not_found());
        }
    }
    Ok(claims)
}

fn bearer(incoming: &Incoming) -> Option<&str> {
    let (scheme, token) = incoming.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The tenant a request's token claims, unverified: for faults and the log.
pub(crate) fn claimed_tenant(incoming: &Incoming) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Claim {
        tid: Uuid,
    }
    let claim: Claim = jsonwebtoken::dangerous::insecure_decode_claims(bearer(incoming)?).ok()?;
    Some(claim.tid)
}
