//! Conversion: a directory value as the value that a contact field takes.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde_json::{Number, Value};

use super::{BrokenRule, Kind, spelling};
use crate::email;

/// The longest text a contact field takes, in characters.
pub(super) const MAX_TEXT: usize = 1_024;

/// More digits than these a number does not keep exactly.
const MAX_DIGITS: usize = 15;

/// How many options a message names.
const NAMED_OPTIONS: usize = 10;

/// Why a value does not fit a field. The text never holds the value: it is personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mismatch {
    TooLong,
    NoEmail,
    NoNumber,
    TooManyDigits,
    NoBoolean,
    NoDate,
    NoOption(Vec<String>),
}

impl Mismatch {
    /// The rule that it breaks.
    pub(super) fn rule(&self) -> BrokenRule {
        match self {
            Self::TooLong => BrokenRule::TooLong,
            Self::NoEmail => BrokenRule::NotAnEmail,
            Self::NoNumber => BrokenRule::NotANumber,
            Self::TooManyDigits => BrokenRule::TooManyDigits,
            Self::NoBoolean => BrokenRule::NotABoolean,
            Self::NoDate => BrokenRule::NotADate,
            Self::NoOption(_) => BrokenRule::NotAnOption,
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(formatter, "the value has more than {MAX_TEXT} characters"),
            Self::NoEmail => formatter.write_str("the value is not an e-mail address"),
            Self::NoNumber => {
                formatter.write_str("datatype mismatch, the field takes numbers like 12 or 12.5")
            }
            Self::TooManyDigits => {
                write!(formatter, "the number has more than {MAX_DIGITS} digits")
            }
            Self::NoBoolean => {
                formatter.write_str("datatype mismatch, the field takes true or false")
            }
            Self::NoDate => {
                formatter.write_str("datatype mismatch, the field takes dates like 2026-03-31")
            }
            Self::NoOption(options) => {
                let named = options.iter().take(NAMED_OPTIONS).map(String::as_str);
                let named = named.collect::<Vec<_>>().join(", ");
                let more = if options.len() > NAMED_OPTIONS { ", …" } else { "" };
                write!(formatter, "the value is none of the field's options ({named}{more})")
            }
        }
    }
}

impl Kind {
    /// The value as this kind takes it; `None` when nothing is left of it.
    pub(super) fn convert(&self, value: &Value) -> Result<Option<Value>, Mismatch> {
        if let Self::MultiSelect(options) = self {
            return many(value, options);
        }
        let text = match self {
            Self::Email => email_text(value),
            _ => text(value),
        };
        let Some(text) = text else { return Ok(None) };
        if text.chars().count() > MAX_TEXT {
            return Err(Mismatch::TooLong);
        }
        let converted = match self {
            Self::Email => Value::String(address(&text)?),
            Self::Number => Value::Number(number(&text)?),
            Self::Boolean => Value::Bool(boolean(&text)?),
            Self::Date => Value::String(date(&text)?),
            Self::SingleSelect(options) => Value::String(option(&text, options)?.to_owned()),
            Self::Country => spelling::country(&text).map_or(Value::String(text), Value::from),
            Self::TimeZone => spelling::zone(&text).map_or(Value::String(text), Value::from),
            Self::Language => spelling::language(&text).map_or(Value::String(text), Value::from),
            Self::Phone | Self::Reference | Self::Text | Self::MultiSelect(_) => {
                Value::String(text)
            }
        };
        Ok(Some(converted))
    }
}

/// Whether a field holds this value already: numbers by value, lists in any order.
pub(crate) fn is_same(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Number(old), Value::Number(new)) => old == new || old.as_f64() == new.as_f64(),
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && new.iter().all(|entry| old.contains(entry))
        }
        _ => old == new,
    }
}

/// Whether a field counts as having no value.
pub(crate) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(entries) => entries.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// One text of a value: of a list, its first that is not blank.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(entries) => entries.iter().find_map(text),
        Value::Null | Value::Object(_) => None,
    }
}

