//! Intrinsic functions, worked out against parameters, conditions and resources.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ACCOUNT_ID, Node, Physical, REGION, Template, TemplateError};

/// What names mean: parameters, conditions and the identities of resources.
#[derive(Debug)]
pub(crate) struct Scope {
    stack_name: String,
    parameters: BTreeMap<String, String>,
    mappings: BTreeMap<String, Node>,
    conditions: BTreeMap<String, bool>,
    physical: BTreeMap<String, Physical>,
}

impl Scope {
    /// Settles parameters and conditions and names the resources of `template`.
    pub(crate) fn new(
        template: &Template,
        stack_name: &str,
        given: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        if let Some(unknown) = given.keys().find(|name| !template.parameters.contains_key(*name)) {
            return Err(TemplateError::Parameter {
                name: unknown.clone(),
                problem: "the template has no such parameter".to_owned(),
            });
        }
        let mut scope = Self {
            stack_name: stack_name.to_owned(),
            parameters: BTreeMap::new(),
            mappings: template.mappings.clone(),
            conditions: BTreeMap::new(),
            physical: BTreeMap::new(),
        };
        for (name, parameter) in &template.parameters {
            let value = parameter.value(name, given.get(name))?;
            scope.parameters.insert(name.clone(), value);
        }
        for (name, node) in &template.conditions {
            let holds = scope.condition(node, template, &format!("Conditions.{name}"), 0)?;
            scope.conditions.insert(name.clone(), holds);
        }
        for (logical_id, resource) in &template.resources {
            if !scope.is_present(resource.condition.as_deref(), logical_id)? {
                continue;
            }
            let at = format!("Resources.{logical_id}");
            let name = match Physical::name_property(&resource.kind) {
                Some(property) => resource.properties.member(property),
                None => None,
            };
            let name = match name {
                Some(node) => scope.text(node, &at)?,
                None => None,
            };
            let physical = Physical::of(resource, logical_id, stack_name, name)?;
            scope.physical.insert(logical_id.clone(), physical);
        }
        Ok(scope)
    }

    /// Whether a resource with `condition` exists.
    pub(crate) fn is_present(
        &self,
        condition: Option<&str>,
        logical_id: &str,
    ) -> Result<bool, TemplateError> {
        condition.map_or(Ok(true), |name| self.holds(name, &format!("Resources.{logical_id}")))
    }

    /// The identity of a resource that exists.
    pub(crate) fn physical(&self, logical_id: &str) -> Result<&Physical, TemplateError> {
        self.physical.get(logical_id).ok_or_else(|| TemplateError::Unresolved {
            at: "Resources".to_owned(),
            name: logical_id.to_owned(),
        })
    }

