//! An expression's value for a user: each part is looked at only where the result depends on it,
//! and at most once.

use std::borrow::Cow;

use jiff::Timestamp;

use super::attribute::Attribute;
use super::check::basis;
use super::compare::{equal, folded, holds};
use super::date::{self, Interval};
use super::error::{EvaluationFailure, EvaluationProblem};
use super::function::Function;
use super::node::{Basis, Kind, Node, Prepared};
use super::number::Number;
use super::value::Datum;
use super::{MAX_LIST, replace, text};
use crate::directory::{DirectoryUser, SourceValue};

/// Why a part gives no value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stop<'a> {
    /// Graph's answer did not mention an attribute that decides.
    Absent(&'a Attribute),
    /// The field is to be left alone.
    Ignore,
    /// A function failed on this user's values.
    Failed(EvaluationFailure),
}

pub(super) type Answer<'a> = Result<Datum<'a>, Stop<'a>>;

/// Who is told of each part's value.
pub(super) trait Witness<'a> {
    /// A part begins: others may be told before it ends.
    fn begin(&mut self);
    /// The part's value.
    fn end(&mut self, node: &'a Node, answer: &Answer<'a>);
}

/// Nobody is told.
pub(super) struct Nobody;

impl<'a> Witness<'a> for Nobody {
    fn begin(&mut self) {}
    fn end(&mut self, _: &'a Node, _: &Answer<'a>) {}
}

/// What the values come from.
pub(super) struct Evaluator<'a, W> {
    pub(super) user: &'a DirectoryUser,
    /// What `Now()` gives.
    pub(super) now: Timestamp,
    pub(super) witness: W,
}

impl<'a, W: Witness<'a>> Evaluator<'a, W> {
    pub(super) fn value(&mut self, node: &'a Node) -> Answer<'a> {
        self.witness.begin();
        let answer = self.answer(node);
        self.witness.end(node, &answer);
        answer
    }

    fn answer(&mut self, node: &'a Node) -> Answer<'a> {
        Ok(match &node.kind {
            Kind::Attribute(attribute) => return self.attribute(attribute),
            Kind::Text(text) => Datum::borrowed(text),
            Kind::Number(number) => Datum::Number(*number),
            Kind::Boolean(flag) => Datum::Boolean(*flag),
            Kind::Date(instant) => Datum::Date(*instant),
            Kind::Null | Kind::Omitted => Datum::Null,
            Kind::Call(function, arguments, prepared) => {
                return self.call(node, *function, arguments, prepared);
            }
            Kind::Compare(comparison, sides, basis) => {
                let [left, right] = sides.as_ref();
                let left = self.value(left)?;
                let right = self.value(right)?;
                Datum::Boolean(holds(*comparison, &left, &right, *basis))
            }
            Kind::In(value, options) => return self.is_one_of(value, options),
            Kind::And(parts) => return self.until(parts, false),
            Kind::Or(parts) => return self.until(parts, true),
        })
    }

    fn attribute(&self, attribute: &'a Attribute) -> Answer<'a> {
        if attribute.is_id() {
            return Ok(Datum::text(self.user.id.to_string()));
        }
        match self.user.attribute(attribute.path()) {
            SourceValue::Absent => Err(Stop::Absent(attribute)),
            SourceValue::Null => Ok(Datum::Null),
            SourceValue::Value(value) => Ok(Datum::of_attribute(value, attribute.kind())),
        }
    }

    /// `and` ends at the first false, `or` at the first true, whatever is unknown besides.
    fn until(&mut self, parts: &'a [Node], decided: bool) -> Answer<'a> {
        let mut open: Option<Stop<'a>> = None;
        for part in parts {
            match self.value(part) {
                Ok(value) if value.is_true() == decided => return Ok(Datum::Boolean(decided)),
                Ok(_) => {}
                Err(stop) => keep_open(&mut open, stop),
            }
        }
        open.map_or(Ok(Datum::Boolean(!decided)), Err)
    }

    fn is_one_of(&mut self, value: &'a Node, options: &'a [Node]) -> Answer<'a> {
        let found = self.value(value)?;
        let mut open = None;
        for option in options {
            match self.value(option) {
                Ok(wanted) if equal(&found, &wanted, basis(value, option)) => {
                    return Ok(Datum::Boolean(true));
                }
                Ok(_) => {}
                Err(stop) => keep_open(&mut open, stop),
            }
        }
        open.map_or(Ok(Datum::Boolean(false)), Err)
    }

    fn call(
        &mut self,
        node: &'a Node,
        function: Function,
        arguments: &'a [Node],
        prepared: &'a Prepared,
    ) -> Answer<'a> {
        match (function, arguments) {
            (Function::Coalesce, _) => {
                for argument in arguments {
                    let value = self.value(argument)?;
                    if !value.is_blank() {
                        return Ok(value);
                    }
                }
                Ok(Datum::Null)
            }
            (Function::Iif, [condition, met, otherwise]) => {
                let is_met = self.value(condition)?.is_true();
                self.value(if is_met { met } else { otherwise })
            }
            (Function::Switch, [source, default, pairs @ ..]) => {
                let source = self.value(source)?;
                for pair in pairs.chunks_exact(2) {
                    let [key, value] = pair else { continue };
                    if is_key(&source, &self.value(key)?) {
                        return self.value(value);
                    }
                }
                self.value(default)
            }
            (Function::IgnoreFlow, [inner]) => {
                let value = self.value(inner)?;
                if value.is_blank() { Err(Stop::Ignore) } else { Ok(value) }
            }
            _ => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.value(argument)?);
                }
                let mut values = Arguments(values.into_iter());
                apply(function, &mut values, prepared, self.now).and_then(bounded).map_err(
                    |problem| {
                        Stop::Failed(EvaluationFailure { position: node.span.start, problem })
                    },
                )
            }
        }
    }
}

