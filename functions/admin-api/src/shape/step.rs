//! The steps from the directory to the contact.

use contact_sync_engine::admin::Step;
use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Serialize)]
pub(crate) struct StepShape {
    step: &'static str,
    outcome: String,
    because: String,
    details: Value,
}

impl From<Step> for StepShape {
    fn from(one: Step) -> Self {
        let Step { step, outcome, because, details } = one;
        Self { step, outcome, because, details }
    }
}
