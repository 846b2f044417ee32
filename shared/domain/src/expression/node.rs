//! The tree of an expression.

use jiff::Timestamp;

use super::attribute::Attribute;
use super::date_format::DateFormat;
use super::function::Function;
use super::number::Number;
use super::pattern::Pattern;

/// Where a part of an expression stands: characters counted from 1, the end excluded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A part of an expression. Equal parts may stand at different places.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Attribute(Attribute),
    Text(String),
    Number(Number),
    Boolean(bool),
    Date(Timestamp),
    Null,
    /// An argument that was left out: nothing between two commas.
    Omitted,
    Call(Function, Vec<Node>, Prepared),
    Compare(Comparison, Box<[Node; 2]>, Basis),
    /// The value, and what it may be.
    In(Box<Node>, Vec<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
}

/// What of a call is made ready when it is read, not for each user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Prepared {
    Nothing,
    Pattern(Box<Pattern>),
    Formats { input: Box<DateFormat>, output: Box<DateFormat>, to_utc: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    AtLeast,
    Less,
    AtMost,
}

/// As what two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// As what they are when they meet.
    Values,
    /// Both as instants: one of them is a date by its kind.
    Dates,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for Node {}

impl Node {
    pub(super) fn is_omitted(&self) -> bool {
        self.kind == Kind::Omitted
    }

    /// The text, where it is a constant.
    pub(super) fn constant(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its parts, in the order in which they are written.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Node> {
        let (first, others): (Option<&Node>, &[Node]) = match &self.kind {
            Kind::Call(_, nodes, _) | Kind::And(nodes) | Kind::Or(nodes) => (None, nodes),
            Kind::Compare(_, sides, _) => (None, sides.as_slice()),
            Kind::In(value, options) => (Some(value), options),
            Kind::Attribute(_)
            | Kind::Text(_)
            | Kind::Number(_)
            | Kind::Boolean(_)
            | Kind::Date(_)
            | Kind::Null
            | Kind::Omitted => (None, &[]),
        };
        first.into_iter().chain(others)
    }

    /// Itself and all its parts, in the order in which they are written.
    pub(super) fn visit<'a>(&'a self, found: &mut impl FnMut(&'a Node)) {
        found(self);
        for part in self.parts() {
            part.visit(found);
        }
    }
}

impl Comparison {
    pub(super) const ALL: &'static [Self] =
        &[Self::Equal, Self::NotEqual, Self::Greater, Self::AtLeast, Self::Less, Self::AtMost];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Equal => "eq",
            Self::NotEqual => "ne",
            Self::Greater => "gt",
            Self::AtLeast => "ge",
            Self::Less => "lt",
            Self::AtMost => "le",
        }
    }
}
