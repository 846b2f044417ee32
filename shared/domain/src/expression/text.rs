//! Functions on texts. None makes a text longer than its bound.

use std::borrow::Cow;

use jiff::tz::Offset;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::MAX_TEXT;
use super::date;
use super::date_format::Read;
use super::error::EvaluationProblem;
use super::evaluate::{Arguments, bounded_list};
use super::function::Function;
use super::node::Prepared;
use super::value::Datum;

type Applied<'a> = Result<Datum<'a>, EvaluationProblem>;

/// A text that grows up to its bound.
#[derive(Debug, Default)]
pub(super) struct Bounded {
    text: String,
    characters: usize,
}

impl Bounded {
    pub(super) fn push(&mut self, more: &str) -> Result<(), EvaluationProblem> {
        self.characters += more.chars().count();
        if self.characters > MAX_TEXT {
            return Err(EvaluationProblem::TextTooLong);
        }
        self.text.push_str(more);
        Ok(())
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// Whether a text is within its bound.
pub(super) fn is_bounded(text: &str) -> bool {
    // A character takes up to four bytes, and the most take one.
    text.len() <= MAX_TEXT || text.chars().count() <= MAX_TEXT
}

/// The functions that give nothing for nothing.
pub(super) fn apply<'a>(function: Function, values: &mut Arguments<'a>) -> Applied<'a> {
    if function == Function::Join {
        return join(values);
    }
    let Some(text) = values.text() else { return Ok(Datum::Null) };
    match function {
        Function::Append => {
            let mut appended = Bounded::default();
            appended.push(&text)?;
            appended.push(&values.text_or_empty())?;
            Ok(Datum::text(appended.finish()))
        }
        Function::ConvertToUtf8Hex => {
            let digits = text.bytes().map(|byte| format!("{byte:02X}"));
            Ok(Datum::text(digits.collect::<String>()))
        }
        Function::NormalizeDiacritics if text.is_ascii() => Ok(Datum::Text(text)),
        Function::NormalizeDiacritics => Ok(Datum::text(without_diacritics(&text))),
        Function::PCase => Ok(Datum::text(proper_case(&text, values.text().as_deref()))),
        Function::Split => split(text, &values.text_or_empty()),
        Function::StripSpaces if !text.contains(' ') => Ok(Datum::Text(text)),
        Function::StripSpaces => Ok(Datum::text(text.replace(' ', ""))),
        Function::ToLower => {
            let turkish = is_turkish(&values.text_or_empty());
            let text =
                if turkish { text.replace('I', "ı").replace('İ', "i") } else { text.into() };
            Ok(Datum::text(text.to_lowercase()))
        }
        Function::ToUpper => {
            let turkish = is_turkish(&values.text_or_empty());
            let text = if turkish { text.replace('i', "İ") } else { text.into() };
            Ok(Datum::text(text.to_uppercase()))
        }
        // `Trim`.
        _ => Ok(Datum::Text(trimmed(text))),
    }
}

/// The languages whose `i` keeps its dot in upper case.
fn is_turkish(culture: &str) -> bool {
    let language = culture.split('-').next().unwrap_or_default();
    language.eq_ignore_ascii_case("tr") || language.eq_ignore_ascii_case("az")
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// All texts that are not empty, and all entries of the lists among them, with the separator
/// between.
fn join<'a>(values: &mut Arguments<'a>) -> Applied<'a> {
    let separator = values.text_or_empty();
    let mut joined = Bounded::default();
    let mut is_first = true;
    for value in values.rest() {
        for text in value.into_list() {
            if text.is_empty() {
                continue;
            }
            if !is_first {
                joined.push(&separator)?;
            }
            is_first = false;
            joined.push(&text)?;
        }
    }
    Ok(if is_first { Datum::Null } else { Datum::text(joined.finish()) })
}

fn split<'a>(text: Cow<'a, str>, delimiter: &str) -> Applied<'a> {
    if delimiter.is_empty() {
        return bounded_list(vec![text]);
    }
    match text {
        Cow::Borrowed(text) => {
            bounded_list(text.split(delimiter).map(|part| Cow::Borrowed(part.trim())).collect())
        }
        Cow::Owned(text) => {
            let parts = text.split(delimiter).map(|part| Cow::Owned(part.trim().to_owned()));
            bounded_list(parts.collect())
        }
    }
}

/// The first characters; all of them for a negative number.
pub(super) fn left(text: Cow<'_, str>, count: Option<i64>) -> Datum<'_> {
    let Some(count) = count.and_then(|count| usize::try_from(count).ok()) else {
        return Datum::Text(text);
    };
    Datum::Text(part(text, 0, count))
}

/// So many characters from a place counted from 1.
pub(super) fn mid(
    text: Option<Cow<'_, str>>,
    start: Option<i64>,
    length: Option<i64>,
) -> Datum<'_> {
    let Some(text) = text else { return Datum::Null };
    let index = |number: Option<i64>| usize::try_from(number.unwrap_or(0).max(0)).unwrap_or(0);
    let start = index(start).saturating_sub(1);
    Datum::Text(part(text, start, index(length)))
}

