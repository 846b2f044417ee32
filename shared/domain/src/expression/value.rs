//! Values while an expression is evaluated: borrowed from the user and the expression as long as
//! nothing changes them.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::compare::as_boolean;
use super::error::EvaluationProblem;
use super::number::Number;
use super::{ValueType, date};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Datum<'a> {
    Null,
    Text(Cow<'a, str>),
    Number(Number),
    Boolean(bool),
    Date(Timestamp),
    List(Vec<Cow<'a, str>>),
}

impl<'a> Datum<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A text seen for a moment, for instance an entry of a list.
    pub(super) fn borrowed(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// An attribute's value; texts are trimmed and free of control characters, lists hold no blank
    /// entries, what is blank is nothing.
    pub(super) fn of_attribute(value: &'a Value, kind: ValueType) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Boolean(*flag),
            Value::Number(number) => Number::of_json(number).map_or(Self::Null, Self::Number),
            Value::String(text) => match clean(text) {
                text if text.is_empty() => Self::Null,
                text => Self::Text(text),
            },
            Value::Array(entries) => {
                let entries: Vec<_> = entries.iter().filter_map(entry).collect();
                if entries.is_empty() { Self::Null } else { Self::List(entries) }
            }
            Value::Object(members) => match members.get("id") {
                Some(Value::String(id)) if kind == ValueType::Reference => Self::borrowed(id),
                Some(_) | None => Self::Null,
            },
        }
    }

    /// Nothing, a text of spaces, or a list without entries.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::List(entries) => entries.iter().all(|entry| entry.trim().is_empty()),
            Self::Number(_) | Self::Boolean(_) | Self::Date(_) => false,
        }
    }

    /// As a text: of a list its first entry that is not blank, the others as Entra writes them.
    pub(super) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Boolean(true) => Some(Cow::Borrowed("True")),
            Self::Boolean(false) => Some(Cow::Borrowed("False")),
            Self::Date(instant) => Some(Cow::Owned(date::as_entra(instant))),
            Self::List(entries) => entries.into_iter().find(|entry| !entry.trim().is_empty()),
        }
    }

    /// As several texts.
    pub(super) fn into_list(self) -> Vec<Cow<'a, str>> {
        match self {
            Self::List(entries) => entries,
            other => other.into_text().into_iter().collect(),
        }
    }

    pub(super) fn into_number(self) -> Result<Option<Number>, EvaluationProblem> {
        match self {
            Self::Number(number) => Ok(Some(number)),
            Self::Boolean(flag) => Ok(Some(Number::Whole(i64::from(flag)))),
            other => match other.into_text() {
                None => Ok(None),
                Some(text) if text.trim().is_empty() => Ok(None),
                Some(text) => {
                    Number::parse(text.trim()).map(Some).ok_or(EvaluationProblem::NoNumber)
                }
            },
        }
    }

    pub(super) fn into_instant(self) -> Result<Option<Timestamp>, EvaluationProblem> {
        match self {
            Self::Date(instant) => Ok(Some(instant)),
            other => match other.into_text() {
                None => Ok(None),
                Some(text) if text.trim().is_empty() => Ok(None),
                Some(text) => date::parse(&text).map(Some).ok_or(EvaluationProblem::NoDate),
            },
        }
    }

    /// Whether it counts as true: `true` in any case and numbers other than 0.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Boolean(flag) => *flag,
            Self::Number(number) => !number.is_zero(),
            Self::Text(text) => as_boolean(text) == Some(true),
            Self::Null | Self::Date(_) | Self::List(_) => false,
        }
    }

    /// The value for a field; `None` where it is blank.
    pub(super) fn into_value(self) -> Option<Value> {
        match self {
            Self::Null => None,
            Self::Text(text) => {
                let text = cleaned(text);
                if text.is_empty() { None } else { Some(Value::String(text.into_owned())) }
            }
            Self::Number(number) => Some(number.to_json()),
            Self::Boolean(flag) => Some(Value::Bool(flag)),
            Self::Date(instant) => Some(Value::String(instant.to_string())),
            Self::List(entries) => {
                let entries: Vec<Value> = entries
                    .into_iter()
                    .map(cleaned)
                    .filter(|entry| !entry.is_empty())
                    .map(|entry| Value::String(entry.into_owned()))
                    .collect();
                if entries.is_empty() { None } else { Some(Value::Array(entries)) }
            }
        }
    }
}

/// An entry of a list as a text.
fn entry(value: &Value) -> Option<Cow<'_, str>> {
    let text = match value {
        Value::String(text) => clean(text),
        Value::Bool(_) | Value::Number(_) => Cow::Owned(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    if text.is_empty() { None } else { Some(text) }
}

/// Directories hold line breaks, tabs and worse in one-line fields: each run of control characters
/// becomes one space.
fn clean(text: &str) -> Cow<'_, str> {
    if is_clean(text) {
        return Cow::Borrowed(text);
    }
    let text = text.trim();
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let parts = text.split(char::is_control).filter(|part| !part.is_empty());
    let joined = parts.collect::<Vec<_>>().join(" ");
    Cow::Owned(joined.trim().to_owned())
}

/// Whether a text surely has no control character and no space around it: most have neither, and
/// are asked byte by byte.
fn is_clean(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_edge_clean = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    // 0xC2 begins the second set of control characters, and others that are none.
    let is_doubtful = |byte: &u8| *byte < b' ' || matches!(*byte, 0x7f | 0xc2);
    is_edge_clean(bytes.first()) && is_edge_clean(bytes.last()) && !bytes.iter().any(is_doubtful)
}

fn cleaned(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => clean(text),
        Cow::Owned(text) => match clean(&text) {
            Cow::Borrowed(same) if same.len() == text.len() => Cow::Owned(text),
            other => Cow::Owned(other.into_owned()),
        },
    }
}
