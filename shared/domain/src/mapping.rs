//! Mapping: what a contact's fields should be, and which of them a user's attributes change.
//!
//! [`Mapping::compile`] says everything that is wrong with the rows, [`Mapping::map`] gives each
//! row's outcome for a user, [`Mapping::changes`] holds it against the contact by the rows'
//! policies. A record whose field fails is not written at all.

mod changes;
mod choice;
mod compile;
mod explain;
mod failure;
mod spelling;
pub(crate) mod value;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use crate::account::CustomField;
use crate::contact::{ContactSource, Target};
use crate::directory::DirectoryUser;
use crate::expression::{Evaluated, SourceExpression};
use crate::settings::{FieldPolicy, MappingRow, NameOfExisting, Problem, Settings};

pub(crate) use compile::compile_rows;
pub use explain::{ExplainedAttribute, ExplainedRow, RowOutcome};
pub use failure::{BrokenRule, FieldFailure};

/// The compiled rows of a settings document, with the account's custom fields they were checked
/// against.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    rows: Vec<Row>,
    /// Every custom field that a contact must have, mapped or not.
    required: Vec<RequiredField>,
    name_of_existing: NameOfExisting,
    /// Whether people cannot edit what sync manages.
    locks_managed: bool,
    /// Digest of the custom fields' definitions.
    rules: u128,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    target: Target,
    kind: Kind,
    expression: SourceExpression,
    /// The source as the admin wrote it.
    source: String,
    policy: FieldPolicy,
    on_empty: OnEmpty,
}

/// What a row says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowTold<'m> {
    /// The source as the admin wrote it.
    pub source: &'m str,
    /// The policy, by its word.
    pub rule: &'static str,
    /// The selectable attributes (roots, as in `$select`) that the source reads.
    pub attributes: BTreeSet<String>,
}

/// What values a target takes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Email,
    Phone,
    /// Another contact.
    Reference,
    Text,
    Country,
    TimeZone,
    Language,
    Number,
    Boolean,
    Date,
    SingleSelect(Vec<String>),
    MultiSelect(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
enum OnEmpty {
    Keep,
    Clear,
    Write(Value),
    Fail,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct RequiredField {
    target: Target,
    label: String,
}

/// What a user's attributes ask of a contact, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// One for each row that can write, in the rows' order.
    pub values: Vec<MappedField>,
    pub(crate) rules: u128,
}

/// One row's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct MappedField {
    /// Which field.
    pub target: Target,
    /// What to do with it.
    pub outcome: FieldOutcome,
    /// What the field takes instead where another contact has that value, in order
    /// (`SelectUniqueValue`).
    pub others: Vec<Value>,
}

/// What a row asks of its field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldOutcome {
    /// Give it this value.
    Write(Value),
    /// Take its value away.
    Clear,
    /// Leave it.
    Keep,
    /// Unknown until the user is read again: Graph's answer did not mention the attribute.
    Absent,
    /// The record cannot be written.
    Fail {
        /// Which rule the value breaks.
        rule: BrokenRule,
        /// Why, naming the attribute and never its value.
        reason: String,
        /// What to correct, and where.
        remedy: String,
    },
}

impl Mapping {
    /// Compiles the rows; otherwise everything that is wrong with them, each with its JSON pointer.
    pub fn compile(
        settings: &Settings,
        custom_fields: &[CustomField],
    ) -> Result<Self, Vec<Problem>> {
        let rows: Vec<(usize, &MappingRow)> = settings.mapping.iter().enumerate().collect();
        compile_rows(&rows, settings, custom_fields)
    }

    /// The selectable attributes (roots, as in `$select`) that the rows read.
    pub fn attributes(&self) -> BTreeSet<String> {
        self.rows.iter().flat_map(|row| row.expression.attributes()).collect()
    }

    /// What the user's attributes ask of a contact; `now` is what `Now()` gives.
    pub fn map(&self, user: &DirectoryUser, now: Timestamp) -> Mapped {
        let values = self
            .rows
            .iter()
            .map(|row| {
                let (outcome, others) = row.outcome(user, now);
                MappedField { target: row.target.clone(), outcome, others }
            })
            .collect();
        Mapped { values, rules: self.rules }
    }

