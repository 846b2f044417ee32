//! The template's YAML with its intrinsic functions told apart from plain values.

use serde_yaml_ng::Value as Yaml;

use crate::template::TemplateError;

/// A value of the template before parameters and resources are known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// A scalar: null, boolean, number or text.
    Plain(serde_json::Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    Ref(String),
    GetAtt {
        resource: String,
        attribute: String,
    },
    Sub {
        text: String,
        variables: Vec<(String, Node)>,
    },
    Join {
        delimiter: String,
        parts: Box<Node>,
    },
    Split {
        delimiter: String,
        text: Box<Node>,
    },
    Select {
        index: usize,
        list: Box<Node>,
    },
    FindInMap {
        map: String,
        first: Box<Node>,
        second: Box<Node>,
    },
    If {
        condition: String,
        then: Box<Node>,
        otherwise: Box<Node>,
    },
    Equals(Box<Node>, Box<Node>),
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Condition(String),
}

impl Node {
    /// Reads `yaml`; `at` says where it stands, for errors.
    pub(crate) fn read(yaml: &Yaml, at: &str) -> Result<Self, TemplateError> {
        match yaml {
            Yaml::Null => Ok(Self::Plain(serde_json::Value::Null)),
            Yaml::Bool(value) => Ok(Self::Plain((*value).into())),
            Yaml::String(value) => Ok(Self::Plain(value.as_str().into())),
            Yaml::Number(value) => {
                let number = if let Some(whole) = value.as_i64() {
                    whole.into()
                } else {
                    value.as_f64().map_or(serde_json::Value::Null, Into::into)
                };
                Ok(Self::Plain(number))
            }
            Yaml::Sequence(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| Self::read(item, &format!("{at}[{index}]")))
                .collect::<Result<_, _>>()
                .map(Self::List),
            Yaml::Mapping(members) => Self::read_map(members, at),
            Yaml::Tagged(tagged) => {
                let tag = tagged.tag.to_string();
                Self::read_function(tag.trim_start_matches('!'), &tagged.value, at)
            }
        }
    }

    fn read_map(members: &serde_yaml_ng::Mapping, at: &str) -> Result<Self, TemplateError> {
        if let (1, Some((Yaml::String(key), value))) = (members.len(), members.iter().next()) {
            if key == "Ref" {
                return Self::read_function("Ref", value, at);
            }
            if let Some(function) = key.strip_prefix("Fn::") {
                return Self::read_function(function, value, at);
            }
        }
        let mut read = Vec::with_capacity(members.len());
        for (key, value) in members {
            let Yaml::String(key) = key else {
                return Err(TemplateError::shape(at, "a key is not text"));
            };
            read.push((key.clone(), Self::read(value, &format!("{at}.{key}"))?));
        }
        Ok(Self::Map(read))
    }

    fn read_function(name: &str, argument: &Yaml, at: &str) -> Result<Self, TemplateError> {
        let shape =
            || TemplateError::shape(at, &format!("!{name} has an argument of a wrong shape"));
        let text = || argument.as_str().map(str::to_owned).ok_or_else(shape);
        let list = || {
            let items = argument.as_sequence().ok_or_else(shape)?;
            items.iter().map(|item| Self::read(item, at)).collect::<Result<Vec<_>, _>>()
        };
        match name {
            "Ref" => Ok(Self::Ref(text()?)),
            "Condition" => Ok(Self::Condition(text()?)),
            "GetAtt" => {
                let (resource, attribute) = match argument {
                    Yaml::Sequence(parts) => match parts.as_slice() {
                        [Yaml::String(resource), Yaml::String(attribute)] => {
                            (resource.clone(), attribute.clone())
                        }
                        _ => return Err(shape()),
                    },
                    _ => text()?
                        .split_once('.')
                        .map(|(resource, attribute)| (resource.to_owned(), attribute.to_owned()))
                        .ok_or_else(shape)?,
                };
                Ok(Self::GetAtt { resource, attribute })
            }
            "Sub" => match argument {
                Yaml::Sequence(parts) => match parts.as_slice() {
                    [Yaml::String(text), variables] => match Self::read(variables, at)? {
                        Self::Map(variables) => Ok(Self::Sub { text: text.clone(), variables }),
                        _ => Err(shape()),
                    },
                    _ => Err(shape()),
                },
                _ => Ok(Self::Sub { text: text()?, variables: Vec::new() }),
            },
            "Join" => match argument.as_sequence().map(Vec::as_slice) {
                Some([Yaml::String(delimiter), parts]) => Ok(Self::Join {
                    delimiter: delimiter.clone(),
                    parts: Box::new(Self::read(parts, at)?),
                }),
                _ => Err(shape()),
            },
            "Split" => match argument.as_sequence().map(Vec::as_slice) {
                Some([Yaml::String(delimiter), text]) => Ok(Self::Split {
                    delimiter: delimiter.clone(),
                    text: Box::new(Self::read(text, at)?),
                }),
                _ => Err(shape()),
            },
            "Select" => match argument.as_sequence().map(Vec::as_slice) {
                Some([Yaml::Number(index), list]) => Ok(Self::Select {
                    index: index
                        .as_u64()
                        .and_then(|index| index.try_into().ok())
                        .ok_or_else(shape)?,
                    list: Box::new(Self::read(list, at)?),
                }),
                _ => Err(shape()),
            },
            "FindInMap" => match argument.as_sequence().map(Vec::as_slice) {
                Some([Yaml::String(map), first, second]) => Ok(Self::FindInMap {
                    map: map.clone(),
                    first: Box::new(Self::read(first, at)?),
                    second: Box::new(Self::read(second, at)?),
                }),
                _ => Err(shape()),
            },
            "If" => match argument.as_sequence().map(Vec::as_slice) {
                Some([Yaml::String(condition), then, otherwise]) => Ok(Self::If {
                    condition: condition.clone(),
                    then: Box::new(Self::read(then, at)?),
                    otherwise: Box::new(Self::read(otherwise, at)?),
                }),
                _ => Err(shape()),
            },
            "Equals" => match <[Self; 2]>::try_from(list()?) {
                Ok([left, right]) => Ok(Self::Equals(Box::new(left), Box::new(right))),
                Err(_) => Err(shape()),
            },
            "Not" => match <[Self; 1]>::try_from(list()?) {
                Ok([inner]) => Ok(Self::Not(Box::new(inner))),
                Err(_) => Err(shape()),
            },
            "And" => Ok(Self::And(list()?)),
            "Or" => Ok(Self::Or(list()?)),
            _ => Err(TemplateError::UnknownIntrinsic { at: at.to_owned(), name: name.to_owned() }),
        }
    }

    /// The member `key` of a map.
    pub(crate) fn member(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => {
                members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Lays `self` over `defaults` as SAM does with `Globals`: maps are merged, lists appended,
    /// anything else is replaced.
    #[must_use]
    pub(crate) fn over(self, defaults: &Self) -> Self {
        match (self, defaults) {
            (Self::Map(members), Self::Map(default_members)) => {
                let mut merged = default_members.clone();
                for (key, value) in members {
                    match merged.iter_mut().find(|(name, _)| *name == key) {
                        Some((_, slot)) => *slot = value.over(&slot.clone()),
                        None => merged.push((key, value)),
                    }
                }
                Self::Map(merged)
            }
            (Self::List(items), Self::List(default_items)) => {
                Self::List(default_items.iter().cloned().chain(items).collect())
            }
            (value, _) => value,
        }
    }
}
