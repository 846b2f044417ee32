//! How each row comes to what it asks of a contact, for people who try a mapping out.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::changes::rule;
use super::{BrokenRule, FieldOutcome, Mapped, MappedField, Mapping, OnEmpty};
use crate::contact::{Contact, Target};
use crate::directory::{DirectoryUser, SourceValue};
use crate::expression::TraceStep;

/// One row's way from the directory to the contact.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedRow {
    /// Which field.
    pub target: Target,
    /// The source as the admin wrote it.
    pub source: String,
    /// The attributes that it reads, as the directory told them.
    pub attributes: Vec<ExplainedAttribute>,
    /// Each part of the expression that was looked at, the whole of it last.
    pub trace: Vec<TraceStep>,
    /// What the row asks of its field.
    pub outcome: RowOutcome,
    /// The value as the field takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Which rule the value breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<BrokenRule>,
    /// Why it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to correct.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The row's policy.
    pub policy: &'static str,
    /// What an empty source means.
    pub when_empty: &'static str,
    /// Whether the policy lets the row write the contact as it is.
    pub writes: bool,
    /// The field as it is now.
    pub old: Value,
    /// The field as it would be.
    pub new: Value,
}

/// An attribute that a row reads.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedAttribute {
    /// Its name, as expressions write it.
    pub name: String,
    /// Its value; null where there is none.
    pub value: Value,
    /// Whether the directory told it at all.
    pub told: bool,
}

/// What a row asks of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RowOutcome {
    /// Give it the value.
    Write,
    /// Take its value away.
    Clear,
    /// Leave it.
    Keep,
    /// Unknown: the directory did not tell an attribute.
    NotTold,
    /// The record fails.
    Fail,
}

impl Mapping {
    /// How each row that can write comes to its answer, held against the contact as it is.
    /// `mapped` is what this mapping asks for the user.
    pub fn explain(
        &self,
        user: &DirectoryUser,
        mapped: &Mapped,
        contact: Option<&Contact>,
        now: Timestamp,
    ) -> Vec<ExplainedRow> {
        let explained = |(row, field): (&super::Row, &MappedField)| {
            let old = contact.and_then(|contact| contact.value(&row.target));
            let writes = self.writes(row, contact, old.as_ref());
            let (outcome, value, failure) = match field.outcome.clone() {
                FieldOutcome::Write(value) => (RowOutcome::Write, Some(value), None),
                FieldOutcome::Clear => (RowOutcome::Clear, None, None),
                FieldOutcome::Keep => (RowOutcome::Keep, None, None),
                FieldOutcome::Absent => (RowOutcome::NotTold, None, None),
                FieldOutcome::Fail { rule, reason, remedy } => {
                    (RowOutcome::Fail, None, Some((rule, reason, remedy)))
                }
            };
            let old = old.unwrap_or_default();
            let new = match (writes, outcome) {
                (true, RowOutcome::Write) => value.clone().unwrap_or_default(),
                (true, RowOutcome::Clear) => Value::Null,
                (true, RowOutcome::Keep | RowOutcome::NotTold | RowOutcome::Fail) | (false, _) => {
                    old.clone()
                }
            };
            let (code, reason, remedy) = match failure {
                Some((rule, reason, remedy)) => (Some(rule), Some(reason), Some(remedy)),
                None => (None, None, None),
            };
            ExplainedRow {
                target: row.target.clone(),
                source: row.source.clone(),
                attributes: attributes(row, user),
                trace: row.expression.explain(user, now).1,
                outcome,
                value,
                code,
                reason,
                remedy,
                policy: rule(row.policy),
                when_empty: match row.on_empty {
                    OnEmpty::Keep => "keep",
                    OnEmpty::Clear => "clear",
                    OnEmpty::Write(_) => "default",
                    OnEmpty::Fail => "fail",
                },
                writes,
                old,
                new,
            }
        };
        self.rows.iter().zip(&mapped.values).map(explained).collect()
    }
}

fn attributes(row: &super::Row, user: &DirectoryUser) -> Vec<ExplainedAttribute> {
    let read = |name: String| {
        let long = format!("onPremisesExtensionAttributes.{name}");
        let path = if name.starts_with("extensionAttribute") { &long } else { &name };
        let (value, told) = match user.attribute(path) {
            SourceValue::Value(value) => (value.clone(), true),
            SourceValue::Null => (Value::Null, true),
            SourceValue::Absent if name == "id" => (Value::from(user.id.as_str()), true),
            SourceValue::Absent => (Value::Null, false),
        };
        ExplainedAttribute { name, value, told }
    };
    row.expression.attribute_names().into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id::ObjectId;

    #[test]
    fn each_row_shows_source_trace_and_result() {
        let settings = serde_json::from_value(json!({"mapping": [
            {"target": "email", "source": "Coalesce([mail], [userPrincipalName])",
             "required": true, "whenEmpty": "fail"},
            {"target": "mobilePhone", "source": "[mobilePhone]", "whenEmpty": "fail"},
            {"target": "jobTitle", "source": "[jobTitle]", "whenEmpty": "clear"},
        ]}))
        .unwrap();
        let mapping = Mapping::compile(&settings, &[]).unwrap();
        let attributes = json!({"mail": null, "userPrincipalName": "a@x.example",
            "mobilePhone": null, "jobTitle": null});
        let user = DirectoryUser {
            id: ObjectId::from_u128(1),
            attributes: attributes.as_object().unwrap().clone(),
        };
        let mapped = mapping.map(&user, Timestamp::UNIX_EPOCH);
        let rows = mapping.explain(&user, &mapped, None, Timestamp::UNIX_EPOCH);
        let (email, phone, title) = (&rows[0], &rows[1], &rows[2]);
        assert_eq!(email.new, json!("a@x.example"));
        assert_eq!(email.attributes.len(), 2);
        assert_eq!(email.attributes[0].value, Value::Null);
        assert!(email.trace.len() > 1, "{email:?}");
        assert_eq!((phone.outcome, phone.code), (RowOutcome::Fail, Some(BrokenRule::Empty)));
        assert_eq!((title.outcome, title.when_empty), (RowOutcome::Clear, "clear"));
    }
}