/// Of a list of addresses the primary one (`SMTP:`), else an alias (`smtp:`), else the first that
/// is of no other kind (`SIP:`, `X500:`).
fn email_text(value: &Value) -> Option<String> {
    let Value::Array(entries) = value else { return text(value) };
    let entries = || entries.iter().filter_map(Value::as_str).map(str::trim);
    let of_scheme = |scheme: &str| entries().find_map(|entry| entry.strip_prefix(scheme));
    of_scheme("SMTP:")
        .or_else(|| of_scheme("smtp:"))
        .or_else(|| entries().find(|entry| !entry.is_empty() && !entry.contains(':')))
        .map(str::to_owned)
}

fn address(text: &str) -> Result<String, Mismatch> {
    let address = if email::is_guest_name(text) {
        email::decode_guest_name(text).ok_or(Mismatch::NoEmail)?
    } else {
        text.to_owned()
    };
    if email::is_plausible_email(&address) { Ok(address) } else { Err(Mismatch::NoEmail) }
}

/// Plain decimals only, so that every store and reader holds the same number.
fn number(text: &str) -> Result<Number, Mismatch> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return Err(Mismatch::NoNumber);
    }
    let fraction = fraction.trim_end_matches('0');
    if whole.trim_start_matches('0').len() + fraction.len() > MAX_DIGITS {
        return Err(Mismatch::TooManyDigits);
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    if fraction.is_empty() {
        let integer = plain.split('.').next().unwrap_or_default();
        return i64::from_str(integer).map(Number::from).ok().ok_or(Mismatch::NoNumber);
    }
    let parsed = f64::from_str(plain).ok().ok_or(Mismatch::NoNumber)?;
    Number::from_f64(parsed).ok_or(Mismatch::NoNumber)
}

fn boolean(text: &str) -> Result<bool, Mismatch> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(Mismatch::NoBoolean),
    }
}

/// The calendar date of `2026-03-31` or of an instant, as the instant itself writes it.
fn date(text: &str) -> Result<String, Mismatch> {
    let (day, rest) = text.split_at_checked(10).ok_or(Mismatch::NoDate)?;
    let date = Date::from_str(day).ok().ok_or(Mismatch::NoDate)?;
    let is_instant = || Timestamp::from_str(text).is_ok() || DateTime::from_str(text).is_ok();
    if rest.is_empty() || is_instant() { Ok(date.to_string()) } else { Err(Mismatch::NoDate) }
}

/// The option that a text means; upper and lower case are one unless two options differ by it.
fn option<'a>(text: &str, options: &'a [String]) -> Result<&'a str, Mismatch> {
    let exact = options.iter().find(|option| option.trim() == text);
    let folded =
        || options.iter().find(|option| option.trim().to_lowercase() == text.to_lowercase());
    exact.or_else(folded).map(String::as_str).ok_or_else(|| Mismatch::NoOption(options.to_vec()))
}

/// The options that a list, or a text with commas or semicolons, means; each once, in the field's
/// own order.
fn many(value: &Value, options: &[String]) -> Result<Option<Value>, Mismatch> {
    let entries: Vec<String> = match value {
        Value::Array(entries) => entries.iter().filter_map(text).collect(),
        _ => text(value).into_iter().collect(),
    };
    let mut chosen: Vec<&str> = Vec::new();
    for entry in &entries {
        if let Ok(whole) = option(entry, options) {
            chosen.push(whole);
            continue;
        }
        for part in entry.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()) {
            chosen.push(option(part, options)?);
        }
    }
    let ordered: Vec<Value> = options
        .iter()
        .filter(|option| chosen.contains(&option.as_str()))
        .map(|option| Value::String(option.clone()))
        .collect();
    Ok(if ordered.is_empty() { None } else { Some(Value::Array(ordered)) })
}
