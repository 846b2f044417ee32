//! What the environment says.

use contact_sync_lambda_shell::env::{Env, EnvError};

/// Where events are kept and published.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// `STATE_TABLE`: its stream is read here, and the event log is kept in it.
    pub(crate) state_table: String,
    /// `CONTACTS_TABLE`: its stream is read here.
    pub(crate) contacts_table: String,
    /// `EVENT_BUS`: name or ARN of the bus.
    pub(crate) event_bus: String,
}

impl Config {
    /// Reads the environment; an error names the variable that is missing.
    pub(crate) fn read(env: &Env) -> Result<Self, EnvError> {
        Ok(Self {
            state_table: env.required("STATE_TABLE")?,
            contacts_table: env.required("CONTACTS_TABLE")?,
            event_bus: env.required("EVENT_BUS")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_variable_that_is_missing() {
        let complete = [("STATE_TABLE", "s"), ("CONTACTS_TABLE", "c"), ("EVENT_BUS", "b")];
        assert!(Config::read(&Env::from_pairs(complete)).is_ok());
        for (missing, _) in complete {
            let pairs =
                complete.map(|(name, value)| (name, if name == missing { "" } else { value }));
            let error = Config::read(&Env::from_pairs(pairs)).unwrap_err();
            assert!(error.to_string().contains(missing), "{error}");
        }
    }
}
