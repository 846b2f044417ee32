//! The API token, which on one machine stands for a JWT of the product's issuer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Map, Value};

/// The bearer token that the gateway accepts.
#[derive(Clone)]
pub struct ApiToken {
    token: String,
}

impl std::fmt::Debug for ApiToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ApiToken")
    }
}

impl ApiToken {
    pub fn new(token: String) -> Self {
        Self { token }
    }

    /// A bearer token that presents `claims` instead of the operator's.
    pub fn with_claims(&self, claims: &Value) -> String {
        format!("{}.{}", self.token, URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    /// The claims of the bearer token in `headers`: an operator's for the bare token, those after
    /// the dot for `TOKEN.<base64url JSON>`.
    ///
    /// # Errors
    /// Why the caller is not let in.
    pub(crate) fn claims(&self, headers: &HeaderMap) -> Result<Map<String, Value>, &'static str> {
        let header = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .ok_or("The request has no Authorization header.")?;
        let (scheme, bearer) = header.split_once(' ').unwrap_or(("", header));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err("The Authorization header is not a bearer token.");
        }
        let rest =
            bearer.trim().strip_prefix(&self.token).ok_or("The bearer token is not valid.")?;
        if rest.is_empty() {
            return Ok(Map::from_iter([
                ("sub".to_owned(), "local-operator".into()),
                ("role".to_owned(), "admin".into()),
            ]));
        }
        let claims = rest
            .strip_prefix('.')
            .and_then(|encoded| URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('=')).ok())
            .and_then(|json| serde_json::from_slice::<Map<String, Value>>(&json).ok());
        claims.ok_or("The bearer token is not valid.")
    }
}
