//! What stands in the place of values, names and ids, so that equal ones can be told within one
//! bundle, and nobody's across two.

use std::collections::BTreeSet;

use contact_sync_domain::actor::Actor;
use contact_sync_domain::contact::Target;
use contact_sync_domain::expression::SourceExpression;
use contact_sync_domain::segment::FieldChange;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How many bytes of a digest are told: enough for the people of one bundle.
const TOLD: usize = 6;

/// Shorter texts are no names, and stand in every sentence.
const SHORTEST: usize = 3;

/// Members whose text was made of sentences, in which values may be quoted.
const SENTENCES: [&str; 6] = ["reason", "remedy", "fix", "problem", "source", "expression"];

/// Words that begin with a capital within our sentences and name nobody.
const OURS: [&str; 12] = [
    "Entra",
    "Graph",
    "Microsoft",
    "Member",
    "Guest",
    "Sync",
    "Now",
    "API",
    "AWS",
    "SES",
    "Map",
    "UTC",
];

/// Digits in a row that may be somebody's number.
const MANY_DIGITS: usize = 5;

/// Hides values under a key that nobody learns.
pub(super) struct Veil {
    key: [u8; 32],
    hidden: BTreeSet<String>,
}

impl Veil {
    /// A veil of its own key.
    pub(super) fn new(key: [u128; 2]) -> Self {
        let mut bytes = [0; 32];
        let drawn = key.iter().flat_map(|half| half.to_be_bytes());
        for (byte, drawn) in bytes.iter_mut().zip(drawn) {
            *byte = drawn;
        }
        Self { key: bytes, hidden: BTreeSet::new() }
    }

    fn digest(&self, text: &str) -> String {
        // Twice, so that no longer text has a digest that follows from a shorter one's.
        let inner = Sha256::new().chain_update(self.key).chain_update(text).finalize();
        let outer = Sha256::new().chain_update(self.key).chain_update(inner).finalize();
        outer.iter().take(TOLD).fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
    }

    fn note(&mut self, text: &str) {
        let text = text.trim();
        if text.chars().count() >= SHORTEST {
            self.hidden.insert(text.to_owned());
        }
    }

    /// The kind, length and digest of a value; null of none.
    pub(super) fn value(&mut self, value: &Value) -> Value {
        let (kind, length) = match value {
            Value::Null => return Value::Null,
            Value::Bool(_) => ("boolean", None),
            Value::Number(_) => ("number", None),
            Value::String(text) => {
                self.note(text);
                ("text", Some(text.chars().count()))
            }
            Value::Array(entries) => {
                entries.iter().filter_map(Value::as_str).for_each(|text| self.note(text));
                ("list", Some(entries.len()))
            }
            Value::Object(members) => ("object", Some(members.len())),
        };
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        json!({"kind": kind, "length": length, "digest": self.digest(&text)})
    }

    /// The same of a text.
    pub(super) fn text_value(&mut self, text: Option<&str>) -> Value {
        self.value(&text.map_or(Value::Null, Value::from))
    }

    /// What stands for an id, with what it is the id of.
    pub(super) fn id(&mut self, what: &str, id: &str) -> String {
        self.note(id);
        format!("{what}-{}", self.digest(id))
    }

    /// A digest in the place of one that others could make, too.
    pub(super) fn rehashed(&self, digest: &str) -> String {
        self.digest(digest)
    }

    /// Who did something: the role, and what tells them from others.
    pub(super) fn actor(&mut self, actor: &Actor) -> Value {
        for text in [&actor.subject, &actor.name].into_iter().flatten() {
            self.note(text);
        }
        let who = actor.subject.as_ref().or(actor.name.as_ref());
        json!({"role": actor.role, "who": who.map(|who| format!("actor-{}", self.digest(who)))})
    }

    /// The changes of fields, with what gave them.
    pub(super) fn changes(&mut self, changes: &[FieldChange]) -> Vec<Value> {
        let told = changes.iter().map(|change| {
            json!({
                "field": change.field,
                "old": self.value(&change.old),
                "new": self.value(&change.new),
                "source": self.expression(&change.source),
                "rule": change.rule,
            })
        });
        told.collect()
    }

    /// A sentence of ours without what it quotes.
    pub(super) fn sentence(&mut self, text: &str) -> String {
        let text = self.without_doer(text);
        let mut told = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(start) = rest.find(['`', '"', '“']) {
            let (before, quoted) = rest.split_at(start);
            self.words(before, &mut told);
            let open = quoted.chars().next().unwrap_or('"');
            let close = if open == '“' { '”' } else { open };
            let inside = quoted.get(open.len_utf8()..).unwrap_or_default();
            // What is never closed ends with the text.
            let (inside, after) = inside.split_once(close).unwrap_or((inside, ""));
            told.push(open);
            // Names of groups stand in curly ones, and may be called like an attribute.
            if is_ours(inside) && open == close {
                told.push_str(inside);
            } else {
                self.note(inside);
                told.push_str(&self.stand_in(inside));
            }
            told.push(close);
            rest = after;
        }
        self.words(rest, &mut told);
        told
    }

