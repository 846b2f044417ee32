//! What the transform adds to the template's own grants: nothing. The checks of roles read the source,
//! so whatever SAM would grant beside it has to be looked for in what is deployed.

use std::collections::BTreeSet;

use contact_sync_checks::template::{resources, template};
use serde_json::Value;
use thiserror::Error;

use crate::aws::text;
use crate::translation::Translation;

const ROLE: &str = "AWS::IAM::Role";

/// A grant that the source does not show.
#[derive(Debug, Error)]
pub(crate) enum GrantError {
    #[error("{stage}: these roles are only in the source or only in what is deployed: {names}")]
    Roles { stage: &'static str, names: String },
    #[error("{stage}: `{role}` has policies that the source does not write out")]
    Managed { stage: &'static str, role: String },
    #[error("{stage}: `{name}` is a policy beside the roles")]
    Beside { stage: &'static str, name: String },
    #[error("{stage}: `{name}` lets a whole service call the function")]
    Anybody { stage: &'static str, name: String },
}

/// Whether the translation for `stage` grants what the source says, and nothing beside it.
pub(crate) fn check(stage: &'static str, translation: &Translation) -> Result<(), GrantError> {
    let written: BTreeSet<String> = resources(&template(), ROLE).into_keys().collect();
    let deployed = translation.resources();
    let roles: BTreeSet<String> = deployed
        .iter()
        .filter(|(_, resource)| text(resource, "/Type") == ROLE)
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let apart: Vec<&str> = written.symmetric_difference(&roles).map(String::as_str).collect();
    if !apart.is_empty() || roles.is_empty() {
        return Err(GrantError::Roles { stage, names: apart.join(", ") });
    }
    for (name, resource) in deployed {
        let name = name.to_owned();
        match text(resource, "/Type") {
            ROLE if resource.pointer("/Properties/ManagedPolicyArns").is_some() => {
                return Err(GrantError::Managed { stage, role: name });
            }
            "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy" | "AWS::IAM::RolePolicy" => {
                return Err(GrantError::Beside { stage, name });
            }
            "AWS::Lambda::Permission"
                if resource.pointer("/Properties/SourceArn").is_none_or(Value::is_null) =>
            {
                return Err(GrantError::Anybody { stage, name });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn translated(change: impl FnOnce(&mut Value)) -> Translation {
        let roles = resources(&template(), ROLE).into_keys();
        let roles = roles.map(|name| (name, json!({"Type": ROLE, "Properties": {}})));
        let mut all = json!({"Resources": roles.collect::<serde_json::Map<_, _>>()});
        change(&mut all["Resources"]);
        Translation::new(all)
    }

    #[test]
    fn what_the_transform_would_grant_beside_the_source_is_found() {
        check("dev", &translated(|_| ())).unwrap();
        let permission = json!({"Type": "AWS::Lambda::Permission",
            "Properties": {"Principal": "events.amazonaws.com"}});
        let managed = json!({"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]});
        let generated = json!({"Type": ROLE, "Properties": {}});
        let policy = json!({"Type": "AWS::IAM::Policy", "Properties": {}});
        for (name, resource) in [
            ("FullSyncRole", json!({"Type": ROLE, "Properties": managed})),
            ("FullSyncEventRole", generated),
            ("FullSyncPolicy", policy),
            ("FullSyncPermission", permission),
        ] {
            let translation = translated(|all| all[name] = resource);
            assert!(check("dev", &translation).is_err(), "{name}");
        }
    }
}
