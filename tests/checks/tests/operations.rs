//! What must be watched is watched, and whoever is woken finds out what to do.

use std::collections::BTreeSet;

use contact_sync_checks::sources::product;
use contact_sync_checks::template::{
    each_written, functions, get, members, resources, section, statements, template, text,
    untagged, written,
};
use serde_yaml_ng::Value;

/// The metrics that an alarm looks at: namespace, name, and the resource in its dimensions.
fn watched(alarm: &Value) -> Vec<(String, String, String)> {
    let properties = get(alarm, &["Properties"]).cloned().unwrap_or_default();
    let mut metrics = vec![properties.clone()];
    let listed = get(&properties, &["Metrics"]).and_then(Value::as_sequence);
    for entry in listed.into_iter().flatten() {
        metrics.extend(get(entry, &["MetricStat", "Metric"]).cloned());
    }
    let read = |metric: &Value| {
        let dimensions = get(metric, &["Dimensions"]).and_then(Value::as_sequence);
        let last = dimensions.and_then(|all| all.last()).and_then(|last| get(last, &["Value"]));
        Some((
            text(metric, &["Namespace"])?.to_owned(),
            text(metric, &["MetricName"])?.to_owned(),
            last.map(written).unwrap_or_default(),
        ))
    };
    metrics.iter().filter_map(read).collect()
}

#[test]
fn every_alarm_has_its_section_in_the_operations_handbook() {
    let handbook = contact_sync_checks::read("docs/operations.md");
    let sections: Vec<(&str, &str)> =
        handbook.split("\n### ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    let alarms = resources(&template(), "AWS::CloudWatch::Alarm");
    for name in alarms.keys() {
        let about = sections.iter().find(|(title, _)| title.split(", ").any(|one| one == name));
        let (_, body) = about.unwrap_or_else(|| panic!("{name} has no section"));
        for part in ["- Look:", "- Mend:"] {
            assert!(body.contains(part), "{name}'s section lacks \"{part}\"");
        }
    }
    for (title, _) in sections {
        for name in title.split(", ").filter(|name| name.ends_with("Alarm")) {
            assert!(alarms.contains_key(name), "{name} has a section and is gone");
        }
    }
}

#[test]
fn every_alarm_tells_somebody_and_says_what_it_means() {
    for (name, alarm) in resources(&template(), "AWS::CloudWatch::Alarm") {
        let actions = get(&alarm, &["Properties", "AlarmActions"]).map(written).unwrap_or_default();
        assert!(actions.contains("AlarmTopicArn"), "{name} rings nowhere");
        assert!(text(&alarm, &["Properties", "AlarmDescription"]).is_some(), "{name}");
        assert!(get(&alarm, &["Properties", "TreatMissingData"]).is_some(), "{name}");
        assert!(!watched(&alarm).is_empty(), "{name} looks at nothing");
    }
}

#[test]
fn every_queue_of_dead_letters_is_watched() {
    let template = template();
    let watched: BTreeSet<String> = resources(&template, "AWS::CloudWatch::Alarm")
        .values()
        .flat_map(watched)
        .filter(|(namespace, ..)| namespace == "AWS/SQS")
        .map(|(.., queue)| queue)
        .collect();
    let dashboards = resources(&template, "AWS::CloudWatch::Dashboard");
    let shown = written(&dashboards["Dashboard"]["Properties"]["DashboardBody"]);
    let redrive = contact_sync_checks::read("infra/redrive");
    let functions: Vec<String> =
        functions(&template).into_iter().map(|function| function.logical_id).collect();
    for queue in resources(&template, "AWS::SQS::Queue").keys() {
        assert!(watched.contains(&format!("!GetAtt {queue}.QueueName")), "{queue} is not watched");
        assert!(shown.contains(&format!("{queue}.QueueName")), "{queue} is not on the dashboard");
        let of = queue.trim_end_matches("DeadLetters");
        let sends = redrive.contains(&format!(": \"{of}\","));
        assert!(sends || !functions.iter().any(|function| function == of), "{queue} stays");
    }
}

#[test]
fn what_is_watched_is_measured() {
    let measured = product("shared/lambda-shell/src/metrics");
    let template = template();
    for (name, alarm) in resources(&template, "AWS::CloudWatch::Alarm") {
        for (namespace, metric, _) in watched(&alarm) {
            let ours = namespace == "EntraContactSync";
            assert!(!ours || measured.contains(&format!("\"{metric}\"")), "{name}: {metric}");
        }
    }
    let dashboards = resources(&template, "AWS::CloudWatch::Dashboard");
    let body = dashboards["Dashboard"]["Properties"]["DashboardBody"].clone();
    let text = &untagged(&body)[0];
    let body: serde_json::Value =
        serde_json::from_str(text.as_str().expect("a text")).expect("JSON");
    for widget in body["widgets"].as_array().expect("widgets") {
        for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let name = metric[1].as_str().expect("a name");
            let ours = metric[0] == "EntraContactSync";
            assert!(!ours || measured.contains(&format!("\"{name}\"")), "the dashboard's {name}");
        }
    }
}

