//! The environment's variables, read once.

mod sections;

use std::collections::BTreeMap;
use std::error::Error;
use std::str::FromStr;

use thiserror::Error;

pub use sections::{GraphAccess, Tables};

/// Why a function cannot start. Names the variable, never its value.
#[derive(Debug, Error)]
pub enum EnvError {
    /// The variable is not there, or empty.
    #[error("the environment variable {name} is missing")]
    Missing {
        /// Which.
        name: &'static str,
    },
    /// The variable holds something else than it should.
    #[error("the environment variable {name} cannot be read")]
    Invalid {
        /// Which.
        name: &'static str,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A snapshot of the environment. An empty variable counts as absent: a template cannot leave one
/// out on condition.
#[derive(Clone)]
pub struct Env {
    variables: BTreeMap<String, String>,
}

impl std::fmt::Debug for Env {
    /// Names only: values may be secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.variables.keys()).finish()
    }
}

impl Env {
    /// The variables of this process. What is not Unicode is left out.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { variables }
    }

    /// The variables of a test.
    pub fn from_pairs<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        let variables =
            pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { variables }
    }

    /// A variable that must have a value.
    pub fn required(&self, name: &'static str) -> Result<String, EnvError> {
        self.optional(name).ok_or(EnvError::Missing { name })
    }

    /// A variable that may be absent.
    pub fn optional(&self, name: &'static str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// A variable that may be absent, as `T`.
    pub fn parsed<T>(&self, name: &'static str) -> Result<Option<T>, EnvError>
    where
        T: FromStr<Err: Error + Send + Sync + 'static>,
    {
        match self.optional(name) {
            None => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|error| EnvError::Invalid { name, source: Box::new(error) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_variable_that_is_missing_and_takes_an_empty_one_for_absent() {
        let env = Env::from_pairs([("STATE_TABLE", "state"), ("EVENT_BUS", "")]);
        assert_eq!(env.required("STATE_TABLE").unwrap(), "state");
        let error = env.required("EVENT_BUS").unwrap_err();
        assert_eq!(error.to_string(), "the environment variable EVENT_BUS is missing");
        assert_eq!(env.optional("EVENT_BUS"), None);
    }

    #[test]
    fn a_value_that_does_not_fit_is_never_shown() {
        let env = Env::from_pairs([("LIMIT", "hunter2")]);
        let error = env.parsed::<u16>("LIMIT").unwrap_err();
        let shown = format!("{error} {error:?} {env:?}");
        assert!(shown.contains("LIMIT") && !shown.contains("hunter2"), "{shown}");
        assert_eq!(env.parsed::<u16>("OTHER").unwrap(), None);
    }
}
