//! What the environment says.

use contact_sync_graph_client::{EndpointError, Endpoints};
use contact_sync_lambda_shell::env::{Env, EnvError};
use thiserror::Error;

/// Where the function keeps what it learns, and whom it asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// `STATE_TABLE`: accounts, connections, links and attempts.
    pub(crate) state_table: String,
    /// `CONTACTS_TABLE`: the store's other table, untouched here.
    pub(crate) contacts_table: String,
    /// `GRAPH_ENDPOINT` and `LOGIN_ENDPOINT`.
    pub(crate) endpoints: Endpoints,
    /// `APP_ID`: the app registration.
    pub(crate) app_id: String,
    /// `APP_CREDENTIAL_SECRET`: the ARN of the secret that holds its credential.
    pub(crate) credential_secret: String,
    /// `PUBLIC_BASE_URL`: where people reach this installation, without a slash at the end; absent
    /// = the address of the API they called.
    pub(crate) public_base_url: Option<String>,
}

/// Why the function cannot start.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("the environment is incomplete")]
    Env(#[from] EnvError),
    #[error("an endpoint cannot be used")]
    Endpoint(#[from] EndpointError),
}

impl Config {
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        Self::read(&Env::of_process())
    }

    fn read(env: &Env) -> Result<Self, ConfigError> {
        let graph = env.optional("GRAPH_ENDPOINT");
        let login = env.optional("LOGIN_ENDPOINT");
        let endpoints = Endpoints::parse(
            graph.as_deref().unwrap_or("https://graph.microsoft.com"),
            login.as_deref().unwrap_or("https://login.microsoftonline.com"),
        )?;
        let public_base_url = env.optional("PUBLIC_BASE_URL");
        Ok(Self {
            state_table: env.required("STATE_TABLE")?,
            contacts_table: env.required("CONTACTS_TABLE")?,
            endpoints,
            app_id: env.required("APP_ID")?,
            credential_secret: env.required("APP_CREDENTIAL_SECRET")?,
            public_base_url: public_base_url.map(|url| url.trim_end_matches('/').to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    const COMPLETE: [(&str, &str); 7] = [
        ("STATE_TABLE", "s"),
        ("CONTACTS_TABLE", "c"),
        ("APP_ID", "24d3b144-21ae-4080-943f-7067b395b913"),
        ("APP_CREDENTIAL_SECRET", "arn:aws:secretsmanager:eu-central-1:1:secret:app"),
        ("GRAPH_ENDPOINT", ""),
        ("LOGIN_ENDPOINT", ""),
        ("PUBLIC_BASE_URL", "https://sync.example/"),
    ];

    fn with(changed: &str, to: &str) -> Result<Config, ConfigError> {
        let pairs = COMPLETE.map(|(name, value)| (name, if name == changed { to } else { value }));
        Config::read(&Env::from_pairs(pairs))
    }

    #[test]
    fn the_global_cloud_is_the_default() {
        let config = with("", "").unwrap();
        let global =
            Endpoints::parse("https://graph.microsoft.com", "https://login.microsoftonline.com");
        assert_eq!(config.endpoints, global.unwrap());
        assert_eq!(config.public_base_url.as_deref(), Some("https://sync.example"));
        assert_eq!(with("PUBLIC_BASE_URL", "").unwrap().public_base_url, None);
    }

    #[test]
    fn names_the_variable_that_is_missing_or_wrong() {
        for name in ["STATE_TABLE", "CONTACTS_TABLE", "APP_ID", "APP_CREDENTIAL_SECRET"] {
            let error = with(name, "").unwrap_err();
            assert!(error.source().unwrap().to_string().contains(name));
        }
        let error = with("GRAPH_ENDPOINT", "http://graph.example").unwrap_err();
        assert!(error.source().unwrap().to_string().contains("GRAPH_ENDPOINT"));
    }
}
