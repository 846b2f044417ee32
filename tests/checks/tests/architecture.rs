//! Arrows point down: functions → adapters → engine → domain. Whoever breaks that makes a function
//! carry what it does not need, and a rule depend on a database.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a broken check may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Where a package lies decides its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Domain,
    Engine,
    Adapter,
    Shell,
    Function,
    Local,
    Tests,
}

struct Package {
    layer: Layer,
    name: String,
    ours: BTreeSet<String>,
    others: BTreeSet<String>,
}

fn layer_of(manifest: &str) -> Layer {
    let folder = |name: &str| manifest.contains(&format!("/{name}/"));
    if folder("functions") {
        Layer::Function
    } else if folder("tests") {
        Layer::Tests
    } else if folder("infra") {
        Layer::Local
    } else if folder("domain") {
        Layer::Domain
    } else if folder("engine") {
        Layer::Engine
    } else if folder("lambda-shell") {
        Layer::Shell
    } else {
        Layer::Adapter
    }
}

fn packages() -> BTreeMap<String, Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(contact_sync_checks::root())
        .output()
        .expect("cargo metadata runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let listed = metadata["packages"].as_array().expect("packages").clone();
    let names: BTreeSet<String> =
        listed.iter().filter_map(|package| package["name"].as_str().map(str::to_owned)).collect();
    let root = contact_sync_checks::root();
    listed
        .iter()
        .map(|package| {
            let name = package["name"].as_str().expect("a name").to_owned();
            let manifest = package["manifest_path"].as_str().expect("a path");
            let manifest = manifest.strip_prefix(root.to_str().expect("UTF-8")).unwrap_or(manifest);
            let (ours, others) = package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
                .partition(|dependency| names.contains(dependency));
            (name.clone(), Package { layer: layer_of(manifest), name, ours, others })
        })
        .collect()
}

fn may_depend(from: Layer, to: Layer) -> bool {
    match from {
        Layer::Domain => false,
        Layer::Engine => to == Layer::Domain,
        Layer::Adapter | Layer::Shell => matches!(to, Layer::Engine | Layer::Domain),
        Layer::Function => {
            matches!(to, Layer::Adapter | Layer::Shell | Layer::Engine | Layer::Domain)
        }
        Layer::Local | Layer::Tests => true,
    }
}

#[test]
fn arrows_point_down() {
    let packages = packages();
    let mut wrong = Vec::new();
    for package in packages.values() {
        for dependency in &package.ours {
            let to = packages.get(dependency).expect("one of ours");
            let by_tests = matches!(to.layer, Layer::Tests | Layer::Local)
                && !matches!(package.layer, Layer::Tests | Layer::Local);
            if !may_depend(package.layer, to.layer) || by_tests {
                wrong.push(format!("{} → {}", package.name, to.name));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "edges that point up or sideways");
}

#[test]
fn the_domain_is_pure() {
    let packages = packages();
    let domain = packages.get("contact-sync-domain").expect("the domain");
    let allowed: BTreeSet<String> = [
        "jiff",
        "regex",
        "regex-syntax",
        "serde",
        "serde_json",
        "sha2",
        "thiserror",
        "unicode-normalization",
    ]
    .map(str::to_owned)
    .into();
    let foreign: Vec<_> = domain.others.difference(&allowed).collect();
    assert!(foreign.is_empty(), "the domain must not need {foreign:?}");
}

#[test]
fn the_engine_knows_no_aws_and_no_http() {
    let packages = packages();
    let engine = packages.get("contact-sync-engine").expect("the engine");
    let foreign: Vec<_> = engine
        .others
        .iter()
        .filter(|name| {
            name.starts_with("aws-")
                || ["reqwest", "hyper", "http", "lambda_http", "lambda_runtime", "axum", "tokio"]
                    .contains(&name.as_str())
        })
        .collect();
    assert!(foreign.is_empty(), "the engine must not need {foreign:?}");
}

#[test]
fn each_sdk_has_one_room() {
    let rooms = [
        ("aws-sdk-dynamodb", "contact-sync-dynamo-store"),
        ("aws-sdk-eventbridge", "contact-sync-event-bus"),
        ("aws-sdk-s3", "contact-sync-report-store"),
        ("aws-sdk-scheduler", "contact-sync-sync-schedules"),
        ("aws-sdk-secretsmanager", "contact-sync-secret-store"),
        ("aws-sdk-sesv2", "contact-sync-mailer"),
        ("aws-sdk-sts", "contact-sync-secret-store"),
        ("reqwest", "contact-sync-graph-client"),
    ];
    let packages = packages();
    let product =
        packages.values().filter(|package| !matches!(package.layer, Layer::Local | Layer::Tests));
    for package in product {
        for (sdk, room) in rooms {
            assert!(
                package.name == room || !package.others.contains(sdk),
                "{} names {sdk}, which only {room} may",
                package.name
            );
        }
    }
}

#[test]
fn every_function_is_a_binary_named_as_its_folder() {
    let root = contact_sync_checks::root();
    for entry in std::fs::read_dir(root.join("functions")).expect("functions") {
        let folder = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let packages = packages();
        let package = packages.get(&folder);
        assert!(package.is_some_and(|package| package.layer == Layer::Function), "{folder}");
    }
}

/// Whoever reads whole directories takes from the budget that all processes share: without it a full
/// run leaves nothing of Graph's limits to what cannot wait.
#[test]
fn whoever_reads_whole_directories_shares_one_budget() {
    for function in ["full-sync", "delta-sync", "enrichment"] {
        let main = contact_sync_checks::read(&format!("functions/{function}/src/main.rs"));
        assert!(main.contains(".sharing(stores"), "{function}: its Graph client shares no budget");
    }
}
