//! What the environment says.

use contact_sync_lambda_shell::env::{Env, EnvError};

/// Where the API keeps things, and whom it asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// `STATE_TABLE`: accounts, connections, settings, runs.
    pub(crate) state_table: String,
    /// `CONTACTS_TABLE`: contacts, claims and their events.
    pub(crate) contacts_table: String,
    /// `DATA_BUCKET`: segments and reports.
    pub(crate) data_bucket: String,
    /// `GRAPH_ENDPOINT`: the origin of Microsoft Graph.
    pub(crate) graph_endpoint: String,
    /// `LOGIN_ENDPOINT`: the origin of Microsoft's sign-in.
    pub(crate) login_endpoint: String,
    /// `APP_ID`: the app registration.
    pub(crate) app_id: String,
    /// `APP_CREDENTIAL_SECRET`: the ARN of the secret with its credential.
    pub(crate) app_credential_secret: String,
    /// `PUBLIC_BASE_URL`: where people reach this installation; absent = the API's own address.
    pub(crate) public_base_url: Option<String>,
    /// `SCHEDULE_GROUP`: the group of the connections' schedules.
    pub(crate) schedule_group: String,
    /// `SCHEDULE_ROLE_ARN`: what those schedules may do.
    pub(crate) schedule_role_arn: String,
    /// `SCHEDULE_DLQ_ARN`: where they leave what they could not deliver.
    pub(crate) schedule_dlq_arn: String,
    /// `EVENT_BUS_ARN`: where they ask for syncs.
    pub(crate) event_bus_arn: String,
}

impl Config {
    pub(crate) fn from_env() -> Result<Self, EnvError> {
        Self::read(&Env::of_process())
    }

    fn read(env: &Env) -> Result<Self, EnvError> {
        let public_base_url = env.optional("PUBLIC_BASE_URL");
        Ok(Self {
            state_table: env.required("STATE_TABLE")?,
            contacts_table: env.required("CONTACTS_TABLE")?,
            data_bucket: env.required("DATA_BUCKET")?,
            graph_endpoint: env.required("GRAPH_ENDPOINT")?,
            login_endpoint: env.required("LOGIN_ENDPOINT")?,
            app_id: env.required("APP_ID")?,
            app_credential_secret: env.required("APP_CREDENTIAL_SECRET")?,
            public_base_url: public_base_url.map(|url| url.trim_end_matches('/').to_owned()),
            schedule_group: env.required("SCHEDULE_GROUP")?,
            schedule_role_arn: env.required("SCHEDULE_ROLE_ARN")?,
            schedule_dlq_arn: env.required("SCHEDULE_DLQ_ARN")?,
            event_bus_arn: env.required("EVENT_BUS_ARN")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_variable_that_is_missing() {
        let needed = [
            ("STATE_TABLE", "s"),
            ("CONTACTS_TABLE", "c"),
            ("DATA_BUCKET", "d"),
            ("GRAPH_ENDPOINT", "g"),
            ("LOGIN_ENDPOINT", "l"),
            ("APP_ID", "a"),
            ("APP_CREDENTIAL_SECRET", "arn:secret"),
            ("SCHEDULE_GROUP", "sg"),
            ("SCHEDULE_ROLE_ARN", "arn:role"),
            ("SCHEDULE_DLQ_ARN", "arn:dlq"),
            ("EVENT_BUS_ARN", "arn:bus"),
        ];
        let config = Config::read(&Env::from_pairs(needed)).unwrap();
        assert_eq!(config.public_base_url, None);
        for (missing, _) in needed {
            let pairs =
                needed.map(|(name, value)| (name, if name == missing { "" } else { value }));
            let error = Config::read(&Env::from_pairs(pairs)).unwrap_err();
            assert!(error.to_string().contains(missing), "{error}");
        }
    }
}
