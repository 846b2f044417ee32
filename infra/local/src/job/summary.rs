//! What happened, as a table.

use std::time::Duration;

use super::{Problem, Step};
use crate::console;

/// The job's steps as far as they went.
#[derive(Debug, Default)]
pub struct Summary {
    pub(super) rows: Vec<Row>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) step: Step,
    pub(super) facts: Vec<String>,
    pub(super) outcome: Outcome,
    pub(super) took: Duration,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Verified,
    Wrong(Problem),
}

impl Summary {
    /// Whether every step was reached and verified.
    pub fn is_verified(&self) -> bool {
        self.rows.len() == Step::ALL.len()
            && self.rows.iter().all(|row| matches!(row.outcome, Outcome::Verified))
    }

    /// The table, line by line.
    pub fn lines(&self) -> Vec<String> {
        let width = Step::ALL.iter().map(|step| step.title().len()).max().unwrap_or_default();
        let mut lines = Vec::new();
        for row in &self.rows {
            let mark = match row.outcome {
                Outcome::Verified => "ok   ",
                Outcome::Wrong(_) => "WRONG",
            };
            let took = format!("{:.1} s", row.took.as_secs_f64());
            let first = match &row.outcome {
                Outcome::Verified => row.facts.first().cloned().unwrap_or_default(),
                Outcome::Wrong(problem) => console::told(problem),
            };
            lines.push(format!("{mark}  {:width$}  {took:>8}  {first}", row.step.title()));
            for fact in row.facts.iter().skip(1) {
                lines.push(format!("{:indent$}{fact}", "", indent = width + 19));
            }
        }
        lines
    }
}
