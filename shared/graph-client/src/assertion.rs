//! The signed assertion that stands in for a client secret (Entra: certificate credentials).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contact_sync_engine::port::BoxError;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Entra takes assertions that live five to ten minutes.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

/// Signs an assertion for one token request at `token_endpoint`.
pub(crate) fn sign(
    certificate_pem: &str,
    private_key_pem: &str,
    app_id: &str,
    token_endpoint: &str,
    now: Timestamp,
) -> Result<String, BoxError> {
    let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())?;
    let key = EncodingKey::from_rsa_pem(private_key_pem.as_bytes())?;
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)));
    let claims = Claims {
        aud: token_endpoint,
        iss: app_id,
        sub: app_id,
        jti: uuid::Uuid::new_v4().to_string(),
        nbf: now.as_second(),
        iat: now.as_second(),
        exp: (now + LIFETIME).as_second(),
    };
    Ok(jsonwebtoken::encode(&header, &claims, &key)?)
}
