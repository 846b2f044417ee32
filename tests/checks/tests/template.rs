//! The template and the functions say the same: a function that reads what it is not given dies at
//! its first start, and one that is given what it does not read hides a mistake.

use std::collections::{BTreeMap, BTreeSet};

use contact_sync_checks::sources::product;
use contact_sync_checks::template::{Function, get, members, template};
use serde_yaml_ng::Value;

fn functions() -> Vec<Function> {
    contact_sync_checks::template::functions(&template())
}

fn variables(environment: Option<&Value>) -> BTreeSet<String> {
    members(environment).into_keys().collect()
}

/// The variables that a text reads by name.
fn named_in(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for call in ["required(\"", "optional(\"", "parsed(\"", "origin(\""] {
        for part in text.split(call).skip(1) {
            names.extend(part.split('"').next().map(str::to_owned));
        }
    }
    names
}

/// What several functions are told alike: the variables behind each method of `Env`.
fn sections() -> BTreeMap<String, BTreeSet<String>> {
    let text = product("shared/lambda-shell/src/env");
    text.split("    pub fn ")
        .skip(1)
        .filter_map(|method| Some((method.split('(').next()?.to_owned(), named_in(method))))
        .collect()
}

/// The variables that a function's sources read, by name or by section.
fn read_by(function: &str) -> BTreeSet<String> {
    let text = product(&format!("functions/{function}/src"));
    let mut names = named_in(&text);
    for (method, behind) in sections() {
        if text.contains(&format!(".{method}()")) {
            names.extend(behind);
        }
    }
    names
}

#[test]
fn every_function_of_the_repository_is_deployed() {
    let deployed: BTreeSet<String> =
        functions().into_iter().map(|function| function.name).collect();
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
    for Function { name, resource, .. } in functions() {
        let own = variables(get(&resource, &["Properties", "Environment", "Variables"]));
        let read = read_by(&name);
        let missing: Vec<_> =
            read.difference(&own).filter(|name| !global.contains(*name)).collect();
        assert!(missing.is_empty(), "{name} reads {missing:?}, which the template does not give");
        let unread: Vec<_> = own.difference(&read).collect();
        assert!(unread.is_empty(), "{name} is given {unread:?}, which it does not read");
    }
}

#[test]
fn every_function_may_fail_without_losing_its_event() {
    for Function { name, resource, .. } in functions() {
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
