//! Tables, buckets, queues and what only a deployment needs.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::read_properties;
use crate::template::{Physical, TemplateError};

/// A resource known by name and ARN.
#[derive(Debug, Clone)]
pub struct Named {
    pub name: String,
    pub arn: String,
}

/// A DynamoDB table.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    pub arn: String,
    /// What stream mappings name; `None` where the table has no stream.
    pub stream_arn: Option<String>,
    /// The body of the CreateTable request.
    pub create_request: Value,
    /// The attribute that holds the second at which an item expires.
    pub expiry_attribute: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TableProperties {
    #[serde(rename = "TableName", default)]
    _table_name: IgnoredAny,
    billing_mode: OnDemand,
    attribute_definitions: Value,
    key_schema: Value,
    #[serde(default)]
    global_secondary_indexes: Option<Value>,
    #[serde(default)]
    time_to_live_specification: Option<TimeToLive>,
    #[serde(default)]
    stream_specification: Option<StreamSpecification>,
    #[serde(rename = "PointInTimeRecoverySpecification", default)]
    _backups: IgnoredAny,
    #[serde(rename = "SSESpecification", default)]
    _encryption: IgnoredAny,
    #[serde(rename = "DeletionProtectionEnabled", default)]
    _deletion_protection: IgnoredAny,
    #[serde(rename = "Tags", default)]
    _tags: IgnoredAny,
}

#[derive(Deserialize)]
enum OnDemand {
    #[serde(rename = "PAY_PER_REQUEST")]
    PayPerRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TimeToLive {
    attribute_name: String,
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StreamSpecification {
    stream_view_type: String,
}

impl Table {
    pub(super) fn read(
        properties: Value,
        physical: &Physical,
        at: &str,
    ) -> Result<Self, TemplateError> {
        let properties: TableProperties = read_properties(properties, at)?;
        let OnDemand::PayPerRequest = properties.billing_mode;
        let mut create_request = json!({
            "TableName": physical.reference,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": properties.attribute_definitions,
            "KeySchema": properties.key_schema,
        });
        if let (Some(indexes), Some(request)) =
            (properties.global_secondary_indexes, create_request.as_object_mut())
        {
            request.insert("GlobalSecondaryIndexes".to_owned(), indexes);
        }
        let stream_arn = match (&properties.stream_specification, create_request.as_object_mut()) {
            (Some(stream), Some(request)) => {
                request.insert(
                    "StreamSpecification".to_owned(),
                    json!({"StreamEnabled": true, "StreamViewType": stream.stream_view_type}),
                );
                physical.attributes.get("StreamArn").cloned()
            }
            _ => None,
        };
        Ok(Self {
            name: physical.reference.clone(),
            arn: physical.attributes.get("Arn").cloned().unwrap_or_default(),
            stream_arn,
            create_request,
            expiry_attribute: properties
                .time_to_live_specification
                .filter(|specification| specification.enabled)
                .map(|specification| specification.attribute_name),
        })
    }
}

/// An S3 bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    pub name: String,
    /// Key prefixes whose objects are deleted after so many days.
    pub expirations: Vec<(String, u32)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct BucketProperties {
    #[serde(rename = "BucketName", default)]
    _bucket_name: IgnoredAny,
    #[serde(default)]
    lifecycle_configuration: Option<Lifecycle>,
    #[serde(rename = "BucketEncryption", default)]
    _encryption: IgnoredAny,
    #[serde(rename = "PublicAccessBlockConfiguration", default)]
    _public_access: IgnoredAny,
    #[serde(rename = "OwnershipControls", default)]
    _ownership: IgnoredAny,
    #[serde(rename = "Tags", default)]
    _tags: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Lifecycle {
    rules: Vec<LifecycleRule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LifecycleRule {
    #[serde(rename = "Id", default)]
    _id: IgnoredAny,
    status: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    expiration_in_days: Option<u32>,
    // No upload has parts on one machine.
    #[serde(rename = "AbortIncompleteMultipartUpload", default)]
    _abort_uploads: IgnoredAny,
}

impl Bucket {
    pub(super) fn read(
        properties: Value,
        physical: &Physical,
        at: &str,
    ) -> Result<Self, TemplateError> {
        let properties: BucketProperties = read_properties(properties, at)?;
        let rules = properties.lifecycle_configuration.map(|lifecycle| lifecycle.rules);
        Ok(Self {
            name: physical.reference.clone(),
            expirations: rules
                .unwrap_or_default()
                .into_iter()
                .filter(|rule| rule.status == "Enabled")
                .filter_map(|rule| Some((rule.prefix, rule.expiration_in_days?)))
                .collect(),
        })
    }
}

/// An SQS queue, used as a store of dead letters.
#[derive(Debug, Clone)]
pub struct Queue {
    pub name: String,
    pub arn: String,
    /// Messages are deleted after so many seconds.
    pub retention_seconds: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct QueueProperties {
    #[serde(rename = "QueueName", default)]
    _queue_name: IgnoredAny,
    /// SQS keeps messages four days unless told otherwise.
    #[serde(default = "four_days")]
    message_retention_period: u32,
    #[serde(rename = "SqsManagedSseEnabled", default)]
    _encryption: IgnoredAny,
    #[serde(rename = "Tags", default)]
    _tags: IgnoredAny,
}

const fn four_days() -> u32 {
    345_600
}

impl Queue {
    pub(super) fn read(
        properties: Value,
        physical: &Physical,
        at: &str,
    ) -> Result<Self, TemplateError> {
        let properties: QueueProperties = read_properties(properties, at)?;
        Ok(Self {
            name: physical.attributes.get("QueueName").cloned().unwrap_or_default(),
            arn: physical.attributes.get("Arn").cloned().unwrap_or_default(),
            retention_seconds: properties.message_retention_period,
        })
    }
}

/// A secret is created empty; its value never stands in a template.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secret {
    #[serde(rename = "Name", default)]
    _name: IgnoredAny,
    #[serde(rename = "Description", default)]
    _description: IgnoredAny,
    #[serde(rename = "KmsKeyId", default)]
    _key: IgnoredAny,
    #[serde(rename = "Tags", default)]
    _tags: IgnoredAny,
}

/// Requires TLS of callers; on one machine everything speaks plain HTTP over loopback.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BucketPolicy {
    #[serde(rename = "Bucket")]
    _bucket: IgnoredAny,
    #[serde(rename = "PolicyDocument")]
    _document: IgnoredAny,
}

/// Lets AWS services deliver dead letters; the local stack stores them itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueuePolicy {
    #[serde(rename = "Queues")]
    _queues: IgnoredAny,
    #[serde(rename = "PolicyDocument")]
    _document: IgnoredAny,
}

/// Logs live as long as the data folder.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogGroup {
    #[serde(rename = "LogGroupName", default)]
    _name: IgnoredAny,
    #[serde(rename = "RetentionInDays", default)]
    _retention: IgnoredAny,
    #[serde(rename = "Tags", default)]
    _tags: IgnoredAny,
}

/// Lets a rule write to a log group; no rule does on one machine.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogsPolicy {
    #[serde(rename = "PolicyName")]
    _name: IgnoredAny,
    #[serde(rename = "PolicyDocument")]
    _document: IgnoredAny,
}

