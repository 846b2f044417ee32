//! Federated credentials: a token of somebody whom the registration trusts instead of a secret.

use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

use super::errors::LoginError;
use crate::options::{AppRegistration, FederatedCredential};

/// Skew granted to the issuer's clock, in seconds.
const SKEW: f64 = 300.0;

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Value,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
}

/// Whether an assertion comes from an outside issuer rather than from the app itself.
pub(super) fn is_foreign(assertion: &str) -> bool {
    claimed(assertion).is_some_and(|claims| claims.iss.starts_with("http"))
}

/// Checks a token of an outside issuer against the app's federated credentials: issuer, subject
/// and audience must be those of one of them, letter for letter.
pub(super) fn verify(
    assertion: &str,
    app: &AppRegistration,
    now: Timestamp,
) -> Result<(), LoginError> {
    let malformed = || LoginError::numbered(50_027);
    let header = jsonwebtoken::decode_header(assertion).map_err(|_undecodable| malformed())?;
    if header.alg != Algorithm::RS256 {
        return Err(malformed().about("Only RS256 is allowed for federated credentials."));
    }
    let claims = claimed(assertion).ok_or_else(malformed)?;
    let matching = app.federated_credentials.iter().find(|known| is_of(known, &claims));
    let credential = matching.ok_or_else(|| {
        let told = format!("Issuer '{}', subject '{}'.", claims.iss, claims.sub);
        LoginError::numbered(70_021).about(&told)
    })?;
    let unsigned = || LoginError::numbered(50_013);
    let key = credential.keys.iter().find_map(|key| {
        let key: Jwk = serde_json::from_value(key.clone()).ok()?;
        (key.common.key_id == header.kid).then_some(key)
    });
    let key = DecodingKey::from_jwk(&key.ok_or_else(unsigned)?).map_err(|_unusable| unsigned())?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<Claims>(assertion, &key, &validation).map_err(|_forged| unsigned())?;
    let now = now.as_duration().as_secs_f64();
    if claims.exp + SKEW < now || claims.nbf.is_some_and(|nbf| nbf - SKEW > now) {
        return Err(LoginError::numbered(700_024));
    }
    Ok(())
}

fn claimed(assertion: &str) -> Option<Claims> {
    jsonwebtoken::dangerous::insecure_decode_claims(assertion).ok()
}

fn is_of(credential: &FederatedCredential, claims: &Claims) -> bool {
    let audience = match &claims.aud {
        Value::Array(audiences) => match audiences.as_slice() {
            [only] => only.as_str(),
            // Exactly one audience is allowed.
            _ => None,
        },
        audience => audience.as_str(),
    };
    credential.issuer == claims.iss
        && credential.subject == claims.sub
        && audience == Some(credential.audience.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;

    const ISSUER: &str = "https://issuer.example";
    const ROLE: &str = "arn:aws:iam::123456789012:role/sync";

    struct Fixture {
        app: AppRegistration,
        key: EncodingKey,
    }

    fn fixture() -> Fixture {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("key");
        let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).expect("key");
        let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256).expect("key");
        public.common.key_id = Some("one".to_owned());
        let mut app = AppRegistration::development();
        app.federated_credentials.push(FederatedCredential {
            keys: vec![serde_json::to_value(public).expect("JSON")],
            ..FederatedCredential::new(ISSUER, ROLE)
        });
        Fixture { app, key }
    }

    fn check(fixture: &Fixture, change: &Value) -> Result<(), u32> {
        let mut claims = json!({
            "iss": ISSUER, "sub": ROLE, "aud": "api://AzureADTokenExchange", "iat": 1000, "exp": 1300,
        });
        crate::faults::answers::merge_patch(&mut claims, change);
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some("one".to_owned());
        let token = jsonwebtoken::encode(&header, &claims, &fixture.key).expect("signed");
        assert!(is_foreign(&token));
        let now = Timestamp::from_second(1_200).expect("instant");
        verify(&token, &fixture.app, now).map_err(|error| error.code)
    }

    #[test]
    fn a_trusted_issuer_proves_the_app_and_nobody_else_does() {
        let own = fixture();
        assert_eq!(check(&own, &json!({})), Ok(()));
        assert_eq!(check(&own, &json!({ "aud": ["api://AzureADTokenExchange"] })), Ok(()));
        let cases = [
            (json!({ "sub": "arn:aws:iam::123456789012:role/other" }), 70_021),
            (json!({ "iss": "https://evil.example" }), 70_021),
            (json!({ "aud": "sts.amazonaws.com" }), 70_021),
            (json!({ "aud": ["api://AzureADTokenExchange", "another"] }), 70_021),
            (json!({ "exp": 100 }), 700_024),
        ];
        for (change, code) in cases {
            assert_eq!(check(&own, &change), Err(code), "{change}");
        }
        let forged = Fixture { key: fixture().key, ..own };
        assert_eq!(check(&forged, &json!({})), Err(50_013));
    }
}
