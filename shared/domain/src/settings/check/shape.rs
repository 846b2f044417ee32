//! Shapes: what JSON a document may hold where, and telling everything that does not fit.

use serde_json::{Map, Number, Value};

use crate::id::ObjectId;
use crate::settings::Problem;
use crate::suggestion;

/// What may stand at one place.
#[derive(Debug)]
pub(super) enum Shape {
    Flag,
    /// At most so many characters.
    Text(usize),
    /// A whole number within these bounds.
    Whole(u64, u64),
    /// A number within these bounds.
    Number(f64, f64),
    OneOf(&'static [&'static str]),
    ObjectId,
    Anything,
    Nullable(&'static Shape),
    /// At most so many.
    List(&'static Shape, usize),
    Record(&'static [Member]),
    /// The word `all`, or this.
    AllOr(&'static Shape),
}

/// A member of a record.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) required: bool,
}

/// How much of a wrong value is repeated to its author.
const SHOWN_CHARS: usize = 40;

/// The part of a value that fits: wrong and unknown members of a record are left out, a list with
/// a wrong entry as a whole. What does not fit is told.
pub(super) fn sound_part(
    value: &Value,
    shape: &Shape,
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> Option<Value> {
    match shape {
        Shape::Anything => return Some(value.clone()),
        Shape::Nullable(_) if value.is_null() => return Some(Value::Null),
        Shape::Nullable(shape) => return sound_part(value, shape, pointer, problems),
        Shape::AllOr(_) if value.as_str() == Some("all") => return Some(value.clone()),
        Shape::AllOr(shape) => {
            if value.is_object() {
                return sound_part(value, shape, pointer, problems);
            }
        }
        Shape::List(shape, limit) => {
            if let Value::Array(entries) = value {
                return sound_list(entries, shape, *limit, pointer, problems);
            }
        }
        Shape::Record(members) => {
            if let Value::Object(record) = value {
                return sound_record(record, members, pointer, problems);
            }
        }
        Shape::Flag
        | Shape::Text(_)
        | Shape::Whole(..)
        | Shape::Number(..)
        | Shape::OneOf(_)
        | Shape::ObjectId => {
            if shape.accepts(value) {
                return Some(value.clone());
            }
        }
    }
    let message = format!("expected {}, found {}", shape.name(), found(value, shape));
    problems.push(Problem { pointer: pointer.to_owned(), message });
    None
}

fn sound_list(
    entries: &[Value],
    shape: &Shape,
    limit: usize,
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> Option<Value> {
    if entries.len() > limit {
        let message = format!("at most {limit} entries, found {}", entries.len());
        problems.push(Problem { pointer: pointer.to_owned(), message });
        return None;
    }
    let sound: Vec<Option<Value>> = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| sound_part(entry, shape, &format!("{pointer}/{index}"), problems))
        .collect();
    sound.into_iter().collect::<Option<Vec<Value>>>().map(Value::Array)
}

fn sound_record(
    record: &Map<String, Value>,
    members: &[Member],
    pointer: &str,
    problems: &mut Vec<Problem>,
) -> Option<Value> {
    let mut sound = Map::new();
    for (name, value) in record {
        let place = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        let Some(member) = members.iter().find(|member| member.name == name) else {
            let hint = suggestion::hint(name, members.iter().map(|member| member.name));
            let message = format!("there is no setting `{}`{hint}", shortened(name));
            problems.push(Problem { pointer: place, message });
            continue;
        };
        if let Some(part) = sound_part(value, &member.shape, &place, problems) {
            sound.insert(name.clone(), part);
        }
    }
    let mut is_whole = true;
    for Member { name, shape, required } in members {
        if *required && !sound.contains_key(*name) {
            is_whole = false;
            if !record.contains_key(*name) {
                let message = format!("`{name}` is missing; expected {}", shape.name());
                problems.push(Problem { pointer: format!("{pointer}/{name}"), message });
            }
        }
    }
    is_whole.then_some(Value::Object(sound))
}

impl Shape {
    /// Whether a value without parts fits.
    fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Flag => value.is_boolean(),
            Self::Text(limit) => value.as_str().is_some_and(|text| text.chars().count() <= *limit),
            Self::Whole(min, max) => {
                value.as_u64().is_some_and(|number| (*min..=*max).contains(&number))
            }
            Self::Number(min, max) => {
                value.as_f64().is_some_and(|number| (*min..=*max).contains(&number))
            }
            Self::OneOf(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Self::ObjectId => value.as_str().is_some_and(|text| ObjectId::parse(text).is_ok()),
            Self::Anything
            | Self::Nullable(_)
            | Self::List(..)
            | Self::Record(_)
            | Self::AllOr(_) => false,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Text(limit) => format!("a text of at most {limit} characters"),
            Self::Whole(min, max) => format!("a whole number from {min} to {max}"),
            Self::Number(min, max) => format!("a number from {min} to {max}"),
            Self::OneOf(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                format!("one of {}", words.join(", "))
            }
            Self::ObjectId => "an object id like 00000000-0000-0000-0000-000000000000".to_owned(),
            Self::Anything => "a value".to_owned(),
            Self::Nullable(shape) => format!("{} or null", shape.name()),
            Self::List(..) => "a list".to_owned(),
            Self::Record(_) => "an object".to_owned(),
            Self::AllOr(_) => "\"all\" or an object with a list `any`".to_owned(),
        }
    }
}

/// The value as its author knows it, with a suggestion where a word was mistyped.
fn found(value: &Value, shape: &Shape) -> String {
    match (value, shape) {
        (Value::Null, _) => "null".to_owned(),
        (Value::Bool(flag), _) => flag.to_string(),
        (Value::Number(number), _) => Number::to_string(number),
        (Value::String(_), Shape::Text(_)) => "a longer one".to_owned(),
        (Value::String(text), Shape::OneOf(words)) => {
            format!("`{}`{}", shortened(text), suggestion::hint(text, words.iter().copied()))
        }
        (Value::String(text), _) => format!("the text `{}`", shortened(text)),
        (Value::Array(_), _) => "a list".to_owned(),
        (Value::Object(_), _) => "an object".to_owned(),
    }
}

fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let short: String = characters.by_ref().take(SHOWN_CHARS).collect();
    if characters.next().is_some() { format!("{short}…") } else { short }
}
