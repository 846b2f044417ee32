//! What makes an id_token proof (Entra: claims validation).

use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_engine::port::SignIn;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq;
use thiserror::Error;

/// Clocks may differ by so much.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The tenant of Microsoft's personal accounts: nobody's organisation.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// What a token must say to be about this sign-in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) tenant: &'a TenantId,
    /// Of the tenant's discovery document.
    pub(crate) issuer: &'a str,
    pub(crate) app_id: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) now: Timestamp,
}

/// Why a token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum IdTokenError {
    #[error("not a token")]
    Malformed,
    #[error("not signed with RS256 by a named key")]
    Algorithm,
    #[error("the signature does not hold")]
    Signature,
    #[error("from another issuer")]
    Issuer,
    #[error("meant for another application")]
    Audience,
    #[error("expired, or not valid yet")]
    Time,
    #[error("of another sign-in (nonce)")]
    Nonce,
    #[error("of another tenant")]
    Tenant,
    #[error("of a personal account")]
    PersonalAccount,
    #[error("without an object id")]
    ObjectId,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    iat: Option<i64>,
    #[serde(default)]
    nonce: Option<String>,
    tid: String,
    #[serde(default)]
    oid: Option<String>,
    #[serde(default)]
    wids: Option<Value>,
}

/// The id of the key that signed a token; only RS256 is looked at further.
pub(crate) fn key_id(token: &str) -> Result<String, IdTokenError> {
    let header =
        jsonwebtoken::decode_header(token).map_err(|_no_header| IdTokenError::Malformed)?;
    match header.kid {
        Some(kid) if header.alg == Algorithm::RS256 && header.crit.is_none() => Ok(kid),
        Some(_) | None => Err(IdTokenError::Algorithm),
    }
}

/// Verifies the signature and every claim; answers who signed in.
pub(crate) fn verify(
    token: &str,
    key: &DecodingKey,
    expected: &Expected<'_>,
) -> Result<SignIn, IdTokenError> {
    let mut validation = Validation::new(Algorithm::RS256);
    // The times are judged below, by the clock that everything else goes by; the audience too.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(token, key, &validation)
        .map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => IdTokenError::Malformed,
            _ => IdTokenError::Signature,
        })?
        .claims;
    judge(claims, expected)
}

fn judge(claims: Claims, expected: &Expected<'_>) -> Result<SignIn, IdTokenError> {
    let tenant_id = TenantId::parse(&claims.tid).map_err(|_no_guid| IdTokenError::Tenant)?;
    if tenant_id.as_str() == PERSONAL_ACCOUNTS {
        return Err(IdTokenError::PersonalAccount);
    }
    if tenant_id != *expected.tenant {
        return Err(IdTokenError::Tenant);
    }
    if claims.iss != expected.issuer {
        return Err(IdTokenError::Issuer);
    }
    if !claims.aud.eq_ignore_ascii_case(expected.app_id) {
        return Err(IdTokenError::Audience);
    }
    let now = expected.now.as_second();
    let late = claims.exp.saturating_add(SKEW.as_secs()) <= now;
    let early = [claims.nbf, claims.iat]
        .into_iter()
        .flatten()
        .any(|start| start.saturating_sub(SKEW.as_secs()) > now);
    if late || early {
        return Err(IdTokenError::Time);
    }
    let nonce = claims.nonce.unwrap_or_default();
    if expected.nonce.is_empty() || !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(IdTokenError::Nonce);
    }
    let object_id = claims.oid.as_deref().map(ObjectId::parse);
    let Some(Ok(object_id)) = object_id else { return Err(IdTokenError::ObjectId) };
    Ok(SignIn { tenant_id, object_id, roles: claims.wids.and_then(roles) })
}

