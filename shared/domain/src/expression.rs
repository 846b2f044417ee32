//! Source expressions: how a mapping row says where a value comes from, and conditions: whom a
//! scope means.
//!
//! `[department]` · `[employeeOrgData.costCenter]` · `"Staff"` · `Coalesce([mail],
//! [userPrincipalName])` · `IIF([country] eq "CH", Left([postalCode], 4), null)`: Entra's own
//! functions by their names and meaning. Every text either parses or gives an error with its
//! place; every parsed expression gives an answer for every user, in time linear in its length
//! and the user's texts: each part is looked at most once, and no result is longer than
//! [`MAX_TEXT`] characters or [`MAX_LIST`] entries.

mod attribute;
mod check;
mod compare;
mod condition;
mod date;
mod date_format;
mod error;
mod evaluate;
mod function;
mod node;
mod number;
mod parse;
mod pattern;
mod placement;
mod print;
mod replace;
mod text;
mod token;
mod trace;
mod value;

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

pub(crate) use compare::folded;
pub use condition::{Condition, Decision};
pub use error::{EvaluationFailure, EvaluationProblem, ExpressionError, ExpressionProblem};
pub use parse::{MAX_DEPTH, MAX_LENGTH};
pub use trace::{StepOutcome, TraceStep};

use evaluate::{Evaluator, Nobody, Stop};
use node::{Kind, Node};
use parse::{Names, parse};
use trace::Steps;

use crate::directory::DirectoryUser;

/// The longest text that a function gives, in characters.
pub const MAX_TEXT: usize = 4_096;

/// The longest list that a function gives, in entries.
pub const MAX_LIST: usize = 250;

/// A parsed expression. Its text form is the tidy spelling of the same expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceExpression(Node);

/// What an expression gives for a user.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluated {
    /// This value: texts are trimmed and free of control characters, lists hold no blank entries.
    Value(Value),
    /// The first of these that nobody else has in the field (`SelectUniqueValue`).
    FirstUnique(Vec<Value>),
    /// The directory has no value.
    Empty,
    /// The answer read from Graph did not mention an attribute that decides.
    Absent,
    /// There is no value, and the field is to be left as it is (`IgnoreFlowIfNullOrEmpty`).
    Ignore,
    /// The user's values do not fit the expression.
    Failed(EvaluationFailure),
}

/// What kind of value an expression gives, as far as that is certain before any user is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// A text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// An instant.
    DateTime,
    /// Several texts.
    List,
    /// Another user: the manager, by object id.
    Reference,
    /// Depends on the user.
    Any,
}

impl ValueType {
    /// The kind's name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::DateTime => "a date",
            Self::List => "a list",
            Self::Reference => "a person",
            Self::Any => "a value",
        }
    }
}

impl SourceExpression {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let node = parse(text, Names::InBrackets)?;
        placement::outermost(&node, false)?;
        placement::now_is_coarse(&node)?;
        Ok(Self(node))
    }

    /// What the expression gives for this user; `now` is what `Now()` gives.
    pub fn evaluate(&self, user: &DirectoryUser, now: Timestamp) -> Evaluated {
        self.evaluated(Evaluator { user, now, witness: Nobody }.value(&self.0))
    }

    /// What the expression gives for this user, and each part that was looked at with its value;
    /// the whole expression comes last.
    pub fn explain(&self, user: &DirectoryUser, now: Timestamp) -> (Evaluated, Vec<TraceStep>) {
        let mut evaluator = Evaluator { user, now, witness: Steps::default() };
        let evaluated = self.evaluated(evaluator.value(&self.0));
        (evaluated, evaluator.witness.written)
    }

    fn evaluated(&self, answer: evaluate::Answer<'_>) -> Evaluated {
        match Evaluated::of(answer) {
            Evaluated::Value(Value::Array(candidates)) if self.is_choice() => {
                Evaluated::FirstUnique(candidates)
            }
            evaluated => evaluated,
        }
    }

    /// Whether it names several values of which the field takes the first that nobody else has:
    /// `SelectUniqueValue`.
    pub fn is_choice(&self) -> bool {
        matches!(self.0.kind, Kind::Call(function::Function::SelectUnique, ..))
    }

    /// What kind of value it gives.
    pub fn result_type(&self) -> ValueType {
        self.0.value_type()
    }

    /// The selectable attributes (roots, as in `$select`) that it reads.
    pub fn attributes(&self) -> BTreeSet<String> {
        roots(&self.0)
    }

    /// The attributes it reads as people know them (`employeeOrgData.costCenter`), in order.
    pub fn attribute_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.0.visit(&mut |node| {
            let Kind::Attribute(attribute) = &node.kind else { return };
            let name = attribute.to_string();
            if !names.contains(&name) {
                names.push(name);
            }
        });
        names
    }
}

impl Evaluated {
    fn of(answer: evaluate::Answer<'_>) -> Self {
        match answer {
            Ok(datum) => datum.into_value().map_or(Self::Empty, Self::Value),
            Err(Stop::Absent(_)) => Self::Absent,
            Err(Stop::Ignore) => Self::Ignore,
            Err(Stop::Failed(failure)) => Self::Failed(failure),
        }
    }
}

fn roots(node: &Node) -> BTreeSet<String> {
    let mut roots = BTreeSet::new();
    node.visit(&mut |part| {
        if let Kind::Attribute(attribute) = &part.kind {
            roots.insert(attribute.root().to_owned());
        }
    });
    roots
}

impl fmt::Display for SourceExpression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests;
