//! How values compare: texts without case, numbers by value, dates by the instant; a list meets
//! what any of its entries meets; nothing and a blank text are one.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::date;
use super::node::{Basis, Comparison};
use super::number::Number;
use super::value::Datum;

/// The form in which texts compare: trimmed, NFC, lower case.
pub(crate) fn folded(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.is_ascii() {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        }
    } else if is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Owned(text.to_lowercase())
    } else {
        Cow::Owned(text.nfc().collect::<String>().to_lowercase())
    }
}

/// `true` and `false`, in any case.
pub(super) fn as_boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Whether the comparison holds.
pub(super) fn holds(
    comparison: Comparison,
    left: &Datum<'_>,
    right: &Datum<'_>,
    basis: Basis,
) -> bool {
    match comparison {
        Comparison::Equal => equal(left, right, basis),
        Comparison::NotEqual => !equal(left, right, basis),
        Comparison::Greater => is_ordered(left, right, basis, Ordering::is_gt),
        Comparison::AtLeast => is_ordered(left, right, basis, Ordering::is_ge),
        Comparison::Less => is_ordered(left, right, basis, Ordering::is_lt),
        Comparison::AtMost => is_ordered(left, right, basis, Ordering::is_le),
    }
}

pub(super) fn equal(left: &Datum<'_>, right: &Datum<'_>, basis: Basis) -> bool {
    match (left, right) {
        _ if left.is_blank() || right.is_blank() => left.is_blank() && right.is_blank(),
        (Datum::List(entries), other) | (other, Datum::List(entries)) => {
            entries.iter().any(|entry| equal(&Datum::borrowed(entry), other, basis))
        }
        (Datum::Text(left), Datum::Text(right)) if basis == Basis::Values => {
            left == right || folded(left) == folded(right)
        }
        (Datum::Boolean(left), other) | (other, Datum::Boolean(left)) => match other {
            Datum::Boolean(right) => left == right,
            Datum::Text(text) => as_boolean(text) == Some(*left),
            Datum::Number(number) => *left != number.is_zero(),
            Datum::Null | Datum::Date(_) | Datum::List(_) => false,
        },
        _ => order(left, right, basis) == Some(Ordering::Equal),
    }
}

fn is_ordered(
    left: &Datum<'_>,
    right: &Datum<'_>,
    basis: Basis,
    wanted: fn(Ordering) -> bool,
) -> bool {
    let ordered =
        |left: &Datum<'_>, right: &Datum<'_>| order(left, right, basis).is_some_and(wanted);
    match (left, right) {
        _ if left.is_blank() || right.is_blank() => false,
        (Datum::List(entries), other) => {
            entries.iter().any(|entry| is_ordered(&Datum::borrowed(entry), other, basis, wanted))
        }
        (other, Datum::List(entries)) => {
            entries.iter().any(|entry| is_ordered(other, &Datum::borrowed(entry), basis, wanted))
        }
        _ => ordered(left, right),
    }
}

/// Which is greater; `None` for what cannot be compared.
fn order(left: &Datum<'_>, right: &Datum<'_>, basis: Basis) -> Option<Ordering> {
    let is_date = |datum: &Datum<'_>| matches!(datum, Datum::Date(_));
    if basis == Basis::Dates || is_date(left) || is_date(right) {
        return Some(instant(left)?.cmp(&instant(right)?));
    }
    match (left, right) {
        (Datum::Text(left), Datum::Text(right)) => Some(folded(left).cmp(&folded(right))),
        (Datum::Number(_), _) | (_, Datum::Number(_)) => Some(number(left)?.cmp(&number(right)?)),
        _ => None,
    }
}

fn instant(datum: &Datum<'_>) -> Option<Timestamp> {
    match datum {
        Datum::Date(instant) => Some(*instant),
        Datum::Text(text) => date::parse(text),
        Datum::Null | Datum::Number(_) | Datum::Boolean(_) | Datum::List(_) => None,
    }
}

fn number(datum: &Datum<'_>) -> Option<Number> {
    match datum {
        Datum::Number(number) => Some(*number),
        Datum::Text(text) => Number::parse(text.trim()),
        Datum::Null | Datum::Date(_) | Datum::Boolean(_) | Datum::List(_) => None,
    }
}
