//! What `sam deploy --config-env …` would do is what the documents promise for each stage.

use std::collections::BTreeSet;

use contact_sync_checks::template::{section, template};
use toml::{Table, Value};

const STAGES: [&str; 3] = ["dev", "staging", "prod"];

/// Functions' names keep the whole name of a stack up to this; beyond, prod's deployments hang.
const LONGEST_STACK_NAME: usize = 31;

fn words<'v>(parameters: &'v Table, name: &str) -> Vec<&'v str> {
    let list = parameters.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn each_stage_is_deployed_under_its_own_name_with_its_tags() {
    let config: Table = contact_sync_checks::read("samconfig.toml").parse().expect("TOML");
    let parameters: BTreeSet<String> = section(&template(), "Parameters").into_keys().collect();
    let mut stacks = BTreeSet::new();
    for stage in STAGES {
        let of = |command: &str| {
            let table = config.get(stage).and_then(|all| all.get(command));
            let table = table.and_then(|command| command.get("parameters"));
            table.and_then(Value::as_table).cloned().unwrap_or_default()
        };
        let deploy = of("deploy");
        let text = |name: &str| deploy.get(name).and_then(Value::as_str).unwrap_or_default();
        let stack = text("stack_name");
        assert!(!stack.is_empty() && stack.len() <= LONGEST_STACK_NAME, "{stage}: {stack}");
        assert!(stacks.insert(stack.to_owned()), "{stack} is the name of two stages");
        assert_eq!(text("capabilities"), "CAPABILITY_IAM", "{stage}");
        let tags: BTreeSet<String> = words(&deploy, "tags").into_iter().map(String::from).collect();
        let wanted = ["application=entra-contact-sync".to_owned(), format!("stage={stage}")];
        assert_eq!(tags, BTreeSet::from(wanted), "what CloudFormation puts on every resource");
        // With it the sources would be deployed instead of what was built.
        assert!(!deploy.contains_key("template_file"), "{stage}");
        let overrides = words(&deploy, "parameter_overrides");
        assert!(overrides.contains(&format!("Stage={stage}").as_str()), "{stage}: {overrides:?}");
        for one in overrides {
            let name = one.split('=').next().unwrap_or_default();
            assert!(parameters.contains(name), "{stage}: the template has no parameter {name}");
        }
        for command in ["build", "validate"] {
            let template =
                of(command).get("template_file").and_then(Value::as_str).map(str::to_owned);
            assert_eq!(template.as_deref(), Some("infra/template.yaml"), "{stage}.{command}");
        }
    }
}

#[test]
fn a_change_of_shared_code_alone_is_built_in_every_stage() {
    let config: Table = contact_sync_checks::read("samconfig.toml").parse().expect("TOML");
    let mut builds = 0;
    for (stage, commands) in &config {
        let build = commands.get("build").and_then(|build| build.get("parameters"));
        builds += usize::from(build.is_some());
        // SAM's cache looks at a function's own folder.
        let cached = build.and_then(|build| build.get("cached"));
        assert_eq!(cached, None, "{stage}: the old program would be deployed");
    }
    assert_eq!(builds, STAGES.len() + 1, "the stages and what `sam build` does without one");
}
