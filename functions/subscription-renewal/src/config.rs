//! What the environment says.

use contact_sync_lambda_shell::env::{Env, EnvError};

/// The function's settings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// `STATE_TABLE`: subscriptions, connections, settings, sync states.
    pub(crate) state_table: String,
    /// `CONTACTS_TABLE`: the store's other table, untouched here.
    pub(crate) contacts_table: String,
    /// `EVENT_BUS`: name or ARN of the bus.
    pub(crate) event_bus: String,
    /// `GRAPH_ENDPOINT`: origin of Microsoft Graph.
    pub(crate) graph_endpoint: String,
    /// `LOGIN_ENDPOINT`: origin of Microsoft's sign-in.
    pub(crate) login_endpoint: String,
    /// `APP_ID`: our application's id in Entra.
    pub(crate) app_id: String,
    /// `APP_CREDENTIAL_SECRET`: ARN of the secret with its credential.
    pub(crate) app_credential_secret: String,
    /// `WEBHOOK_BASE_URL`: the origin that Graph posts to, without a slash at its end.
    pub(crate) webhook_base_url: String,
}

impl Config {
    /// Reads the environment; an error names the variable that is missing.
    pub(crate) fn read(env: &Env) -> Result<Self, EnvError> {
        Ok(Self {
            state_table: env.required("STATE_TABLE")?,
            contacts_table: env.required("CONTACTS_TABLE")?,
            event_bus: env.required("EVENT_BUS")?,
            graph_endpoint: env.required("GRAPH_ENDPOINT")?,
            login_endpoint: env.required("LOGIN_ENDPOINT")?,
            app_id: env.required("APP_ID")?,
            app_credential_secret: env.required("APP_CREDENTIAL_SECRET")?,
            webhook_base_url: env.required("WEBHOOK_BASE_URL")?.trim_end_matches('/').to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 8] = [
        ("STATE_TABLE", "state"),
        ("CONTACTS_TABLE", "contacts"),
        ("EVENT_BUS", "bus"),
        ("GRAPH_ENDPOINT", "https://graph.example"),
        ("LOGIN_ENDPOINT", "https://login.example"),
        ("APP_ID", "app"),
        ("APP_CREDENTIAL_SECRET", "arn"),
        ("WEBHOOK_BASE_URL", "https://hooks.example/"),
    ];

    #[test]
    fn names_the_variable_that_is_missing() {
        for (missing, _) in COMPLETE {
            let pairs =
                COMPLETE.map(|(name, value)| (name, if name == missing { "" } else { value }));
            let error = Config::read(&Env::from_pairs(pairs)).unwrap_err();
            assert!(error.to_string().contains(missing), "{error}");
        }
    }

    #[test]
    fn addresses_made_of_the_base_have_one_slash() {
        let config = Config::read(&Env::from_pairs(COMPLETE)).unwrap();
        assert_eq!(config.webhook_base_url, "https://hooks.example");
    }
}
