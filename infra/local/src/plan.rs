//! The template resolved: every resource with its name and its settings, ready to run.
//!
//! Properties are read through `deny_unknown_fields` structs. A field named `_…` is a property
//! that is known and has no effect on one machine (encryption at rest, backups, log retention);
//! whatever is not listed is refused with the resource and the property in the error.

mod event_source;
mod function;
mod relay;
mod role;
mod storage;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use crate::template::{Scope, Template, TemplateError};

pub use event_source::{Route, Rule, StreamMapping, TemplateSchedule};
pub use function::{AsyncInvocation, Function};
pub use relay::{Relay, RelayTarget};
pub use role::{Condition, Context, Grant, Role, Statement};
pub use storage::{Bucket, Named, Queue, Table};

/// Everything that runs, from one template and its parameters.
#[derive(Debug, Default)]
pub struct Plan {
    pub functions: Vec<Function>,
    pub tables: Vec<Table>,
    pub buckets: Vec<Bucket>,
    /// Secrets by ARN; created empty.
    pub secrets: Vec<Named>,
    pub buses: Vec<Named>,
    pub schedule_groups: Vec<Named>,
    pub queues: Vec<Queue>,
    pub roles: Vec<Role>,
    pub relays: Vec<Relay>,
    pub outputs: BTreeMap<String, String>,
    /// Logical ids of resources to what `Ref` gives for them.
    pub references: BTreeMap<String, String>,
}

impl Plan {
    /// Resolves `template` with `parameters` laid over its defaults.
    pub fn new(
        template: &Template,
        stack_name: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let scope = Scope::new(template, stack_name, parameters)?;
        let mut plan = Self::default();
        let mut apis = BTreeMap::new();
        let (mut functions, mut relays) = (Vec::new(), Vec::new());
        for (logical_id, resource) in &template.resources {
            if !scope.is_present(resource.condition.as_deref(), logical_id)? {
                continue;
            }
            let at = format!("Resources.{logical_id}");
            let properties = match resource.kind.as_str() {
                "AWS::Serverless::Function" => {
                    resource.properties.clone().over(&template.function_defaults)
                }
                _ => resource.properties.clone(),
            };
            let properties = scope
                .value(&properties, &at)?
                .unwrap_or_else(|| Value::Object(serde_json::Map::new()));
            let physical = scope.physical(logical_id)?;
            plan.references.insert(logical_id.clone(), physical.reference.clone());
            let named = || Named {
                name: physical.attributes.get("Name").unwrap_or(&physical.reference).clone(),
                arn: physical.attributes.get("Arn").unwrap_or(&physical.reference).clone(),
            };
            match resource.kind.as_str() {
                "AWS::DynamoDB::Table" => {
                    plan.tables.push(Table::read(properties, physical, &at)?);
                }
                "AWS::S3::Bucket" => plan.buckets.push(Bucket::read(properties, physical, &at)?),
                "AWS::S3::BucketPolicy" => {
                    read_properties::<storage::BucketPolicy>(properties, &at)?;
                }
                "AWS::SecretsManager::Secret" => {
                    read_properties::<storage::Secret>(properties, &at)?;
                    plan.secrets.push(named());
                }
                "AWS::Events::EventBus" => {
                    read_properties::<NameOnly>(properties, &at)?;
                    plan.buses.push(named());
                }
                "AWS::Scheduler::ScheduleGroup" => {
                    read_properties::<NameOnly>(properties, &at)?;
                    plan.schedule_groups.push(named());
                }
                "AWS::SQS::Queue" => plan.queues.push(Queue::read(properties, physical, &at)?),
                "AWS::SQS::QueuePolicy" => {
                    read_properties::<storage::QueuePolicy>(properties, &at)?;
                }
                "AWS::IAM::Role" => plan.roles.push(Role::read(properties, physical, &at)?),
                "AWS::Logs::LogGroup" => {
                    read_properties::<storage::LogGroup>(properties, &at)?;
                }
                "AWS::Logs::ResourcePolicy" => {
                    read_properties::<storage::LogsPolicy>(properties, &at)?;
                }
                "AWS::Events::Rule" => relays.push((physical.clone(), properties, at)),
                "AWS::CloudWatch::Alarm" => {
                    read_properties::<storage::Alarm>(properties, &at)?;
                }
                "AWS::CloudWatch::Dashboard" => {
                    read_properties::<storage::Dashboard>(properties, &at)?;
                }
                "AWS::Serverless::HttpApi" => {
                    let api = event_source::HttpApi::read(properties, &at)?;
                    apis.insert(physical.reference.clone(), api);
                }
                "AWS::Serverless::Function" => {
                    functions.push((physical.clone(), properties, at));
                }
                unknown => {
                    return Err(TemplateError::UnknownType { at, kind: unknown.to_owned() });
                }
            }
        }
        for (physical, properties, at) in functions {
            let function = Function::read(properties, &physical, &at, &apis, &plan)?;
            plan.functions.push(function);
        }
        for (physical, properties, at) in relays {
            let relay = Relay::read(properties, &physical, &at, &plan)?;
            plan.relays.push(relay);
        }
        plan.read_outputs(template, &scope)?;
        Ok(plan)
    }

    fn read_outputs(&mut self, template: &Template, scope: &Scope) -> Result<(), TemplateError> {
        for (name, output) in &template.outputs {
            let at = format!("Outputs.{name}");
            if !scope.is_present(output.condition.as_deref(), &at)? {
                continue;
            }
            if let Some(value) = scope.text(&output.value, &at)? {
                self.outputs.insert(name.clone(), value);
            }
        }
        Ok(())
    }

    /// The function called `name`.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }
}

/// Reads `properties` strictly; the error names the resource and the property.
pub(crate) fn read_properties<T: DeserializeOwned>(
    properties: Value,
    at: &str,
) -> Result<T, TemplateError> {
    serde_path_to_error::deserialize(properties).map_err(|error| {
        let path = error.path().to_string();
        let at = if path == "." { at.to_owned() } else { format!("{at}.{path}") };
        TemplateError::Shape { at, problem: error.into_inner().to_string() }
    })
}

/// Resources whose only property is their name, which the scope has read already.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NameOnly {
    #[serde(rename = "Name", default)]
    _name: IgnoredAny,
}
