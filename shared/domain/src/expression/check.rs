//! What can never work, found before any user is looked at: counts and kinds of arguments,
//! constants that are none, comparisons that cannot be. What may work is left to the values: texts
//! are read as numbers or dates and other values are written as texts, as in Entra.

use super::ValueType;
use super::attribute::Attribute;
use super::compare::as_boolean;
use super::date::{self, Interval};
use super::date_format::DateFormat;
use super::error::{ExpressionError, ExpressionProblem};
use super::function::{Function, Parameter};
use super::node::{Basis, Comparison, Kind, Node, Prepared, Span};
use super::number::Number;
use super::pattern::Pattern;

/// A call, made ready.
pub(super) fn call(
    function: Function,
    mut arguments: Vec<Node>,
    span: Span,
) -> Result<Kind, ExpressionError> {
    let signature = function.signature();
    let found = arguments.len();
    let is_odd = function == Function::Switch && found % 2 == 1;
    if found < signature.least || signature.most.is_some_and(|most| found > most) || is_odd {
        let even = if function == Function::Switch {
            ": a source, a default, and pairs of key and value".to_owned()
        } else {
            String::new()
        };
        let expected = format!("{}{even}", signature.count());
        let problem = ExpressionProblem::WrongCount { function: signature.name, expected, found };
        return Err(ExpressionError { position: span.start, problem });
    }
    for (index, node) in arguments.iter_mut().enumerate() {
        if node.is_omitted() {
            continue;
        }
        let position = node.span.start;
        argument(function, index, node).map_err(|problem| ExpressionError { position, problem })?;
    }
    let prepared = match function {
        Function::Replace => form_of_replace(&arguments).map_err(|(at, problem)| {
            ExpressionError { position: at.unwrap_or(span.start), problem }
        })?,
        Function::FormatDateTime => formats(&arguments)?,
        _ => Prepared::Nothing,
    };
    Ok(Kind::Call(function, arguments, prepared))
}

/// Whether an argument can ever fit; an attribute that is named by a text becomes one.
fn argument(function: Function, index: usize, node: &mut Node) -> Result<(), ExpressionProblem> {
    let wrong = |expected, node: &Node| ExpressionProblem::WrongArgument {
        function: function.name(),
        argument: index + 1,
        expected,
        found: describe(node),
    };
    let kind = node.value_type();
    if kind == ValueType::Reference {
        return Err(ExpressionProblem::ReferenceInside);
    }
    let constant = node.constant().map(str::to_owned);
    let expected = match (function.parameter(index), constant) {
        (Parameter::Any | Parameter::Text, _) => None,
        (Parameter::Number, Some(text)) => {
            Number::parse(text.trim()).is_none().then_some("a number")
        }
        (Parameter::Number, None) => {
            let never = [ValueType::Boolean, ValueType::DateTime, ValueType::List];
            never.contains(&kind).then_some("a number")
        }
        (Parameter::Date, Some(text)) => {
            date::parse(&text).is_none().then_some("a date like 2026-03-31")
        }
        (Parameter::Date, None) => {
            let never = [ValueType::Boolean, ValueType::Number, ValueType::List];
            never.contains(&kind).then_some("a date like 2026-03-31")
        }
        (Parameter::Boolean, Some(text)) => as_boolean(&text).is_none().then_some("a condition"),
        (Parameter::Boolean, None) => {
            let never = [ValueType::DateTime, ValueType::List];
            never.contains(&kind).then_some("a condition")
        }
        (Parameter::Attribute, Some(name)) => {
            node.kind = Kind::Attribute(Attribute::parse(&name)?);
            return argument(function, index, node);
        }
        (Parameter::Attribute, None) => {
            (!matches!(node.kind, Kind::Attribute(_))).then_some("an attribute")
        }
        (Parameter::Interval, Some(text)) => {
            return word(function, "interval", &text, Interval::POSSIBLE, |text| {
                Interval::parse(text).is_some()
            });
        }
        (Parameter::CompareType, Some(text)) => {
            return word(function, "way to compare", &text, COMPARE_TYPES, |text| {
                COMPARE_TYPES.split(", ").any(|known| known.eq_ignore_ascii_case(text))
            });
        }
        (Parameter::Styles, Some(text)) => {
            return word(function, "date style", &text, STYLES, |text| {
                let mut styles =
                    text.split(',').map(|style| style.trim().trim_start_matches("DateTimeStyles."));
                text.trim().is_empty()
                    || styles.all(|style| STYLES.split(", ").any(|known| known == style))
            });
        }
        (Parameter::Culture, Some(text)) => {
            let is_culture = (2..=16).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            (!is_culture).then_some("a language like \"de-DE\"")
        }
        (Parameter::Format | Parameter::Pattern | Parameter::Group, Some(_)) => None,
        (Parameter::Format, None) => Some("a date format in quotes"),
        (Parameter::Pattern, None) => Some("a regular expression in quotes"),
        (Parameter::Group, None) => Some("the name of a group in quotes"),
        (Parameter::Interval, None) => Some("an interval in quotes, like \"d\""),
        (Parameter::CompareType, None) => Some("`vbTextCompare` or `vbBinaryCompare`"),
        (Parameter::Styles, None) => Some("date styles in quotes"),
        (Parameter::Culture, None) => Some("a language in quotes, like \"de-DE\""),
    };
    if let Some(expected) = expected {
        return Err(wrong(expected, node));
    }
    // The doc page: index 0 should not be used.
    if function == Function::Item
        && index == 1
        && matches!(&node.kind, Kind::Number(n) if n.whole() < 1)
    {
        return Err(wrong("a place counted from 1", node));
    }
    Ok(())
}

