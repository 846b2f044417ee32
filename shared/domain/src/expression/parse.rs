//! Text to tree: reads left to right, one character ahead.

use super::attribute::{Attribute, is_name};
use super::{ExpressionError, ExpressionProblem, Function, Node};
use crate::suggestion;

/// The longest expression, in characters.
pub const MAX_LENGTH: usize = 2_000;

/// How many functions may stand inside each other.
pub const MAX_DEPTH: usize = 16;

/// Functions of Entra's expression language that this release does not know.
const LATER: &[&str] = &[
    "Append",
    "BitAnd",
    "CBool",
    "CDate",
    "ConvertToBase64",
    "ConvertToUTF8Hex",
    "Count",
    "CStr",
    "DateAdd",
    "DateDiff",
    "DateFromNum",
    "FormatDateTime",
    "Guid",
    "IgnoreFlowIfNullOrEmpty",
    "IIF",
    "InStr",
    "IsNull",
    "IsNullOrEmpty",
    "IsPresent",
    "IsString",
    "Item",
    "Join",
    "Left",
    "Mid",
    "NormalizeDiacritics",
    "Not",
    "Now",
    "NumFromDate",
    "RemoveDuplicates",
    "Replace",
    "SelectUniqueValue",
    "SingleAppRoleAssignment",
    "Split",
    "StripSpaces",
    "Switch",
    "ToLower",
    "ToUpper",
    "Word",
];

const AN_EXPRESSION: &str =
    "an attribute like `[mail]`, a quoted text or a function like `Coalesce(…)`";

pub(super) fn parse(text: &str) -> Result<Node, ExpressionError> {
    if text.chars().count() > MAX_LENGTH {
        let problem = ExpressionProblem::TooLong;
        return Err(ExpressionError { position: MAX_LENGTH + 1, problem });
    }
    let mut reader = Reader { rest: text, position: 1 };
    let node = reader.expression(0)?;
    reader.skip_space();
    if reader.rest.is_empty() { Ok(node) } else { Err(reader.unexpected("the end")) }
}

struct Reader<'a> {
    rest: &'a str,
    /// Of the next character, counted from 1.
    position: usize,
}

impl<'a> Reader<'a> {
    fn expression(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        self.skip_space();
        match self.peek() {
            Some('[') => self.attribute(),
            Some(quote @ ('"' | '\'')) => self.text(quote),
            Some(letter) if letter.is_alphabetic() || letter == '_' => self.call(depth),
            Some(_) | None => Err(self.unexpected(AN_EXPRESSION)),
        }
    }

    fn attribute(&mut self) -> Result<Node, ExpressionError> {
        let start = self.position;
        self.advance();
        let written = self.take_while(|letter| letter != ']');
        if self.advance().is_none() {
            let problem = ExpressionProblem::NotClosed { what: "the attribute", with: ']' };
            return Err(ExpressionError { position: start, problem });
        }
        Attribute::parse(written.trim())
            .map(Node::Attribute)
            .map_err(|problem| ExpressionError { position: start + 1, problem })
    }

    fn text(&mut self, quote: char) -> Result<Node, ExpressionError> {
        let start = self.position;
        self.advance();
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|letter| letter != quote));
            if self.advance().is_none() {
                let problem = ExpressionProblem::NotClosed { what: "the text", with: quote };
                return Err(ExpressionError { position: start, problem });
            }
            if self.peek() != Some(quote) {
                return Ok(Node::Text(text));
            }
            self.advance();
            text.push(quote);
        }
    }

    fn call(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        let start = self.position;
        let at_start = |problem| ExpressionError { position: start, problem };
        let name =
            self.take_while(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.'));
        self.skip_space();
        let is_call = self.peek() == Some('(');
        if !is_call && is_name(name) {
            return Err(at_start(ExpressionProblem::NoBrackets { name: name.to_owned() }));
        }
        let function = function(name).map_err(at_start)?;
        if !is_call {
            return Err(self.unexpected("`(`"));
        }
        if depth >= MAX_DEPTH {
            return Err(at_start(ExpressionProblem::TooDeep));
        }
        self.advance();
        let mut arguments = Vec::new();
        loop {
            arguments.push(self.expression(depth + 1)?);
            self.skip_space();
            match self.peek() {
                Some(',') => self.advance(),
                Some(')') => break,
                Some(_) | None => return Err(self.unexpected("`,` or `)`")),
            };
        }
        self.advance();
        Ok(Node::Call(function, arguments))
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next()?;
        self.rest = characters.as_str();
        self.position += 1;
        Some(next)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|letter| !wanted(letter)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.position += taken.chars().count();
        self.rest = rest;
        taken
    }

    fn skip_space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    fn unexpected(&self, expected: &'static str) -> ExpressionError {
        let found =
            self.peek().map_or_else(|| "the end".to_owned(), |letter| format!("`{letter}`"));
        let problem = ExpressionProblem::Unexpected { expected, found };
        ExpressionError { position: self.position, problem }
    }
}

/// Function names are the same in upper and lower case, as in Entra.
fn function(name: &str) -> Result<Function, ExpressionProblem> {
    let is_it = |known: &str| known.eq_ignore_ascii_case(name);
    if let Some(function) = Function::ALL.iter().find(|function| is_it(function.name())) {
        return Ok(*function);
    }
    let name = name.to_owned();
    if LATER.iter().any(|later| is_it(later)) {
        return Err(ExpressionProblem::NotAvailable { name });
    }
    let hint = suggestion::hint(&name, Function::ALL.iter().map(|function| function.name()));
    Err(ExpressionProblem::UnknownFunction { name, hint })
}
