//! Policies: what a user's attributes change on the contact as it is.

use serde_json::Value;

use super::value::{is_blank, is_same};
use super::{BrokenRule, FieldFailure, FieldOutcome, Mapped, Mapping, Row};
use crate::contact::{Contact, ContactField, Target};
use crate::segment::FieldChange;
use crate::settings::FieldPolicy;

impl Mapping {
    /// The fields that change so that the contact follows the directory, in the rows' order;
    /// without a contact, the fields of a new one. `mapped` is this mapping's own; a field that it
    /// calls absent stays as it is.
    ///
    /// A row that its policy keeps from writing cannot fail the record either. A contact that would
    /// be left without its e-mail or a required custom field fails.
    pub fn changes(
        &self,
        mapped: &Mapped,
        contact: Option<&Contact>,
    ) -> Result<Vec<FieldChange>, Vec<FieldFailure>> {
        let mut changes = Vec::new();
        let mut failures = Vec::new();
        for (row, field) in self.rows.iter().zip(&mapped.values) {
            let old = contact.and_then(|contact| contact.value(&row.target));
            if !self.writes(row, contact, old.as_ref())
                || self.is_replaced(row, contact, &field.outcome)
            {
                continue;
            }
            match &field.outcome {
                FieldOutcome::Keep | FieldOutcome::Absent => {}
                FieldOutcome::Clear => {
                    changes.extend(old.map(|old| row.change(old, Value::Null)));
                }
                FieldOutcome::Write(new) if old.as_ref().is_some_and(|old| is_same(old, new)) => {}
                FieldOutcome::Write(new) => {
                    changes.push(row.change(old.unwrap_or_default(), new.clone()));
                }
                FieldOutcome::Fail { rule, reason, remedy } => failures.push(FieldFailure {
                    target: row.target.clone(),
                    rule: *rule,
                    reason: reason.clone(),
                    remedy: remedy.clone(),
                }),
            }
        }
        self.check_needed(contact, &changes, &mut failures);
        if failures.is_empty() { Ok(changes) } else { Err(failures) }
    }

    /// The changes of an existing contact that wait for a person, in the rows' order: fields whose
    /// policy is `review`. A value that does not fit its field, and the emptying of one that the
    /// contact must have, are not even asked.
    pub fn pending(&self, mapped: &Mapped, contact: &Contact) -> Vec<FieldChange> {
        let rows = self.rows.iter().zip(&mapped.values);
        rows.filter(|(row, _)| row.policy == FieldPolicy::Review)
            .filter(|(row, _)| !self.keeps_name(row, contact.source))
            .filter_map(|(row, field)| {
                let old = contact.value(&row.target);
                match &field.outcome {
                    FieldOutcome::Write(new) => {
                        let same = old.as_ref().is_some_and(|old| is_same(old, new));
                        (!same).then(|| row.change(old.unwrap_or_default(), new.clone()))
                    }
                    FieldOutcome::Clear if !self.needs(&row.target) => {
                        old.map(|old| row.change(old, Value::Null))
                    }
                    FieldOutcome::Clear
                    | FieldOutcome::Keep
                    | FieldOutcome::Absent
                    | FieldOutcome::Fail { .. } => None,
                }
            })
            .collect()
    }

    /// Whether what a person put there stands: fields are not locked, and the directory asks for what
    /// it asked for before.
    fn is_replaced(&self, row: &Row, contact: Option<&Contact>, outcome: &FieldOutcome) -> bool {
        let asked = match outcome {
            FieldOutcome::Write(value) => Some(value),
            FieldOutcome::Clear => None,
            FieldOutcome::Keep | FieldOutcome::Absent | FieldOutcome::Fail { .. } => return false,
        };
        let mark = contact.and_then(|contact| contact.sync.as_ref());
        !self.locks_managed && mark.is_some_and(|mark| mark.is_replaced(&row.target, asked))
    }

    /// Whether a contact must have a value there.
    fn needs(&self, target: &Target) -> bool {
        *target == Target::Field(ContactField::Email)
            || self.required.iter().any(|field| field.target == *target)
    }

    pub(super) fn writes(&self, row: &Row, contact: Option<&Contact>, old: Option<&Value>) -> bool {
        let Some(contact) = contact else { return row.policy != FieldPolicy::Never };
        match row.policy {
            FieldPolicy::Overwrite => !self.keeps_name(row, contact.source),
            FieldPolicy::FillIfEmpty => {
                old.is_none_or(is_blank) && !self.keeps_name(row, contact.source)
            }
            FieldPolicy::CreateOnly | FieldPolicy::Review | FieldPolicy::Never => false,
        }
    }

    /// Fails what the contact must have and would not.
    fn check_needed(
        &self,
        contact: Option<&Contact>,
        changes: &[FieldChange],
        failures: &mut Vec<FieldFailure>,
    ) {
        let email = Target::Field(ContactField::Email);
        let needed = self.required.iter().map(|field| (&field.target, field.label.as_str()));
        for (target, label) in std::iter::once((&email, "e-mail")).chain(needed) {
            let changed = changes.iter().rev().find(|change| change.field == *target);
            let has_value = match changed {
                Some(change) => !is_blank(&change.new),
                None => contact
                    .and_then(|contact| contact.value(target))
                    .is_some_and(|value| !is_blank(&value)),
            };
            if has_value || failures.iter().any(|failure| failure.target == *target) {
                continue;
            }
            failures.push(self.missing(target, label));
        }
    }

    fn missing(&self, target: &Target, label: &str) -> FieldFailure {
        let (rule, reason, remedy) = match self.rows.iter().find(|row| row.target == *target) {
            Some(row) => {
                let reason =
                    format!("{}: the required field \"{label}\" is empty in Entra", row.place());
                (BrokenRule::RequiredEmpty, reason, row.remedy_of_empty())
            }
            None => (
                BrokenRule::RequiredUnmapped,
                format!("{target}: no mapping fills the required field \"{label}\""),
                format!("Map {target} from an attribute, or make the field optional."),
            ),
        };
        FieldFailure { target: target.clone(), rule, reason, remedy }
    }
}

impl Row {
    fn change(&self, old: Value, new: Value) -> FieldChange {
        FieldChange {
            field: self.target.clone(),
            old,
            new,
            source: self.source.clone(),
            rule: rule(self.policy).to_owned(),
        }
    }
}

pub(super) fn rule(policy: FieldPolicy) -> &'static str {
    match policy {
        FieldPolicy::Overwrite => "overwrite",
        FieldPolicy::FillIfEmpty => "fillIfEmpty",
        FieldPolicy::CreateOnly => "createOnly",
        FieldPolicy::Review => "review",
        FieldPolicy::Never => "never",
    }
}
