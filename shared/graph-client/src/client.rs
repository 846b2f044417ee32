//! The client that all ports are implemented on.

use std::fmt;

use contact_sync_engine::port::{BoxError, Clock, GraphBudget};
use thiserror::Error;

use crate::credential::CredentialSource;
use crate::endpoints::Endpoints;
use crate::shares::{Shares, Unshared};
use crate::signing_keys::SigningKeys;
use crate::tokens::Tokens;
use crate::transport::Transport;

/// Why there is no client.
#[derive(Debug, Error)]
pub enum GraphClientError {
    /// TLS could not be set up: usually no trusted root certificates on this machine.
    #[error("TLS could not be set up")]
    Tls(#[source] BoxError),
    /// The application id is not a GUID.
    #[error("APP_ID is not a GUID")]
    AppId(#[source] BoxError),
}

/// Graph and the sign-in for all tenants, with tokens and signing keys in memory: make one per
/// process and keep it across invocations.
pub struct GraphClient<S, C, B = Unshared> {
    pub(crate) endpoints: Endpoints,
    /// Lower case.
    pub(crate) app_id: String,
    pub(crate) credentials: S,
    pub(crate) clock: C,
    pub(crate) transport: Transport,
    pub(crate) tokens: Tokens,
    pub(crate) signing_keys: SigningKeys,
    /// What all processes share of Graph's limits.
    pub(crate) budget: B,
    pub(crate) shares: Shares,
}

impl<S: CredentialSource, C: Clock> GraphClient<S, C> {
    /// A client for one app registration in one cloud, whose bulk reads ask nobody. Connects to
    /// nobody yet.
    pub fn new(
        endpoints: Endpoints,
        app_id: &str,
        credentials: S,
        clock: C,
    ) -> Result<Self, GraphClientError> {
        let app_id = uuid::Uuid::try_parse(app_id)
            .map_err(|error| GraphClientError::AppId(error.into()))?
            .to_string();
        Ok(Self {
            endpoints,
            app_id,
            credentials,
            clock,
            transport: Transport::new()?,
            tokens: Tokens::default(),
            signing_keys: SigningKeys::default(),
            budget: Unshared,
            shares: Shares::default(),
        })
    }

    /// The same client, whose bulk reads take from a budget that others share.
    pub fn sharing<B: GraphBudget>(self, budget: B) -> GraphClient<S, C, B> {
        GraphClient {
            endpoints: self.endpoints,
            app_id: self.app_id,
            credentials: self.credentials,
            clock: self.clock,
            transport: self.transport,
            tokens: self.tokens,
            signing_keys: self.signing_keys,
            budget,
            shares: Shares::default(),
        }
    }
}

impl<S, C, B> fmt::Debug for GraphClient<S, C, B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("GraphClient")
            .field("endpoints", &self.endpoints)
            .field("app_id", &self.app_id)
            .finish_non_exhaustive()
    }
}