    /// The row that decides a target: of several the last one.
    pub fn row_of(&self, target: &Target) -> Option<RowTold<'_>> {
        let row = self.rows.iter().rev().find(|row| row.target == *target)?;
        Some(RowTold {
            source: &row.source,
            rule: changes::rule(row.policy),
            attributes: row.expression.attributes(),
        })
    }

    /// The targets that sync manages on a contact of this origin: what it may write again after the
    /// contact was made.
    pub fn managed_targets(&self, source: ContactSource) -> Vec<Target> {
        self.rows
            .iter()
            .filter(|row| match row.policy {
                FieldPolicy::Overwrite | FieldPolicy::FillIfEmpty => !self.keeps_name(row, source),
                FieldPolicy::CreateOnly | FieldPolicy::Review | FieldPolicy::Never => false,
            })
            .map(|row| row.target.clone())
            .collect()
    }

    /// Whether people may edit this field of a contact of this origin although its other managed
    /// fields are locked: sync does not write it again, or only while it is empty.
    pub fn people_win(&self, target: &Target, source: ContactSource) -> bool {
        self.rows
            .iter()
            .find(|row| row.target == *target)
            .is_none_or(|row| row.policy != FieldPolicy::Overwrite || self.keeps_name(row, source))
    }

    /// Whether the row writes a name that stays because the contact was there before sync.
    fn keeps_name(&self, row: &Row, source: ContactSource) -> bool {
        let is_name = matches!(row.target, Target::Field(field) if field.is_name());
        is_name && source == ContactSource::Local && self.name_of_existing == NameOfExisting::Keep
    }
}

impl Mapped {
    /// Whether an attribute that decides was not told, so that the user must be read again.
    pub fn needs_reread(&self) -> bool {
        self.values.iter().any(|field| field.outcome == FieldOutcome::Absent)
    }

    /// The value that the directory gives a target, if it gives one.
    pub fn value(&self, target: &Target) -> Option<&Value> {
        self.values.iter().find(|field| field.target == *target).and_then(|field| {
            match &field.outcome {
                FieldOutcome::Write(value) => Some(value),
                FieldOutcome::Clear
                | FieldOutcome::Keep
                | FieldOutcome::Absent
                | FieldOutcome::Fail { .. } => None,
            }
        })
    }
}

impl Row {
    /// What the row asks of its field, and what the field may take instead.
    fn outcome(&self, user: &DirectoryUser, now: Timestamp) -> (FieldOutcome, Vec<Value>) {
        let outcome = match self.expression.evaluate(user, now) {
            Evaluated::Absent => FieldOutcome::Absent,
            Evaluated::Ignore => FieldOutcome::Keep,
            Evaluated::Failed(failure) => FieldOutcome::Fail {
                rule: BrokenRule::of(failure.problem),
                reason: format!("{}: {}", self.place(), failure.problem),
                remedy: format!(
                    "Correct {} of this user in Entra, or the mapping of {} ({failure}).",
                    self.sources(),
                    self.target
                ),
            },
            Evaluated::Empty => self.outcome_of_empty(),
            Evaluated::Value(value) => self.outcome_of(&value),
            Evaluated::FirstUnique(candidates) => return self.outcome_of_choice(&candidates),
        };
        (outcome, Vec::new())
    }

    fn outcome_of(&self, value: &Value) -> FieldOutcome {
        match self.kind.convert(value) {
            Ok(Some(value)) => FieldOutcome::Write(value),
            Ok(None) => self.outcome_of_empty(),
            Err(mismatch) => FieldOutcome::Fail {
                rule: mismatch.rule(),
                reason: format!("{}: {mismatch}", self.place()),
                remedy: format!(
                    "Correct {} of this user in Entra, or map {} from another attribute.",
                    self.sources(),
                    self.target
                ),
            },
        }
    }

    fn outcome_of_empty(&self) -> FieldOutcome {
        match &self.on_empty {
            OnEmpty::Keep => FieldOutcome::Keep,
            OnEmpty::Clear => FieldOutcome::Clear,
            OnEmpty::Write(value) => FieldOutcome::Write(value.clone()),
            OnEmpty::Fail => {
                let what = match self.kind {
                    Kind::Phone => "the mapped phone is empty in Entra",
                    Kind::Reference => "there is none in Entra, or he has no contact",
                    _ => "the value is empty in Entra",
                };
                FieldOutcome::Fail {
                    rule: BrokenRule::Empty,
                    reason: format!("{}: {what}", self.place()),
                    remedy: self.remedy_of_empty(),
                }
            }
        }
    }

    fn remedy_of_empty(&self) -> String {
        format!(
            "Fill in {} of this user in Entra, or give the mapping of {} a default.",
            self.sources(),
            self.target
        )
    }

    /// Which field and from where, for reasons.
    fn place(&self) -> String {
        format!("{} (from {})", self.target, self.sources())
    }

    fn sources(&self) -> String {
        let names = self.expression.attribute_names();
        if names.is_empty() { "the mapped text".to_owned() } else { names.join(" or ") }
    }
}

#[cfg(test)]
mod tests;
