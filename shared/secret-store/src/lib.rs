//! The app registration's credential, from one of two places:
//!
//! - a secret in Secrets Manager: `{"clientSecret": "…"}` or
//!   `{"certificatePem": "…", "privateKeyPem": "…"}` (where both are there, the certificate is used);
//! - AWS itself: STS signs a token for the function's role, which the app registration trusts by a
//!   federated credential. Then nothing is stored anywhere.
#![warn(missing_docs)]

mod federated;
mod stored;

use std::time::Duration;

use aws_config::SdkConfig;
use contact_sync_engine::port::{ClientCredential, CredentialError, CredentialSource};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::federated::Federated;
use crate::stored::Stored;

/// Before the audience, in place of a secret's ARN.
const FEDERATED: &str = "federated:";

/// The credential and where it comes from.
#[derive(Debug)]
pub struct Credentials {
    source: Source,
    cached: Mutex<Option<(Instant, ClientCredential)>>,
}

#[derive(Debug)]
enum Source {
    Stored(Stored),
    Federated(Federated),
}

impl Credentials {
    /// The credential in the secret of that ARN or name, or, for `federated:<audience>`, STS's
    /// token for that audience.
    pub fn connect(config: &SdkConfig, source: impl Into<String>) -> Self {
        let source = source.into();
        let source = match source.strip_prefix(FEDERATED) {
            Some(audience) => Source::Federated(Federated::connect(config, audience)),
            None => Source::Stored(Stored::connect(config, source)),
        };
        Self { source, cached: Mutex::default() }
    }

    async fn fetch(&self) -> Result<ClientCredential, CredentialError> {
        match &self.source {
            Source::Stored(stored) => stored.fetch().await,
            Source::Federated(federated) => federated.fetch().await,
        }
    }

    /// How long a credential that was fetched is used.
    fn fresh(&self) -> Duration {
        match &self.source {
            Source::Stored(_) => stored::FRESH,
            Source::Federated(_) => federated::FRESH,
        }
    }
}

impl CredentialSource for Credentials {
    async fn current(&self) -> Result<ClientCredential, CredentialError> {
        // Held while fetching: whoever comes meanwhile waits for the one answer.
        let mut cached = self.cached.lock().await;
        if let Some((read_at, credential)) = cached.as_ref()
            && read_at.elapsed() < self.fresh()
        {
            return Ok(credential.clone());
        }
        let credential = self.fetch().await?;
        *cached = Some((Instant::now(), credential.clone()));
        Ok(credential)
    }

    async fn forget(&self) {
        *self.cached.lock().await = None;
    }
}
