//! OpenID configuration and the key set.

use http::StatusCode;
use serde_json::json;

use super::Audience;
use crate::exchange::{Incoming, Reply};
use crate::world::World;

/// The issuer of an audience's tokens; the aliases carry a literal placeholder.
pub(crate) fn issuer(world: &World, audience: Audience) -> String {
    let base = &world.base_url;
    match audience {
        Audience::Tenant(id) => format!("{base}/{id}/v2.0"),
        Audience::Organizations | Audience::Common => format!("{base}/{{tenantid}}/v2.0"),
        Audience::Consumers => format!("{base}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"),
    }
}

fn segment(audience: Audience) -> String {
    match audience {
        Audience::Tenant(id) => id.to_string(),
        Audience::Organizations => "organizations".to_owned(),
        Audience::Common => "common".to_owned(),
        Audience::Consumers => "consumers".to_owned(),
    }
}

pub(super) fn configuration(world: &World, audience: Audience) -> Reply {
    let base = &world.base_url;
    let tenant = segment(audience);
    let oauth = format!("{base}/{tenant}/oauth2/v2.0");
    let graph = &world.graph_url;
    let host = graph.split_once("://").map_or(graph.as_str(), |(_, host)| host);
    let document = json!({
        "token_endpoint": format!("{oauth}/token"),
        "token_endpoint_auth_methods_supported": [
            "client_secret_post", "private_key_jwt", "client_secret_basic",
            "self_signed_tls_client_auth",
        ],
        "jwks_uri": format!("{base}/{tenant}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer(world, audience),
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": format!("{base}/oidc/userinfo"),
        "authorization_endpoint": format!("{oauth}/authorize"),
        "device_authorization_endpoint": format!("{oauth}/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{oauth}/logout"),
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "cloud_instance_host_name",
            "cloud_graph_host_name", "msgraph_host", "aud", "exp", "iat", "auth_time", "acr",
            "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email",
        ],
        "tenant_region_scope": world.cloud.region(),
        "cloud_instance_name": world.cloud.instance_name(),
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": host,
        "rbac_url": "https://pas.windows.net",
    });
    Reply::json(StatusCode::OK, &document)
}

pub(super) fn keys(world: &World, audience: Audience) -> Reply {
    Reply::json(
        StatusCode::OK,
        &world.keys.published(&issuer(world, audience), world.cloud.instance_name()),
    )
}

/// Whether a scope names Graph's `/.default` under the simulator's or Microsoft's name.
pub(super) fn is_graph_default(world: &World, scope: &str) -> bool {
    let Some(resource) = scope.strip_suffix("/.default") else { return false };
    resource.trim_end_matches('/') == world.graph_url
        || resource.trim_end_matches('/').strip_prefix("https://") == Some(world.cloud.graph_host())
        || resource == "00000003-0000-0000-c000-000000000000"
}

/// The `/.default` scope of an interactive request, if it asks for one.
pub(super) fn asks_for_default(world: &World, incoming: &Incoming) -> bool {
    incoming
        .parameter("scope")
        .is_some_and(|scopes| scopes.split(' ').any(|scope| is_graph_default(world, scope)))
}
