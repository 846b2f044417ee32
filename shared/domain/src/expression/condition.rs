//! Conditions over attributes, in the style of OData filters: `department eq 'Sales' and not
//! (city in ('Bern', 'Basel'))`.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;

use super::error::{EvaluationFailure, ExpressionError};
use super::evaluate::{Evaluator, Nobody, Stop};
use super::node::{Kind, Node};
use super::parse::{Names, parse};
use super::trace::{Steps, TraceStep};
use super::{check, placement, roots};
use crate::directory::DirectoryUser;

/// A parsed condition. Its text form is the tidy spelling of the same condition.
///
/// Texts compare without case; of a list any entry may meet a comparison; `null` and a blank text
/// are one. The attributes stand in brackets or without. All functions may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition(Node);

/// What a condition says of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It holds.
    Met,
    /// It does not hold.
    NotMet,
    /// A value that decides cannot be read as what it should be.
    Failed(EvaluationFailure),
    /// Unknown until the user is read again.
    Unknown {
        /// The attribute, as in `$select`, that Graph's answer did not mention.
        attribute: String,
    },
}

impl Condition {
    /// Reads a condition.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let node = parse(text, Names::Bare)?;
        check::condition(&node)?;
        placement::outermost(&node, true)?;
        Ok(Self(node))
    }

    /// What the condition says of this user; `now` is what `Now()` gives.
    pub fn decide(&self, user: &DirectoryUser, now: Timestamp) -> Decision {
        match (Evaluator { user, now, witness: Nobody }).value(&self.0) {
            Ok(value) if value.is_true() => Decision::Met,
            Ok(_) | Err(Stop::Ignore) => Decision::NotMet,
            Err(Stop::Failed(failure)) => Decision::Failed(failure),
            Err(Stop::Absent(attribute)) => {
                Decision::Unknown { attribute: attribute.root().to_owned() }
            }
        }
    }

    /// Each part that was looked at, with its value; the whole condition comes last.
    pub fn explain(&self, user: &DirectoryUser, now: Timestamp) -> Vec<TraceStep> {
        let mut evaluator = Evaluator { user, now, witness: Steps::default() };
        // The last step says it.
        let _ = evaluator.value(&self.0);
        evaluator.witness.written
    }

    /// The selectable attributes (roots, as in `$select`) that it reads.
    pub fn attributes(&self) -> BTreeSet<String> {
        roots(&self.0)
    }

    /// Why the condition is not met: the first of its parts, joined by `and`, that is not.
    pub fn unmet_part(&self, user: &DirectoryUser, now: Timestamp) -> String {
        let whole = std::slice::from_ref(&self.0);
        let parts = if let Kind::And(parts) = &self.0.kind { parts.as_slice() } else { whole };
        let mut evaluator = Evaluator { user, now, witness: Nobody };
        let unmet = parts.iter().find(|part| match evaluator.value(part) {
            Ok(value) => !value.is_true(),
            Err(_) => true,
        });
        unmet.unwrap_or(&self.0).to_string()
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
