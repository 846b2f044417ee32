//! Tokens to tree: operators by their strength, functions checked as they close.

use super::attribute::Attribute;
use super::check;
use super::error::{ExpressionError, ExpressionProblem};
use super::function::Function;
use super::node::{Comparison, Kind, Node, Span};
use super::token::{Lexer, Token};

/// The longest expression, in characters.
pub const MAX_LENGTH: usize = 2_000;

/// How many functions may stand inside each other.
pub const MAX_DEPTH: usize = 16;

/// How many parentheses, `not` and functions together may stand inside each other.
const MAX_NESTING: usize = 64;

const AN_EXPRESSION: &str =
    "an attribute like `[mail]`, a quoted text or a function like `Coalesce(…)`";

/// Strengths of the operators, the weakest first.
const OR: u8 = 1;
const AND: u8 = 2;
const COMPARISON: u8 = 3;

/// Whether attributes may stand without brackets, as they do in conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    InBrackets,
    Bare,
}

pub(super) fn parse(text: &str, names: Names) -> Result<Node, ExpressionError> {
    if text.chars().count() > MAX_LENGTH {
        let problem = ExpressionProblem::TooLong;
        return Err(ExpressionError { position: MAX_LENGTH + 1, problem });
    }
    let mut lexer = Lexer::new(text);
    let (token, span) = lexer.next()?;
    let mut parser = Parser { lexer, token, span, last: 1, names, nesting: 0 };
    let node = parser.expression(OR)?;
    if parser.token != Token::End {
        return Err(parser.unexpected("the end"));
    }
    match too_deep(&node, 0) {
        None => Ok(node),
        Some(position) => Err(ExpressionError { position, problem: ExpressionProblem::TooDeep }),
    }
}

/// Where the first function stands that is inside too many others.
fn too_deep(node: &Node, depth: usize) -> Option<usize> {
    let depth = depth + usize::from(matches!(node.kind, Kind::Call(..)));
    if depth > MAX_DEPTH {
        return Some(node.span.start);
    }
    node.parts().find_map(|part| too_deep(part, depth))
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The token to read next.
    token: Token,
    span: Span,
    /// Where the token before it ended.
    last: usize,
    names: Names,
    nesting: usize,
}

#[derive(Clone, Copy)]
enum Operator {
    Or,
    And,
    Compare(Comparison),
    In,
    Call(Function),
}