/// Why a part of several stays open. What is not told outweighs what failed: reading again may mend
/// it.
fn keep_open<'a>(open: &mut Option<Stop<'a>>, stop: Stop<'a>) {
    if open.is_none() || matches!(stop, Stop::Absent(_)) {
        *open = Some(stop);
    }
}

/// Texts as they are written, other values by what they are.
fn is_key(source: &Datum<'_>, key: &Datum<'_>) -> bool {
    match (source, key) {
        (Datum::Text(source), Datum::Text(key)) => source == key,
        _ => equal(source, key, Basis::Values),
    }
}

/// A call's values, taken one after the other.
pub(super) struct Arguments<'a>(std::vec::IntoIter<Datum<'a>>);

impl<'a> Arguments<'a> {
    /// The next value; nothing where it was left out.
    pub(super) fn next(&mut self) -> Datum<'a> {
        self.0.next().unwrap_or(Datum::Null)
    }

    pub(super) fn text(&mut self) -> Option<Cow<'a, str>> {
        self.next().into_text()
    }

    /// The next text; an empty one where there is none.
    pub(super) fn text_or_empty(&mut self) -> Cow<'a, str> {
        self.text().unwrap_or_default()
    }

    fn number(&mut self) -> Result<Option<Number>, EvaluationProblem> {
        self.next().into_number()
    }

    fn whole(&mut self) -> Result<Option<i64>, EvaluationProblem> {
        Ok(self.number()?.map(Number::whole))
    }

    fn instant(&mut self) -> Result<Option<Timestamp>, EvaluationProblem> {
        self.next().into_instant()
    }

    fn interval(&mut self) -> Interval {
        // The constant was checked when the expression was read.
        self.text().as_deref().and_then(Interval::parse).unwrap_or(Interval::Days)
    }

    pub(super) fn rest(&mut self) -> impl Iterator<Item = Datum<'a>> + '_ {
        self.0.by_ref()
    }
}

type Applied<'a> = Result<Datum<'a>, EvaluationProblem>;

