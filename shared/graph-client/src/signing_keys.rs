//! The sign-in's keys, per tenant: cached, refreshed on a miss, never thrown away for a failure.

use std::collections::HashMap;
use std::fmt;

use contact_sync_domain::id::TenantId;
use contact_sync_engine::port::{Clock, GraphBudget, IdentityError};
use http::{Method, header};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use crate::client::GraphClient;
use crate::credential::CredentialSource;
use crate::patience::Patience;

/// Keys are looked up anew after so long; Entra rolls them without a schedule.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

/// Keys older than this are not trusted, even when no newer ones can be had.
const TRUSTED: SignedDuration = SignedDuration::from_hours(24);

/// Unknown key ids cause a look-up at most this often: anybody can invent one.
const MISS_PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// A tenant's issuer and the keys it signs with.
#[derive(Clone)]
struct KeySet {
    issuer: String,
    keys: HashMap<String, DecodingKey>,
    fetched_at: Timestamp,
    tried_at: Timestamp,
    missed_at: Option<Timestamp>,
}

/// The key sets in memory.
#[derive(Default)]
pub(crate) struct SigningKeys {
    sets: Mutex<HashMap<TenantId, KeySet>>,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKeys").finish_non_exhaustive()
    }
}

/// A key and the issuer whose tokens it may sign.
pub(crate) struct SigningKey {
    pub(crate) issuer: String,
    pub(crate) key: DecodingKey,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeyList {
    keys: Vec<WireKey>,
}

#[derive(Deserialize)]
struct WireKey {
    kid: Option<String>,
    kty: String,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    n: Option<String>,
    e: Option<String>,
    /// The issuer whose tokens the key signs, `{tenantid}` standing for any tenant.
    #[serde(default)]
    issuer: Option<String>,
}

impl<S: CredentialSource, C: Clock, B: GraphBudget> GraphClient<S, C, B> {
    /// The key of a tenant with this id; `None` when the tenant has none such.
    pub(crate) async fn signing_key(
        &self,
        tenant: &TenantId,
        kid: &str,
        patience: &mut Patience<'_, C>,
    ) -> Result<Option<SigningKey>, IdentityError> {
        let mut sets = self.signing_keys.sets.lock().await;
        let now = self.clock.now();
        let known = sets.get(tenant).filter(|set| age(set.fetched_at, now) < TRUSTED).cloned();
        let mut set = match known {
            None => self.fetch(tenant, patience).await?,
            Some(mut set) => {
                let stale =
                    age(set.fetched_at, now) >= FRESH && age(set.tried_at, now) >= MISS_PAUSE;
                let missed = !set.keys.contains_key(kid)
                    && set.missed_at.is_none_or(|last| age(last, now) >= MISS_PAUSE);
                if stale || missed {
                    set.tried_at = now;
                    match self.fetch(tenant, patience).await {
                        Ok(fetched) => set = fetched,
                        // Nobody who holds a good token is turned away for a look-up that failed.
                        Err(_) if set.keys.contains_key(kid) => {}
                        Err(error) => return Err(error),
                    }
                    if missed {
                        set.missed_at = Some(now);
                    }
                }
                set
            }
        };
        let found = set.keys.get(kid).cloned();
        let issuer = set.issuer.clone();
        if found.is_none() {
            set.missed_at.get_or_insert(now);
        }
        sets.insert(tenant.clone(), set);
        Ok(found.map(|key| SigningKey { issuer, key }))
    }

    async fn fetch(
        &self,
        tenant: &TenantId,
        patience: &mut Patience<'_, C>,
    ) -> Result<KeySet, IdentityError> {
        let address =
            self.endpoints.login(tenant.as_str(), "/v2.0/.well-known/openid-configuration");
        let discovery: Discovery = self.fetch_json(&address, patience).await?;
        let begins = self.endpoints.login(tenant.as_str(), "/");
        // The issuer of the tenant's own document, not the placeholder of `organizations`.
        if !self.endpoints.is_login(&discovery.issuer) || !discovery.issuer.starts_with(&begins) {
            return Err(IdentityError::NotVerified("the tenant's issuer is a foreign one".into()));
        }
        if !self.endpoints.is_login(&discovery.jwks_uri) {
            return Err(IdentityError::NotVerified("the tenant's keys are elsewhere".into()));
        }
        let list: KeyList = self.fetch_json(&discovery.jwks_uri, patience).await?;
        let now = self.clock.now();
        Ok(KeySet {
            keys: usable(list.keys, &discovery.issuer, tenant),
            issuer: discovery.issuer,
            fetched_at: now,
            tried_at: now,
            missed_at: None,
        })
    }

    async fn fetch_json<T: for<'a> Deserialize<'a>>(
        &self,
        address: &str,
        patience: &mut Patience<'_, C>,
    ) -> Result<T, IdentityError> {
        let url = Url::parse(address).map_err(|error| IdentityError::Unavailable(error.into()))?;
        loop {
            let request = self
                .transport
                .request(Method::GET, url.clone())
                .header(header::ACCEPT, "application/json");
            let error = match self.transport.exchange(request, patience.timeout()).await {
                Ok(answer) if answer.status.is_success() => {
                    match serde_json::from_slice(&answer.body) {
                        Ok(value) => return Ok(value),
                        Err(error) => IdentityError::Unavailable(error.into()),
                    }
                }
                Ok(answer) if answer.status.is_client_error() && answer.status != 429 => {
                    return Err(IdentityError::NotVerified("the tenant is not known".into()));
                }
                Ok(answer) => IdentityError::Unavailable(
                    format!("HTTP {} for keys or discovery", answer.status.as_u16()).into(),
                ),
                Err(error) => IdentityError::Unavailable(error.into()),
            };
            if !patience.wait(None).await {
                return Err(error);
            }
        }
    }
}

/// The RSA signing keys of this issuer; a key that names another issuer is not for this tenant.
fn usable(keys: Vec<WireKey>, issuer: &str, tenant: &TenantId) -> HashMap<String, DecodingKey> {
    keys.into_iter()
        .filter(|key| key.kty == "RSA" && key.purpose.as_deref().is_none_or(|use_| use_ == "sig"))
        .filter(|key| {
            let named = |text: &String| text.replace("{tenantid}", tenant.as_str()) == issuer;
            key.issuer.as_ref().is_none_or(named)
        })
        .filter_map(|key| {
            let decoding = DecodingKey::from_rsa_components(&key.n?, &key.e?).ok()?;
            Some((key.kid?, decoding))
        })
        .collect()
}

/// A clock that was set back makes nothing young.
fn age(then: Timestamp, now: Timestamp) -> SignedDuration {
    now.duration_since(then).abs()
}
