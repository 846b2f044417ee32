//! `$filter`: the forms an integrator needs, refused when unsupported.

use serde_json::Value;

use super::errors::GraphError;
use crate::directory::object::DirectoryObject;
use crate::directory::properties::{Catalogue, PropertyId};

/// Most values of an `in` list.
const LONGEST_IN: usize = 15;

/// A parsed `$filter`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    Either(Box<Filter>, Box<Filter>),
    Both(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Equals(PropertyId, Value),
    Differs(PropertyId, Value),
    OneOf(PropertyId, Vec<Value>),
    StartsWith(PropertyId, String),
    EndsWith(PropertyId, String),
    /// `property/any(x:x eq 'value')`
    Any(PropertyId, Box<Element>),
}

/// The test on one element of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Element {
    Equals(String),
    StartsWith(String),
}

impl Filter {
    pub(super) fn parse(text: &str, catalogue: &Catalogue<'_>) -> Result<Self, GraphError> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, catalogue };
        let filter = parser.either()?;
        if parser.at < parser.tokens.len() {
            return Err(invalid(text));
        }
        Ok(filter)
    }

    /// Whether it needs the eventual index.
    pub(super) fn is_advanced(&self) -> bool {
        match self {
            Self::Either(left, right) | Self::Both(left, right) => {
                left.is_advanced() || right.is_advanced()
            }
            Self::Not(_) | Self::Differs(..) | Self::EndsWith(..) => true,
            Self::Equals(..) | Self::OneOf(..) | Self::StartsWith(..) | Self::Any(..) => false,
        }
    }

    pub(super) fn matches(&self, object: &DirectoryObject) -> bool {
        match self {
            Self::Either(left, right) => left.matches(object) || right.matches(object),
            Self::Both(left, right) => left.matches(object) && right.matches(object),
            Self::Not(inner) => !inner.matches(object),
            Self::Equals(property, value) => same(&object.value(*property), value),
            Self::Differs(property, value) => !same(&object.value(*property), value),
            Self::OneOf(property, values) => {
                let own = object.value(*property);
                values.iter().any(|value| same(&own, value))
            }
            Self::StartsWith(property, prefix) => {
                object.text(*property).is_some_and(|text| text.to_lowercase().starts_with(prefix))
            }
            Self::EndsWith(property, suffix) => {
                object.text(*property).is_some_and(|text| text.to_lowercase().ends_with(suffix))
            }
            Self::Any(property, element) => match object.value(*property) {
                Value::Array(values) => values.iter().filter_map(Value::as_str).any(|value| {
                    let value = value.to_lowercase();
                    match &**element {
                        Element::Equals(wanted) => value == *wanted,
                        Element::StartsWith(prefix) => value.starts_with(prefix.as_str()),
                    }
                }),
                _ => false,
            },
        }
    }

    /// The ids a filter of only `id eq … or id eq …` or `id in (…)` names.
    pub(super) fn ids(&self) -> Option<Vec<String>> {
        match self {
            Self::Either(left, right) => {
                let mut ids = left.ids()?;
                ids.append(&mut right.ids()?);
                Some(ids)
            }
            Self::Equals(property, Value::String(id))
                if *property == crate::directory::properties::ID =>
            {
                Some(vec![id.clone()])
            }
            Self::OneOf(property, values) if *property == crate::directory::properties::ID => {
                values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
            }
            _ => None,
        }
    }
}

/// Directory text compares without case.
fn same(own: &Value, wanted: &Value) -> bool {
    match (own, wanted) {
        (Value::String(own), Value::String(wanted)) => own.to_lowercase() == wanted.to_lowercase(),
        _ => own == wanted,
    }
}

fn invalid(text: &str) -> GraphError {
    GraphError::bad_request(&format!("Invalid filter clause: syntax error in '{text}'."))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
    Slash,
}

