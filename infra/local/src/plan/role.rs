//! IAM roles: what each function may do. The AWS stand-ins hold callers to it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::read_properties;
use crate::template::{Physical, TemplateError};

/// A role and the statements of its policies.
#[derive(Debug, Clone)]
pub struct Role {
    pub name: String,
    pub arn: String,
    pub statements: Vec<Statement>,
}

/// One `Allow` statement.
#[derive(Debug, Clone)]
pub struct Statement {
    actions: Vec<String>,
    resources: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RoleProperties {
    #[serde(rename = "RoleName", default)]
    _role_name: IgnoredAny,
    #[serde(rename = "AssumeRolePolicyDocument")]
    _trust: IgnoredAny,
    #[serde(rename = "PermissionsBoundary", default)]
    _boundary: IgnoredAny,
    #[serde(rename = "Description", default)]
    _description: IgnoredAny,
    policies: Vec<Policy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policy {
    #[serde(rename = "PolicyName")]
    _policy_name: IgnoredAny,
    policy_document: Document,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    #[serde(rename = "Version")]
    _version: IgnoredAny,
    statement: Vec<StatementDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StatementDocument {
    #[serde(rename = "Sid", default)]
    _sid: IgnoredAny,
    #[serde(rename = "Effect")]
    _effect: AllowOnly,
    action: OneOrMany,
    resource: OneOrMany,
}

#[derive(Deserialize)]
enum AllowOnly {
    Allow,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Vec<String> {
    fn from(value: OneOrMany) -> Self {
        match value {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

impl Role {
    pub(super) fn read(
        properties: Value,
        physical: &Physical,
        at: &str,
    ) -> Result<Self, TemplateError> {
        let properties: RoleProperties = read_properties(properties, at)?;
        Ok(Self {
            name: physical.reference.clone(),
            arn: physical.attributes.get("Arn").cloned().unwrap_or_default(),
            statements: properties
                .policies
                .into_iter()
                .flat_map(|policy| policy.policy_document.statement)
                .map(|statement| {
                    let StatementDocument { _sid, _effect: AllowOnly::Allow, action, resource } =
                        statement;
                    Statement { actions: action.into(), resources: resource.into() }
                })
                .collect(),
        })
    }

    /// Whether a statement allows `action` on `resource` (an ARN).
    pub fn allows(&self, action: &str, resource: &str) -> bool {
        self.statements.iter().any(|statement| {
            statement.actions.iter().any(|pattern| matches_wildcard(pattern, action))
                && statement.resources.iter().any(|pattern| matches_wildcard(pattern, resource))
        })
    }
}

/// IAM's matching: `*` stands for any text, everything else for itself.
fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(position) => rest = rest.get(position + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches_wildcard;

    #[test]
    fn a_star_stands_for_any_text_and_nothing_else_does() {
        for (pattern, text, expected) in [
            ("dynamodb:GetItem", "dynamodb:GetItem", true),
            ("dynamodb:GetItem", "dynamodb:GetItems", false),
            ("arn:aws:s3:::data/segments/*", "arn:aws:s3:::data/segments/run/1", true),
            ("arn:aws:s3:::data/segments/*", "arn:aws:s3:::data/reports/1", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("*", "", true),
        ] {
            assert_eq!(matches_wildcard(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
