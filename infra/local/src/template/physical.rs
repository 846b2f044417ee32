//! What `Ref` and `GetAtt` answer: the names and ARNs that resources have on one machine.

use std::collections::BTreeMap;

use super::{Resource, TemplateError};

/// The Region that functions and ARNs name on one machine.
pub(crate) const REGION: &str = "us-east-1";
/// The AWS account that ARNs name on one machine.
pub(crate) const ACCOUNT_ID: &str = "000000000000";

/// The identity of one resource.
#[derive(Debug, Clone)]
pub(crate) struct Physical {
    /// What `Ref` gives.
    pub(crate) reference: String,
    /// What `GetAtt` gives.
    pub(crate) attributes: BTreeMap<&'static str, String>,
}

impl Physical {
    /// Names the resource. `name` is its name property, where the template gives one.
    pub(crate) fn of(
        resource: &Resource,
        logical_id: &str,
        stack_name: &str,
        name: Option<String>,
    ) -> Result<Self, TemplateError> {
        let name = name.unwrap_or_else(|| format!("{stack_name}-{logical_id}"));
        let arn =
            |service: &str, rest: String| format!("arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{rest}");
        let (reference, attributes) = match resource.kind.as_str() {
            "AWS::DynamoDB::Table" => {
                let table = arn("dynamodb", format!("table/{name}"));
                let stream = format!("{table}/stream/local");
                (name, vec![("Arn", table), ("StreamArn", stream)])
            }
            "AWS::S3::Bucket" => {
                let bucket = name.to_lowercase();
                let arn = format!("arn:aws:s3:::{bucket}");
                (bucket, vec![("Arn", arn)])
            }
            "AWS::SecretsManager::Secret" => {
                let secret = arn("secretsmanager", format!("secret:{name}-000000"));
                (secret.clone(), vec![("Id", secret)])
            }
            "AWS::Events::EventBus" => {
                let bus = arn("events", format!("event-bus/{name}"));
                (name.clone(), vec![("Arn", bus), ("Name", name)])
            }
            "AWS::Scheduler::ScheduleGroup" => {
                let group = arn("scheduler", format!("schedule-group/{name}"));
                (name, vec![("Arn", group)])
            }
            "AWS::IAM::Role" => {
                let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/{name}");
                (name, vec![("Arn", role)])
            }
            "AWS::SQS::Queue" => {
                let queue = arn("sqs", name.clone());
                let url = format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/{name}");
                (url, vec![("Arn", queue), ("QueueName", name)])
            }
            "AWS::Logs::LogGroup" => {
                let group = arn("logs", format!("log-group:{name}:*"));
                (name, vec![("Arn", group)])
            }
            "AWS::Serverless::Function" => {
                let function = resource.binary.clone().ok_or_else(|| {
                    TemplateError::shape(
                        &format!("Resources.{logical_id}.Metadata"),
                        "BuildProperties.Binary must name the function's program",
                    )
                })?;
                let arn = arn("lambda", format!("function:{function}"));
                let alias = format!("{arn}:live");
                (function, vec![("Arn", arn), ("Alias", alias)])
            }
            "AWS::Serverless::HttpApi" => ("local".to_owned(), Vec::new()),
            "AWS::CloudWatch::Alarm" => {
                let arn = arn("cloudwatch", format!("alarm:{name}"));
                (name, vec![("Arn", arn)])
            }
            "AWS::Events::Rule" => {
                let rule = arn("events", format!("rule/{name}"));
                (name, vec![("Arn", rule)])
            }
            "AWS::CloudWatch::Dashboard"
            | "AWS::Logs::ResourcePolicy"
            | "AWS::S3::BucketPolicy"
            | "AWS::SQS::QueuePolicy" => (name, Vec::new()),
            unknown => {
                return Err(TemplateError::UnknownType {
                    at: format!("Resources.{logical_id}"),
                    kind: unknown.to_owned(),
                });
            }
        };
        Ok(Self { reference, attributes: attributes.into_iter().collect() })
    }

    /// The property that may hold the resource's own name.
    pub(crate) fn name_property(kind: &str) -> Option<&'static str> {
        match kind {
            "AWS::DynamoDB::Table" => Some("TableName"),
            "AWS::S3::Bucket" => Some("BucketName"),
            "AWS::SQS::Queue" => Some("QueueName"),
            "AWS::IAM::Role" => Some("RoleName"),
            "AWS::Logs::LogGroup" => Some("LogGroupName"),
            "AWS::Events::EventBus"
            | "AWS::Scheduler::ScheduleGroup"
            | "AWS::SecretsManager::Secret" => Some("Name"),
            _ => None,
        }
    }
}
