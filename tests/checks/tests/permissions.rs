//! A role grants what its function uses and nothing else: whoever takes a function over gets no
//! further than the function. What the functions were seen to use is compared in
//! `tests/flows/tests/flows/permissions.rs`; here the template is compared with the sources.
#![expect(clippy::panic, reason = "a broken check may panic")]

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_checks::sources::{adapters_of, product};
use contact_sync_checks::template::{
    Condition, Function, Statement, each_written, functions, get, resources, statements, template,
    text, trusted, written,
};

/// Actions that AWS offers for no resource in particular.
const WITHOUT_RESOURCE: [(&str, &str); 4] = [
    (
        "sts:GetWebIdentityToken",
        "a token is about its caller; audience, algorithm and life are held by conditions",
    ),
    ("xray:PutTraceSegments", RECORDED),
    ("xray:PutTelemetryRecords", RECORDED),
    ("cloudwatch:DescribeAlarms", SHOWN),
];

/// Why these need no condition either.
const RECORDED: &str = "Lambda records how long an invocation took; whoever takes the function over \
                        could at worst record that it took longer";
const SHOWN: &str = "CodeDeploy asks for alarms by name and needs all for composite ones; it reads";

/// Which call of an SDK an action allows, and in which adapter the call is made.
const CALLS: [(&str, &str, &str); 22] = [
    ("dynamodb:GetItem", "dynamo-store", "get_item()"),
    ("dynamodb:BatchGetItem", "dynamo-store", "batch_get_item()"),
    ("dynamodb:Query", "dynamo-store", "query()"),
    ("dynamodb:PutItem", "dynamo-store", "put_item()"),
    ("dynamodb:UpdateItem", "dynamo-store", "update_item()"),
    ("dynamodb:DeleteItem", "dynamo-store", "delete_item()"),
    ("dynamodb:BatchWriteItem", "dynamo-store", "batch_write_item()"),
    ("dynamodb:ConditionCheckItem", "dynamo-store", "ConditionCheck::builder()"),
    ("s3:GetObject", "report-store", "get_object()"),
    ("s3:PutObject", "report-store", "put_object()"),
    ("s3:DeleteObject", "report-store", "delete_object()"),
    ("s3:ListBucket", "report-store", "list_objects_v2()"),
    ("secretsmanager:GetSecretValue", "secret-store", "get_secret_value()"),
    ("sts:GetWebIdentityToken", "secret-store", "get_web_identity_token()"),
    ("events:PutEvents", "event-bus", "put_events()"),
    ("ses:SendEmail", "mailer", "send_email()"),
    ("scheduler:CreateSchedule", "sync-schedules", "create_schedule()"),
    ("scheduler:UpdateSchedule", "sync-schedules", "update_schedule()"),
    ("scheduler:DeleteSchedule", "sync-schedules", "delete_schedule()"),
    // Scheduler works with the role that a new schedule names.
    ("iam:PassRole", "sync-schedules", "role_arn("),
    ("scheduler:GetSchedule", "sync-schedules", "get_schedule()"),
    ("s3:AbortMultipartUpload", "report-store", "abort_multipart_upload()"),
];

/// What Lambda itself does with a function's role: it writes its log and its traces, reads its
/// streams and leaves what was given up.
const BY_LAMBDA: [&str; 9] = [
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "sqs:SendMessage",
];

fn granted(function: &Function) -> Vec<Statement> {
    let template = template();
    let roles = resources(&template, "AWS::IAM::Role");
    statements(
        roles.get(&function.role()).unwrap_or_else(|| panic!("{} has no role", function.name)),
    )
}

fn actions(function: &Function) -> BTreeSet<String> {
    granted(function).into_iter().flat_map(|statement| statement.actions).collect()
}

#[test]
fn every_function_has_a_role_of_its_own_that_only_lambda_may_take() {
    let template = template();
    let roles = resources(&template, "AWS::IAM::Role");
    let mut seen = BTreeSet::new();
    for function in functions(&template) {
        let name = function.role();
        assert!(seen.insert(name.clone()), "{name} serves two functions");
        let role = roles.get(&name).expect("the role is in the template");
        let trusted: Vec<String> = trusted(role).into_iter().map(|(service, _)| service).collect();
        assert_eq!(trusted, ["lambda.amazonaws.com"], "{name}");
    }
}

