//! The signing keys of the login service.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha1::Digest as _;

/// Keys made at the start: one signs, the other is published for later.
pub(crate) const KEYS_AT_START: usize = 2;

/// Why a key cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// No key could be generated or read.
    #[error("cannot make or read a signing key")]
    Key(#[from] rcgen::Error),
    /// A token could not be signed or a key not exported.
    #[error("cannot sign")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// The published keys; the last one signs.
#[derive(Debug, Clone)]
pub(crate) struct SigningKeys {
    keys: Vec<Arc<SigningKey>>,
    /// No longer published, but tokens signed with them still count at Graph.
    retired: Vec<Arc<SigningKey>>,
}

struct SigningKey {
    kid: String,
    certificate: String,
    modulus: String,
    exponent: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Draws a new RSA key, PKCS#8 PEM.
pub(crate) fn draw_key() -> Result<String, SigningError> {
    Ok(rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256)?.serialize_pem())
}

/// Draws the keys of a new simulator, at the same time.
pub(crate) fn draw_keys() -> Result<Vec<String>, SigningError> {
    std::thread::scope(|scope| {
        let drawing: Vec<_> = (0..KEYS_AT_START).map(|_| scope.spawn(draw_key)).collect();
        drawing.into_iter().map(|key| key.join().unwrap_or_else(|_| draw_key())).collect()
    })
}

impl SigningKey {
    fn from_pem(pem: &str) -> Result<Self, SigningError> {
        let pair = rcgen::KeyPair::from_pem(pem)?;
        let name = "accounts.accesscontrol.windows.net".to_owned();
        let certificate = rcgen::CertificateParams::new(vec![name])?.self_signed(&pair)?;
        let encoding = EncodingKey::from_rsa_pem(pem.as_bytes())?;
        let jwk = Jwk::from_encoding_key(&encoding, Algorithm::RS256)?;
        let AlgorithmParameters::RSA(rsa) = &jwk.algorithm else {
            return Err(rcgen::Error::UnsupportedSignatureAlgorithm.into());
        };
        let modulus = URL_SAFE_NO_PAD.decode(&rsa.n).unwrap_or_default();
        Ok(Self {
            kid: URL_SAFE_NO_PAD.encode(sha1::Sha1::digest(modulus)),
            certificate: STANDARD.encode(certificate.der()),
            modulus: rsa.n.clone(),
            exponent: rsa.e.clone(),
            decoding: DecodingKey::from_rsa_components(&rsa.n, &rsa.e)?,
            encoding,
        })
    }
}

impl SigningKeys {
    pub(crate) fn from_pems(pems: &[String]) -> Result<Self, SigningError> {
        let keys: Result<Vec<_>, _> =
            pems.iter().map(|pem| SigningKey::from_pem(pem).map(Arc::new)).collect();
        Ok(Self { keys: keys?, retired: Vec::new() })
    }

    /// Signs with a new key from now on.
    pub(crate) fn roll(&mut self, pem: &str, retire_old: bool) -> Result<(), SigningError> {
        if retire_old {
            self.retired.append(&mut self.keys);
        }
        self.keys.push(Arc::new(SigningKey::from_pem(pem)?));
        Ok(())
    }

    /// Signs claims with RS256.
    pub(crate) fn sign<T: Serialize>(&self, claims: &T) -> Result<String, SigningError> {
        let Some(key) = self.keys.last() else {
            return Err(rcgen::Error::CouldNotParseKeyPair.into());
        };
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(key.kid.clone());
        Ok(jsonwebtoken::encode(&header, claims, &key.encoding)?)
    }

    /// Signs with a key that was never published.
    pub(crate) fn sign_with_foreign_key<T: Serialize>(claims: &T) -> Result<String, SigningError> {
        Self::from_pems(&[draw_key()?])?.sign(claims)
    }

    /// Verifies the signature of one of our own tokens; times are the caller's to judge.
    pub(crate) fn verify<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
        let key = self.keys.iter().chain(&self.retired).find(|key| key.kid == kid)?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Some(jsonwebtoken::decode(token, &key.decoding, &validation).ok()?.claims)
    }

    /// The published key set of a cloud; `issuer` is the template or the tenant's own issuer.
    pub(crate) fn published(&self, issuer: &str, cloud: &str) -> Value {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .map(|key| {
                json!({
                    "kty": "RSA", "use": "sig", "kid": key.kid, "x5t": key.kid,
                    "n": key.modulus, "e": key.exponent, "x5c": [key.certificate],
                    "cloud_instance_name": cloud, "issuer": issuer,
                })
            })
            .collect();
        json!({ "keys": keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollover_publishes_the_new_key_and_still_trusts_older_tokens() {
        let mut keys = SigningKeys::from_pems(&[draw_key().expect("key")]).expect("keys");
        let old = keys.sign(&json!({"n": 1})).expect("signed");
        keys.roll(&draw_key().expect("key"), true).expect("rolled");
        let new = keys.sign(&json!({"n": 2})).expect("signed");
        let published = keys.published("https://issuer", "microsoftonline.com");
        assert_eq!(published["keys"].as_array().map(Vec::len), Some(1));
        assert!(keys.verify::<Value>(&old).is_some() && keys.verify::<Value>(&new).is_some());
        let foreign = SigningKeys::sign_with_foreign_key(&json!({})).expect("signed");
        assert!(keys.verify::<Value>(&foreign).is_none());
    }
}
