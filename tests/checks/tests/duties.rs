//! Roles that no function takes: schedules, deployments and the stream of events.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_checks::template::{
    Condition, Function, functions, get, resources, statements, template, text, trusted, written,
};

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

    // Each target of events knows the actions of its own service alone.
    let streams = ["events:PutEvents", "firehose:PutRecord", "firehose:PutRecordBatch"];
    let target = "!Ref EventStreamTargetArn".to_owned();
    let grants = streams.map(|action| (action.to_owned(), target.clone())).into();
    needed.insert(
        "EventStreamRole".to_owned(),
        Duty { service: "events.amazonaws.com", source: None, grants },
    );

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
