//! The API's description is complete and true: routes, roles, statuses, problem types.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use contact_sync_engine::admin::Role;
use serde_json::Value;

use super::harness::Answer;
use super::outside::Shared;
use crate::routes::{Need, table};

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/openapi.yaml");
    serde_yaml_ng::from_slice(&std::fs::read(path).unwrap()).unwrap()
});

/// Method and path of every operation, with its description.
fn operations() -> BTreeMap<(String, String), &'static Value> {
    let mut operations = BTreeMap::new();
    for (path, item) in DESCRIPTION["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if method != "parameters" {
                operations.insert((method.to_uppercase(), path.clone()), operation);
            }
        }
    }
    operations
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template.zip(path).all(|(part, given)| part.starts_with('{') || part == given)
}

/// Fails a test whose answer the description does not know.
pub(super) fn is_described(method: &str, path: &str, answer: &Answer) {
    let operation = operations()
        .into_iter()
        // A fixed path wins over a template that fits too.
        .filter(|((other, template), _)| other == method && matches(template, path))
        .min_by_key(|((_, template), _)| template.matches('{').count());
    let Some(((_, template), operation)) = operation else {
        assert!(matches!(answer.status.as_u16(), 404 | 405), "{method} {path}: {answer:?}");
        return;
    };
    let status = answer.status.as_str();
    let described = operation["responses"].get(status);
    assert!(described.is_some(), "{method} {template} answers {status}: {answer:?}");
    if answer.status.is_client_error() || answer.status.is_server_error() {
        let kind = answer.json()["type"].as_str().unwrap().to_owned();
        let known = DESCRIPTION["info"]["x-problem-types"].get(&kind);
        assert!(known.is_some(), "the problem type {kind} is not described");
    }
}

#[test]
fn every_route_is_described_and_every_description_has_a_route() {
    let routes: Vec<(String, String)> = table::<Shared>()
        .iter()
        .map(|endpoint| (endpoint.method.to_string(), endpoint.path.to_owned()))
        .collect();
    let operations = operations();
    for route in &routes {
        assert!(operations.contains_key(route), "{route:?} is not described");
    }
    for operation in operations.keys() {
        assert!(routes.contains(operation), "{operation:?} is described but has no route");
    }
    assert_eq!(routes.len(), operations.len(), "a route stands twice in the table");
}

#[test]
fn the_description_names_the_role_that_each_route_needs() {
    let operations = operations();
    for endpoint in table::<Shared>() {
        let key = (endpoint.method.to_string(), endpoint.path.to_owned());
        let described = operations[&key]["x-minimum-role"].as_str();
        match endpoint.need {
            Need::Nothing => {
                assert_eq!(described, None, "{key:?}");
                assert_eq!(operations[&key]["security"], serde_json::json!([]), "{key:?}");
            }
            Need::Role(role) | Need::Operator(role) => {
                assert_eq!(described.and_then(Role::parse), Some(role), "{key:?}");
            }
        }
        let is_for_operators = operations[&key]["x-operators-only"] == true;
        assert_eq!(is_for_operators, matches!(endpoint.need, Need::Operator(_)), "{key:?}");
    }
}

#[test]
fn every_path_parameter_and_reference_of_the_description_exists() {
    let text = DESCRIPTION.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(DESCRIPTION.pointer(pointer).is_some(), "{pointer} does not exist");
    }
    for (path, item) in DESCRIPTION["paths"].as_object().unwrap() {
        let names = path.split('/').filter(|part| part.starts_with('{'));
        let given = item["parameters"].as_array().cloned().unwrap_or_default();
        assert_eq!(names.count(), given.len(), "{path}");
    }
}
