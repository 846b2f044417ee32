//! Plain CloudFormation, as AWS's transform makes it of the template: unresolved.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::aws::text;

/// A transformed template.
#[derive(Debug)]
pub(crate) struct Translation(Value);

/// Whom a resource starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Started {
    /// The function's logical id.
    pub(crate) function: String,
    /// The alias through which it is started.
    pub(crate) alias: Option<String>,
}

impl Translation {
    pub(crate) fn new(template: Value) -> Self {
        Self(template)
    }

    /// The member at `pointer` below the properties of the resource called `logical_id`.
    pub(crate) fn property(&self, logical_id: &str, pointer: &str) -> Option<&Value> {
        self.0.pointer(&format!("/Resources/{logical_id}/Properties{pointer}"))
    }

    /// All resources by logical id.
    pub(crate) fn resources(&self) -> BTreeMap<&str, &Value> {
        let resources = self.0.get("Resources").and_then(Value::as_object);
        resources.into_iter().flatten().map(|(name, resource)| (name.as_str(), resource)).collect()
    }

    /// Properties of all resources of one type.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        let resources = self.0.get("Resources").and_then(Value::as_object);
        resources
            .into_iter()
            .flat_map(serde_json::Map::values)
            .filter(move |resource| text(resource, "/Type") == kind)
            .filter_map(|resource| resource.get("Properties"))
    }

    /// Whether this is the name of a parameter.
    pub(crate) fn is_parameter(&self, name: &str) -> bool {
        self.0.get("Parameters").and_then(|all| all.get(name)).is_some()
    }

    /// The function behind a logical id: of itself or of its alias.
    pub(crate) fn started(&self, logical_id: &str) -> Started {
        let alias = self.property(logical_id, "/Name").and_then(Value::as_str);
        match self.property(logical_id, "/FunctionName/Ref").and_then(Value::as_str) {
            Some(function) => {
                Started { function: function.to_owned(), alias: alias.map(str::to_owned) }
            }
            None => Started { function: logical_id.to_owned(), alias: None },
        }
    }
}

/// The logical id in `{"Ref": …}` or `{"Fn::GetAtt": [….]}`; `none` if there is neither.
pub(crate) fn referred<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let Some(value) = value.pointer(pointer) else { return "none" };
    let attribute = value.pointer("/Fn::GetAtt/0").or_else(|| value.get("Ref"));
    attribute.and_then(Value::as_str).unwrap_or("none")
}
