//! What an expression looked at for a user, step by step.

use serde::Serialize;
use serde_json::Value;

use super::evaluate::{Answer, Stop, Witness};
use super::node::{Kind, Node};

/// One part of an expression that was looked at, with what it gave. Parts come before what they
/// are part of; what is missing was not needed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceStep {
    /// The part's tidy spelling.
    pub expression: String,
    /// Which character of the source it begins at, counted from 1.
    pub position: usize,
    /// How many characters of the source it takes.
    pub length: usize,
    /// How many parts it stands in: 0 for the whole expression.
    pub depth: usize,
    /// What it gave.
    pub outcome: StepOutcome,
}

/// What a part gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StepOutcome {
    /// This value.
    Value(Value),
    /// Nothing: null or blank.
    Empty,
    /// Unknown: Graph's answer did not mention this attribute.
    Absent(String),
    /// The field is to be left alone.
    Ignored,
    /// It failed, and why.
    Failed(String),
}

/// Writes the steps down.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) written: Vec<TraceStep>,
    depth: usize,
}

impl<'a> Witness<'a> for Steps {
    fn begin(&mut self) {
        self.depth += 1;
    }

    fn end(&mut self, node: &'a Node, answer: &Answer<'a>) {
        self.depth = self.depth.saturating_sub(1);
        // What a constant gives is written in the expression.
        let is_constant = matches!(
            node.kind,
            Kind::Text(_)
                | Kind::Number(_)
                | Kind::Boolean(_)
                | Kind::Date(_)
                | Kind::Null
                | Kind::Omitted
        );
        if is_constant && self.depth > 0 {
            return;
        }
        self.written.push(TraceStep {
            expression: node.to_string(),
            position: node.span.start,
            length: node.span.end.saturating_sub(node.span.start),
            depth: self.depth,
            outcome: StepOutcome::of(answer),
        });
    }
}

impl StepOutcome {
    fn of(answer: &Answer<'_>) -> Self {
        match answer {
            Ok(datum) => datum.clone().into_value().map_or(Self::Empty, Self::Value),
            Err(Stop::Absent(attribute)) => Self::Absent(attribute.to_string()),
            Err(Stop::Ignore) => Self::Ignored,
            Err(Stop::Failed(failure)) => Self::Failed(failure.problem.to_string()),
        }
    }
}