/// Alarms watch CloudWatch metrics, which a machine alone does not have.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Alarm {
    #[serde(rename = "AlarmDescription", default)]
    _description: IgnoredAny,
    #[serde(rename = "Namespace", default)]
    _namespace: IgnoredAny,
    #[serde(rename = "MetricName", default)]
    _metric: IgnoredAny,
    // In place of one metric: several, and what is reckoned from them.
    #[serde(rename = "Metrics", default)]
    _metrics: IgnoredAny,
    #[serde(rename = "Dimensions", default)]
    _dimensions: IgnoredAny,
    #[serde(rename = "Statistic", default)]
    _statistic: IgnoredAny,
    #[serde(rename = "ExtendedStatistic", default)]
    _extended_statistic: IgnoredAny,
    #[serde(rename = "Period", default)]
    _period: IgnoredAny,
    #[serde(rename = "EvaluationPeriods")]
    _evaluation_periods: IgnoredAny,
    #[serde(rename = "DatapointsToAlarm", default)]
    _datapoints: IgnoredAny,
    #[serde(rename = "Threshold")]
    _threshold: IgnoredAny,
    #[serde(rename = "ComparisonOperator")]
    _comparison: IgnoredAny,
    #[serde(rename = "TreatMissingData", default)]
    _missing: IgnoredAny,
    #[serde(rename = "AlarmActions", default)]
    _actions: IgnoredAny,
    #[serde(rename = "OKActions", default)]
    _ok_actions: IgnoredAny,
    #[serde(rename = "Tags", default)]
    _tags: IgnoredAny,
}

/// A page of CloudWatch's console.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dashboard {
    #[serde(rename = "DashboardName")]
    _name: IgnoredAny,
    #[serde(rename = "DashboardBody")]
    _body: IgnoredAny,
}