impl Operator {
    fn of(token: &Token) -> Option<Self> {
        match token {
            Token::Compare(comparison) => Some(Self::Compare(*comparison)),
            Token::Word(word) => {
                let is = |known: &str| word.eq_ignore_ascii_case(known);
                if let Some(found) = Comparison::ALL.iter().find(|known| is(known.word())) {
                    return Some(Self::Compare(*found));
                }
                match word.to_ascii_lowercase().as_str() {
                    "or" => Some(Self::Or),
                    "and" => Some(Self::And),
                    "in" => Some(Self::In),
                    "startswith" => Some(Self::Call(Function::StartsWith)),
                    "endswith" => Some(Self::Call(Function::EndsWith)),
                    "contains" => Some(Self::Call(Function::Contains)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn strength(self) -> u8 {
        match self {
            Self::Or => OR,
            Self::And => AND,
            Self::Compare(_) | Self::In | Self::Call(_) => COMPARISON,
        }
    }
}

impl Parser<'_> {
    fn expression(&mut self, least: u8) -> Result<Node, ExpressionError> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.here(ExpressionProblem::TooManyParentheses));
        }
        let mut left = self.operand()?;
        let mut compared = false;
        while let Some(operator) = Operator::of(&self.token)
            && operator.strength() >= least
        {
            let is_comparison = operator.strength() == COMPARISON;
            if is_comparison && compared {
                return Err(self.here(ExpressionProblem::ComparedTwice));
            }
            compared = is_comparison;
            self.advance()?;
            left = self.operation(left, operator)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn operation(&mut self, left: Node, operator: Operator) -> Result<Node, ExpressionError> {
        let start = left.span.start;
        let kind = match operator {
            Operator::Or => Kind::Or(self.joined(left, AND, |kind| match kind {
                Kind::Or(parts) => Ok(parts),
                other => Err(other),
            })?),
            Operator::And => Kind::And(self.joined(left, COMPARISON, |kind| match kind {
                Kind::And(parts) => Ok(parts),
                other => Err(other),
            })?),
            Operator::Compare(comparison) => {
                let right = self.compared_with()?;
                check::comparison(comparison, left, right)?
            }
            Operator::In => {
                self.expect(&Token::Open, "`(` and the possible values")?;
                let mut options = Vec::new();
                loop {
                    options.push(self.expression(OR)?);
                    if self.token != Token::Comma {
                        break;
                    }
                    self.advance()?;
                }
                self.expect(&Token::Close, "`,` or `)`")?;
                check::choice(left, options)?
            }
            Operator::Call(function) => {
                let right = self.compared_with()?;
                let span = Span { start, end: self.last };
                check::call(function, vec![left, right], span)?
            }
        };
        Ok(Node { kind, span: Span { start, end: self.last } })
    }

    /// The right side of a comparison.
    fn compared_with(&mut self) -> Result<Node, ExpressionError> {
        if self.is_word("not") {
            return Err(self.unexpected("a value to compare with"));
        }
        self.operand()
    }

    /// One more part of a row of `and` or `or`. Only what was written without parentheses joins
    /// the row, which is all one: the parts are asked from left to right.
    fn joined(
        &mut self,
        left: Node,
        least: u8,
        row: impl Fn(Kind) -> Result<Vec<Node>, Kind>,
    ) -> Result<Vec<Node>, ExpressionError> {
        check::condition(&left)?;
        let right = self.expression(least)?;
        check::condition(&right)?;
        let mut parts = match row(left.kind) {
            Ok(parts) => parts,
            Err(kind) => vec![Node { kind, span: left.span }],
        };
        match row(right.kind) {
            Ok(more) => parts.extend(more),
            Err(kind) => parts.push(Node { kind, span: right.span }),
        }
        Ok(parts)
    }

    fn operand(&mut self) -> Result<Node, ExpressionError> {
        let span = self.span;
        let at = |position, problem| ExpressionError { position, problem };
        let kind = match self.token.clone() {
            Token::Attribute(name) => Attribute::parse(&name)
                .map(Kind::Attribute)
                .map_err(|problem| at(span.start + 1, problem))?,
            Token::Text(text) => Kind::Text(text),
            Token::Number(number) => Kind::Number(number),
            Token::Date(instant) => Kind::Date(instant),
            Token::Open => {
                self.advance()?;
                let inner = self.expression(OR)?;
                self.expect(&Token::Close, "`)`")?;
                return Ok(inner);
            }
            Token::Word(word) => return self.word(&word),
            Token::Compare(_) | Token::Close | Token::Comma | Token::End => {
                return Err(self.unexpected(AN_EXPRESSION));
            }
        };
        self.advance()?;
        Ok(Node { kind, span })
    }

    fn word(&mut self, word: &str) -> Result<Node, ExpressionError> {
        let span = self.span;
        let at_start = |problem| ExpressionError { position: span.start, problem };
        self.advance()?;
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        if self.token == Token::Open {
            let function = Function::parse(word).map_err(at_start)?;
            return self.call(function, span);
        }
        if is("not") {
            let inner = self.expression(COMPARISON)?;
            let whole = Span { start: span.start, end: self.last };
            let kind = check::call(Function::Not, vec![inner], whole)?;
            return Ok(Node { kind, span: whole });
        }
        let kind = match word.to_ascii_lowercase().as_str() {
            "true" => Kind::Boolean(true),
            "false" => Kind::Boolean(false),
            "null" => Kind::Null,
            "vbtextcompare" | "vbbinarycompare" => Kind::Text(word.to_owned()),
            _ if self.names == Names::Bare => {
                Attribute::parse(word).map(Kind::Attribute).map_err(at_start)?
            }
            _ if Attribute::parse(word).is_ok() => {
                return Err(at_start(ExpressionProblem::NoBrackets { name: word.to_owned() }));
            }
            _ => {
                Function::parse(word).map_err(at_start)?;
                return Err(self.unexpected("`(`"));
            }
        };
        Ok(Node { kind, span })
    }

    fn call(&mut self, function: Function, name: Span) -> Result<Node, ExpressionError> {
        self.advance()?;
        let mut arguments = Vec::new();
        if self.token == Token::Close && function.signature().least == 0 {
            return self.called(function, arguments, name);
        }
        loop {
            let is_left_out = matches!(self.token, Token::Comma | Token::Close);
            if is_left_out && function.omits(arguments.len()) {
                arguments.push(Node { kind: Kind::Omitted, span: self.span });
            } else {
                arguments.push(self.expression(OR)?);
            }
            match self.token {
                Token::Comma => self.advance()?,
                Token::Close => break,
                _ => return Err(self.unexpected("`,` or `)`")),
            }
        }
        while arguments.last().is_some_and(Node::is_omitted) {
            arguments.pop();
        }
        self.called(function, arguments, name)
    }

    /// The call whose closing parenthesis comes next.
    fn called(
        &mut self,
        function: Function,
        arguments: Vec<Node>,
        name: Span,
    ) -> Result<Node, ExpressionError> {
        self.advance()?;
        let span = Span { start: name.start, end: self.last };
        let kind = check::call(function, arguments, span)?;
        Ok(Node { kind, span })
    }

    fn is_word(&self, known: &str) -> bool {
        matches!(&self.token, Token::Word(word) if word.eq_ignore_ascii_case(known))
    }

    fn expect(&mut self, token: &Token, what: &'static str) -> Result<(), ExpressionError> {
        if self.token == *token { self.advance() } else { Err(self.unexpected(what)) }
    }

    fn advance(&mut self) -> Result<(), ExpressionError> {
        self.last = self.span.end;
        (self.token, self.span) = self.lexer.next()?;
        Ok(())
    }

    fn here(&self, problem: ExpressionProblem) -> ExpressionError {
        ExpressionError { position: self.span.start, problem }
    }

    fn unexpected(&self, expected: &'static str) -> ExpressionError {
        let found = self.token.found();
        self.here(ExpressionProblem::Unexpected { expected, found })
    }
}