    /// The value of `node`, `None` where it is `AWS::NoValue`.
    pub(crate) fn value(&self, node: &Node, at: &str) -> Result<Option<Value>, TemplateError> {
        match node {
            Node::Plain(value) => Ok(Some(value.clone())),
            Node::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    values.extend(self.value(item, &format!("{at}[{index}]"))?);
                }
                Ok(Some(Value::Array(values)))
            }
            Node::Map(members) => {
                let mut values = serde_json::Map::new();
                for (key, member) in members {
                    if let Some(value) = self.value(member, &format!("{at}.{key}"))? {
                        values.insert(key.clone(), value);
                    }
                }
                Ok(Some(Value::Object(values)))
            }
            Node::Ref(name) => Ok(self.reference(name, at)?.map(Value::String)),
            Node::GetAtt { resource, attribute } => {
                self.attribute(resource, attribute, at).map(|value| Some(Value::String(value)))
            }
            Node::Sub { text, variables } => {
                self.substitute(text, variables, at).map(|value| Some(Value::String(value)))
            }
            Node::Join { delimiter, parts } => match self.value(parts, at)? {
                Some(Value::Array(parts)) => {
                    let parts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
                    let parts =
                        parts.ok_or_else(|| TemplateError::shape(at, "!Join joins only text"))?;
                    Ok(Some(Value::String(parts.join(delimiter))))
                }
                _ => Err(TemplateError::shape(at, "!Join needs a list")),
            },
            Node::Split { delimiter, text } => {
                let text = self.text(text, at)?.unwrap_or_default();
                let parts = text.split(delimiter.as_str()).map(Value::from).collect();
                Ok(Some(Value::Array(parts)))
            }
            Node::Select { index, list } => match self.value(list, at)? {
                Some(Value::Array(mut entries)) if *index < entries.len() => {
                    Ok(Some(entries.swap_remove(*index)))
                }
                _ => Err(TemplateError::shape(at, "!Select names no entry of its list")),
            },
            Node::FindInMap { map, first, second } => {
                let keys = [self.text(first, at)?, self.text(second, at)?];
                let mut found = self.mappings.get(map);
                for key in &keys {
                    found = found.and_then(|node| node.member(key.as_deref().unwrap_or_default()));
                }
                let found = found.ok_or_else(|| TemplateError::Unresolved {
                    at: at.to_owned(),
                    name: format!("{map} of {keys:?}"),
                })?;
                self.value(found, at)
            }
            Node::If { condition, then, otherwise } => {
                self.value(if self.holds(condition, at)? { then } else { otherwise }, at)
            }
            Node::Equals(..) | Node::Not(_) | Node::And(_) | Node::Or(_) | Node::Condition(_) => {
                Err(TemplateError::shape(at, "a condition stands where a value belongs"))
            }
        }
    }

    /// The value of `node` as text.
    pub(crate) fn text(&self, node: &Node, at: &str) -> Result<Option<String>, TemplateError> {
        match self.value(node, at)? {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(value)) => Ok(Some(value.to_string())),
            Some(Value::Array(_) | Value::Object(_)) => {
                Err(TemplateError::shape(at, "must be text"))
            }
        }
    }

    fn holds(&self, name: &str, at: &str) -> Result<bool, TemplateError> {
        self.conditions.get(name).copied().ok_or_else(|| TemplateError::Unresolved {
            at: at.to_owned(),
            name: format!("condition {name}"),
        })
    }

    fn condition(
        &self,
        node: &Node,
        template: &Template,
        at: &str,
        depth: usize,
    ) -> Result<bool, TemplateError> {
        // Conditions may name each other; ten deep is a circle.
        if depth > 10 {
            return Err(TemplateError::shape(at, "the conditions form a circle"));
        }
        match node {
            Node::Equals(left, right) => Ok(self.text(left, at)? == self.text(right, at)?),
            Node::Not(inner) => self.condition(inner, template, at, depth + 1).map(|holds| !holds),
            Node::And(nodes) => nodes.iter().try_fold(true, |all, node| {
                Ok(all & self.condition(node, template, at, depth + 1)?)
            }),
            Node::Or(nodes) => nodes.iter().try_fold(false, |any, node| {
                Ok(any | self.condition(node, template, at, depth + 1)?)
            }),
            Node::Condition(name) => {
                let node =
                    template.conditions.get(name).ok_or_else(|| TemplateError::Unresolved {
                        at: at.to_owned(),
                        name: format!("condition {name}"),
                    })?;
                self.condition(node, template, at, depth + 1)
            }
            _ => Err(TemplateError::shape(at, "is not a condition")),
        }
    }

    fn reference(&self, name: &str, at: &str) -> Result<Option<String>, TemplateError> {
        let pseudo = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => Some(REGION),
            "AWS::AccountId" => Some(ACCOUNT_ID),
            "AWS::Partition" => Some("aws"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            "AWS::StackName" => Some(self.stack_name.as_str()),
            _ => None,
        };
        pseudo
            .or_else(|| self.parameters.get(name).map(String::as_str))
            .or_else(|| self.physical.get(name).map(|physical| physical.reference.as_str()))
            // What SAM makes of `AutoPublishAlias`; one machine has one version of everything.
            .or_else(|| {
                let function = name.strip_suffix(".Alias")?;
                self.physical.get(function)?.attributes.get("Alias").map(String::as_str)
            })
            .map(|value| Some(value.to_owned()))
            .ok_or_else(|| TemplateError::Unresolved { at: at.to_owned(), name: name.to_owned() })
    }

    fn attribute(
        &self,
        resource: &str,
        attribute: &str,
        at: &str,
    ) -> Result<String, TemplateError> {
        self.physical
            .get(resource)
            .and_then(|physical| physical.attributes.get(attribute))
            .cloned()
            .ok_or_else(|| TemplateError::Unresolved {
                at: at.to_owned(),
                name: format!("{resource}.{attribute}"),
            })
    }

    fn substitute(
        &self,
        text: &str,
        variables: &[(String, Node)],
        at: &str,
    ) -> Result<String, TemplateError> {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| TemplateError::shape(at, "!Sub has a ${ without its }"))?;
            result.push_str(before);
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                result.extend(["${", literal, "}"]);
                continue;
            }
            let value = match variables.iter().find(|(variable, _)| variable == name) {
                Some((_, node)) => self.text(node, at)?,
                None => match name.split_once('.') {
                    Some((resource, attribute)) => Some(self.attribute(resource, attribute, at)?),
                    None => self.reference(name, at)?,
                },
            };
            result.push_str(value.as_deref().unwrap_or_default());
        }
        result.push_str(rest);
        Ok(result)
    }
}
