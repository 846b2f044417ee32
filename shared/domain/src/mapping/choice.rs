//! `SelectUniqueValue`: of several addresses the first that no other contact has.
//!
//! The mapping names the candidates; who has which of them only the store knows. Whoever bears one of
//! them keeps it, so that a second run finds nothing to do.

use std::borrow::Cow;

use serde_json::Value;

use super::{FieldOutcome, Mapped, MappedField, Row};
use crate::email::email_key;

impl Row {
    /// Candidates that the field cannot take are passed over; where it can take none, the first one
    /// says why.
    pub(super) fn outcome_of_choice(&self, candidates: &[Value]) -> (FieldOutcome, Vec<Value>) {
        let mut fitting: Vec<Value> = Vec::new();
        let mut broken = None;
        for candidate in candidates {
            match self.outcome_of(candidate) {
                FieldOutcome::Write(value) if fitting.iter().all(|one| key(one) != key(&value)) => {
                    fitting.push(value);
                }
                FieldOutcome::Fail { rule, reason, remedy } => {
                    broken.get_or_insert(FieldOutcome::Fail { rule, reason, remedy });
                }
                FieldOutcome::Write(_)
                | FieldOutcome::Clear
                | FieldOutcome::Keep
                | FieldOutcome::Absent => {}
            }
        }
        if fitting.is_empty() {
            return (broken.unwrap_or_else(|| self.outcome_of_empty()), Vec::new());
        }
        let first = fitting.remove(0);
        (FieldOutcome::Write(first), fitting)
    }
}

impl Mapped {
    /// The addresses among which the e-mail is chosen, as claim keys, in order; none where the
    /// mapping leaves no choice.
    pub fn choices(&self) -> Vec<String> {
        let chosen = self.values.iter().find(|field| !field.others.is_empty());
        chosen.into_iter().flat_map(candidates).filter_map(key).collect()
    }

    /// The same, the choice made: the address that the contact bears if it is a candidate, else the
    /// first that is not taken. Where all are, the first stands and collides.
    pub fn choosing(&self, borne: Option<&str>, is_taken: impl Fn(&str) -> bool) -> Cow<'_, Self> {
        let keys = self.choices();
        let borne = borne.map(email_key);
        let best = keys
            .iter()
            .position(|key| Some(key) == borne.as_ref())
            .or_else(|| keys.iter().position(|key| !is_taken(key)))
            .filter(|best| *best > 0);
        let Some(best) = best else { return Cow::Borrowed(self) };
        let mut made = self.clone();
        for field in made.values.iter_mut().filter(|field| !field.others.is_empty()) {
            let chosen = candidates(field).nth(best).cloned();
            field.outcome = chosen.map_or(FieldOutcome::Keep, FieldOutcome::Write);
            field.others.clear();
        }
        Cow::Owned(made)
    }
}

fn candidates(field: &MappedField) -> impl Iterator<Item = &Value> {
    let first = match &field.outcome {
        FieldOutcome::Write(value) => Some(value),
        FieldOutcome::Clear
        | FieldOutcome::Keep
        | FieldOutcome::Absent
        | FieldOutcome::Fail { .. } => None,
    };
    first.into_iter().chain(&field.others)
}

fn key(candidate: &Value) -> Option<String> {
    candidate.as_str().map(email_key)
}
