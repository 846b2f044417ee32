//! Client assertions: a JWT signed with the key of a registered certificate.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use sha1::Digest as _;

use super::errors::LoginError;
use super::token::credential_key;
use crate::options::AppRegistration;

/// Skew granted to the client's clock, in seconds.
const SKEW: f64 = 300.0;

#[derive(Debug, Deserialize)]
struct AssertionHeader {
    alg: String,
    #[serde(default)]
    x5t: Option<String>,
    #[serde(default, rename = "x5t#S256")]
    x5t_s256: Option<String>,
}

/// Dates may be JSON floats: MSAL for Python sends them so.
#[derive(Debug, Deserialize)]
struct AssertionClaims {
    aud: String,
    iss: String,
    sub: String,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
}

/// Checks an assertion against the app's certificates; answers the key of the one that signed it.
pub(super) fn verify(
    assertion: &str,
    app: &AppRegistration,
    audiences: &[String],
    now: Timestamp,
) -> Result<String, LoginError> {
    let malformed = || LoginError::numbered(50_027);
    let header = assertion.split('.').next().ok_or_else(malformed)?;
    let header =
        URL_SAFE_NO_PAD.decode(header.trim_end_matches('=')).map_err(|_undecodable| malformed())?;
    let header: AssertionHeader =
        serde_json::from_slice(&header).map_err(|_undecodable| malformed())?;
    let algorithm = match header.alg.as_str() {
        "RS256" => Algorithm::RS256,
        "PS256" => Algorithm::PS256,
        _ => return Err(malformed().about("The algorithm is not allowed.")),
    };
    let certificate = app
        .certificates
        .iter()
        .find(|pem| is_named(pem, &header))
        .ok_or_else(|| LoginError::numbered(700_027).about("No such key is registered."))?;
    let key = DecodingKey::from_rsa_pem(certificate.as_bytes())
        .map_err(|_unusable| LoginError::numbered(50_012).about("The certificate is unusable."))?;
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims: AssertionClaims = jsonwebtoken::decode(assertion, &key, &validation)
        .map_err(|_forged| LoginError::numbered(700_027).about("The signature is not valid."))?
        .claims;
    judge(&claims, app, audiences, now)?;
    Ok(credential_key(&der(certificate).unwrap_or_default()))
}

fn judge(
    claims: &AssertionClaims,
    app: &AppRegistration,
    audiences: &[String],
    now: Timestamp,
) -> Result<(), LoginError> {
    let app_id = app.app_id.to_string();
    if claims.iss != app_id || claims.sub != app_id {
        return Err(LoginError::numbered(700_021));
    }
    if !audiences.iter().any(|audience| *audience == claims.aud.trim_end_matches('/')) {
        return Err(LoginError::numbered(700_023));
    }
    let now = now.as_duration().as_secs_f64();
    if claims.exp + SKEW < now || claims.nbf.is_some_and(|nbf| nbf - SKEW > now) {
        return Err(LoginError::numbered(700_024));
    }
    Ok(())
}

/// Whether a header names this certificate by SHA-1 or SHA-256 thumbprint, padded or not.
fn is_named(pem: &str, header: &AssertionHeader) -> bool {
    let Some(der) = der(pem) else { return false };
    let sha1 = URL_SAFE_NO_PAD.encode(sha1::Sha1::digest(&der));
    let sha256 = {
        use sha2::Digest as _;
        URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(&der))
    };
    let same = |given: &Option<String>, own: &str| {
        given.as_deref().is_some_and(|given| given.trim_end_matches('=') == own)
    };
    same(&header.x5t, &sha1) || same(&header.x5t_s256, &sha256)
}

fn der(pem: &str) -> Option<Vec<u8>> {
    let body: String =
        pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    STANDARD.decode(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::{Value, json};

    struct Fixture {
        app: AppRegistration,
        key: EncodingKey,
        sha1: String,
        sha256: String,
    }

    const AUDIENCE: &str = "http://127.0.0.1:1/tid/oauth2/v2.0/token";

    fn fixture() -> Fixture {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("key");
        let certificate = rcgen::CertificateParams::new(vec!["app".to_owned()])
            .and_then(|params| params.self_signed(&pair))
            .expect("certificate");
        let mut app = AppRegistration::development();
        app.certificates.push(certificate.pem());
        let der = certificate.der();
        let sha256 = {
            use sha2::Digest as _;
            URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(der))
        };
        Fixture {
            app,
            key: EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).expect("key"),
            sha1: URL_SAFE_NO_PAD.encode(sha1::Sha1::digest(der)),
            sha256,
        }
    }

    fn claims(app: &AppRegistration) -> Value {
        json!({"aud": AUDIENCE, "iss": app.app_id, "sub": app.app_id, "jti": "1",
               "iat": 1000.25, "exp": 1600.75})
    }

    fn check(fixture: &Fixture, header: &Header, claims: &Value) -> Result<(), u32> {
        let token = jsonwebtoken::encode(header, claims, &fixture.key).expect("signed");
        let now = Timestamp::from_second(1_200).expect("instant");
        verify(&token, &fixture.app, &[AUDIENCE.to_owned()], now)
            .map(drop)
            .map_err(|error| error.code)
    }

    #[test]
    fn both_algorithms_and_thumbprints_are_accepted_padded_or_not() {
        let fixture = fixture();
        let claims = claims(&fixture.app);
        let legacy = Header { x5t: Some(fixture.sha1.clone()), ..Header::new(Algorithm::RS256) };
        let padded = Some(format!("{}=", fixture.sha256));
        let modern = Header { x5t_s256: padded, ..Header::new(Algorithm::PS256) };
        assert_eq!(check(&fixture, &legacy, &claims), Ok(()));
        assert_eq!(check(&fixture, &modern, &claims), Ok(()));
    }

    #[test]
    fn foreign_late_and_misdirected_assertions_are_refused() {
        let fixture = fixture();
        let good =
            Header { x5t_s256: Some(fixture.sha256.clone()), ..Header::new(Algorithm::PS256) };
        let with = |name: &str, value: Value| {
            let mut claims = claims(&fixture.app);
            claims[name] = value;
            check(&fixture, &good, &claims)
        };
        assert_eq!(with("exp", json!(100)), Err(700_024));
        assert_eq!(with("aud", json!("https://elsewhere/token")), Err(700_023));
        assert_eq!(with("iss", json!("someone")), Err(700_021));
        let unknown = Header { x5t: Some("AAAA".to_owned()), ..Header::new(Algorithm::RS256) };
        assert_eq!(check(&fixture, &unknown, &claims(&fixture.app)), Err(700_027));
        let mine = claims(&fixture.app);
        let forged = Fixture { key: self::fixture().key, ..fixture };
        assert_eq!(check(&forged, &good, &mine), Err(700_027));
        let none = format!("{}.e30.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
        let refused = verify(&none, &forged.app, &[], Timestamp::UNIX_EPOCH);
        assert_eq!(refused.map_err(|error| error.code), Err(50_027));
    }
}
