//! Event patterns, matched by quamina.

use quamina::Quamina;
use serde_json::Value;

/// Why a pattern cannot be matched here.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    #[error("{rule}: an event pattern is an object of lists and objects; `{at}` is neither")]
    Shape { rule: String, at: String },
    #[error("{rule}: the event pattern is not understood")]
    Refused {
        rule: String,
        #[source]
        source: quamina::QuaminaError,
    },
}

impl PatternError {
    pub(crate) fn in_rule(mut self, function: &str, name: &str) -> Self {
        match &mut self {
            Self::Shape { rule, .. } | Self::Refused { rule, .. } => {
                *rule = format!("rule {name} of {function}");
            }
        }
        self
    }
}

/// A compiled pattern.
pub struct EventPattern {
    matcher: Quamina<usize>,
}

impl std::fmt::Debug for EventPattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EventPattern").finish_non_exhaustive()
    }
}

impl EventPattern {
    /// Compiles an EventBridge pattern. `$or`, which quamina does not know, becomes several
    /// patterns.
    pub fn new(pattern: &Value) -> Result<Self, PatternError> {
        check_shape(pattern, "")?;
        let mut matcher = Quamina::new();
        for (index, alternative) in without_or(pattern).iter().enumerate() {
            matcher
                .add_pattern(index, &alternative.to_string())
                .map_err(|source| PatternError::Refused { rule: String::new(), source })?;
        }
        Ok(Self { matcher })
    }

    /// Whether the event, JSON text, matches.
    pub fn matches(&self, event: &[u8]) -> bool {
        self.matcher.has_matches(event).unwrap_or(false)
    }
}

fn check_shape(pattern: &Value, at: &str) -> Result<(), PatternError> {
    let wrong = || PatternError::Shape { rule: String::new(), at: at.to_owned() };
    let Value::Object(members) = pattern else { return Err(wrong()) };
    if members.is_empty() {
        return Err(wrong());
    }
    for (key, member) in members {
        let at = format!("{at}/{key}");
        match member {
            Value::Array(alternatives) if key == "$or" => {
                for alternative in alternatives {
                    check_shape(alternative, &at)?;
                }
            }
            Value::Array(_) => {}
            _ => check_shape(member, &at)?,
        }
    }
    Ok(())
}

/// The patterns, free of `$or`, of which at least one must match.
fn without_or(pattern: &Value) -> Vec<Value> {
    let Value::Object(members) = pattern else { return vec![pattern.clone()] };
    let mut alternatives = vec![serde_json::Map::new()];
    for (key, member) in members {
        let choices: Vec<serde_json::Map<String, Value>> = match member {
            Value::Array(choices) if key == "$or" => choices
                .iter()
                .flat_map(without_or)
                .filter_map(|choice| choice.as_object().cloned())
                .collect(),
            Value::Object(_) => without_or(member)
                .into_iter()
                .map(|inner| serde_json::Map::from_iter([(key.clone(), inner)]))
                .collect(),
            _ => vec![serde_json::Map::from_iter([(key.clone(), member.clone())])],
        };
        alternatives = alternatives
            .iter()
            .flat_map(|base| choices.iter().map(move |choice| merged(base, choice)))
            .collect();
    }
    alternatives.into_iter().map(Value::Object).collect()
}

/// Both demands at once: objects are merged, so that `$or` inside one branch keeps its siblings.
fn merged(
    left: &serde_json::Map<String, Value>,
    right: &serde_json::Map<String, Value>,
) -> serde_json::Map<String, Value> {
    let mut all = left.clone();
    for (key, value) in right {
        match (all.get(key), value) {
            (Some(Value::Object(existing)), Value::Object(added)) => {
                let both = merged(existing, added);
                all.insert(key.clone(), Value::Object(both));
            }
            _ => {
                all.insert(key.clone(), value.clone());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(pattern: &Value, event: &Value) -> bool {
        EventPattern::new(pattern).unwrap().matches(event.to_string().as_bytes())
    }

    #[test]
    fn an_event_matches_what_its_rule_asks_for() {
        let requested = json!({"source": "s", "detail-type": "SyncRequested",
            "detail": {"kind": "full", "trigger": "enable", "n": 5}});
        for (pattern, expected) in [
            (json!({"source": ["s"], "detail": {"kind": ["full"]}}), true),
            (json!({"source": ["s"], "detail": {"kind": ["delta"]}}), false),
            (json!({"detail": {"trigger": ["enable", "resume"]}}), true),
            (json!({"detail": {"kind": [{"prefix": "fu"}]}}), true),
            (json!({"detail": {"kind": [{"anything-but": ["full"]}]}}), false),
            (json!({"detail": {"missing": [{"exists": false}]}}), true),
            (json!({"detail": {"n": [{"numeric": [">", 4]}]}}), true),
            (json!({"detail": {"$or": [{"kind": ["delta"]}, {"n": [5]}]}}), true),
            (json!({"detail": {"$or": [{"kind": ["delta"]}, {"n": [6]}]}}), false),
            (
                json!({"$or": [{"source": ["x"]}, {"detail": {"n": [5]}}], "detail-type": ["SyncRequested"]}),
                true,
            ),
            (
                json!({"$or": [{"source": ["x"]}, {"detail": {"n": [5]}}], "detail-type": ["Other"]}),
                false,
            ),
        ] {
            assert_eq!(matches(&pattern, &requested), expected, "{pattern}");
        }
    }

    #[test]
    fn a_value_outside_a_list_is_refused() {
        let error = EventPattern::new(&json!({"detail": {"kind": "full"}})).unwrap_err();
        assert!(error.to_string().contains("/detail/kind"), "{error}");
    }

    #[test]
    fn an_operator_the_matcher_lacks_is_refused() {
        let pattern = json!({"detail": {"kind": [{"anything-but": {"prefix": "x"}}]}});
        assert!(matches!(EventPattern::new(&pattern), Err(PatternError::Refused { .. })));
    }
}
