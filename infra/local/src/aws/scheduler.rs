//! EventBridge Scheduler: its REST API over the schedule book.

use std::collections::BTreeMap;

use axum::response::Response;
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{
    AwsRequest, AwsServices, CallCount, CallKey, json_answer, json_error, unknown_operation,
};
use crate::plan::Context;
use crate::schedules::{DEFAULT_GROUP, Schedule, ScheduleError, arn_of};
use crate::template::{ACCOUNT_ID, REGION};

/// To whom a schedule's role is passed.
const SERVICE: &str = "scheduler.amazonaws.com";

pub(super) fn serve(services: &AwsServices, request: &AwsRequest) -> Response {
    let path: Vec<String> = request
        .parts
        .uri
        .path()
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(request.parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let (operation, answer) = match (&request.parts.method, path.as_slice()) {
        (&Method::POST, ["schedules", name]) => ("CreateSchedule", write(services, request, name)),
        (&Method::PUT, ["schedules", name]) => ("UpdateSchedule", write(services, request, name)),
        (&Method::GET, ["schedules", name]) => {
            ("GetSchedule", get(services, request, name, &query))
        }
        (&Method::DELETE, ["schedules", name]) => {
            ("DeleteSchedule", delete(services, request, name, &query))
        }
        (&Method::GET, ["schedules"]) => ("ListSchedules", list(services, request, &query)),
        (&Method::GET, ["schedule-groups", name]) => {
            ("GetScheduleGroup", group(services, request, name))
        }
        (method, path) => {
            return unknown_operation("scheduler", &format!("{method} /{}", path.join("/")));
        }
    };
    services.counters.add(
        CallKey {
            caller: request.caller.name().to_owned(),
            operation: format!("scheduler:{operation}"),
            resource: String::new(),
        },
        CallCount { requests: 1, ..CallCount::default() },
    );
    answer.unwrap_or_else(|refusal| refusal)
}

fn write(services: &AwsServices, request: &AwsRequest, name: &str) -> Result<Response, Response> {
    let mut schedule: Schedule = serde_json::from_slice(&request.body).map_err(|error| {
        json_error(StatusCode::BAD_REQUEST, "ValidationException", &error.to_string())
    })?;
    name.clone_into(&mut schedule.name);
    let is_new = request.parts.method == Method::POST;
    let action = if is_new { "scheduler:CreateSchedule" } else { "scheduler:UpdateSchedule" };
    check(services, request, action, &schedule.group_name, name)?;
    let passed = Context::from([("iam:PassedToService", vec![SERVICE.to_owned()])]);
    services
        .access
        .check_request(&request.caller, "iam:PassRole", &schedule.target.role_arn, &passed)
        .map_err(|denied| denied.answer())?;
    let arn = arn_of(&schedule.group_name, name);
    let written = if is_new {
        services.schedules.create(schedule)
    } else {
        services.schedules.update(schedule)
    };
    written.map_err(|error| refusal(&error))?;
    Ok(json_answer(StatusCode::OK, &json!({"ScheduleArn": arn})))
}

fn get(
    services: &AwsServices,
    request: &AwsRequest,
    name: &str,
    query: &BTreeMap<String, String>,
) -> Result<Response, Response> {
    let group = group_name(query);
    check(services, request, "scheduler:GetSchedule", group, name)?;
    let schedule = services.schedules.get(group, name).map_err(|error| refusal(&error))?;
    Ok(json_answer(StatusCode::OK, &schedule))
}

fn delete(
    services: &AwsServices,
    request: &AwsRequest,
    name: &str,
    query: &BTreeMap<String, String>,
) -> Result<Response, Response> {
    let group = group_name(query);
    check(services, request, "scheduler:DeleteSchedule", group, name)?;
    services.schedules.delete(group, name).map_err(|error| refusal(&error))?;
    Ok(json_answer(StatusCode::OK, &json!({})))
}

fn list(
    services: &AwsServices,
    request: &AwsRequest,
    query: &BTreeMap<String, String>,
) -> Result<Response, Response> {
    let group = query.get("ScheduleGroup").map(String::as_str);
    check(services, request, "scheduler:ListSchedules", group.unwrap_or("*"), "*")?;
    if let Some(unknown) = query
        .keys()
        .find(|key| !["ScheduleGroup", "NamePrefix", "MaxResults"].contains(&key.as_str()))
    {
        return Err(unknown_operation("scheduler", &format!("ListSchedules with {unknown}")));
    }
    let prefix = query.get("NamePrefix").map_or("", String::as_str);
    let schedules: Vec<Value> = services.schedules.list(group, prefix);
    Ok(json_answer(StatusCode::OK, &json!({"Schedules": schedules})))
}

fn group(services: &AwsServices, request: &AwsRequest, name: &str) -> Result<Response, Response> {
    let arn = format!("arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule-group/{name}");
    services
        .access
        .check(&request.caller, "scheduler:GetScheduleGroup", &arn)
        .map_err(|denied| denied.answer())?;
    if !services.schedules.groups().iter().any(|group| group == name) {
        let error = ScheduleError::NotFound(format!("Schedule group {name} does not exist."));
        return Err(refusal(&error));
    }
    Ok(json_answer(StatusCode::OK, &json!({"Arn": arn, "Name": name, "State": "ACTIVE"})))
}

fn group_name(query: &BTreeMap<String, String>) -> &str {
    query.get("groupName").map_or(DEFAULT_GROUP, String::as_str)
}

fn check(
    services: &AwsServices,
    request: &AwsRequest,
    action: &str,
    group: &str,
    name: &str,
) -> Result<(), Response> {
    services
        .access
        .check(&request.caller, action, &arn_of(group, name))
        .map_err(|denied| denied.answer())
}

fn refusal(error: &ScheduleError) -> Response {
    let (status, code) = match error {
        ScheduleError::Validation(_) => (StatusCode::BAD_REQUEST, "ValidationException"),
        ScheduleError::Conflict(_) => (StatusCode::CONFLICT, "ConflictException"),
        ScheduleError::NotFound(_) => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
    };
    json_error(status, code, &error.to_string())
}