#[test]
fn no_role_takes_whatever_aws_puts_into_its_policies() {
    for (name, role) in resources(&template(), "AWS::IAM::Role") {
        assert!(get(&role, &["Properties", "ManagedPolicyArns"]).is_none(), "{name}");
    }
}

/// `ForAllValues` holds where a request has no such value at all.
#[test]
fn a_condition_on_all_values_does_not_hold_where_there_are_none() {
    let mut found = 0;
    for (name, role) in resources(&template(), "AWS::IAM::Role") {
        for statement in statements(&role) {
            let lines = &statement.conditions;
            for line in lines.iter().filter(|line| line.operator.starts_with("ForAllValues:")) {
                let told = Condition {
                    operator: "Null".to_owned(),
                    key: line.key.clone(),
                    values: vec!["false".to_owned()],
                };
                assert!(
                    lines.contains(&told),
                    "{name}: {:?} without {}",
                    statement.actions,
                    line.key
                );
                found += 1;
            }
        }
    }
    assert!(found > 20, "only {found} conditions on all values were read");
}

#[test]
fn every_role_keeps_within_the_organisations_boundary() {
    for (name, role) in resources(&template(), "AWS::IAM::Role") {
        let boundary = get(&role, &["Properties", "PermissionsBoundary"]).map(written);
        assert_eq!(
            boundary.as_deref(),
            Some("!If [HasPermissionsBoundary, !Ref PermissionsBoundary, !Ref AWS::NoValue]"),
            "{name}"
        );
    }
}

#[test]
fn nothing_is_granted_on_everything() {
    for (name, role) in resources(&template(), "AWS::IAM::Role") {
        for statement in statements(&role) {
            for action in &statement.actions {
                assert!(!action.contains('*'), "{name} grants {action}");
                let excuse = WITHOUT_RESOURCE.iter().find(|(known, _)| known == action);
                let excused = excuse.is_some();
                for resource in &statement.resources {
                    assert!(resource != "*" || excused, "{name} grants {action} on everything");
                    // A star may stand for the rest of a name, never for its beginning.
                    let before = resource.split('*').next().unwrap_or_default();
                    assert!(
                        excused || !resource.contains('*') || before.contains("${"),
                        "{name} grants {action} on {resource}"
                    );
                }
                if excuse.is_some_and(|(_, reason)| ![RECORDED, SHOWN].contains(reason)) {
                    assert!(!statement.conditions.is_empty(), "{name} grants {action} to any end");
                }
            }
        }
    }
}

#[test]
fn no_action_is_granted_that_the_function_cannot_call() {
    for function in functions(&template()) {
        let adapters = adapters_of(&format!("functions/{}", function.name));
        for action in actions(&function) {
            if BY_LAMBDA.contains(&action.as_str()) {
                continue;
            }
            let call = CALLS.iter().find(|(known, ..)| *known == action);
            let (_, adapter, call) =
                call.unwrap_or_else(|| panic!("{} may {action}: who calls it?", function.name));
            assert!(
                adapters.iter().any(|needed| needed == adapter),
                "{} may {action} without {adapter}",
                function.name
            );
            let sources = product(&format!("shared/{adapter}/src"));
            assert!(sources.contains(call), "{adapter} does not call {call} for {action}");
        }
    }
}

/// An adapter whose every call its users make; of the others each makes some.
const WHOLE: [(&str, &[&str]); 4] = [
    ("mailer", &["ses:SendEmail"]),
    ("event-bus", &["events:PutEvents"]),
    ("secret-store", &["secretsmanager:GetSecretValue", "sts:GetWebIdentityToken"]),
    (
        "sync-schedules",
        &[
            "scheduler:CreateSchedule",
            "scheduler:UpdateSchedule",
            "scheduler:DeleteSchedule",
            "iam:PassRole",
        ],
    ),
];