    fn stand_in(&self, text: &str) -> String {
        format!("[{}]", self.digest(text))
    }

    /// A refusal to undo names who did something since.
    fn without_doer(&mut self, text: &str) -> String {
        const BY: &str = ", by ";
        let Some((before, after)) = text.split_once(BY) else { return text.to_owned() };
        let end = after.find(" at 2").or_else(|| after.find(": ")).unwrap_or(after.len());
        let (who, rest) = after.split_at(end);
        if who.starts_with("run run_") {
            return text.to_owned();
        }
        self.note(who);
        format!("{before}{BY}{}{rest}", self.stand_in(who))
    }

    /// Words outside quotes: addresses, ids, numbers and names are hidden there, too.
    fn words(&self, text: &str, told: &mut String) {
        let mut begins = told.is_empty();
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            let bare = word.trim_matches(|sign: char| !sign.is_alphanumeric());
            if bare.is_empty() || !is_somebodys(bare, begins) {
                told.push_str(piece);
            } else {
                let hidden = piece.replacen(bare, &self.stand_in(bare), 1);
                told.push_str(&hidden);
            }
            begins = word.ends_with(['.', '!', '?', ':', ';']) || (begins && word.is_empty());
        }
    }

    /// An expression without its constants.
    pub(super) fn expression(&mut self, text: &str) -> String {
        let (mut told, mut plain) = (String::with_capacity(text.len()), String::new());
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            if !matches!(letter, '"' | '\'') {
                plain.push(letter);
                continue;
            }
            told.push_str(&self.numbers(&std::mem::take(&mut plain)));
            let mut constant = String::new();
            while let Some(next) = letters.next() {
                if next == '\\' && letter == '"' {
                    constant.extend(letters.next());
                } else if next != letter {
                    constant.push(next);
                } else if letters.next_if_eq(&letter).is_some() {
                    // A quote is doubled inside.
                    constant.push(letter);
                } else {
                    break;
                }
            }
            self.note(&constant);
            told.push(letter);
            told.push_str(&self.stand_in(&constant));
            told.push(letter);
        }
        told.push_str(&self.numbers(&plain));
        told
    }

    /// Numbers with many digits are somebody's, too.
    fn numbers(&mut self, text: &str) -> String {
        let mut told = String::with_capacity(text.len());
        let mut digits = String::new();
        let mut after = None;
        for letter in text.chars().chain([' ']) {
            if letter.is_ascii_digit() && !after.is_some_and(char::is_alphanumeric) {
                digits.push(letter);
                continue;
            }
            if digits.len() >= MANY_DIGITS {
                let number = std::mem::take(&mut digits);
                self.note(&number);
                told.push_str(&self.stand_in(&number));
            } else {
                told.push_str(&std::mem::take(&mut digits));
            }
            told.push(letter);
            after = Some(letter);
        }
        told.pop();
        told
    }

    /// The document, its sentences once more without anything that is hidden anywhere in it.
    pub(super) fn over(&self, document: Value) -> Value {
        self.over_member("", document)
    }

    fn over_member(&self, name: &str, value: Value) -> Value {
        match value {
            Value::Object(members) => {
                let told = members.into_iter().map(|(name, value)| {
                    let value = self.over_member(&name, value);
                    (name, value)
                });
                Value::Object(told.collect())
            }
            Value::Array(entries) => {
                entries.into_iter().map(|entry| self.over_member(name, entry)).collect()
            }
            Value::String(text) if SENTENCES.contains(&name) => Value::String(self.cleared(text)),
            other => other,
        }
    }

    fn cleared(&self, mut text: String) -> String {
        for hidden in &self.hidden {
            if text.contains(hidden.as_str()) && !is_ours(hidden) {
                text = replaced(&text, hidden, &self.stand_in(hidden));
            }
        }
        text
    }
}

