//! Why a field cannot take what the directory says: a stable name beside the sentence.

use std::fmt;

use serde::Serialize;

use crate::contact::Target;
use crate::expression::EvaluationProblem;

/// Why a record cannot be written, for one of its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFailure {
    /// Which field.
    pub target: Target,
    /// Which rule is broken.
    pub rule: BrokenRule,
    /// Why, naming the attribute and never its value.
    pub reason: String,
    /// What to correct, and where.
    pub remedy: String,
}

/// The rule that a value breaks. The names are part of the API: they stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BrokenRule {
    /// More characters than the field takes.
    TooLong,
    /// No e-mail address.
    NotAnEmail,
    /// No plain decimal number.
    NotANumber,
    /// More digits than are kept exactly.
    TooManyDigits,
    /// Neither true nor false.
    NotABoolean,
    /// No calendar date.
    NotADate,
    /// None of the field's options.
    NotAnOption,
    /// The source is empty and its row says that this fails.
    Empty,
    /// The contact would be left without a field that it must have.
    RequiredEmpty,
    /// The contact must have a field that no row fills.
    RequiredUnmapped,
}

impl BrokenRule {
    /// The rule that a function's argument or result broke.
    pub(super) fn of(problem: EvaluationProblem) -> Self {
        match problem {
            EvaluationProblem::NoDate
            | EvaluationProblem::OtherFormat
            | EvaluationProblem::NoSuchDate => Self::NotADate,
            EvaluationProblem::NoNumber => Self::NotANumber,
            EvaluationProblem::NoBoolean => Self::NotABoolean,
            EvaluationProblem::TextTooLong
            | EvaluationProblem::ListTooLong
            | EvaluationProblem::PatternTooSlow => Self::TooLong,
        }
    }

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooLong => "tooLong",
            Self::NotAnEmail => "notAnEmail",
            Self::NotANumber => "notANumber",
            Self::TooManyDigits => "tooManyDigits",
            Self::NotABoolean => "notABoolean",
            Self::NotADate => "notADate",
            Self::NotAnOption => "notAnOption",
            Self::Empty => "empty",
            Self::RequiredEmpty => "requiredEmpty",
            Self::RequiredUnmapped => "requiredUnmapped",
        }
    }
}

impl fmt::Display for BrokenRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
