//! IAM roles: what each function may do. The AWS stand-ins hold callers to it.

use std::collections::BTreeMap;

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
    pub actions: Vec<String>,
    pub resources: Vec<String>,
    pub conditions: Vec<Condition>,
}

/// One line of a statement's `Condition`: all of them must hold.
#[derive(Debug, Clone)]
pub struct Condition {
    operator: Operator,
    /// `dynamodb:LeadingKeys`.
    pub key: String,
    /// One of them is enough.
    pub values: Vec<String>,
}

/// The least that a statement gives: one action on one resource, for one kind of item where the
/// statement tells kinds apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// `dynamodb:PutItem`.
    pub action: String,
    /// An ARN, with `*` for any text.
    pub resource: String,
    /// A condition key and one of the values it may have: `dynamodb:LeadingKeys`, `SYNC#*`.
    pub only: Option<(String, String)>,
}

impl Grant {
    /// Whether a request that did this used this grant.
    pub fn serves(&self, action: &str, resource: &str, named: &[(String, String)]) -> bool {
        matches_wildcard(&self.action, action)
            && matches_wildcard(&self.resource, resource)
            && self.only.as_ref().is_none_or(|(key, value)| {
                named.iter().any(|(named, text)| named == key && matches_wildcard(value, text))
            })
    }
}

impl std::fmt::Display for Grant {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} on {}", self.action, self.resource)?;
        match &self.only {
            Some((_, value)) => write!(formatter, " for {value}"),
            None => Ok(()),
        }
    }
}

/// What a request says about itself, by condition key.
pub type Context = BTreeMap<&'static str, Vec<String>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Operator {
    StringEquals,
    #[serde(rename = "ForAllValues:StringLike")]
    AllLike,
    #[serde(rename = "ForAllValues:StringEquals")]
    AllEqual,
    NumericLessThanEquals,
    /// Whether the request lacks the key: `true` or `false`.
    Null,
}

impl Statement {
    fn grants(&self) -> Vec<Grant> {
        let kinds: Vec<(String, String)> = self
            .conditions
            .iter()
            .filter(|condition| matches!(condition.operator, Operator::AllLike))
            .flat_map(|condition| {
                condition.values.iter().map(|value| (condition.key.clone(), value.clone()))
            })
            .collect();
        let kinds: Vec<Option<(String, String)>> =
            if kinds.is_empty() { vec![None] } else { kinds.into_iter().map(Some).collect() };
        let mut grants = Vec::new();
        for action in &self.actions {
            for resource in &self.resources {
                grants.extend(kinds.iter().map(|only| Grant {
                    action: action.clone(),
                    resource: resource.clone(),
                    only: only.clone(),
                }));
            }
        }
        grants
    }
}

impl Condition {
    fn holds(&self, context: &Context) -> bool {
        let given = context.get(self.key.as_str()).map_or(&[][..], Vec::as_slice);
        let one_of = |test: fn(&str, &str) -> bool, text: &str| {
            self.values.iter().any(|value| test(value, text))
        };
        match self.operator {
            Operator::AllLike => given.iter().all(|text| one_of(matches_wildcard, text)),
            Operator::AllEqual => given.iter().all(|text| one_of(str::eq, text)),
            // A key that the request does not have fails what must equal it.
            Operator::StringEquals => {
                !given.is_empty() && given.iter().all(|text| one_of(str::eq, text))
            }
            Operator::NumericLessThanEquals => {
                !given.is_empty() && given.iter().all(|text| one_of(is_at_most, text))
            }
            Operator::Null => one_of(str::eq, if given.is_empty() { "true" } else { "false" }),
        }
    }
}

fn is_at_most(limit: &str, number: &str) -> bool {
    match (limit.parse::<f64>(), number.parse::<f64>()) {
        (Ok(limit), Ok(number)) => number <= limit,
        _ => false,
    }
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
    // AWS's own policies, for its own services: nothing here works with such a role.
    #[serde(rename = "ManagedPolicyArns", default)]
    _managed: IgnoredAny,
    #[serde(rename = "Tags", default)]
    _tags: IgnoredAny,
    #[serde(default)]
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
    #[serde(default)]
    condition: BTreeMap<Operator, BTreeMap<String, OneOrMany>>,
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
                    let StatementDocument {
                        _sid,
                        _effect: AllowOnly::Allow,
                        action,
                        resource,
                        condition,
                    } = statement;
                    Statement {
                        actions: action.into(),
                        resources: resource.into(),
                        conditions: conditions(condition),
                    }
                })
                .collect(),
        })
    }

    /// All that the role gives, piece by piece.
    pub fn grants(&self) -> Vec<Grant> {
        self.statements.iter().flat_map(Statement::grants).collect()
    }

    /// Whether a statement allows `action` on `resource` (an ARN) for such a request.
    pub fn allows(&self, action: &str, resource: &str, context: &Context) -> bool {
        self.statements.iter().any(|statement| {
            statement.actions.iter().any(|pattern| matches_wildcard(pattern, action))
                && statement.resources.iter().any(|pattern| matches_wildcard(pattern, resource))
                && statement.conditions.iter().all(|condition| condition.holds(context))
        })
    }
}

fn conditions(document: BTreeMap<Operator, BTreeMap<String, OneOrMany>>) -> Vec<Condition> {
    let lines = document.into_iter().flat_map(|(operator, keys)| {
        keys.into_iter().map(move |(key, values)| (operator, key, values))
    });
    lines
        .map(|(operator, key, values)| Condition { operator, key, values: values.into() })
        .collect()
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
    use super::{Condition, Context, Operator, matches_wildcard};

    #[test]
    fn a_statement_for_some_partitions_refuses_every_other() {
        let condition = Condition {
            operator: Operator::AllLike,
            key: "dynamodb:LeadingKeys".to_owned(),
            values: vec!["SYNC#*".to_owned(), "RUNS#*".to_owned()],
        };
        let request = |keys: &[&str]| {
            let keys = keys.iter().map(|&key| key.to_owned()).collect();
            Context::from([("dynamodb:LeadingKeys", keys)])
        };
        assert!(condition.holds(&request(&["SYNC#3", "RUNS#a"])));
        assert!(!condition.holds(&request(&["SYNC#3", "ACCOUNT#a"])));
    }

    #[test]
    fn all_of_none_are_anything_and_a_key_that_must_be_there_refuses_that() {
        let line = |operator, value: &str| Condition {
            operator,
            key: "dynamodb:LeadingKeys".to_owned(),
            values: vec![value.to_owned()],
        };
        let some = Context::from([("dynamodb:LeadingKeys", vec!["SYNC#3".to_owned()])]);
        assert!(line(Operator::AllLike, "SYNC#*").holds(&Context::new()));
        assert!(!line(Operator::Null, "false").holds(&Context::new()));
        assert!(line(Operator::Null, "false").holds(&some));
        assert!(!line(Operator::Null, "true").holds(&some));
    }

    #[test]
    fn a_number_over_the_limit_and_a_missing_value_are_refused() {
        let at_most = Condition {
            operator: Operator::NumericLessThanEquals,
            key: "sts:DurationSeconds".to_owned(),
            values: vec!["300".to_owned()],
        };
        let request =
            |seconds: &str| Context::from([("sts:DurationSeconds", vec![seconds.to_owned()])]);
        assert!(at_most.holds(&request("300")));
        assert!(!at_most.holds(&request("3600")));
        assert!(!at_most.holds(&Context::new()));
    }

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