/// A function that is called once in five minutes, and fails each time, must wake somebody.
#[test]
fn failing_functions_are_noticed_however_seldom_they_are_called() {
    let template = template();
    for function in functions(&template) {
        let name = format!("{}ErrorsAlarm", function.logical_id);
        let alarm = &resources(&template, "AWS::CloudWatch::Alarm")[&name]["Properties"];
        let number = |member: &str| alarm[member].as_u64().expect(member);
        let metrics = alarm["Metrics"].as_sequence().expect("metrics");
        assert_eq!(text(&metrics[0], &["Expression"]), Some("100 * errors / invocations"));
        let period = metrics[1]["MetricStat"]["Period"].as_u64().expect("a period");
        let window = period * number("EvaluationPeriods");
        // The sweep's three tries fall into three minutes of each five.
        assert!(window >= 900 && number("DatapointsToAlarm") <= 3, "{name}");
        // What a canary can take back within its five minutes.
        assert!(period * number("DatapointsToAlarm") < 300, "{name}");
        assert_eq!(number("Threshold"), 1, "{name}");
    }
}

/// CloudWatch Logs Insights reads `a.b` without backticks as a part of `a`, and finds nothing.
#[test]
fn the_handbooks_queries_name_fields_that_are_logged() {
    let handbook = contact_sync_checks::read("docs/operations.md");
    let logged: String = ["functions", "shared"].map(product).concat();
    let mut fields = BTreeSet::new();
    for line in handbook.lines().filter(|line| line.contains("filter ")) {
        let query = line.split_once("filter ").map(|(_, query)| query).unwrap_or_default();
        let query = query.split(" ``").next().unwrap_or_default();
        for (index, part) in query.split('`').enumerate() {
            let words = part.trim_matches('.').contains('.');
            let dotted = words && !part.contains(['"', '/', ' ']);
            if dotted {
                assert_eq!(index % 2, 1, "{part} is not in backticks: {line}");
                fields.insert(part.to_owned());
            }
        }
    }
    assert!(fields.len() >= 8, "queries were found: {fields:?}");
    for field in fields {
        assert!(logged.contains(&format!("{field} =")), "nothing logs {field}");
    }
}

#[test]
fn no_customer_is_a_dimension() {
    let metrics = product("shared/lambda-shell/src");
    assert!(metrics.contains("\"Dimensions\": [[\"Stage\", \"Function\"]]"));
    assert_eq!(metrics.matches("\"Dimensions\"").count(), 1, "one place declares dimensions");
}

#[test]
fn every_function_has_a_log_that_ends_an_alarm_and_a_way_back() {
    let template = template();
    let logs = resources(&template, "AWS::Logs::LogGroup");
    let alarms = resources(&template, "AWS::CloudWatch::Alarm");
    for function in functions(&template) {
        let properties = &function.resource["Properties"];
        let group = written(&properties["LoggingConfig"]["LogGroup"]);
        assert_eq!(group, format!("!Ref {}Logs", function.logical_id));
        let errors = format!("{}ErrorsAlarm", function.logical_id);
        assert!(alarms.contains_key(&errors), "{} has no alarm", function.name);
        let back = each_written(get(properties, &["DeploymentPreference", "Alarms"]));
        assert_eq!(back, [format!("!Ref {errors}")], "{}", function.name);
        let all = get(properties, &["AutoPublishAliasAllProperties"]);
        assert_eq!(all.and_then(Value::as_bool), Some(true), "{}: settings too", function.name);
        // An alarm of another function may hang on this one's alias: a circle that only prod has.
        for (_, _, of) in watched(&alarms[&errors]) {
            assert_eq!(of, format!("!Ref {}", function.logical_id));
        }
    }
    for (name, group) in logs {
        let kept = get(&group, &["Properties", "RetentionInDays"]).map(written);
        assert_eq!(kept.as_deref(), Some("!Ref LogRetentionDays"), "{name} is kept for ever");
    }
}

