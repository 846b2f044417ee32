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
const CALLS: [(&str, &str, &str); 21] = [
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

/// Who works with a role: the service, for what of the account, and what for.
struct Duty {
    service: &'static str,
    /// `aws:SourceArn`, where the service tells it.
    source: Option<String>,
    grants: BTreeSet<(String, String)>,
}

/// What services may do that work for no function: they trust their service alone, and only where
/// it works for this account and, as far as it tells, for what of it.
#[test]
fn schedules_and_deployments_may_do_what_they_are_for_and_no_more() {
    let template = template();
    let roles = resources(&template, "AWS::IAM::Role");
    let functions = functions(&template);
    let admin = functions.iter().find(|function| function.name == "admin-api").expect("admin-api");
    let variable = |name: &str| {
        let path = ["Properties", "Environment", "Variables", name];
        get(&admin.resource, &path).map(written).expect("a variable of admin-api")
    };
    let role_of =
        |written: &str| written.trim_start_matches("!GetAtt ").trim_end_matches(".Arn").to_owned();
    let mut needed: BTreeMap<String, Duty> = BTreeMap::new();

    let connections = BTreeSet::from([
        ("events:PutEvents".to_owned(), variable("EVENT_BUS_ARN")),
        ("sqs:SendMessage".to_owned(), variable("SCHEDULE_DLQ_ARN")),
    ]);
    let group = format!("!GetAtt {}.Arn", variable("SCHEDULE_GROUP").trim_start_matches("!Ref "));
    let scheduler = "scheduler.amazonaws.com";
    needed.insert(
        role_of(&variable("SCHEDULE_ROLE_ARN")),
        Duty { service: scheduler, source: Some(group), grants: connections },
    );

    let default_group = "!Sub arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:\
                         schedule-group/default";
    for function in &functions {
        for event in function.events().values() {
            if text(event, &["Type"]) != Some("ScheduleV2") {
                continue;
            }
            let role = get(event, &["Properties", "RoleArn"]).map(written).expect("a role");
            let letters = get(event, &["Properties", "DeadLetterConfig", "Arn"]).map(written);
            let duty = needed.entry(role_of(&role)).or_insert_with(|| Duty {
                service: scheduler,
                source: Some(default_group.to_owned()),
                grants: BTreeSet::new(),
            });
            let alias = format!("!Ref {}.Alias", function.logical_id);
            duty.grants.insert(("lambda:InvokeFunction".to_owned(), alias));
            duty.grants.extend(letters.map(|queue| ("sqs:SendMessage".to_owned(), queue)));
        }
    }

    let deployments = get(&template, &["Globals", "Function", "DeploymentPreference", "Role"]);
    let mut shifts = BTreeSet::from([("cloudwatch:DescribeAlarms".to_owned(), "*".to_owned())]);
    for action in ["GetAlias", "GetProvisionedConcurrencyConfig", "UpdateAlias"] {
        let of_the_stack = "!Sub arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:\
                            function:${AWS::StackName}-*";
        shifts.insert((format!("lambda:{action}"), of_the_stack.to_owned()));
    }
    // CloudFormation gives them names that begin with the stack's, unless the template names them.
    for function in &functions {
        let name = get(&function.resource, &["Properties", "FunctionName"]);
        assert!(name.is_none(), "{} has a name of its own", function.name);
    }
    needed.insert(
        role_of(&deployments.map(written).expect("a role")),
        Duty { service: "codedeploy.amazonaws.com", source: None, grants: shifts },
    );

    let of_functions: BTreeSet<String> = functions.iter().map(Function::role).collect();
    let others = roles.keys().filter(|name| !of_functions.contains(*name)).cloned();
    assert_eq!(others.collect::<Vec<_>>(), needed.keys().cloned().collect::<Vec<_>>());
    for (name, Duty { service, source, grants }) in needed {
        let role = &roles[&name];
        let equals = |key: &str, value: String| Condition {
            operator: "StringEquals".to_owned(),
            key: format!("aws:{key}"),
            values: vec![value],
        };
        let mut conditions = vec![equals("SourceAccount", "!Ref AWS::AccountId".to_owned())];
        conditions.extend(source.map(|source| equals("SourceArn", source)));
        assert_eq!(trusted(role), [(service.to_owned(), conditions)], "{name}");
        let granted: BTreeSet<(String, String)> = statements(role)
            .into_iter()
            .flat_map(|statement| {
                let resources = statement.resources;
                statement.actions.into_iter().flat_map(move |action| {
                    resources.clone().into_iter().map(move |resource| (action.clone(), resource))
                })
            })
            .collect();
        assert_eq!(granted, grants, "{name}");
    }
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
const WHOLE: [(&str, &[&str]); 3] = [
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
