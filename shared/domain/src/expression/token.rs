//! Text to tokens, one at a time, each with its place.

use jiff::Timestamp;

use super::date;
use super::error::{ExpressionError, ExpressionProblem};
use super::node::{Comparison, Span};
use super::number::Number;

/// What an expression is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// `[name]`, trimmed.
    Attribute(String),
    Text(String),
    Number(Number),
    Date(Timestamp),
    /// A function, a keyword or a name without brackets.
    Word(String),
    Compare(Comparison),
    Open,
    Close,
    Comma,
    End,
}

/// Reads left to right, one character ahead.
pub(super) struct Lexer<'a> {
    rest: &'a str,
    /// Of the next character, counted from 1.
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, position: 1 }
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Result<(Token, Span), ExpressionError> {
        self.take_while(char::is_whitespace);
        let start = self.position;
        let token = match self.peek() {
            None => Token::End,
            Some('[') => self.attribute()?,
            Some(quote @ ('"' | '\'')) => self.text(quote)?,
            Some(digit) if digit.is_ascii_digit() || matches!(digit, '-' | '&') => {
                self.number_or_date()?
            }
            Some(letter) if letter.is_alphabetic() || letter == '_' => {
                let is_word =
                    |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.');
                Token::Word(self.take_while(is_word).to_owned())
            }
            Some(_) => self.symbol()?,
        };
        Ok((token, Span { start, end: self.position }))
    }

    fn attribute(&mut self) -> Result<Token, ExpressionError> {
        let position = self.position;
        self.advance();
        let written = self.take_while(|letter| letter != ']');
        if self.advance().is_none() {
            let problem = ExpressionProblem::NotClosed { what: "the attribute", with: ']' };
            return Err(ExpressionError { position, problem });
        }
        Ok(Token::Attribute(written.trim().to_owned()))
    }

    /// A quote is doubled inside. Between double quotes a backslash before a backslash or a quote
    /// is left out, as in Entra; before anything else it stands for itself.
    fn text(&mut self, quote: char) -> Result<Token, ExpressionError> {
        let position = self.position;
        self.advance();
        let mut text = String::new();
        loop {
            match self.advance() {
                None => {
                    let problem = ExpressionProblem::NotClosed { what: "the text", with: quote };
                    return Err(ExpressionError { position, problem });
                }
                Some('\\') if quote == '"' => {
                    let escaped = self.peek().filter(|next| matches!(next, '\\' | '"'));
                    text.push(escaped.unwrap_or('\\'));
                    if escaped.is_some() {
                        self.advance();
                    }
                }
                Some(letter) if letter == quote => {
                    if self.peek() != Some(quote) {
                        return Ok(Token::Text(text));
                    }
                    self.advance();
                    text.push(quote);
                }
                Some(letter) => text.push(letter),
            }
        }
    }

    /// `12`, `-1.5`, `&HF7` as in Visual Basic, `2026-03-31` or an instant.
    fn number_or_date(&mut self) -> Result<Token, ExpressionError> {
        let (rest, position) = (self.rest, self.position);
        self.advance();
        let inside = |letter: char| letter.is_ascii_alphanumeric() || ".:+-".contains(letter);
        self.take_while(inside);
        let written = rest.get(..rest.len() - self.rest.len()).unwrap_or_default();
        let hexadecimal = written.strip_prefix("&H").or_else(|| written.strip_prefix("&h"));
        let number = match hexadecimal {
            Some(digits) if !digits.starts_with('+') => {
                i64::from_str_radix(digits, 16).ok().map(Number::Whole)
            }
            Some(_) | None => Number::parse(written),
        };
        if let Some(number) = number {
            return Ok(Token::Number(number));
        }
        let is_date = written.as_bytes().first().is_some_and(u8::is_ascii_digit);
        if let Some(instant) = date::parse(written).filter(|_| is_date) {
            return Ok(Token::Date(instant));
        }
        let problem = ExpressionProblem::Unexpected {
            expected: "a number or a date like 2026-03-31",
            found: format!("`{written}`"),
        };
        Err(ExpressionError { position, problem })
    }

    fn symbol(&mut self) -> Result<Token, ExpressionError> {
        const SYMBOLS: &[(&str, Token)] = &[
            ("(", Token::Open),
            (")", Token::Close),
            (",", Token::Comma),
            ("<>", Token::Compare(Comparison::NotEqual)),
            ("!=", Token::Compare(Comparison::NotEqual)),
            (">=", Token::Compare(Comparison::AtLeast)),
            ("<=", Token::Compare(Comparison::AtMost)),
            ("==", Token::Compare(Comparison::Equal)),
            ("=", Token::Compare(Comparison::Equal)),
            (">", Token::Compare(Comparison::Greater)),
            ("<", Token::Compare(Comparison::Less)),
        ];
        for (symbol, token) in SYMBOLS {
            if let Some(rest) = self.rest.strip_prefix(symbol) {
                self.rest = rest;
                self.position += symbol.len();
                return Ok(token.clone());
            }
        }
        let found = self.peek().map_or_else(String::new, |letter| format!("`{letter}`"));
        let expected = "an attribute, a text, a function or an operator like `eq`";
        let problem = ExpressionProblem::Unexpected { expected, found };
        Err(ExpressionError { position: self.position, problem })
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
}

impl Token {
    /// The token as an error names it.
    pub(super) fn found(&self) -> String {
        match self {
            Self::Attribute(name) => format!("`[{name}]`"),
            Self::Text(text) => format!("\"{text}\""),
            Self::Number(number) => format!("`{number}`"),
            Self::Date(instant) => format!("`{}`", date::literal(*instant)),
            Self::Word(word) => format!("`{word}`"),
            Self::Compare(comparison) => format!("`{}`", comparison.word()),
            Self::Open => "`(`".to_owned(),
            Self::Close => "`)`".to_owned(),
            Self::Comma => "`,`".to_owned(),
            Self::End => "the end".to_owned(),
        }
    }
}