const COMPARE_TYPES: &str = "vbBinaryCompare, vbTextCompare";
const STYLES: &str = "None, AllowLeadingWhite, AllowTrailingWhite, AllowInnerWhite, AllowWhiteSpaces, NoCurrentDateDefault, AdjustToUniversal, AssumeUniversal, RoundtripKind";

fn word(
    function: Function,
    what: &'static str,
    found: &str,
    possible: &'static str,
    is_one: impl Fn(&str) -> bool,
) -> Result<(), ExpressionProblem> {
    if is_one(found) {
        return Ok(());
    }
    let found = found.to_owned();
    Err(ExpressionProblem::WrongWord { function: function.name(), what, found, possible })
}

/// Entra tells the forms of `Replace` by which arguments are there.
fn form_of_replace(arguments: &[Node]) -> Result<Prepared, (Option<usize>, ExpressionProblem)> {
    let has = |index: usize| arguments.get(index).is_some_and(|node| !node.is_omitted());
    let (old, pattern, group, value, attribute, template) =
        (has(1), has(2), has(3), has(4), has(5), has(6));
    let is_form = match (old, pattern, group) {
        // Either the value that comes in, or the template into which the source is put.
        (true, false, false) => !attribute && value != template,
        (false, true, false) => value && !attribute && !template,
        (false, true, true) => value != attribute && !template,
        _ => false,
    };
    if !is_form {
        return Err((None, ExpressionProblem::NoFormOfReplace));
    }
    let Some(node) = arguments.get(2).filter(|_| pattern) else { return Ok(Prepared::Nothing) };
    let at = Some(node.span.start);
    let read = Pattern::parse(node.constant().unwrap_or_default())
        .map_err(|because| (at, ExpressionProblem::BadPattern { because }))?;
    if let Some(node) = arguments.get(3).filter(|_| group) {
        let name = node.constant().unwrap_or_default();
        if !read.has_group(name) {
            let because = format!("it has no group `{name}`; a group is written `(?<{name}>…)`");
            return Err((Some(node.span.start), ExpressionProblem::BadPattern { because }));
        }
    }
    Ok(Prepared::Pattern(Box::new(read)))
}

fn formats(arguments: &[Node]) -> Result<Prepared, ExpressionError> {
    let format = |index: usize| {
        let node = arguments.get(index);
        let source = node.and_then(Node::constant).unwrap_or_default();
        DateFormat::parse(source).map(Box::new).map_err(|because| ExpressionError {
            position: node.map_or(1, |node| node.span.start),
            problem: ExpressionProblem::BadFormat { because },
        })
    };
    let styles = arguments.get(1).and_then(Node::constant).unwrap_or_default();
    let to_utc = styles.contains("AdjustToUniversal");
    Ok(Prepared::Formats { input: format(2)?, output: format(3)?, to_utc })
}

/// A comparison; a quoted date that meets a date is one.
pub(super) fn comparison(
    comparison: Comparison,
    mut left: Node,
    mut right: Node,
) -> Result<Kind, ExpressionError> {
    let basis = meet(&mut left, &mut right)?;
    let orders = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let is_flag = |node: &Node| node.value_type() == ValueType::Boolean;
    let is_null = |node: &Node| node.kind == Kind::Null;
    if orders && (is_flag(&left) || is_flag(&right) || is_null(&left) || is_null(&right)) {
        return Err(incomparable(&left, &right));
    }
    Ok(Kind::Compare(comparison, Box::new([left, right]), basis))
}

/// `value in (options)`.
pub(super) fn choice(mut value: Node, mut options: Vec<Node>) -> Result<Kind, ExpressionError> {
    for option in &mut options {
        meet(&mut value, option)?;
    }
    Ok(Kind::In(Box::new(value), options))
}

