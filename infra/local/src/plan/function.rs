//! Functions: their limits, environment and triggers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::event_source::{self, EventSource, HttpApi};
use super::{Plan, Route, Rule, StreamMapping, TemplateSchedule, read_properties};
use crate::template::{Physical, TemplateError};

/// One Lambda function.
#[derive(Debug, Clone)]
pub struct Function {
    /// The name of its program and of itself.
    pub name: String,
    pub arn: String,
    pub role_arn: String,
    /// A process that works longer on one event is killed.
    pub timeout: Duration,
    /// A process that is resident with more is killed.
    pub memory_megabytes: u64,
    pub environment: BTreeMap<String, String>,
    /// `AWS_LAMBDA_LOG_LEVEL`.
    pub log_level: Option<String>,
    pub asynchronous: AsyncInvocation,
    pub routes: Vec<Route>,
    pub rules: Vec<Rule>,
    pub schedules: Vec<TemplateSchedule>,
    pub streams: Vec<StreamMapping>,
}

/// What becomes of an event that nobody waits for.
#[derive(Debug, Clone)]
pub struct AsyncInvocation {
    /// How often a failed event is tried again: zero to two.
    pub retries: u32,
    /// An event older than this is not tried again.
    pub max_age: Duration,
    /// The queue that takes what was given up.
    pub dead_letters: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FunctionProperties {
    runtime: Runtime,
    handler: Handler,
    timeout: u64,
    memory_size: u64,
    role: String,
    #[serde(default)]
    logging_config: LoggingConfig,
    #[serde(default)]
    environment: Environment,
    #[serde(default)]
    event_invoke_config: Option<EventInvokeConfig>,
    #[serde(default)]
    events: BTreeMap<String, EventSource>,
    // Lambda's loop detection does not exist on one machine, so there is nothing to allow.
    #[serde(rename = "RecursiveLoop", default)]
    _recursive_loop: IgnoredAny,
    // One machine runs one version of a function, the one that was built.
    #[serde(rename = "AutoPublishAlias", default)]
    _alias: IgnoredAny,
    #[serde(rename = "AutoPublishAliasAllProperties", default)]
    _alias_all_properties: IgnoredAny,
    #[serde(rename = "DeploymentPreference", default)]
    _deployment: IgnoredAny,
    // Nothing on one machine gathers traces.
    #[serde(rename = "Tracing", default)]
    _tracing: IgnoredAny,
    // The programs are built beforehand, for this machine.
    #[serde(rename = "CodeUri")]
    _code: IgnoredAny,
    #[serde(rename = "Architectures", default)]
    _architectures: IgnoredAny,
    #[serde(rename = "Description", default)]
    _description: IgnoredAny,
    #[serde(rename = "Tags", default)]
    _tags: IgnoredAny,
}

#[derive(Deserialize)]
enum Runtime {
    #[serde(rename = "provided.al2023")]
    Provided,
}

#[derive(Deserialize)]
enum Handler {
    #[serde(rename = "bootstrap")]
    Bootstrap,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LoggingConfig {
    // Functions write JSON in any case; another format would be one they do not have.
    #[serde(rename = "LogFormat", default)]
    _log_format: Option<LogFormat>,
    #[serde(default)]
    application_log_level: Option<String>,
    // Lambda's own lines; the local stack writes none.
    #[serde(rename = "SystemLogLevel", default)]
    _system_log_level: IgnoredAny,
    #[serde(rename = "LogGroup", default)]
    _log_group: IgnoredAny,
}

#[derive(Deserialize)]
enum LogFormat {
    #[serde(rename = "JSON")]
    Json,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Environment {
    variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EventInvokeConfig {
    maximum_retry_attempts: u32,
    maximum_event_age_in_seconds: u64,
    #[serde(default)]
    destination_config: Option<event_source::DestinationConfig>,
}

/// Lambda keeps asynchronous events for six hours unless told otherwise.
const DEFAULT_MAX_AGE: Duration = Duration::from_hours(6);

impl Function {
    pub(super) fn read(
        properties: Value,
        physical: &Physical,
        at: &str,
        apis: &BTreeMap<String, HttpApi>,
        plan: &Plan,
    ) -> Result<Self, TemplateError> {
        let properties: FunctionProperties = read_properties(properties, at)?;
        let (Runtime::Provided, Handler::Bootstrap) = (properties.runtime, properties.handler);
        let asynchronous = match properties.event_invoke_config {
            Some(config) => AsyncInvocation {
                retries: config.maximum_retry_attempts,
                max_age: Duration::from_secs(config.maximum_event_age_in_seconds),
                dead_letters: config
                    .destination_config
                    .map(|destination| destination.queue(at, plan))
                    .transpose()?,
            },
            None => AsyncInvocation { retries: 2, max_age: DEFAULT_MAX_AGE, dead_letters: None },
        };
        let mut function = Self {
            name: physical.reference.clone(),
            arn: physical.attributes.get("Arn").cloned().unwrap_or_default(),
            role_arn: properties.role,
            timeout: Duration::from_secs(properties.timeout),
            memory_megabytes: properties.memory_size,
            environment: environment(properties.environment.variables, at)?,
            log_level: properties.logging_config.application_log_level,
            asynchronous,
            routes: Vec::new(),
            rules: Vec::new(),
            schedules: Vec::new(),
            streams: Vec::new(),
        };
        if !plan.roles.iter().any(|role| role.arn == function.role_arn) {
            return Err(TemplateError::Unresolved {
                at: format!("{at}.Role"),
                name: function.role_arn,
            });
        }
        for (name, source) in properties.events {
            let at = format!("{at}.Events.{name}");
            source.attach(&mut function, &name, &at, apis, plan)?;
        }
        Ok(function)
    }
}

fn environment(
    variables: BTreeMap<String, Value>,
    at: &str,
) -> Result<BTreeMap<String, String>, TemplateError> {
    variables
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            Value::Number(number) => Ok((name, number.to_string())),
            Value::Bool(flag) => Ok((name, flag.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => Err(TemplateError::shape(
                &format!("{at}.Environment.Variables.{name}"),
                "must be text",
            )),
        })
        .collect()
}
