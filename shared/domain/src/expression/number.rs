//! Numbers: whole ones exactly, others as decimals.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;

/// More digits than these are no longer told apart.
const MOST_DIGITS: usize = 18;

/// A finite number. Whole ones are always [`Number::Whole`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Whole(i64),
    Decimal(f64),
}

impl Number {
    /// Reads plain decimals: `-10`, `12.5`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !are_digits(whole) || !are_digits(fraction) {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        if whole.trim_start_matches('0').len() + fraction.len() > MOST_DIGITS {
            return None;
        }
        if fraction.is_empty() {
            let whole: i64 = whole.parse().ok()?;
            return Some(Self::Whole(if text.starts_with('-') { -whole } else { whole }));
        }
        text.parse().ok().map(Self::Decimal)
    }

    /// Of a JSON number.
    pub(super) fn of_json(number: &serde_json::Number) -> Option<Self> {
        number.as_i64().map(Self::Whole).or_else(|| Self::parse(&number.to_string()))
    }

    pub(super) fn to_json(self) -> Value {
        match self {
            Self::Whole(whole) => Value::from(whole),
            Self::Decimal(decimal) => Value::from(decimal),
        }
    }

    /// The whole number, the fraction cut off.
    pub(super) fn whole(self) -> i64 {
        match self {
            Self::Whole(whole) => whole,
            #[expect(clippy::cast_possible_truncation, reason = "saturates, and 18 digits fit")]
            Self::Decimal(decimal) => decimal.trunc() as i64,
        }
    }

    pub(super) fn is_zero(self) -> bool {
        matches!(self, Self::Whole(0))
    }

    fn decimal(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "compared with a decimal")]
            Self::Whole(whole) => whole as f64,
            Self::Decimal(decimal) => decimal,
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => left.cmp(right),
            _ => self.decimal().total_cmp(&other.decimal()),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(whole) => whole.fmt(formatter),
            Self::Decimal(decimal) => decimal.fmt(formatter),
        }
    }
}