/// Whether a word may name somebody; one that begins a sentence has its capital from there.
fn is_somebodys(word: &str, begins: bool) -> bool {
    let is_run = word.strip_prefix("run_").is_some_and(|id| id.len() == 32);
    let is_moment = word.starts_with("20") && word.contains('-') && word.len() <= 40;
    if is_run || is_moment || is_stand_in(word) {
        return false;
    }
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let is_id = word.contains('_') && word.len() > 30;
    let is_guid = word.len() == 36 && word.matches('-').count() == 4;
    let is_field = is_ours(word);
    let capital = word.chars().next().is_some_and(char::is_uppercase);
    // A function of an expression begins with a capital, too.
    let is_call = word.contains("([");
    let is_name = capital && !begins && !OURS.contains(&word) && !is_field && !is_call;
    word.contains('@') || digits >= MANY_DIGITS || is_id || is_guid || is_name
}

fn is_stand_in(word: &str) -> bool {
    word.len() == TOLD * 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a quoted text is a name of ours or of Graph's schema, and no value.
fn is_ours(text: &str) -> bool {
    let is_member = |text: &str| {
        let mut parts = text.split('.');
        let first = matches!(parts.next(), Some("scope" | "policies" | "matching" | "mapping"));
        first && parts.all(|part| part.bytes().all(|byte| byte.is_ascii_alphabetic()))
    };
    Target::parse(text).is_some()
        || is_member(text)
        || matches!(text, "Member" | "Guest" | "true" | "false")
        || (text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
            && SourceExpression::parse(&format!("[{text}]")).is_ok())
}

/// The text with `name` replaced where it stands as words of its own.
fn replaced(text: &str, name: &str, by: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(name) {
        let (before, found) = rest.split_at(start);
        let (found, after) = found.split_at(name.len());
        let joins = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        let last = before.chars().next_back().or_else(|| told.chars().next_back());
        told.push_str(before);
        told.push_str(if joins(last) || joins(after.chars().next()) { found } else { by });
        rest = after;
    }
    told.push_str(rest);
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn veil() -> Veil {
        Veil::new([7, 9])
    }

    #[test]
    fn equal_values_are_told_as_equal_within_a_bundle_and_not_across_two() {
        let mut one = veil();
        let value = one.value(&json!("Ana Müller"));
        assert_eq!(value["length"], 10);
        assert_eq!(value, one.value(&json!("Ana Müller")));
        assert_ne!(value, one.value(&json!("Ana Muller")));
        assert_ne!(value["digest"], Veil::new([7, 8]).value(&json!("Ana Müller"))["digest"]);
        assert_eq!(one.value(&Value::Null), Value::Null);
    }

    #[test]
    fn a_sentence_keeps_what_is_ours_and_loses_whatever_names_somebody() {
        let mut veil = veil();
        for (text, kept, lost) in [
            (
                "the department `Secret Lab` is not in scope.departments",
                "is not in scope.departments",
                "Secret Lab",
            ),
            ("email (from [mail]): is empty in Entra", "email (from [mail])", "nothing"),
            ("Entra did not tell `manager` of this person", "`manager`", "nothing"),
            ("write to ana@contoso.example, then again", "then again", "ana@contoso"),
            (
                "the group 8f0c1b1e-0000-4000-8000-00000000000a had members",
                "had members",
                "8f0c1b1e",
            ),
            ("city was changed since, by ada of it at 2026-11-22T10:00:00Z: no", ": no", "ada"),
            ("another contact, Bernadette, has it", "has it", "Bernadette"),
            ("the number 4930123456 is taken", "is taken", "4930123456"),
            ("it says `never closed and Ana", "it says", "Ana"),
            ("are of the group “sales berlin” (`x`)", "of the group", "berlin"),
            ("are of the group “department” (`x`)", "of the group", "department"),
        ] {
            let told = veil.sentence(text);
            assert!(told.contains(kept), "{told}");
            assert!(!told.contains(lost), "{told}");
        }
    }

    #[test]
    fn an_expression_keeps_its_shape_and_loses_its_constants() {
        let mut veil = veil();
        let told =
            veil.expression(r#"IIf([city] = "Berlin ""Mitte""", 'O''Brien', Left([mail], 3))"#);
        for lost in ["Berlin", "Mitte", "Brien"] {
            assert!(!told.contains(lost), "{told}");
        }
        assert!(told.starts_with("IIf([city] = \"[") && told.ends_with(", Left([mail], 3))"));
        let told = veil.expression("[extensionAttribute10] & 4930123456");
        assert!(told.starts_with("[extensionAttribute10] & [") && !told.contains("4930"), "{told}");
    }

    #[test]
    fn what_is_hidden_anywhere_stands_in_no_sentence() {
        let mut veil = veil();
        let field = veil.value(&json!("contoso berlin"));
        let document = json!({"reason": "it is contoso berlin now", "field": field});
        let told = veil.over(document).to_string();
        assert!(!told.contains("berlin") && told.contains("it is ["), "{told}");
    }
}
