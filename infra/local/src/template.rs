//! The SAM template as written: parameters, conditions, globals, resources, outputs.
//!
//! Reading is strict. A section, attribute, resource type, property, event type or intrinsic
//! function that the local stack has no answer to is an error that names it, so the template
//! cannot quietly mean one thing in AWS and another on one machine.

mod error;
mod node;
mod parameters;
mod physical;
mod resolve;

use std::collections::BTreeMap;
use std::path::Path;

use serde_yaml_ng::Value as Yaml;

pub use error::TemplateError;
pub(crate) use node::Node;
pub(crate) use parameters::Parameter;
pub(crate) use physical::{ACCOUNT_ID, Physical, REGION};
pub(crate) use resolve::Scope;

/// A template that has been read and not yet resolved.
#[derive(Debug, Clone)]
pub struct Template {
    pub(crate) parameters: BTreeMap<String, Parameter>,
    /// Tables of values by two keys.
    pub(crate) mappings: BTreeMap<String, Node>,
    pub(crate) conditions: BTreeMap<String, Node>,
    /// `Globals.Function`, laid under every function.
    pub(crate) function_defaults: Node,
    pub(crate) resources: BTreeMap<String, Resource>,
    pub(crate) outputs: BTreeMap<String, Output>,
}

/// One entry of `Outputs`.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) condition: Option<String>,
    pub(crate) value: Node,
}

/// One entry of `Resources`.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) kind: String,
    pub(crate) condition: Option<String>,
    /// `Metadata.BuildProperties.Binary`: the function's program.
    pub(crate) binary: Option<String>,
    pub(crate) properties: Node,
}

impl Template {
    /// Reads the template in the file `path`.
    pub fn read(path: &Path) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| TemplateError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// The programs of all functions, each a package of the workspace.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        self.resources.values().filter_map(|resource| resource.binary.as_deref())
    }

    /// Reads the template `text`.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let yaml: Yaml = serde_yaml_ng::from_str(text)?;
        let Yaml::Mapping(sections) = &yaml else {
            return Err(TemplateError::shape("template", "is not a map"));
        };
        let mut template = Self {
            parameters: BTreeMap::new(),
            mappings: BTreeMap::new(),
            conditions: BTreeMap::new(),
            function_defaults: Node::Map(Vec::new()),
            resources: BTreeMap::new(),
            outputs: BTreeMap::new(),
        };
        for (name, section) in members(sections, "template")? {
            match name {
                // Words for people and for the console's form.
                "AWSTemplateFormatVersion" | "Description" | "Metadata" => {}
                "Transform" => {
                    if section.as_str() != Some("AWS::Serverless-2016-10-31") {
                        return Err(TemplateError::shape(name, "only SAM's transform is known"));
                    }
                }
                "Parameters" => template.parameters = parameters::read(section)?,
                "Mappings" => template.mappings = named_nodes(section, name)?,
                "Conditions" => template.conditions = named_nodes(section, name)?,
                "Globals" => template.function_defaults = read_globals(section)?,
                "Resources" => template.resources = read_resources(section)?,
                "Outputs" => template.outputs = read_outputs(section)?,
                unknown => {
                    return Err(TemplateError::UnknownKey {
                        at: "template".to_owned(),
                        key: unknown.to_owned(),
                    });
                }
            }
        }
        Ok(template)
    }
}

fn members<'yaml>(
    map: &'yaml serde_yaml_ng::Mapping,
    at: &str,
) -> Result<Vec<(&'yaml str, &'yaml Yaml)>, TemplateError> {
    map.iter()
        .map(|(key, value)| {
            let key = key.as_str().ok_or_else(|| TemplateError::shape(at, "a key is not text"))?;
            Ok((key, value))
        })
        .collect()
}

fn map_at<'yaml>(
    yaml: &'yaml Yaml,
    at: &str,
) -> Result<Vec<(&'yaml str, &'yaml Yaml)>, TemplateError> {
    let map = yaml.as_mapping().ok_or_else(|| TemplateError::shape(at, "is not a map"))?;
    members(map, at)
}

