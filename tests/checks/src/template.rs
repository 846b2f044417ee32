//! `infra/template.yaml` as text with a structure: intrinsic functions stay as they are written.

use std::collections::BTreeMap;

use serde_yaml_ng::Value;

/// The whole template.
pub fn template() -> Value {
    serde_yaml_ng::from_str(&crate::read("infra/template.yaml")).expect("the template is YAML")
}

/// What stands behind an intrinsic function's tag, if there is one.
pub fn untagged(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => untagged(&tagged.value),
        other => other,
    }
}

/// A member far below.
pub fn get<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| untagged(value).get(*key))
}

/// A member far below, as text.
pub fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    get(value, path).and_then(Value::as_str)
}

/// A value as it is written: `!GetAtt StateTable.Arn`.
pub fn written(value: &Value) -> String {
    match value {
        Value::Tagged(tagged) => format!("{} {}", tagged.tag, written(&tagged.value)),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Sequence(items) => {
            format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", "))
        }
        Value::Mapping(_) | Value::Null => format!("{value:?}"),
    }
}

/// One value or several, each as it is written.
pub fn each_written(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Sequence(items)) => items.iter().map(written).collect(),
        Some(one) => vec![written(one)],
        None => Vec::new(),
    }
}

/// A section's entries by name.
pub fn section(template: &Value, name: &str) -> BTreeMap<String, Value> {
    members(get(template, &[name]))
}

/// The members of a map.
pub fn members(map: Option<&Value>) -> BTreeMap<String, Value> {
    map.and_then(|map| untagged(map).as_mapping())
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value.clone())))
        .collect()
}

/// The resources of a type, by logical id.
pub fn resources(template: &Value, kind: &str) -> BTreeMap<String, Value> {
    let mut resources = section(template, "Resources");
    resources.retain(|_, resource| text(resource, &["Type"]) == Some(kind));
    resources
}

/// A function and where it is described.
#[derive(Debug, Clone)]
pub struct Function {
    /// The name of its folder and program.
    pub name: String,
    /// What the template calls it.
    pub logical_id: String,
    /// Its resource.
    pub resource: Value,
}

impl Function {
    /// Its role's logical id.
    pub fn role(&self) -> String {
        let role = get(&self.resource, &["Properties", "Role"]).map(written).unwrap_or_default();
        role.trim_start_matches("!GetAtt ").trim_end_matches(".Arn").to_owned()
    }

    /// Its events by name.
    pub fn events(&self) -> BTreeMap<String, Value> {
        members(get(&self.resource, &["Properties", "Events"]))
    }
}

/// All functions.
pub fn functions(template: &Value) -> Vec<Function> {
    let found = resources(template, "AWS::Serverless::Function").into_iter();
    found
        .map(|(logical_id, resource)| {
            let binary = text(&resource, &["Metadata", "BuildProperties", "Binary"]);
            Function { name: binary.expect("a binary").to_owned(), logical_id, resource }
        })
        .collect()
}

/// One `Allow` statement of a role.
#[derive(Debug, Clone)]
pub struct Statement {
    /// `dynamodb:PutItem`, ….
    pub actions: Vec<String>,
    /// As written: `!GetAtt StateTable.Arn`.
    pub resources: Vec<String>,
    /// The lines of its `Condition`, all of which must hold.
    pub conditions: Vec<Condition>,
}

/// One line of a `Condition`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// `ForAllValues:StringLike`, `Null`, ….
    pub operator: String,
    /// `dynamodb:LeadingKeys`.
    pub key: String,
    /// As written; one of them is enough.
    pub values: Vec<String>,
}

impl Statement {
    /// The values that a condition key may have; `None` if it may have any.
    pub fn only(&self, key: &str) -> Option<&[String]> {
        let told = self.conditions.iter();
        told.filter(|line| line.operator != "Null")
            .find(|line| line.key == key)
            .map(|line| line.values.as_slice())
    }
}

/// Whom a role trusts: the statements' services, and the lines of their conditions.
pub fn trusted(role: &Value) -> Vec<(String, Vec<Condition>)> {
    let trust = get(role, &["Properties", "AssumeRolePolicyDocument", "Statement"]);
    let statements = trust.and_then(Value::as_sequence).into_iter().flatten();
    statements
        .map(|statement| {
            let service = text(statement, &["Principal", "Service"]).unwrap_or("not a service");
            (service.to_owned(), conditions(statement))
        })
        .collect()
}

fn conditions(statement: &Value) -> Vec<Condition> {
    let mut lines = Vec::new();
    for (operator, keys) in members(get(statement, &["Condition"])) {
        for (key, values) in members(Some(&keys)) {
            let values = each_written(Some(&values));
            lines.push(Condition { operator: operator.clone(), key, values });
        }
    }
    lines
}

/// The statements of a role, those of either branch of an `!If` included.
pub fn statements(role: &Value) -> Vec<Statement> {
    let policies = get(role, &["Properties", "Policies"]).and_then(Value::as_sequence);
    let mut found = Vec::new();
    for policy in policies.into_iter().flatten() {
        let statements = get(policy, &["PolicyDocument", "Statement"]).and_then(Value::as_sequence);
        for statement in statements.into_iter().flatten() {
            collect(statement, &mut found);
        }
    }
    found
}

fn collect(statement: &Value, into: &mut Vec<Statement>) {
    if let Value::Tagged(branches) = statement {
        let branches = branches.value.as_sequence().into_iter().flatten().skip(1);
        branches.for_each(|branch| collect(branch, into));
        return;
    }
    if statement.as_mapping().is_none() {
        return;
    }
    into.push(Statement {
        actions: each_written(get(statement, &["Action"])),
        resources: each_written(get(statement, &["Resource"])),
        conditions: conditions(statement),
    });
}
