//! The template and the functions say the same: a function that reads what it is not given dies at
//! its first start, and one that is given what it does not read hides a mistake.
#![expect(clippy::expect_used, reason = "a broken check may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_yaml_ng::Value;

fn template() -> Value {
    let path = contact_sync_checks::root().join("infra/template.yaml");
    let text = std::fs::read_to_string(path).expect("the template");
    serde_yaml_ng::from_str(&text).expect("the template is YAML")
}

fn untagged(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => untagged(&tagged.value),
        other => other,
    }
}

fn get<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| untagged(value).get(*key))
}

fn functions() -> BTreeMap<String, Value> {
    let template = template();
    let resources = get(&template, &["Resources"]).and_then(Value::as_mapping).expect("resources");
    resources
        .iter()
        .filter(|(_, resource)| {
            get(resource, &["Type"]).and_then(Value::as_str) == Some("AWS::Serverless::Function")
        })
        .map(|(_, resource)| {
            let binary = get(resource, &["Metadata", "BuildProperties", "Binary"])
                .and_then(Value::as_str)
                .expect("a binary");
            (binary.to_owned(), resource.clone())
        })
        .collect()
}

fn variables(environment: Option<&Value>) -> BTreeSet<String> {
    environment
        .and_then(Value::as_mapping)
        .map(|variables| variables.keys().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default()
}

/// The names that a function's sources read, outside its tests.
fn read_by(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            names.extend(read_by(&path));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        for call in ["required(\"", "optional(\"", "parsed(\""] {
            for part in product.split(call).skip(1) {
                names.extend(part.split('"').next().map(str::to_owned));
            }
        }
    }
    names
}

#[test]
fn every_function_of_the_repository_is_deployed() {
    let deployed: BTreeSet<String> = functions().into_keys().collect();
    let written: BTreeSet<String> =
        std::fs::read_dir(contact_sync_checks::root().join("functions"))
            .expect("functions")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
    assert_eq!(deployed, written);
}

#[test]
fn a_function_is_given_just_what_it_reads() {
    let template = template();
    let global = variables(get(&template, &["Globals", "Function", "Environment", "Variables"]));
    for (name, resource) in functions() {
        let own = variables(get(&resource, &["Properties", "Environment", "Variables"]));
        let read = read_by(&contact_sync_checks::root().join("functions").join(&name).join("src"));
        let missing: Vec<_> =
            read.difference(&own).filter(|name| !global.contains(*name)).collect();
        assert!(missing.is_empty(), "{name} reads {missing:?}, which the template does not give");
        let unread: Vec<_> = own.difference(&read).collect();
        assert!(unread.is_empty(), "{name} is given {unread:?}, which it does not read");
    }
}

#[test]
fn every_function_may_fail_without_losing_its_event() {
    for (name, resource) in functions() {
        let events = get(&resource, &["Properties", "Events"]).and_then(Value::as_mapping);
        let asynchronous = events.is_some_and(|events| {
            events
                .values()
                .any(|event| get(event, &["Type"]).and_then(Value::as_str) != Some("HttpApi"))
        });
        if asynchronous && name != "event-publisher" {
            let target = get(
                &resource,
                &["Properties", "EventInvokeConfig", "DestinationConfig", "OnFailure"],
            );
            assert!(target.is_some(), "{name} has no dead-letter queue");
        }
        for (event, body) in events.into_iter().flatten() {
            let kind = get(body, &["Type"]).and_then(Value::as_str).unwrap_or_default();
            let place: &[&str] = match kind {
                "EventBridgeRule" | "ScheduleV2" => &["Properties", "DeadLetterConfig"],
                "DynamoDB" => &["Properties", "DestinationConfig", "OnFailure"],
                _ => continue,
            };
            assert!(get(body, place).is_some(), "{name}: {event:?} has no dead-letter queue");
        }
    }
}
