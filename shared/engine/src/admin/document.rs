//! Reading a request's document: everything that is wrong with it is said at once.

use contact_sync_domain::settings::Problem;
use serde_json::{Map, Value};

/// Writes a member's name into a JSON pointer (RFC 6901).
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The members of one object, taken one by one; what was not asked for is named as unknown.
pub(super) struct Members<'a> {
    base: String,
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl<'a> Members<'a> {
    /// The members of `value`, which stands at the pointer `base`.
    pub(super) fn of(value: &'a Value, base: &str) -> Result<Self, Vec<Problem>> {
        match value {
            Value::Object(members) => Ok(Self {
                base: base.to_owned(),
                object: members,
                known: Vec::new(),
                problems: Vec::new(),
            }),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Err(vec![Problem {
                pointer: base.to_owned(),
                message: "expected an object".to_owned(),
            }]),
        }
    }

    /// Notes what is wrong with a member.
    pub(super) fn problem(&mut self, name: &str, message: impl Into<String>) {
        let pointer = format!("{}/{}", self.base, escaped(name));
        self.problems.push(Problem { pointer, message: message.into() });
    }

    /// Notes what is wrong at a place below this object, given as the rest of its pointer.
    pub(super) fn problem_at(&mut self, place: &str, message: impl Into<String>) {
        let pointer = format!("{}/{place}", self.base);
        self.problems.push(Problem { pointer, message: message.into() });
    }

    /// A member as it stands.
    pub(super) fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.object.get(name)
    }

    /// A text that must be there: not blank, at most `longest` characters, trimmed.
    pub(super) fn text(&mut self, name: &'static str, longest: usize) -> Option<String> {
        match self.value(name) {
            None | Some(Value::Null) => {
                self.problem(name, "this member is needed");
                None
            }
            Some(_) => self.changed_text(name, longest),
        }
    }

    /// A text that may be left out.
    pub(super) fn changed_text(&mut self, name: &'static str, longest: usize) -> Option<String> {
        let value = self.value(name)?;
        match plain_text(value, longest) {
            Ok(Some(text)) => return Some(text),
            Ok(None) => self.problem(name, "this cannot be empty"),
            Err(message) => self.problem(name, message),
        }
        None
    }

    /// What is wrong, unknown members included.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        let names = self.known.join("`, `");
        for name in self.object.keys() {
            if !self.known.contains(&name.as_str()) {
                let message = format!("unknown member; known are `{names}`");
                let pointer = format!("{}/{}", self.base, escaped(name));
                self.problems.push(Problem { pointer, message });
            }
        }
        self.problems
    }
}

/// A trimmed text without control characters; `None` when it is blank or null.
pub(super) fn plain_text(value: &Value, longest: usize) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => {
            let text = text.trim();
            if text.chars().count() > longest {
                Err(format!("at most {longest} characters"))
            } else if text.chars().any(char::is_control) {
                Err("control characters and line breaks are not allowed".to_owned())
            } else {
                Ok((!text.is_empty()).then(|| text.to_owned()))
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err("expected a text".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_wrong_is_said_at_once_and_unknown_members_are_named() {
        let document = json!({"name": 7, "colour/tone": "red"});
        let mut members = Members::of(&document, "").unwrap();
        assert_eq!(members.text("name", 10), None);
        assert_eq!(members.text("externalId", 10), None);
        let pointers: Vec<_> =
            members.finish().into_iter().map(|problem| problem.pointer).collect();
        assert_eq!(pointers, ["/name", "/externalId", "/colour~1tone"]);
    }

    #[test]
    fn texts_are_trimmed_and_their_length_is_counted_in_characters() {
        assert_eq!(plain_text(&json!("  Zoë "), 3), Ok(Some("Zoë".to_owned())));
        assert!(plain_text(&json!("Zoës"), 3).is_err());
        assert!(plain_text(&json!("a\u{0}b"), 9).is_err());
        assert_eq!(plain_text(&json!("   "), 3), Ok(None));
    }
}
