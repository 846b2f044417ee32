//! What was deployed, as the services list it.

use reqwest::Method;
use serde_json::{Value, json};

use super::translated::{flag, number, reports_items};
use super::{Names, Reading, ScheduleLine, StreamLine};
use crate::aws::{Aws, AwsError, list, text};
use crate::routes::API;
use crate::stack::{Stack, StackError};

/// Why the deployment cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeployedError {
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error("a pattern is no JSON")]
    Pattern(#[from] serde_json::Error),
}

/// Asks API Gateway, EventBridge, Scheduler and Lambda what they have of `stack`.
pub(crate) async fn of_deployed(aws: &Aws, stack: &Stack) -> Result<Reading, DeployedError> {
    let names = Names::new(stack.names());
    let mut reading = Reading::default();
    read_routes(aws, stack, &names, &mut reading).await?;
    read_rules(aws, stack, &names, &mut reading).await?;
    read_schedules(aws, stack, &names, &mut reading).await?;
    read_functions(aws, stack, &names, &mut reading).await?;
    Ok(reading)
}

async fn read_routes(
    aws: &Aws,
    stack: &Stack,
    names: &Names,
    reading: &mut Reading,
) -> Result<(), DeployedError> {
    let api = stack.physical_id(API)?;
    let get = async |what: &str| {
        aws.rest("apigateway", Method::GET, &format!("/v2/apis/{api}/{what}"), None).await
    };
    let (integrations, authorizers) = (get("integrations").await?, get("authorizers").await?);
    for route in list(&get("routes").await?, "/items") {
        let target = text(route, "/target").trim_start_matches("integrations/");
        let uri = list(&integrations, "/items")
            .find(|integration| text(integration, "/integrationId") == target)
            .map(|integration| text(integration, "/integrationUri"))
            .unwrap_or_default();
        let authorizer = list(&authorizers, "/items")
            .find(|authorizer| text(authorizer, "/authorizerId") == text(route, "/authorizerId"))
            .map(|authorizer| text(authorizer, "/name"));
        reading.route(text(route, "/routeKey"), names.logical(uri), authorizer);
    }
    Ok(())
}

async fn read_rules(
    aws: &Aws,
    stack: &Stack,
    names: &Names,
    reading: &mut Reading,
) -> Result<(), DeployedError> {
    let bus = stack.physical_id("EventBus")?;
    let rules = aws.json("events", "AWSEvents.ListRules", &json!({"EventBusName": bus})).await?;
    for rule in list(&rules, "/Rules") {
        let pattern: Value = serde_json::from_str(text(rule, "/EventPattern"))?;
        let request = json!({"Rule": text(rule, "/Name"), "EventBusName": bus});
        let targets = aws.json("events", "AWSEvents.ListTargetsByRule", &request).await?;
        for target in list(&targets, "/Targets") {
            reading.rule(
                names.logical(bus),
                &pattern,
                names.logical(text(target, "/Arn")),
                names.logical(text(target, "/DeadLetterConfig/Arn")),
            );
        }
    }
    Ok(())
}

async fn read_schedules(
    aws: &Aws,
    stack: &Stack,
    names: &Names,
    reading: &mut Reading,
) -> Result<(), DeployedError> {
    for (_, name) in stack.of_kind("AWS::Scheduler::Schedule") {
        // The physical id of a schedule outside the default group carries its group.
        let name = name.rsplit(['/', '|']).next().unwrap_or(name);
        let path = format!("/schedules/{name}");
        let schedule = aws.rest("scheduler", Method::GET, &path, None).await?;
        reading.schedule(&ScheduleLine {
            name,
            expression: text(&schedule, "/ScheduleExpression"),
            zone: schedule.get("ScheduleExpressionTimezone").and_then(Value::as_str),
            input: text(&schedule, "/Target/Input"),
            function: names.logical(text(&schedule, "/Target/Arn")),
            letters: names.logical(text(&schedule, "/Target/DeadLetterConfig/Arn")),
        });
    }
    Ok(())
}

async fn read_functions(
    aws: &Aws,
    stack: &Stack,
    names: &Names,
    reading: &mut Reading,
) -> Result<(), DeployedError> {
    for (logical_id, name) in stack.of_kind("AWS::Lambda::Function") {
        let path = format!("/2015-03-31/event-source-mappings/?FunctionName={name}");
        let mappings = aws.rest("lambda", Method::GET, &path, None).await?;
        for mapping in list(&mappings, "/EventSourceMappings") {
            reading.stream(&StreamLine {
                table: names.logical(text(mapping, "/EventSourceArn")),
                function: names.logical(text(mapping, "/FunctionArn")),
                batch: number(mapping, "/BatchSize"),
                retries: number(mapping, "/MaximumRetryAttempts"),
                bisects: flag(mapping, "/BisectBatchOnFunctionError"),
                reports_items: reports_items(mapping),
                letters: names.logical(text(mapping, "/DestinationConfig/OnFailure/Destination")),
            });
        }
        let path = format!("/2019-09-25/functions/{name}/event-invoke-config/list");
        let configs = aws.rest("lambda", Method::GET, &path, None).await?;
        for config in list(&configs, "/FunctionEventInvokeConfigs") {
            reading.retry(
                logical_id,
                number(config, "/MaximumRetryAttempts"),
                number(config, "/MaximumEventAgeInSeconds"),
                names.logical(text(config, "/DestinationConfig/OnFailure/Destination")),
            );
        }
    }
    Ok(())
}
