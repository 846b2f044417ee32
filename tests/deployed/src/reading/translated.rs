//! The template as AWS's transform translates it.

use serde_json::Value;

use super::{Reading, ScheduleLine, StreamLine};
use crate::aws::{list, text};
use crate::routes::{RoutesError, operations};
use crate::translation::{Translation, referred};

/// Reads plain CloudFormation, as the transform writes it, for the stack called `stack_name`.
pub(crate) fn of_translation(
    translation: &Translation,
    stack_name: &str,
) -> Result<Reading, RoutesError> {
    let mut reading = Reading::default();
    for operation in operations(translation)? {
        let function = &operation.starts.function;
        reading.route(&operation.key, function, operation.authorizer.as_deref());
    }
    for rule in translation.of_kind("AWS::Events::Rule") {
        let pattern = rule.get("EventPattern").cloned().unwrap_or_default();
        for target in list(rule, "/Targets") {
            // What the operator names lies outside, and starts none of the functions.
            if translation.is_parameter(referred(target, "/Arn")) {
                continue;
            }
            reading.rule(
                referred(rule, "/EventBusName"),
                &pattern,
                &translation.started(referred(target, "/Arn")).function,
                referred(target, "/DeadLetterConfig/Arn"),
            );
        }
    }
    for schedule in translation.of_kind("AWS::Scheduler::Schedule") {
        reading.schedule(&ScheduleLine {
            name: &text(schedule, "/Name/Fn::Sub").replace("${AWS::StackName}", stack_name),
            expression: text(schedule, "/ScheduleExpression"),
            zone: schedule.get("ScheduleExpressionTimezone").and_then(Value::as_str),
            input: text(schedule, "/Target/Input"),
            function: &translation.started(referred(schedule, "/Target/Arn")).function,
            letters: referred(schedule, "/Target/DeadLetterConfig/Arn"),
        });
    }
    for mapping in translation.of_kind("AWS::Lambda::EventSourceMapping") {
        reading.stream(&StreamLine {
            table: referred(mapping, "/EventSourceArn"),
            function: &translation.started(referred(mapping, "/FunctionName")).function,
            batch: number(mapping, "/BatchSize"),
            retries: number(mapping, "/MaximumRetryAttempts"),
            bisects: flag(mapping, "/BisectBatchOnFunctionError"),
            reports_items: reports_items(mapping),
            letters: referred(mapping, "/DestinationConfig/OnFailure/Destination"),
        });
    }
    for config in translation.of_kind("AWS::Lambda::EventInvokeConfig") {
        reading.retry(
            referred(config, "/FunctionName"),
            number(config, "/MaximumRetryAttempts"),
            number(config, "/MaximumEventAgeInSeconds"),
            referred(config, "/DestinationConfig/OnFailure/Destination"),
        );
    }
    Ok(reading)
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