fn meet(left: &mut Node, right: &mut Node) -> Result<Basis, ExpressionError> {
    for side in [&*left, &*right] {
        if side.value_type() == ValueType::Reference {
            let problem = ExpressionProblem::ReferenceInside;
            return Err(ExpressionError { position: side.span.start, problem });
        }
    }
    let basis = basis(left, right);
    let fits = can_meet(left, right) && can_meet(right, left);
    if !fits {
        return Err(incomparable(left, right));
    }
    if basis == Basis::Dates {
        for side in [left, right] {
            if let Some(instant) = side.constant().and_then(date::parse) {
                side.kind = Kind::Date(instant);
            }
        }
    }
    Ok(basis)
}

/// As what two parts compare.
pub(super) fn basis(left: &Node, right: &Node) -> Basis {
    let is_date = |node: &Node| node.value_type() == ValueType::DateTime;
    if is_date(left) || is_date(right) { Basis::Dates } else { Basis::Values }
}

/// Whether a constant or another kind can ever be what this side is.
fn can_meet(side: &Node, other: &Node) -> bool {
    let constant = other.constant();
    let kind = other.value_type();
    match side.value_type() {
        ValueType::DateTime => match constant {
            Some(text) => date::parse(text).is_some(),
            None => !matches!(kind, ValueType::Boolean | ValueType::Number | ValueType::List),
        },
        ValueType::Boolean => match constant {
            Some(text) => as_boolean(text).is_some(),
            None => !matches!(kind, ValueType::Number | ValueType::List),
        },
        ValueType::Number => constant.is_none_or(|text| Number::parse(text.trim()).is_some()),
        ValueType::Text | ValueType::List | ValueType::Any | ValueType::Reference => true,
    }
}

fn incomparable(left: &Node, right: &Node) -> ExpressionError {
    let problem = ExpressionProblem::Incomparable { left: describe(left), right: describe(right) };
    ExpressionError { position: right.span.start, problem }
}

/// Whether a part can be true or false.
pub(super) fn condition(node: &Node) -> Result<(), ExpressionError> {
    let is_condition = match node.value_type() {
        ValueType::Boolean => true,
        // A constant or an attribute of no certain kind, for instance from `IIF`.
        ValueType::Any => node.kind != Kind::Null,
        ValueType::Text
        | ValueType::Number
        | ValueType::DateTime
        | ValueType::List
        | ValueType::Reference => false,
    };
    if is_condition {
        return Ok(());
    }
    let problem = ExpressionProblem::NoCondition { found: describe(node) };
    Err(ExpressionError { position: node.span.start, problem })
}

impl Node {
    /// What the part gives, as far as that is certain.
    pub(super) fn value_type(&self) -> ValueType {
        match &self.kind {
            Kind::Attribute(attribute) => attribute.kind(),
            Kind::Text(_) => ValueType::Text,
            Kind::Number(_) => ValueType::Number,
            Kind::Date(_) => ValueType::DateTime,
            Kind::Boolean(_) | Kind::Compare(..) | Kind::In(..) | Kind::And(_) | Kind::Or(_) => {
                ValueType::Boolean
            }
            Kind::Null | Kind::Omitted => ValueType::Any,
            Kind::Call(function, arguments, _) => match function {
                Function::IgnoreFlow | Function::Coalesce => common(arguments.iter()),
                Function::Iif => common(arguments.iter().skip(1)),
                Function::Switch => {
                    let values = arguments.iter().skip(3).step_by(2);
                    common(arguments.iter().skip(1).take(1).chain(values))
                }
                other => other.signature().gives,
            },
        }
    }
}

/// The one kind of all these, where it is one.
fn common<'a>(nodes: impl Iterator<Item = &'a Node>) -> ValueType {
    let mut kinds = nodes.filter(|node| !node.is_omitted() && node.kind != Kind::Null);
    let Some(first) = kinds.next().map(Node::value_type) else { return ValueType::Any };
    if kinds.all(|node| node.value_type() == first) { first } else { ValueType::Any }
}

/// The part as an error names it.
pub(super) fn describe(node: &Node) -> String {
    match &node.kind {
        Kind::Text(text) => format!("the text \"{text}\""),
        Kind::Attribute(attribute) => format!("`[{attribute}]` ({})", attribute.kind().name()),
        Kind::Number(number) => format!("the number {number}"),
        Kind::Null => "null".to_owned(),
        Kind::Call(function, ..) => {
            format!("`{}` ({})", function.name(), node.value_type().name())
        }
        _ => node.value_type().name().to_owned(),
    }
}