#[test]
fn every_function_records_its_traces_where_the_operator_wants_them() {
    let template = template();
    let tracing = get(&template, &["Globals", "Function", "Tracing"]).map(written);
    assert_eq!(tracing.as_deref(), Some("!Ref Tracing"));
    let roles = resources(&template, "AWS::IAM::Role");
    for function in functions(&template) {
        assert!(get(&function.resource, &["Properties", "Tracing"]).is_none(), "{}", function.name);
        let granted: Vec<String> =
            statements(&roles[&function.role()]).into_iter().flat_map(|it| it.actions).collect();
        // Without them Lambda drops the segments and nobody is told.
        for needed in ["xray:PutTraceSegments", "xray:PutTelemetryRecords"] {
            assert!(granted.iter().any(|action| action == needed), "{}: {needed}", function.name);
        }
    }
}

#[test]
fn what_is_kept_outlives_mistakes() {
    let template = template();
    for kind in ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret"] {
        for (name, resource) in resources(&template, kind) {
            for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
                assert_eq!(text(&resource, &[policy]), Some("Retain"), "{name}");
            }
            assert!(get(&resource, &["Properties", "Tags"]).is_some(), "{name} has no tags");
        }
    }
    for (name, table) in resources(&template, "AWS::DynamoDB::Table") {
        let properties = &table["Properties"];
        for (setting, member) in [
            ("PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"),
            ("SSESpecification", "SSEEnabled"),
        ] {
            let on = properties[setting][member].as_bool();
            assert_eq!(on, Some(true), "{name}: {setting}");
        }
        let protected = written(&properties["DeletionProtectionEnabled"]);
        assert_eq!(protected, "!If [IsProduction, true, false]", "{name}");
    }
    for (name, queue) in resources(&template, "AWS::SQS::Queue") {
        let encrypted = queue["Properties"]["SqsManagedSseEnabled"].as_bool();
        assert_eq!(encrypted, Some(true), "{name}");
    }
}

#[test]
fn a_newcomer_is_asked_for_parameters_in_groups_and_told_what_fits() {
    let template = template();
    let console = get(&template, &["Metadata", "AWS::CloudFormation::Interface"]);
    let console = console.cloned().unwrap_or_default();
    let groups = get(&console, &["ParameterGroups"]).and_then(Value::as_sequence);
    let grouped: BTreeSet<String> = groups
        .into_iter()
        .flatten()
        .flat_map(|group| each_written(get(group, &["Parameters"])))
        .collect();
    let labels = members(get(&console, &["ParameterLabels"]));
    let parameters = section(&template, "Parameters");
    assert_eq!(grouped, parameters.keys().cloned().collect());
    for (name, parameter) in parameters {
        assert!(labels.contains_key(&name), "{name} has no label");
        assert!(text(&parameter, &["Description"]).is_some(), "{name} has no description");
        let pattern = get(&parameter, &["AllowedPattern"]).is_some();
        assert!(pattern || get(&parameter, &["AllowedValues"]).is_some(), "{name} takes anything");
        let told = get(&parameter, &["ConstraintDescription"]).is_some();
        assert!(!pattern || told, "{name} does not say what fits");
    }
}

#[test]
fn a_cloud_team_finds_what_it_needs_among_the_outputs() {
    let outputs = section(&template(), "Outputs");
    for name in [
        "ApiUrl",
        "WebhookUrl",
        "ConsentRedirectUri",
        "EventBusName",
        "EventBusArn",
        "StateTableName",
        "ContactsTableName",
        "DataBucketName",
        "DashboardUrl",
        "AppCredentialArn",
        "FederationIssuerUrl",
        "FederationSubjects",
    ] {
        let output = outputs.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert!(text(output, &["Description"]).is_some(), "{name} is not explained");
    }
}

#[test]
fn every_role_that_asks_for_tokens_is_a_subject_to_register() {
    let template = template();
    let subjects = written(&section(&template, "Outputs")["FederationSubjects"]["Value"]);
    for (name, role) in resources(&template, "AWS::IAM::Role") {
        let asks = contact_sync_checks::template::statements(&role)
            .iter()
            .any(|statement| statement.actions.contains(&"sts:GetWebIdentityToken".to_owned()));
        assert_eq!(subjects.contains(&format!("!GetAtt {name}.Arn")), asks, "{name}");
    }
}
