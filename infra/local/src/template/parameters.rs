//! Parameters: what they may be, what they are.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_yaml_ng::Value as Yaml;

use super::{TemplateError, map_at};

/// The rules of one parameter.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    default: Option<String>,
    allowed_values: Vec<String>,
    allowed_pattern: Option<Regex>,
    constraint: Option<String>,
    is_number: bool,
}

pub(crate) fn read(yaml: &Yaml) -> Result<BTreeMap<String, Parameter>, TemplateError> {
    let mut parameters = BTreeMap::new();
    for (name, value) in map_at(yaml, "Parameters")? {
        parameters.insert(name.to_owned(), read_one(name, value)?);
    }
    Ok(parameters)
}

fn read_one(name: &str, yaml: &Yaml) -> Result<Parameter, TemplateError> {
    let at = format!("Parameters.{name}");
    let mut parameter = Parameter {
        default: None,
        allowed_values: Vec::new(),
        allowed_pattern: None,
        constraint: None,
        is_number: false,
    };
    for (key, value) in map_at(yaml, &at)? {
        match key {
            "Type" => match value.as_str() {
                Some("String") => {}
                Some("Number") => parameter.is_number = true,
                _ => return Err(TemplateError::shape(&at, "Type is neither String nor Number")),
            },
            "Default" => parameter.default = Some(scalar(value, &at)?),
            "AllowedValues" => {
                let values = value
                    .as_sequence()
                    .ok_or_else(|| TemplateError::shape(&at, "AllowedValues is not a list"))?;
                parameter.allowed_values =
                    values.iter().map(|value| scalar(value, &at)).collect::<Result<_, _>>()?;
            }
            "AllowedPattern" => {
                let pattern = scalar(value, &at)?;
                // CloudFormation matches the whole value.
                let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
                    TemplateError::shape(&at, &format!("AllowedPattern: {error}"))
                })?;
                parameter.allowed_pattern = Some(regex);
            }
            "ConstraintDescription" => parameter.constraint = Some(scalar(value, &at)?),
            "Description" => {}
            unknown => {
                return Err(TemplateError::UnknownKey { at, key: unknown.to_owned() });
            }
        }
    }
    Ok(parameter)
}

fn scalar(yaml: &Yaml, at: &str) -> Result<String, TemplateError> {
    match yaml {
        Yaml::String(text) => Ok(text.clone()),
        Yaml::Number(number) => Ok(number.to_string()),
        Yaml::Bool(value) => Ok(value.to_string()),
        _ => Err(TemplateError::shape(at, "a value is neither text, number nor boolean")),
    }
}

impl Parameter {
    /// The value in force: the given one, else the default; checked either way.
    pub(crate) fn value(
        &self,
        name: &str,
        given: Option<&String>,
    ) -> Result<String, TemplateError> {
        let refuse = |problem: String| TemplateError::Parameter { name: name.to_owned(), problem };
        let value = given
            .or(self.default.as_ref())
            .ok_or_else(|| refuse("has no default and was not given".to_owned()))?;
        let allowed = (self.allowed_values.is_empty() || self.allowed_values.contains(value))
            && self.allowed_pattern.as_ref().is_none_or(|pattern| pattern.is_match(value))
            && (!self.is_number || value.parse::<f64>().is_ok());
        if allowed {
            return Ok(value.clone());
        }
        let expected = self.constraint.clone().unwrap_or_else(|| {
            if self.allowed_values.is_empty() {
                "it does not match its pattern".to_owned()
            } else {
                format!("one of {}", self.allowed_values.join(", "))
            }
        });
        Err(refuse(format!("`{value}` is not allowed: {expected}")))
    }
}