fn named_nodes(yaml: &Yaml, at: &str) -> Result<BTreeMap<String, Node>, TemplateError> {
    map_at(yaml, at)?
        .into_iter()
        .map(|(name, value)| Ok((name.to_owned(), Node::read(value, &format!("{at}.{name}"))?)))
        .collect()
}

fn read_globals(yaml: &Yaml) -> Result<Node, TemplateError> {
    let mut defaults = Node::Map(Vec::new());
    for (name, value) in map_at(yaml, "Globals")? {
        if name != "Function" {
            return Err(TemplateError::UnknownKey {
                at: "Globals".to_owned(),
                key: name.to_owned(),
            });
        }
        defaults = Node::read(value, "Globals.Function")?;
    }
    Ok(defaults)
}

fn read_resources(yaml: &Yaml) -> Result<BTreeMap<String, Resource>, TemplateError> {
    let mut resources = BTreeMap::new();
    for (logical_id, value) in map_at(yaml, "Resources")? {
        let resource = read_resource(value, &format!("Resources.{logical_id}"))?;
        resources.insert(logical_id.to_owned(), resource);
    }
    Ok(resources)
}

fn read_resource(yaml: &Yaml, at: &str) -> Result<Resource, TemplateError> {
    let mut kind = None;
    let mut condition = None;
    let mut binary = None;
    let mut properties = Node::Map(Vec::new());
    for (key, value) in map_at(yaml, at)? {
        match key {
            "Type" => kind = value.as_str().map(str::to_owned),
            "Condition" => condition = value.as_str().map(str::to_owned),
            "Properties" => properties = Node::read(value, at)?,
            "Metadata" => binary = read_binary(value, &format!("{at}.Metadata"))?,
            // The order of creation and what happens on deletion concern a deployment only.
            "DependsOn" | "DeletionPolicy" | "UpdateReplacePolicy" => {}
            unknown => {
                return Err(TemplateError::UnknownKey {
                    at: at.to_owned(),
                    key: unknown.to_owned(),
                });
            }
        }
    }
    let kind = kind.ok_or_else(|| TemplateError::shape(at, "has no Type"))?;
    Ok(Resource { kind, condition, binary, properties })
}

fn read_binary(yaml: &Yaml, at: &str) -> Result<Option<String>, TemplateError> {
    let mut binary = None;
    for (key, value) in map_at(yaml, at)? {
        match key {
            "BuildMethod" => {
                if value.as_str() != Some("rust-cargolambda") {
                    return Err(TemplateError::shape(at, "BuildMethod is not rust-cargolambda"));
                }
            }
            "BuildProperties" => {
                for (property, value) in map_at(value, at)? {
                    if property != "Binary" {
                        return Err(TemplateError::UnknownKey {
                            at: format!("{at}.BuildProperties"),
                            key: property.to_owned(),
                        });
                    }
                    binary = value.as_str().map(str::to_owned);
                }
            }
            unknown => {
                return Err(TemplateError::UnknownKey {
                    at: at.to_owned(),
                    key: unknown.to_owned(),
                });
            }
        }
    }
    Ok(binary)
}

fn read_outputs(yaml: &Yaml) -> Result<BTreeMap<String, Output>, TemplateError> {
    let mut outputs = BTreeMap::new();
    for (name, output) in map_at(yaml, "Outputs")? {
        let at = format!("Outputs.{name}");
        let mut condition = None;
        let mut given = None;
        for (key, value) in map_at(output, &at)? {
            match key {
                "Description" => {}
                "Condition" => condition = value.as_str().map(str::to_owned),
                "Value" => given = Some(Node::read(value, &at)?),
                unknown => {
                    return Err(TemplateError::UnknownKey { at, key: unknown.to_owned() });
                }
            }
        }
        let value = given.ok_or_else(|| TemplateError::shape(&at, "has no Value"))?;
        outputs.insert(name.to_owned(), Output { condition, value });
    }
    Ok(outputs)
}
