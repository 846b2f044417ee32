//! What the environment says.

use contact_sync_lambda_shell::env::{Env, EnvError};

/// What the function reads and writes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// `STATE_TABLE`: runs and segments.
    pub(crate) state_table: String,
    /// `CONTACTS_TABLE`: contacts, for their e-mails.
    pub(crate) contacts_table: String,
    /// `DATA_BUCKET`: large segments in, reports out.
    pub(crate) data_bucket: String,
}

impl Config {
    /// Reads the environment; an error names the variable that is missing.
    pub(crate) fn read(env: &Env) -> Result<Self, EnvError> {
        Ok(Self {
            state_table: env.required("STATE_TABLE")?,
            contacts_table: env.required("CONTACTS_TABLE")?,
            data_bucket: env.required("DATA_BUCKET")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_variable_that_is_missing() {
        let complete = [("STATE_TABLE", "s"), ("CONTACTS_TABLE", "c"), ("DATA_BUCKET", "b")];
        assert!(Config::read(&Env::from_pairs(complete)).is_ok());
        for (missing, _) in complete {
            let pairs =
                complete.map(|(name, value)| (name, if name == missing { "" } else { value }));
            let error = Config::read(&Env::from_pairs(pairs)).unwrap_err();
            assert!(error.to_string().contains(missing), "{error}");
        }
    }
}