fn apply<'a>(
    function: Function,
    values: &mut Arguments<'a>,
    prepared: &'a Prepared,
    now: Timestamp,
) -> Applied<'a> {
    let flag = |flag| Ok(Datum::Boolean(flag));
    match function {
        Function::CBool => boolean(values.next()),
        Function::CStr => Ok(values.text().map_or(Datum::Null, Datum::Text)),
        Function::Not => flag(!values.next().is_true()),
        Function::IsNull => flag(matches!(values.next(), Datum::Null)),
        Function::IsNullOrEmpty => flag(values.next().is_blank()),
        Function::IsPresent => flag(!values.next().is_blank()),
        Function::IsString => flag(matches!(values.next(), Datum::Text(_))),
        Function::Count => whole(match values.next() {
            Datum::Null => 0,
            Datum::List(entries) => i64::try_from(entries.len()).unwrap_or(i64::MAX),
            Datum::Text(_) | Datum::Number(_) | Datum::Boolean(_) | Datum::Date(_) => 1,
        }),
        Function::BitAnd => match (values.number()?, values.number()?) {
            (Some(left), Some(right)) => whole(left.whole() & right.whole()),
            _ => Ok(Datum::Null),
        },
        Function::Item => item(values),
        Function::RemoveDuplicates => Ok(remove_duplicates(values)),
        Function::SelectUnique => candidates(values),
        Function::Contains | Function::StartsWith | Function::EndsWith => {
            flag(any_entry(function, values.next(), &values.text_or_empty()))
        }
        Function::Now => Ok(Datum::Date(now)),
        Function::CDate => Ok(values.instant()?.map_or(Datum::Null, Datum::Date)),
        Function::DateAdd => {
            let interval = values.interval();
            match (values.whole()?, values.instant()?) {
                (Some(count), Some(from)) => date::add(from, interval, count).map(Datum::Date),
                _ => Ok(Datum::Null),
            }
        }
        Function::DateDiff => {
            let interval = values.interval();
            match (values.instant()?, values.instant()?) {
                (Some(from), Some(to)) => whole(date::difference(interval, from, to)),
                _ => Ok(Datum::Null),
            }
        }
        Function::DateFromNum => match values.whole()? {
            Some(ticks) => date::from_ticks(ticks).map(Datum::Date),
            None => Ok(Datum::Null),
        },
        Function::NumFromDate => match values.instant()? {
            Some(instant) => whole(date::to_ticks(instant)),
            None => Ok(Datum::Null),
        },
        Function::FormatDateTime => text::format_date(values, prepared),
        Function::Replace => replace::replace(values, prepared),
        Function::Left => Ok(text::left(values.text_or_empty(), values.whole()?)),
        Function::Mid => Ok(text::mid(values.text(), values.whole()?, values.whole()?)),
        Function::Word => Ok(text::word(values.text(), values.whole()?, &values.text_or_empty())),
        Function::InStr => {
            let (text, wanted) = (values.text_or_empty(), values.text_or_empty());
            let from = values.whole()?.unwrap_or(1);
            let caseless = values.text_or_empty().eq_ignore_ascii_case("vbTextCompare");
            whole(text::position(&text, &wanted, from, caseless))
        }
        Function::Append
        | Function::ConvertToUtf8Hex
        | Function::Join
        | Function::NormalizeDiacritics
        | Function::PCase
        | Function::Split
        | Function::StripSpaces
        | Function::ToLower
        | Function::ToUpper
        | Function::Trim => text::apply(function, values),
        // These look at their arguments one by one, in `call`.
        Function::Coalesce | Function::Iif | Function::Switch | Function::IgnoreFlow => {
            Ok(Datum::Null)
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "stands among functions that can fail")]
fn whole<'a>(number: i64) -> Applied<'a> {
    Ok(Datum::Number(Number::Whole(number)))
}

fn boolean(value: Datum<'_>) -> Applied<'_> {
    match value {
        Datum::Boolean(flag) => Ok(Datum::Boolean(flag)),
        value if value.is_blank() => Ok(Datum::Boolean(false)),
        other => {
            let text = other.into_text().unwrap_or_default();
            let number = || Number::parse(text.trim()).map(|number| !number.is_zero());
            let flag = super::compare::as_boolean(&text).or_else(number);
            flag.map(Datum::Boolean).ok_or(EvaluationProblem::NoBoolean)
        }
    }
}

fn item<'a>(values: &mut Arguments<'a>) -> Applied<'a> {
    let entries = values.next().into_list();
    let place = values.whole()?.and_then(|place| usize::try_from(place).ok());
    let index = place.and_then(|place| place.checked_sub(1));
    let found = index.and_then(|index| entries.into_iter().nth(index));
    Ok(found.map_or(Datum::Null, Datum::Text))
}

fn remove_duplicates<'a>(values: &mut Arguments<'a>) -> Datum<'a> {
    let entries = values.next().into_list();
    let mut seen = std::collections::HashSet::with_capacity(entries.len());
    let mut kept = Vec::new();
    for entry in &entries {
        if seen.insert(entry.as_ref()) {
            kept.push(entry.clone());
        }
    }
    if kept.is_empty() { Datum::Null } else { Datum::List(kept) }
}

/// The texts among which the field takes the first that nobody else has, each once.
fn candidates<'a>(values: &mut Arguments<'a>) -> Applied<'a> {
    let mut texts: Vec<Cow<'a, str>> = Vec::new();
    for text in values.rest().filter_map(Datum::into_text) {
        if !text.trim().is_empty() && !texts.contains(&text) {
            texts.push(text);
        }
    }
    if texts.is_empty() { Ok(Datum::Null) } else { bounded_list(texts) }
}

/// Whether the text, or any entry of the list, begins with, ends with or contains the other one;
/// without case.
fn any_entry(function: Function, value: Datum<'_>, wanted: &str) -> bool {
    let wanted = folded(wanted);
    value.into_list().iter().any(|entry| {
        let entry = folded(entry);
        match function {
            Function::StartsWith => entry.starts_with(wanted.as_ref()),
            Function::EndsWith => entry.ends_with(wanted.as_ref()),
            _ => entry.contains(wanted.as_ref()),
        }
    })
}

/// What a function gave, where it is a text within its bound.
fn bounded(value: Datum<'_>) -> Applied<'_> {
    match &value {
        Datum::Text(text) if !text::is_bounded(text) => Err(EvaluationProblem::TextTooLong),
        _ => Ok(value),
    }
}

/// A list within its bound.
pub(super) fn bounded_list(entries: Vec<Cow<'_, str>>) -> Applied<'_> {
    if entries.len() > MAX_LIST {
        return Err(EvaluationProblem::ListTooLong);
    }
    Ok(Datum::List(entries))
}