fn tokens(text: &str) -> Result<Vec<Token>, GraphError> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(&letter) = letters.peek() {
        let single = match letter {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            ',' => Some(Token::Comma),
            ':' => Some(Token::Colon),
            '/' => Some(Token::Slash),
            _ => None,
        };
        if let Some(token) = single {
            tokens.push(token);
            letters.next();
        } else if letter.is_whitespace() {
            letters.next();
        } else if letter == '\'' {
            letters.next();
            let mut quoted = String::new();
            loop {
                match letters.next() {
                    Some('\'') if letters.peek() == Some(&'\'') => {
                        letters.next();
                        quoted.push('\'');
                    }
                    Some('\'') => break,
                    Some(inner) => quoted.push(inner),
                    None => return Err(invalid(text)),
                }
            }
            tokens.push(Token::Text(quoted));
        } else {
            let mut word = String::new();
            while let Some(&inner) = letters.peek() {
                if inner.is_whitespace() || "(),:/'".contains(inner) {
                    break;
                }
                word.push(inner);
                letters.next();
            }
            tokens.push(Token::Word(word));
        }
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    catalogue: &'a Catalogue<'a>,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<Filter, GraphError> {
        let mut left = self.both()?;
        while self.take_word("or") {
            left = Filter::Either(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Filter, GraphError> {
        let mut left = self.term()?;
        while self.take_word("and") {
            left = Filter::Both(Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Filter, GraphError> {
        if self.take(&Token::Open) {
            let inner = self.either()?;
            self.expect(&Token::Close)?;
            return Ok(inner);
        }
        if self.take_word("not") {
            return Ok(Filter::Not(Box::new(self.term()?)));
        }
        let name = self.word()?;
        if matches!(name.to_lowercase().as_str(), "startswith" | "endswith") {
            self.expect(&Token::Open)?;
            let property = self.property()?;
            self.expect(&Token::Comma)?;
            let text = self.quoted()?.to_lowercase();
            self.expect(&Token::Close)?;
            return Ok(match name.to_lowercase().as_str() {
                "startswith" => Filter::StartsWith(property, text),
                _ => Filter::EndsWith(property, text),
            });
        }
        let property = self.find(&name)?;
        if self.take(&Token::Slash) {
            return self.any(property);
        }
        match self.word()?.to_lowercase().as_str() {
            "eq" => Ok(Filter::Equals(property, self.value()?)),
            "ne" => Ok(Filter::Differs(property, self.value()?)),
            "in" => self.one_of(property),
            other => Err(GraphError::unsupported_query(&format!(
                "Unsupported or invalid query filter clause: operator '{other}' on '{name}'."
            ))),
        }
    }

    fn any(&mut self, property: PropertyId) -> Result<Filter, GraphError> {
        if !self.take_word("any") {
            return Err(GraphError::unsupported_query("Only 'any' is supported on collections."));
        }
        self.expect(&Token::Open)?;
        let variable = self.word()?;
        self.expect(&Token::Colon)?;
        let first = self.word()?;
        let element = if first.eq_ignore_ascii_case("startswith") {
            self.expect(&Token::Open)?;
            self.word()?;
            self.expect(&Token::Comma)?;
            let text = self.quoted()?.to_lowercase();
            self.expect(&Token::Close)?;
            Element::StartsWith(text)
        } else if first == variable && self.take_word("eq") {
            Element::Equals(self.quoted()?.to_lowercase())
        } else {
            return Err(GraphError::unsupported_query("Unsupported lambda expression."));
        };
        self.expect(&Token::Close)?;
        Ok(Filter::Any(property, Box::new(element)))
    }

    fn one_of(&mut self, property: PropertyId) -> Result<Filter, GraphError> {
        self.expect(&Token::Open)?;
        let mut values = vec![self.value()?];
        while self.take(&Token::Comma) {
            values.push(self.value()?);
        }
        self.expect(&Token::Close)?;
        if values.len() > LONGEST_IN {
            return Err(GraphError::bad_request(&format!(
                "Too many child clauses specified in search filter expression containing 'OR' \
                 operators: {}. Max allowed: {LONGEST_IN}.",
                values.len()
            )));
        }
        Ok(Filter::OneOf(property, values))
    }

    fn property(&mut self) -> Result<PropertyId, GraphError> {
        let name = self.word()?;
        self.find(&name)
    }

    fn find(&self, name: &str) -> Result<PropertyId, GraphError> {
        self.catalogue.find(name).ok_or_else(|| {
            GraphError::bad_request(&format!(
                "Invalid filter clause: Could not find a property named '{name}' on type \
                 'microsoft.graph.{}'.",
                self.catalogue.type_name
            ))
        })
    }

    fn value(&mut self) -> Result<Value, GraphError> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Value::String(text)),
            Some(Token::Word(word)) => Ok(match word.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                _ => Value::String(word),
            }),
            _ => Err(invalid("value expected")),
        }
    }

    fn quoted(&mut self) -> Result<String, GraphError> {
        match self.next() {
            Some(Token::Text(text)) => Ok(text),
            _ => Err(invalid("quoted text expected")),
        }
    }

    fn word(&mut self) -> Result<String, GraphError> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            _ => Err(invalid("name expected")),
        }
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn take(&mut self, token: &Token) -> bool {
        let there = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(there);
        there
    }

    fn take_word(&mut self, word: &str) -> bool {
        let there = matches!(self.tokens.get(self.at), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, token: &Token) -> Result<(), GraphError> {
        if self.take(token) { Ok(()) } else { Err(invalid("unbalanced expression")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn person() -> DirectoryObject {
        let catalogue = Catalogue::users(&[]);
        let mut object = DirectoryObject::new(uuid::Uuid::from_u128(7), 0);
        for (name, value) in [
            ("displayName", json!("Ana O'Neil")),
            ("mail", json!("Ana@contoso.example")),
            ("accountEnabled", json!(true)),
            ("proxyAddresses", json!(["SMTP:ana@contoso.example"])),
        ] {
            object.set(catalogue.find(name).expect("known"), &value, 0);
        }
        object
    }

    #[test]
    fn evaluates_the_forms_integrators_use() {
        let cases = [
            ("mail eq 'ana@CONTOSO.example'", true),
            ("startswith(displayName,'ana o''n')", true),
            ("accountEnabled eq true and not(mail eq 'x')", true),
            ("accountEnabled eq false or mail eq null", false),
            ("id in ('00000000-0000-0000-0000-000000000007','x')", true),
            ("proxyAddresses/any(p:startswith(p,'smtp:ana@'))", true),
            ("endsWith(mail,'@fabrikam.example')", false),
            ("jobTitle ne null", false),
        ];
        for (text, expected) in cases {
            let filter = Filter::parse(text, &Catalogue::users(&[])).expect(text);
            assert_eq!(filter.matches(&person()), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_the_service_refuses() {
        let parse = |text: &str| Filter::parse(text, &Catalogue::users(&[]));
        let many = (0..16).map(|n| format!("'{n}'")).collect::<Vec<_>>().join(",");
        assert!(parse(&format!("id in ({many})")).is_err());
        assert!(parse("displayNam eq 'x'").is_err());
        assert!(parse("displayName gt 'x'").is_err());
        assert!(parse("displayName eq 'x").is_err());
        assert!(parse("mail ne null").expect("valid").is_advanced());
    }
}
