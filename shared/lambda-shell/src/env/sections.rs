//! What several functions are told alike, each under the names of `infra/template.yaml`.

use super::{Env, EnvError};

/// Names of the two tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// `STATE_TABLE`: accounts, connections, settings, sync states, runs, events.
    pub state: String,
    /// `CONTACTS_TABLE`: contacts and what claims and links them.
    pub contacts: String,
}

/// What asking Microsoft takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphAccess {
    /// `GRAPH_ENDPOINT`: the origin of Microsoft Graph; the global cloud's unless told.
    pub graph_endpoint: String,
    /// `LOGIN_ENDPOINT`: the origin of Microsoft's sign-in; the global cloud's unless told.
    pub login_endpoint: String,
    /// `APP_ID`: the app registration.
    pub app_id: String,
    /// `APP_CREDENTIAL_SECRET`: the ARN of the secret with its credential, or `federated:` and the
    /// audience of the tokens that take its place.
    pub credential_secret: String,
}

impl Env {
    /// The names of the tables.
    pub fn tables(&self) -> Result<Tables, EnvError> {
        Ok(Tables {
            state: self.required("STATE_TABLE")?,
            contacts: self.required("CONTACTS_TABLE")?,
        })
    }

    /// Where Microsoft is, and as whom we come.
    pub fn graph_access(&self) -> Result<GraphAccess, EnvError> {
        let origin = |name, global: &str| self.optional(name).unwrap_or_else(|| global.to_owned());
        Ok(GraphAccess {
            graph_endpoint: origin("GRAPH_ENDPOINT", "https://graph.microsoft.com"),
            login_endpoint: origin("LOGIN_ENDPOINT", "https://login.microsoftonline.com"),
            app_id: self.required("APP_ID")?,
            credential_secret: self.required("APP_CREDENTIAL_SECRET")?,
        })
    }

    /// `DATA_BUCKET`: where segments, member sets and reports lie.
    pub fn data_bucket(&self) -> Result<String, EnvError> {
        self.required("DATA_BUCKET")
    }

    /// `EVENT_BUS`: name or ARN of the bus.
    pub fn event_bus(&self) -> Result<String, EnvError> {
        self.required("EVENT_BUS")
    }

    /// `PUBLIC_BASE_URL`: where people reach this installation, without a slash at its end; absent
    /// = the address of the API they called.
    pub fn public_base_url(&self) -> Option<String> {
        self.optional("PUBLIC_BASE_URL").map(|url| without_slash(&url))
    }

    /// `WEBHOOK_BASE_URL`: the origin that Graph posts to, without a slash at its end.
    pub fn webhook_base_url(&self) -> Result<String, EnvError> {
        self.required("WEBHOOK_BASE_URL").map(|url| without_slash(&url))
    }
}

/// Addresses are made by adding a path.
fn without_slash(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 7] = [
        ("STATE_TABLE", "state"),
        ("CONTACTS_TABLE", "contacts"),
        ("APP_ID", "24d3b144-21ae-4080-943f-7067b395b913"),
        ("APP_CREDENTIAL_SECRET", "arn:aws:secretsmanager:eu-central-1:1:secret:app"),
        ("DATA_BUCKET", "data"),
        ("EVENT_BUS", "bus"),
        ("WEBHOOK_BASE_URL", "https://hooks.example/"),
    ];

    fn read(env: &Env) -> Result<(), EnvError> {
        env.tables()?;
        env.graph_access()?;
        env.data_bucket()?;
        env.event_bus()?;
        env.webhook_base_url()?;
        Ok(())
    }

    #[test]
    fn whoever_forgot_a_variable_is_told_which() {
        read(&Env::from_pairs(COMPLETE)).unwrap();
        for (missing, _) in COMPLETE {
            let pairs =
                COMPLETE.map(|(name, value)| (name, if name == missing { "" } else { value }));
            let error = read(&Env::from_pairs(pairs)).unwrap_err();
            assert!(error.to_string().contains(missing), "{error}");
        }
    }

    #[test]
    fn the_global_cloud_is_asked_unless_another_is_named() {
        let access = Env::from_pairs(COMPLETE).graph_access().unwrap();
        assert_eq!(access.graph_endpoint, "https://graph.microsoft.com");
        assert_eq!(access.login_endpoint, "https://login.microsoftonline.com");
        let other = Env::from_pairs([
            ("APP_ID", "app"),
            ("APP_CREDENTIAL_SECRET", "arn"),
            ("GRAPH_ENDPOINT", "https://graph.example"),
        ]);
        assert_eq!(other.graph_access().unwrap().graph_endpoint, "https://graph.example");
    }

    #[test]
    fn addresses_made_of_a_base_have_one_slash() {
        let env = Env::from_pairs(COMPLETE);
        assert_eq!(env.webhook_base_url().unwrap(), "https://hooks.example");
        assert_eq!(env.public_base_url(), None);
        let env = Env::from_pairs([("PUBLIC_BASE_URL", "https://sync.example/")]);
        assert_eq!(env.public_base_url().as_deref(), Some("https://sync.example"));
    }
}