fn part(text: Cow<'_, str>, start: usize, count: usize) -> Cow<'_, str> {
    let at = |place: usize| text.char_indices().nth(place).map_or(text.len(), |(at, _)| at);
    let (from, to) = (at(start), at(start.saturating_add(count)));
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(from..to).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(from..to).unwrap_or_default().to_owned()),
    }
}

/// The word of that number, counted from 1; words lie between any of the delimiters.
pub(super) fn word<'a>(
    text: Option<Cow<'a, str>>,
    number: Option<i64>,
    delimiters: &str,
) -> Datum<'a> {
    let index = number.and_then(|number| usize::try_from(number.checked_sub(1)?).ok());
    let (Some(text), Some(index)) = (text, index) else { return Datum::borrowed("") };
    let is_delimiter = |letter: char| delimiters.contains(letter);
    let found = text.split(is_delimiter).filter(|word| !word.is_empty()).nth(index);
    Datum::text(found.unwrap_or_default().to_owned())
}

/// Where one text stands in the other, counted from 1; 0 where it does not.
pub(super) fn position(text: &str, wanted: &str, from: i64, caseless: bool) -> i64 {
    let from = usize::try_from(from.max(1) - 1).unwrap_or(usize::MAX);
    // Letter by letter, so that places stay those of the text as it is.
    let fold = |letter: char| letter.to_lowercase().next().unwrap_or(letter);
    let letters = |text: &str| -> String {
        if caseless { text.chars().map(fold).collect() } else { text.to_owned() }
    };
    let (text, wanted) = (letters(text), letters(wanted));
    let Some((start, _)) = text.char_indices().nth(from) else { return 0 };
    let rest = text.get(start..).unwrap_or_default();
    rest.find(&wanted).map_or(0, |at| {
        let before = text.get(..start + at).unwrap_or_default();
        i64::try_from(before.chars().count() + 1).unwrap_or(0)
    })
}

/// Latin letters without their marks, as Entra's table has them.
fn without_diacritics(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut is_latin = false;
    for letter in text.nfd() {
        if is_combining_mark(letter) {
            if !is_latin {
                plain.push(letter);
            }
            continue;
        }
        is_latin = letter.is_ascii_alphabetic() || ('\u{c0}'..'\u{250}').contains(&letter);
        match letter {
            'æ' => plain.push_str("ae"),
            'Æ' => plain.push_str("AE"),
            'ø' | 'œ' => plain.push_str("oe"),
            'Ø' | 'Œ' => plain.push_str("OE"),
            'ß' => plain.push_str("ss"),
            'ł' => plain.push('l'),
            'Ł' => plain.push('L'),
            'đ' => plain.push('d'),
            'Đ' => plain.push('D'),
            'ı' => plain.push('i'),
            other => plain.push(other),
        }
    }
    plain.nfc().collect()
}

/// Each word's first letter in upper case, the others in lower case. Words lie between the
/// separators, or else between all that is no letter, digit or apostrophe.
fn proper_case(text: &str, separators: Option<&str>) -> String {
    let mut cased = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        let separates = match separators {
            Some(separators) => separators.contains(letter),
            None => !letter.is_alphanumeric() && letter != '\'' && !is_combining_mark(letter),
        };
        if separates {
            cased.push(letter);
            inside = false;
        } else if inside {
            cased.extend(letter.to_lowercase());
        } else {
            cased.extend(letter.to_uppercase());
            // A number before it does not begin the word (.NET's ToTitleCase).
            inside = letter.is_alphabetic() || separators.is_some();
        }
    }
    cased
}

/// From one date format into another. A value that is a date needs no format to be read.
pub(super) fn format_date<'a>(values: &mut Arguments<'a>, prepared: &Prepared) -> Applied<'a> {
    let Prepared::Formats { input, output, to_utc } = prepared else { return Ok(Datum::Null) };
    let read = match values.next() {
        Datum::Date(instant) => Read { at: date::in_utc(instant), offset: Offset::UTC },
        value => {
            let Some(text) = value.into_text().filter(|text| !text.trim().is_empty()) else {
                return Ok(Datum::Null);
            };
            input.read(&text).ok_or(EvaluationProblem::OtherFormat)?
        }
    };
    let read = if *to_utc { in_utc(read)? } else { read };
    Ok(Datum::text(output.write(read)))
}

fn in_utc(read: Read) -> Result<Read, EvaluationProblem> {
    let instant = read.offset.to_timestamp(read.at).ok().ok_or(EvaluationProblem::NoSuchDate)?;
    Ok(Read { at: date::in_utc(instant), offset: Offset::UTC })
}
