//! What only prod has: each function's new version taken over bit by bit, and taken back by its own
//! alarm. The stand-in cannot shift traffic, so AWS's transform is asked what it would deploy.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use thiserror::Error;

use crate::translation::Translation;

/// What is wrong with the canaries.
#[derive(Debug, Error)]
pub(crate) enum CanaryError {
    #[error("{stage}: {found} deployment groups for {functions} functions")]
    Groups { stage: &'static str, found: usize, functions: usize },
    #[error("prod: {0} is not taken back by any alarm")]
    Unwatched(String),
    #[error("prod: {found} aliases of {functions} functions shift their traffic by a deployment")]
    Aliases { found: usize, functions: usize },
    #[error("prod: these depend on each other in a circle: {0}")]
    Circle(String),
}

/// Whether prod has a canary for every function, and dev none.
pub(crate) fn check(dev: &Translation, prod: &Translation) -> Result<(), CanaryError> {
    let functions = prod.of_kind("AWS::Lambda::Function").count();
    for (stage, translation, wanted) in [("dev", dev, 0), ("prod", prod, functions)] {
        let found = translation.of_kind("AWS::CodeDeploy::DeploymentGroup").count();
        if found != wanted {
            return Err(CanaryError::Groups { stage, found, functions: wanted });
        }
    }
    for group in prod.of_kind("AWS::CodeDeploy::DeploymentGroup") {
        let alarms = group.pointer("/AlarmConfiguration/Alarms").and_then(Value::as_array);
        let enabled = group.pointer("/AlarmConfiguration/Enabled") == Some(&Value::Bool(true));
        if !enabled || alarms.is_none_or(Vec::is_empty) {
            return Err(CanaryError::Unwatched(group.to_string()));
        }
    }
    let resources = prod.resources();
    let shifted =
        |resource: &&Value| resource.pointer("/UpdatePolicy/CodeDeployLambdaAliasUpdate").is_some();
    let found = resources.values().copied().filter(shifted).count();
    if found != functions {
        return Err(CanaryError::Aliases { found, functions });
    }
    circle(&resources).map_or(Ok(()), |names| Err(CanaryError::Circle(names)))
}

/// Names that are left when everything is taken away that depends on nothing left.
fn circle(resources: &BTreeMap<&str, &Value>) -> Option<String> {
    let mut open: BTreeMap<&str, BTreeSet<String>> = resources
        .iter()
        .map(|(name, resource)| {
            let mut needs = BTreeSet::new();
            collect(resource, &mut needs);
            needs.remove(*name);
            needs.retain(|need| resources.contains_key(need.as_str()));
            (*name, needs)
        })
        .collect();
    loop {
        let free: Vec<&str> =
            open.iter().filter(|(_, needs)| needs.is_empty()).map(|(name, _)| *name).collect();
        if free.is_empty() {
            break;
        }
        for name in free {
            open.remove(name);
            for needs in open.values_mut() {
                needs.remove(name);
            }
        }
    }
    let left: Vec<&str> = open.into_keys().collect();
    (!left.is_empty()).then(|| left.join(", "))
}

fn collect(value: &Value, needs: &mut BTreeSet<String>) {
    match value {
        Value::Array(entries) => entries.iter().for_each(|entry| collect(entry, needs)),
        Value::Object(members) => {
            for (key, member) in members {
                match (key.as_str(), member) {
                    ("Ref" | "DependsOn", Value::String(name)) => {
                        needs.insert(name.clone());
                    }
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        needs.extend(parts.first().and_then(Value::as_str).map(str::to_owned));
                    }
                    ("Fn::Sub", Value::String(text)) => needs.extend(named(text)),
                    _ => collect(member, needs),
                }
                if key == "DependsOn"
                    && let Value::Array(names) = member
                {
                    needs.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The resources that a text with `${…}` names.
fn named(text: &str) -> impl Iterator<Item = String> {
    text.split("${").skip(1).filter_map(|part| {
        let name = part.split_once('}')?.0;
        Some(name.split('.').next().unwrap_or(name).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_circle_is_found_and_its_members_are_named() {
        let [a, b, c] = [
            json!({"Properties": {"Uses": {"Ref": "B"}}}),
            json!({"Properties": {"Text": {"Fn::Sub": "of ${C.Arn}"}}}),
            json!({"DependsOn": ["A"]}),
        ];
        let d = json!({"Properties": {"Uses": {"Fn::GetAtt": ["C", "Arn"]}}});
        let straight = json!({});
        let all = BTreeMap::from([("A", &a), ("B", &b), ("C", &c), ("D", &d), ("E", &straight)]);
        assert_eq!(circle(&all).as_deref(), Some("A, B, C, D"));
        let open = BTreeMap::from([("A", &a), ("B", &b), ("C", &straight)]);
        assert_eq!(circle(&open), None);
    }
}
