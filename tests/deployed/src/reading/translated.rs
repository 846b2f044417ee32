//! The template as AWS's transform translates it.

use serde_json::Value;

use super::{Reading, ScheduleLine, StreamLine};
use crate::aws::{list, text};
use crate::routes::{RoutesError, operations};

/// Reads plain CloudFormation, as the transform writes it, for the stack called `stack_name`.
pub(crate) fn of_translation(
    translation: &Value,
    stack_name: &str,
) -> Result<Reading, RoutesError> {
    let mut reading = Reading::default();
    for operation in operations(translation)? {
        reading.route(&operation.key, &operation.function, operation.authorizer.as_deref());
    }
    let resources = translation.get("Resources").and_then(Value::as_object);
    for resource in resources.into_iter().flat_map(serde_json::Map::values) {
        let none = Value::Null;
        let properties = resource.get("Properties").unwrap_or(&none);
        match text(resource, "/Type") {
            "AWS::Events::Rule" => {
                let pattern = properties.get("EventPattern").unwrap_or(&none);
                for target in list(properties, "/Targets") {
                    reading.rule(
                        logical(properties, "/EventBusName"),
                        pattern,
                        logical(target, "/Arn"),
                        logical(target, "/DeadLetterConfig/Arn"),
                    );
                }
            }
            "AWS::Scheduler::Schedule" => reading.schedule(&ScheduleLine {
                name: &text(properties, "/Name/Fn::Sub").replace("${AWS::StackName}", stack_name),
                expression: text(properties, "/ScheduleExpression"),
                zone: properties.get("ScheduleExpressionTimezone").and_then(Value::as_str),
                input: text(properties, "/Target/Input"),
                function: logical(properties, "/Target/Arn"),
                letters: logical(properties, "/Target/DeadLetterConfig/Arn"),
            }),
            "AWS::Lambda::EventSourceMapping" => reading.stream(&StreamLine {
                table: logical(properties, "/EventSourceArn"),
                function: logical(properties, "/FunctionName"),
                batch: number(properties, "/BatchSize"),
                retries: number(properties, "/MaximumRetryAttempts"),
                bisects: flag(properties, "/BisectBatchOnFunctionError"),
                reports_items: reports_items(properties),
                letters: logical(properties, "/DestinationConfig/OnFailure/Destination"),
            }),
            "AWS::Lambda::EventInvokeConfig" => reading.retry(
                logical(properties, "/FunctionName"),
                number(properties, "/MaximumRetryAttempts"),
                number(properties, "/MaximumEventAgeInSeconds"),
                logical(properties, "/DestinationConfig/OnFailure/Destination"),
            ),
            _ => {}
        }
    }
    Ok(reading)
}

/// The logical id in `{"Ref": …}` or `{"Fn::GetAtt": [….]}`.
fn logical<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let Some(value) = value.pointer(pointer) else { return "none" };
    let attribute = value.pointer("/Fn::GetAtt/0").or_else(|| value.get("Ref"));
    attribute.and_then(Value::as_str).unwrap_or("none")
}

pub(super) fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

pub(super) fn flag(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

pub(super) fn reports_items(mapping: &Value) -> bool {
    list(mapping, "/FunctionResponseTypes").any(|kind| kind == "ReportBatchItemFailures")
}
