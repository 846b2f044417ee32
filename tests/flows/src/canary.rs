//! What must never be written into a log.

use std::collections::BTreeMap;

use entra_contact_sync_local::LocalStack;

use crate::history::function_logs;

/// A text that must stay out of the logs, and what it is.
#[derive(Debug, Clone)]
pub struct Secret {
    pub what: &'static str,
    pub text: String,
}

impl Secret {
    pub fn new(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, text: text.into() }
    }
}

/// Texts shorter than this are found anywhere by accident.
const SHORTEST: usize = 5;

/// No function wrote any of these texts.
#[track_caller]
pub fn assert_untold(stack: &LocalStack, secrets: &[Secret]) {
    let logs = function_logs(stack);
    assert!(logs.values().any(|log| !log.is_empty()), "no function wrote anything");
    let mut told: BTreeMap<(String, &str), String> = BTreeMap::new();
    for (function, log) in &logs {
        for secret in secrets.iter().filter(|secret| secret.text.len() >= SHORTEST) {
            if let Some(line) = log.lines().find(|line| line.contains(&secret.text)) {
                told.insert((function.clone(), secret.what), line.to_owned());
            }
        }
    }
    assert!(told.is_empty(), "logs tell what they must not: {told:#?}");
}
