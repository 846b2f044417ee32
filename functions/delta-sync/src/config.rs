//! What the function is told by its environment.

use contact_sync_lambda_shell::env::{Env, EnvError};

/// The function's settings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// `STATE_TABLE`: the table of connections, runs and sync states.
    pub(crate) state_table: String,
    /// `CONTACTS_TABLE`: the table of contacts.
    pub(crate) contacts_table: String,
    /// `DATA_BUCKET`: where large segments and member sets lie.
    pub(crate) data_bucket: String,
    /// `GRAPH_ENDPOINT`: origin of Microsoft Graph.
    pub(crate) graph_endpoint: String,
    /// `LOGIN_ENDPOINT`: origin of Microsoft's sign-in.
    pub(crate) login_endpoint: String,
    /// `APP_ID`: our application's id in Entra.
    pub(crate) app_id: String,
    /// `APP_CREDENTIAL_SECRET`: ARN of the secret with its credential.
    pub(crate) app_credential_secret: String,
}

impl Config {
    /// Reads the environment; an error names the variable that is missing.
    pub(crate) fn read(env: &Env) -> Result<Self, EnvError> {
        Ok(Self {
            state_table: env.required("STATE_TABLE")?,
            contacts_table: env.required("CONTACTS_TABLE")?,
            data_bucket: env.required("DATA_BUCKET")?,
            graph_endpoint: env.required("GRAPH_ENDPOINT")?,
            login_endpoint: env.required("LOGIN_ENDPOINT")?,
            app_id: env.required("APP_ID")?,
            app_credential_secret: env.required("APP_CREDENTIAL_SECRET")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_variable_that_is_missing() {
        let error = Config::read(&Env::from_pairs([("STATE_TABLE", "state")])).unwrap_err();
        assert!(error.to_string().contains("CONTACTS_TABLE"), "{error}");
    }
}
