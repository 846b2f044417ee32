//! Rules that send events on, to another bus or a queue of the stack.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Plan, read_properties};
use crate::template::{Physical, TemplateError};

/// A rule whose target is no function.
#[derive(Debug, Clone)]
pub struct Relay {
    pub name: String,
    pub bus: String,
    pub pattern: Value,
    pub target: RelayTarget,
}

/// Where a relay sends events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayTarget {
    /// A bus, by name.
    Bus(String),
    /// A queue, by ARN.
    Queue(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RuleProperties {
    event_bus_name: String,
    event_pattern: Value,
    state: Enabled,
    targets: [Target; 1],
    #[serde(rename = "Description", default)]
    _description: IgnoredAny,
}

#[derive(Deserialize)]
enum Enabled {
    #[serde(rename = "ENABLED")]
    Enabled,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Target {
    #[serde(rename = "Id")]
    _id: IgnoredAny,
    arn: String,
    // What the stack does itself needs no role, and cannot fail.
    #[serde(rename = "RoleArn", default)]
    _role: IgnoredAny,
    #[serde(rename = "RetryPolicy", default)]
    _retry_policy: IgnoredAny,
    #[serde(rename = "DeadLetterConfig", default)]
    _dead_letters: IgnoredAny,
}

impl Relay {
    /// Reads a rule; `plan` has the buses and queues already.
    pub(super) fn read(
        properties: Value,
        physical: &Physical,
        at: &str,
        plan: &Plan,
    ) -> Result<Self, TemplateError> {
        let properties: RuleProperties = read_properties(properties, at)?;
        let Enabled::Enabled = properties.state;
        let bus = properties.event_bus_name;
        if !plan.buses.iter().any(|known| known.name == bus) {
            return Err(TemplateError::Unresolved { at: at.to_owned(), name: bus });
        }
        let [Target { arn, .. }] = properties.targets;
        let other = plan.buses.iter().find(|known| known.arn == arn && known.name != bus);
        let target = match other {
            Some(other) => RelayTarget::Bus(other.name.clone()),
            None if plan.queues.iter().any(|queue| queue.arn == arn) => RelayTarget::Queue(arn),
            // One machine has no Firehose, no CloudWatch and nothing of other stacks.
            None => {
                let problem = format!(
                    "one machine sends events to another bus or a queue of the stack, not to {arn}"
                );
                return Err(TemplateError::shape(&format!("{at}.Targets"), &problem));
            }
        };
        Ok(Self {
            name: physical.reference.clone(),
            bus,
            pattern: properties.event_pattern,
            target,
        })
    }
}
