//! An error with all its causes, on one line.

use std::error::Error;
use std::fmt;

/// Shows an error and its causes, separated by colons: errors here never repeat their cause.
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut last = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // The SDK's wrappers show their cause's text as their own.
            if text != last {
                write!(formatter, ": {text}")?;
                last = text;
            }
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Reports why the function cannot start, as the one error line of the cold start, and hands the
/// error on for `main` to return: the process ends, and the deployment that caused it is seen.
pub fn fatal(error: impl Error + Send + Sync + 'static) -> lambda_runtime::Error {
    tracing::error!(error = %Chain(&error), "the function cannot start");
    Box::new(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{Env, EnvError};

    #[test]
    fn every_cause_is_told_once() {
        let error: EnvError = Env::from_pairs([("LIMIT", "x")]).parsed::<u16>("LIMIT").unwrap_err();
        assert_eq!(
            Chain(&error).to_string(),
            "the environment variable LIMIT cannot be read: invalid digit found in string"
        );
    }
}
