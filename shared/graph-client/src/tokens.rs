//! Access tokens, held in memory per tenant: one request at a time, renewed at 80 % of their life.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use contact_sync_domain::id::TenantId;
use contact_sync_engine::port::{Clock, DirectoryError, GraphBudget};
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, MutexGuard};

use crate::client::GraphClient;
use crate::credential::CredentialSource;
use crate::login::{Grant, TokenAnswer};
use crate::patience::Patience;

/// A token that a denial renewed is not renewed for the next denial within this time: the sign-in
/// punishes who asks for the same token in a loop (AADSTS50196).
const DENIAL_PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// An access token, ready as a header. Opaque: nothing in it is ours to read.
#[derive(Clone)]
pub(crate) struct Token {
    bearer: HeaderValue,
    renew_at: Timestamp,
    expires_at: Timestamp,
    serial: u64,
}

impl Token {
    pub(crate) fn text(&self) -> &HeaderValue {
        &self.bearer
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Token")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct TenantState {
    token: Option<Token>,
    drawn: u64,
    /// When a denial last cost a token its life.
    denied_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Tenant {
    /// Held while a token is being asked for: the others wait and then share it.
    state: Mutex<TenantState>,
    paused_until: Mutex<Option<Timestamp>>,
}

/// What is known of each tenant.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    tenants: Mutex<HashMap<TenantId, Arc<Tenant>>>,
}

impl Tokens {
    async fn tenant(&self, tenant: &TenantId) -> Arc<Tenant> {
        let mut tenants: MutexGuard<'_, HashMap<_, _>> = self.tenants.lock().await;
        if let Some(known) = tenants.get(tenant) {
            return Arc::clone(known);
        }
        let new = Arc::<Tenant>::default();
        tenants.insert(tenant.clone(), Arc::clone(&new));
        new
    }

    /// Drops the token that Graph did not accept, unless another took its place meanwhile.
    pub(crate) async fn drop_rejected(&self, tenant: &TenantId, rejected: &Token) {
        let tenant = self.tenant(tenant).await;
        let mut state = tenant.state.lock().await;
        if state.token.as_ref().is_some_and(|token| token.serial == rejected.serial) {
            state.token = None;
        }
    }

    /// Drops a token that lacks a permission, in case it is older than the grant. `false` when it
    /// was renewed for that reason just now.
    pub(crate) async fn drop_denied(
        &self,
        tenant: &TenantId,
        denied: &Token,
        now: Timestamp,
    ) -> bool {
        let tenant = self.tenant(tenant).await;
        let mut state = tenant.state.lock().await;
        if state.token.as_ref().is_none_or(|token| token.serial != denied.serial) {
            return true;
        }
        if state.denied_at.is_some_and(|last| now.duration_since(last).abs() < DENIAL_PAUSE) {
            return false;
        }
        state.token = None;
        state.denied_at = Some(now);
        true
    }

    /// Drops a tenant's token, for instance after a new consent.
    pub(crate) async fn forget(&self, tenant: &TenantId) {
        let tenant = self.tenant(tenant).await;
        let mut state = tenant.state.lock().await;
        state.token = None;
        state.denied_at = None;
    }

    /// Lets the whole tenant wait.
    pub(crate) async fn pause(&self, tenant: &TenantId, until: Option<Timestamp>) {
        if until.is_some() {
            *self.tenant(tenant).await.paused_until.lock().await = until;
        }
    }

    /// Until when the whole tenant waits.
    pub(crate) async fn paused_until(&self, tenant: &TenantId) -> Option<Timestamp> {
        *self.tenant(tenant).await.paused_until.lock().await
    }
}

impl<S: CredentialSource, C: Clock, B: GraphBudget> GraphClient<S, C, B> {
    /// A token for a tenant: the one in memory, or a new one. A renewal that fails leaves the old
    /// one in use as long as it lives.
    pub(crate) async fn token(
        &self,
        tenant: &TenantId,
        mut patience: Patience<'_, C>,
    ) -> Result<Token, DirectoryError> {
        let shared = self.tokens.tenant(tenant).await;
        let mut state = shared.state.lock().await;
        let now = self.clock.now();
        if let Some(token) = state.token.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.clone());
        }
        let scope = self.endpoints.graph_scope();
        let grant = Grant::Application { scope: &scope };
        match self.ask_for_token(tenant, &grant, &mut patience).await {
            Ok(answer) => {
                state.drawn += 1;
                let token = ready(&answer, self.clock.now(), state.drawn)?;
                state.token = Some(token.clone());
                Ok(token)
            }
            Err(failure) => {
                let error = failure.into_directory_error();
                match state.token.as_ref().filter(|token| now < token.expires_at) {
                    Some(old) if error.is_transient() => Ok(old.clone()),
                    Some(_) | None => Err(error),
                }
            }
        }
    }
}

fn ready(answer: &TokenAnswer, now: Timestamp, serial: u64) -> Result<Token, DirectoryError> {
    let unusable = |what: &str| DirectoryError::Unavailable { what: what.into(), source: None };
    let text = answer.access_token.as_deref().ok_or_else(|| unusable("token: no access_token"))?;
    let mut bearer = HeaderValue::try_from(format!("Bearer {text}"))
        .map_err(|_no_header| unusable("token: not a header value"))?;
    bearer.set_sensitive(true);
    let life = SignedDuration::from_secs(answer.expires_in.unwrap_or(0).clamp(0, 100_000));
    Ok(Token { bearer, renew_at: now + life * 4 / 5, expires_at: now + life, serial })
}