#[test]
fn whoever_carries_an_adapter_may_do_what_it_calls() {
    for function in functions(&template()) {
        let adapters = adapters_of(&format!("functions/{}", function.name));
        let granted = actions(&function);
        for (adapter, needed) in WHOLE {
            let carries = adapters.iter().any(|name| name == adapter);
            for action in needed {
                assert_eq!(
                    granted.contains(*action),
                    carries,
                    "{} and {adapter}: {action}",
                    function.name
                );
            }
        }
        for (adapter, service) in [("dynamo-store", "dynamodb:"), ("report-store", "s3:")] {
            let some = granted
                .iter()
                .any(|action| action.starts_with(service) && !BY_LAMBDA.contains(&action.as_str()));
            let carries = adapters.iter().any(|name| name == adapter);
            assert_eq!(some, carries, "{} and {adapter}", function.name);
        }
    }
}

#[test]
fn every_call_of_an_adapter_is_somebodys_to_make() {
    let granted: BTreeSet<String> = functions(&template()).iter().flat_map(actions).collect();
    for (action, adapter, call) in CALLS {
        let is_called = product(&format!("shared/{adapter}/src")).contains(call);
        assert_eq!(is_called, granted.contains(action), "{adapter} and {action}");
    }
}

#[test]
fn a_function_reaches_only_the_kinds_of_items_that_it_works_with() {
    // It shows and erases every kind; what it writes is held to kinds all the same.
    const ALL_KINDS: (&str, [&str; 5]) = (
        "admin-api",
        [
            "dynamodb:GetItem",
            "dynamodb:BatchGetItem",
            "dynamodb:Query",
            "dynamodb:DeleteItem",
            "dynamodb:BatchWriteItem",
        ],
    );
    let keys = product("shared/dynamo-store/src");
    for function in functions(&template()) {
        for statement in granted(&function) {
            if !statement.resources.contains(&"!GetAtt StateTable.Arn".to_owned()) {
                continue;
            }
            let Some(kinds) = statement.only("dynamodb:LeadingKeys") else {
                let excused = function.name == ALL_KINDS.0
                    && statement
                        .actions
                        .iter()
                        .all(|action| ALL_KINDS.1.contains(&action.as_str()));
                assert!(excused, "{} may {:?} of every item", function.name, statement.actions);
                continue;
            };
            for kind in kinds {
                let prefix = kind.trim_end_matches('*');
                assert!(prefix.ends_with('#'), "{}: {kind} is half of a name", function.name);
                assert!(
                    keys.contains(&format!("\"{prefix}")),
                    "{}: no item lies under {kind}",
                    function.name
                );
            }
        }
    }
}

#[test]
fn objects_are_reached_by_folder() {
    for function in functions(&template()) {
        for statement in granted(&function) {
            for resource in &statement.resources {
                let of_objects = statement
                    .actions
                    .iter()
                    .any(|action| action.starts_with("s3:") && action != "s3:ListBucket");
                assert!(
                    !of_objects
                        || resource.ends_with("/*") && resource != "!Sub ${DataBucket.Arn}/*",
                    "{} reaches {resource}",
                    function.name
                );
            }
        }
    }
}

#[test]
fn what_lambda_does_with_a_role_is_only_the_functions_own() {
    let template = template();
    for function in functions(&template) {
        let logs = format!("!GetAtt {}Logs.Arn", function.logical_id);
        let mut left: BTreeSet<String> = each_written(get(
            &function.resource,
            &["Properties", "EventInvokeConfig", "DestinationConfig", "OnFailure", "Destination"],
        ))
        .into_iter()
        .collect();
        let mut reads_streams = false;
        for event in function.events().values() {
            if text(event, &["Type"]) == Some("DynamoDB") {
                reads_streams = true;
                let queue = ["Properties", "DestinationConfig", "OnFailure", "Destination"];
                left.extend(each_written(get(event, &queue)));
            }
        }
        let mut by_action: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for statement in granted(&function) {
            for action in statement.actions {
                by_action.entry(action).or_default().extend(statement.resources.clone());
            }
        }
        let on = |action: &str| by_action.get(action).cloned().unwrap_or_default();
        for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
            assert_eq!(on(action), BTreeSet::from([logs.clone()]), "{}: {action}", function.name);
        }
        assert_eq!(on("sqs:SendMessage"), left, "{}", function.name);
        assert_eq!(!on("dynamodb:GetRecords").is_empty(), reads_streams, "{}", function.name);
    }
}
