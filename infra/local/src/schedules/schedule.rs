//! A schedule as Scheduler's API writes it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::DEFAULT_GROUP;
use crate::plan::{Function, TemplateSchedule};
use crate::template::{ACCOUNT_ID, REGION};

/// A schedule as its API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Schedule {
    #[serde(default)]
    pub name: String,
    #[serde(default = "default_group")]
    pub group_name: String,
    pub schedule_expression: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule_expression_timezone: Option<String>,
    pub flexible_time_window: FlexibleTimeWindow,
    pub target: Target,
    #[serde(default)]
    pub state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<f64>,
    /// Seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<f64>,
    #[serde(default)]
    pub action_after_completion: ActionAfterCompletion,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
}

fn default_group() -> String {
    DEFAULT_GROUP.to_owned()
}

/// Within how many minutes of its time a schedule may fire; here it fires at the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FlexibleTimeWindow {
    pub mode: WindowMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_window_in_minutes: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WindowMode {
    Off,
    Flexible,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    #[default]
    Enabled,
    Disabled,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ActionAfterCompletion {
    #[default]
    None,
    Delete,
}

/// What a schedule starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Target {
    pub arn: String,
    pub role_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_bridge_parameters: Option<EventBridgeParameters>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_config: Option<DeadLetterConfig>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EventBridgeParameters {
    pub detail_type: String,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeadLetterConfig {
    pub arn: String,
}

impl Schedule {
    /// A schedule of the template, in the default group.
    pub(super) fn of_template(function: &Function, schedule: &TemplateSchedule) -> Self {
        let dead_letter_config = schedule.dead_letters.clone().map(|arn| DeadLetterConfig { arn });
        Self {
            name: schedule.name.clone(),
            group_name: default_group(),
            schedule_expression: schedule.expression.clone(),
            schedule_expression_timezone: schedule.time_zone.clone(),
            flexible_time_window: FlexibleTimeWindow {
                mode: WindowMode::Off,
                maximum_window_in_minutes: None,
            },
            target: Target {
                arn: function.arn.clone(),
                role_arn: schedule.role_arn.clone(),
                input: schedule.input.clone(),
                event_bridge_parameters: None,
                retry_policy: None,
                dead_letter_config,
            },
            state: State::Enabled,
            description: None,
            start_date: None,
            end_date: None,
            action_after_completion: ActionAfterCompletion::None,
            client_token: None,
        }
    }

    /// Its ARN.
    pub(super) fn arn(&self) -> String {
        arn_of(&self.group_name, &self.name)
    }
}

/// The ARN of a schedule.
pub(crate) fn arn_of(group: &str, name: &str) -> String {
    format!("arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule/{group}/{name}")
}
