//! What starts a function: routes, rules, schedules, streams.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Function, Plan, read_properties};
use crate::template::TemplateError;

/// A route of the HTTP API.
#[derive(Debug, Clone)]
pub struct Route {
    /// `GET`, …, or `ANY`.
    pub method: String,
    /// As the template writes it: `/v1/{proxy+}`.
    pub path: String,
    /// Whether a bearer token is required.
    pub is_protected: bool,
}

/// A rule of an event bus.
#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    pub bus: String,
    pub pattern: Value,
    /// The queue that takes events the target could not be given.
    pub dead_letters: Option<String>,
}

/// A schedule of the template itself.
#[derive(Debug, Clone)]
pub struct TemplateSchedule {
    pub name: String,
    pub expression: String,
    pub time_zone: Option<String>,
    pub input: Option<String>,
    pub role_arn: String,
    pub dead_letters: Option<String>,
}

/// A table's stream, delivered to a function.
#[derive(Debug, Clone)]
pub struct StreamMapping {
    pub name: String,
    pub stream_arn: String,
    pub batch_size: usize,
    pub bisects_on_error: bool,
    pub reports_item_failures: bool,
    /// Attempts after the first before records are given up.
    pub max_retries: u32,
    pub dead_letters: Option<String>,
}

/// One entry of a function's `Events`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct EventSource {
    #[serde(rename = "Type")]
    kind: String,
    properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct HttpApiEvent {
    api_id: String,
    method: String,
    path: String,
    #[serde(default)]
    auth: Option<RouteAuth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RouteAuth {
    authorizer: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RuleEvent {
    event_bus_name: String,
    pattern: Value,
    // Handing an event to a local function's queue cannot fail, so there is nothing to retry.
    #[serde(rename = "RetryPolicy", default)]
    _retry_policy: IgnoredAny,
    #[serde(default)]
    dead_letter_config: Option<DeadLetterConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeadLetterConfig {
    arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScheduleEvent {
    #[serde(default)]
    name: Option<String>,
    schedule_expression: String,
    #[serde(default)]
    schedule_expression_timezone: Option<String>,
    // The start of a window is within it.
    #[serde(rename = "FlexibleTimeWindow", default)]
    _window: IgnoredAny,
    #[serde(default)]
    input: Option<String>,
    role_arn: String,
    #[serde(rename = "RetryPolicy", default)]
    _retry_policy: IgnoredAny,
    #[serde(default)]
    dead_letter_config: Option<DeadLetterConfig>,
    #[serde(rename = "Description", default)]
    _description: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StreamEvent {
    stream: String,
    starting_position: StartingPosition,
    batch_size: usize,
    #[serde(default)]
    bisect_batch_on_function_error: bool,
    maximum_retry_attempts: u32,
    #[serde(default)]
    function_response_types: Vec<ResponseType>,
    #[serde(default)]
    destination_config: Option<DestinationConfig>,
}

#[derive(Deserialize)]
enum StartingPosition {
    #[serde(rename = "TRIM_HORIZON")]
    TrimHorizon,
}

#[derive(Deserialize)]
enum ResponseType {
    ReportBatchItemFailures,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DestinationConfig {
    on_failure: Destination,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    #[serde(rename = "Type")]
    _kind: SqsOnly,
    destination: String,
}

#[derive(Deserialize)]
enum SqsOnly {
    #[serde(rename = "SQS")]
    Sqs,
}

impl DestinationConfig {
    /// The ARN of the queue that takes failures; it must be the template's.
    pub(super) fn queue(self, at: &str, plan: &Plan) -> Result<String, TemplateError> {
        let Destination { _kind: SqsOnly::Sqs, destination } = self.on_failure;
        known_queue(destination, at, plan)
    }
}

fn known_queue(arn: String, at: &str, plan: &Plan) -> Result<String, TemplateError> {
    if plan.queues.iter().any(|queue| queue.arn == arn) {
        return Ok(arn);
    }
    Err(TemplateError::Unresolved { at: at.to_owned(), name: arn })
}

/// The HTTP API's own settings.
#[derive(Debug)]
pub(super) struct HttpApi {
    authorizers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct HttpApiProperties {
    stage_name: DefaultStage,
    #[serde(default)]
    auth: Option<ApiAuth>,
    #[serde(rename = "Description", default)]
    _description: IgnoredAny,
    // The functions' logs tell what was asked.
    #[serde(rename = "AccessLogSettings", default)]
    _access_log: IgnoredAny,
    #[serde(rename = "Tags", default)]
    _tags: IgnoredAny,
}

#[derive(Deserialize)]
enum DefaultStage {
    #[serde(rename = "$default")]
    Default,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ApiAuth {
    #[serde(default)]
    authorizers: BTreeMap<String, Value>,
}

/// On one machine the API token stands for a JWT of the issuer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct JwtAuthorizer {
    identity_source: AuthorizationHeader,
    #[serde(rename = "JwtConfiguration")]
    _jwt: IgnoredAny,
}

#[derive(Deserialize)]
enum AuthorizationHeader {
    #[serde(rename = "$request.header.Authorization")]
    Authorization,
}

impl HttpApi {
    pub(super) fn read(properties: Value, at: &str) -> Result<Self, TemplateError> {
        let properties: HttpApiProperties = read_properties(properties, at)?;
        let DefaultStage::Default = properties.stage_name;
        let mut authorizers = Vec::new();
        for (name, authorizer) in properties.auth.map(|auth| auth.authorizers).unwrap_or_default() {
            let JwtAuthorizer { identity_source: AuthorizationHeader::Authorization, _jwt } =
                read_properties(authorizer, &format!("{at}.Auth.Authorizers.{name}"))?;
            authorizers.push(name);
        }
        Ok(Self { authorizers })
    }
}

impl EventSource {
    /// Adds this trigger to `function`.
    pub(super) fn attach(
        self,
        function: &mut Function,
        name: &str,
        at: &str,
        apis: &BTreeMap<String, HttpApi>,
        plan: &Plan,
    ) -> Result<(), TemplateError> {
        match self.kind.as_str() {
            "HttpApi" => function.routes.push(route(self.properties, at, apis)?),
            "EventBridgeRule" => {
                let event: RuleEvent = read_properties(self.properties, at)?;
                if !plan.buses.iter().any(|bus| bus.name == event.event_bus_name) {
                    return Err(TemplateError::Unresolved {
                        at: at.to_owned(),
                        name: event.event_bus_name,
                    });
                }
                function.rules.push(Rule {
                    name: name.to_owned(),
                    bus: event.event_bus_name,
                    pattern: event.pattern,
                    dead_letters: dead_letters(event.dead_letter_config, at, plan)?,
                });
            }
            "ScheduleV2" => {
                let event: ScheduleEvent = read_properties(self.properties, at)?;
                function.schedules.push(TemplateSchedule {
                    name: event.name.unwrap_or_else(|| format!("{}-{name}", function.name)),
                    expression: event.schedule_expression,
                    time_zone: event.schedule_expression_timezone,
                    input: event.input,
                    role_arn: event.role_arn,
                    dead_letters: dead_letters(event.dead_letter_config, at, plan)?,
                });
            }
            "DynamoDB" => function.streams.push(stream(self.properties, name, at, plan)?),
            unknown => {
                return Err(TemplateError::UnknownType {
                    at: at.to_owned(),
                    kind: unknown.to_owned(),
                });
            }
        }
        Ok(())
    }
}

fn route(
    properties: Value,
    at: &str,
    apis: &BTreeMap<String, HttpApi>,
) -> Result<Route, TemplateError> {
    let event: HttpApiEvent = read_properties(properties, at)?;
    let api = apis.get(&event.api_id).ok_or_else(|| TemplateError::Unresolved {
        at: at.to_owned(),
        name: format!("HTTP API {}", event.api_id),
    })?;
    if let Some(auth) = &event.auth
        && !api.authorizers.contains(&auth.authorizer)
    {
        return Err(TemplateError::Unresolved {
            at: format!("{at}.Auth"),
            name: auth.authorizer.clone(),
        });
    }
    Ok(Route {
        method: event.method.to_uppercase(),
        path: event.path,
        is_protected: event.auth.is_some(),
    })
}

fn stream(
    properties: Value,
    name: &str,
    at: &str,
    plan: &Plan,
) -> Result<StreamMapping, TemplateError> {
    let event: StreamEvent = read_properties(properties, at)?;
    let StartingPosition::TrimHorizon = event.starting_position;
    if !plan.tables.iter().any(|table| table.stream_arn.as_ref() == Some(&event.stream)) {
        return Err(TemplateError::Unresolved { at: at.to_owned(), name: event.stream });
    }
    Ok(StreamMapping {
        name: name.to_owned(),
        stream_arn: event.stream,
        batch_size: event.batch_size,
        bisects_on_error: event.bisect_batch_on_function_error,
        reports_item_failures: event
            .function_response_types
            .iter()
            .any(|ResponseType::ReportBatchItemFailures| true),
        max_retries: event.maximum_retry_attempts,
        dead_letters: event
            .destination_config
            .map(|destination| destination.queue(at, plan))
            .transpose()?,
    })
}

fn dead_letters(
    config: Option<DeadLetterConfig>,
    at: &str,
    plan: &Plan,
) -> Result<Option<String>, TemplateError> {
    config.map(|config| known_queue(config.arn, at, plan)).transpose()
}