/// `wids` as texts; entries that are none, like the nulls of roles we may not read, do not count. A
/// claim that is no list is no claim.
fn roles(wids: Value) -> Option<Vec<String>> {
    let Value::Array(entries) = wids else { return None };
    let text = |entry| match entry {
        Value::String(text) if !text.trim().is_empty() => Some(text),
        _ => None,
    };
    Some(entries.into_iter().filter_map(text).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TENANT: &str = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
    const ISSUER: &str =
        "https://login.microsoftonline.com/84bd8158-6d4d-4958-8b9f-9d6445542f95/v2.0";
    const APP: &str = "24d3b144-21ae-4080-943f-7067b395b913";
    const NOW: i64 = 1_800_000_000;

    fn claims() -> Value {
        json!({"iss": ISSUER, "aud": APP, "exp": NOW + 3600, "nbf": NOW, "iat": NOW,
            "nonce": "n-1", "tid": TENANT, "oid": "8f0c1b1e-0000-4000-8000-000000000001",
            "wids": ["62e90394-69f5-4237-9190-012177145e10"]})
    }

    fn judged(claims: Value) -> Result<SignIn, IdTokenError> {
        let tenant = TenantId::parse(TENANT).unwrap();
        let expected = Expected {
            tenant: &tenant,
            issuer: ISSUER,
            app_id: APP,
            nonce: "n-1",
            now: Timestamp::from_second(NOW).unwrap(),
        };
        judge(serde_json::from_value(claims).unwrap(), &expected)
    }

    fn with(name: &str, value: Value) -> Value {
        let mut changed = claims();
        changed[name] = value;
        changed
    }

    #[test]
    fn a_true_token_names_person_tenant_and_roles() {
        let sign_in = judged(claims()).unwrap();
        assert_eq!(sign_in.tenant_id.as_str(), TENANT);
        assert_eq!(sign_in.roles.unwrap(), ["62e90394-69f5-4237-9190-012177145e10"]);
    }

    #[test]
    fn a_token_that_is_wrong_in_one_point_proves_nothing() {
        let other = "11111111-6d4d-4958-8b9f-9d6445542f95";
        for (name, value, expected) in [
            ("iss", json!(ISSUER.replace("84bd8158", "11111111")), IdTokenError::Issuer),
            (
                "iss",
                json!("https://login.microsoftonline.com/{tenantid}/v2.0"),
                IdTokenError::Issuer,
            ),
            ("aud", json!(other), IdTokenError::Audience),
            ("exp", json!(NOW - 301), IdTokenError::Time),
            ("nbf", json!(NOW + 301), IdTokenError::Time),
            ("iat", json!(NOW + 301), IdTokenError::Time),
            ("nonce", json!("n-2"), IdTokenError::Nonce),
            ("nonce", json!(null), IdTokenError::Nonce),
            ("tid", json!(other), IdTokenError::Tenant),
            ("tid", json!("contoso.com"), IdTokenError::Tenant),
            ("tid", json!(PERSONAL_ACCOUNTS), IdTokenError::PersonalAccount),
            ("oid", json!(null), IdTokenError::ObjectId),
            ("oid", json!("me"), IdTokenError::ObjectId),
        ] {
            assert_eq!(judged(with(name, value.clone())).unwrap_err(), expected, "{name} {value}");
        }
    }

    #[test]
    fn clocks_may_differ_by_five_minutes() {
        assert!(judged(with("exp", json!(NOW - 290))).is_ok());
        assert!(judged(with("nbf", json!(NOW + 290))).is_ok());
    }

    #[test]
    fn roles_that_are_null_or_blank_are_no_roles_and_an_absent_list_is_told_from_an_empty_one() {
        assert_eq!(judged(with("wids", json!([null, "", " "]))).unwrap().roles, Some(vec![]));
        assert_eq!(judged(with("wids", json!(null))).unwrap().roles, None);
        assert_eq!(judged(with("wids", json!("62e90394"))).unwrap().roles, None);
        let mut absent = claims();
        absent.as_object_mut().unwrap().remove("wids");
        assert_eq!(judged(absent).unwrap().roles, None);
    }
}
