//! Source expressions: how a mapping row says where a value comes from.
//!
//! `[department]` · `[employeeOrgData.costCenter]` · `[extensionAttribute1]` · `"Staff"` or
//! `'Staff'` (a quote is doubled inside) · `Coalesce([mail], [userPrincipalName])`. Every text
//! either parses or gives an error with its place; every parsed expression gives an answer for
//! every user.

mod attribute;
mod parse;

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use thiserror::Error;

use crate::directory::{DirectoryUser, SourceValue};

pub(crate) use attribute::Attribute;
pub use parse::{MAX_DEPTH, MAX_LENGTH};

/// A parsed expression. Its text form is the tidy spelling of the same expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceExpression(Node);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Attribute(Attribute),
    Text(String),
    Call(Function, Vec<Node>),
}

/// The functions of this release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    /// The first argument that is not empty.
    Coalesce,
}

impl Function {
    const ALL: &'static [Function] = &[Self::Coalesce];

    fn name(self) -> &'static str {
        match self {
            Self::Coalesce => "Coalesce",
        }
    }
}

/// What an expression gives for a user.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluated {
    /// This value: texts are trimmed and free of control characters, lists hold no blank entries.
    Value(Value),
    /// The directory has no value.
    Empty,
    /// The answer read from Graph did not mention an attribute that decides.
    Absent,
}

/// Where and why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at character {position}: {problem}")]
pub struct ExpressionError {
    /// Which character, counted from 1.
    pub position: usize,
    /// What is wrong there.
    pub problem: ExpressionProblem,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExpressionProblem {
    /// Over [`MAX_LENGTH`] characters.
    #[error("the expression is longer than {MAX_LENGTH} characters")]
    TooLong,
    /// Over [`MAX_DEPTH`] functions inside each other.
    #[error("more than {MAX_DEPTH} functions inside each other")]
    TooDeep,
    /// Something else stands here.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What could stand here.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// A quote or bracket is never closed.
    #[error("{what} that begins here is not closed by {with}")]
    NotClosed {
        /// What begins.
        what: &'static str,
        /// What closes it.
        with: char,
    },
    /// No attribute of that name.
    #[error("there is no attribute `{name}`{hint}")]
    UnknownAttribute {
        /// The name as written.
        name: String,
        /// A suggestion, or nothing.
        hint: String,
    },
    /// An attribute without its brackets.
    #[error("attributes stand in brackets: `[{name}]`")]
    NoBrackets {
        /// The attribute.
        name: String,
    },
    /// A group of attributes, of which one must be chosen.
    #[error("`{name}` is a group of attributes; choose one, for instance `[{example}]`")]
    NotOneAttribute {
        /// The group.
        name: &'static str,
        /// One of its members.
        example: &'static str,
    },
    /// Graph has such an attribute or Entra such a function, and this release does not take it.
    #[error("not available yet: `{name}`")]
    NotAvailable {
        /// Its name.
        name: String,
    },
    /// No function of that name.
    #[error("there is no function `{name}`{hint}")]
    UnknownFunction {
        /// The name as written.
        name: String,
        /// A suggestion, or nothing.
        hint: String,
    },
}

impl SourceExpression {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        parse::parse(text).map(Self)
    }

    /// What the expression gives for this user.
    pub fn evaluate(&self, user: &DirectoryUser) -> Evaluated {
        self.0.evaluate(user)
    }

    /// The selectable attributes (roots, as in `$select`) that it reads.
    pub fn attributes(&self) -> BTreeSet<&'static str> {
        let mut roots = BTreeSet::new();
        self.0.visit(&mut |attribute| {
            roots.insert(attribute.root());
        });
        roots
    }

    /// The attributes it reads as people know them (`employeeOrgData.costCenter`), in order.
    pub(crate) fn attribute_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.0.visit(&mut |attribute| {
            let name = attribute.to_string();
            if !names.contains(&name) {
                names.push(name);
            }
        });
        names
    }
}

impl Node {
    fn evaluate(&self, user: &DirectoryUser) -> Evaluated {
        match self {
            Self::Attribute(attribute) if attribute.is_id() => {
                Evaluated::Value(Value::String(user.id.to_string()))
            }
            Self::Attribute(attribute) => match user.attribute(attribute.path()) {
                SourceValue::Absent => Evaluated::Absent,
                SourceValue::Null => Evaluated::Empty,
                SourceValue::Value(value) => clean(value),
            },
            Self::Text(text) => clean_text(text),
            Self::Call(Function::Coalesce, arguments) => {
                for argument in arguments {
                    match argument.evaluate(user) {
                        Evaluated::Empty => {}
                        decided @ (Evaluated::Value(_) | Evaluated::Absent) => return decided,
                    }
                }
                Evaluated::Empty
            }
        }
    }

    fn visit(&self, found: &mut impl FnMut(&Attribute)) {
        match self {
            Self::Attribute(attribute) => found(attribute),
            Self::Text(_) => {}
            Self::Call(_, arguments) => {
                for argument in arguments {
                    argument.visit(found);
                }
            }
        }
    }
}

fn clean(value: &Value) -> Evaluated {
    match value {
        Value::Null | Value::Object(_) => Evaluated::Empty,
        Value::Bool(_) | Value::Number(_) => Evaluated::Value(value.clone()),
        Value::String(text) => clean_text(text),
        Value::Array(entries) => {
            let entries: Vec<Value> = entries
                .iter()
                .filter_map(|entry| match clean(entry) {
                    Evaluated::Value(Value::Array(_)) | Evaluated::Empty | Evaluated::Absent => {
                        None
                    }
                    Evaluated::Value(entry) => Some(entry),
                })
                .collect();
            if entries.is_empty() {
                Evaluated::Empty
            } else {
                Evaluated::Value(Value::Array(entries))
            }
        }
    }
}

/// Directories hold line breaks, tabs and worse in one-line fields: each run of control characters
/// becomes one space.
fn clean_text(text: &str) -> Evaluated {
    let text = text.trim();
    let cleaned = if text.contains(char::is_control) {
        text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    } else {
        text.to_owned()
    };
    let cleaned = cleaned.trim();
    if cleaned.is_empty() {
        Evaluated::Empty
    } else {
        Evaluated::Value(Value::String(cleaned.to_owned()))
    }
}

impl fmt::Display for SourceExpression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(attribute) => write!(formatter, "[{attribute}]"),
            Self::Text(text) => write!(formatter, "\"{}\"", text.replace('"', "\"\"")),
            Self::Call(function, arguments) => {
                write!(formatter, "{}(", function.name())?;
                for (index, argument) in arguments.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(formatter, "{comma}{argument}")?;
                }
                formatter.write_str(")")
            }
        }
    }
}

#[cfg(test)]
mod tests;
