//! Dates: reading the forms that directories hold, adding to them, the time between two.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp, ToSpan};

use super::error::EvaluationProblem;

/// Units of time as `DateAdd` and `DateDiff` name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interval {
    Years,
    Months,
    Weeks,
    Days,
    Hours,
    Minutes,
    Seconds,
}

impl Interval {
    pub(super) const POSSIBLE: &'static str = "yyyy, m, d, ww, h, n, s";

    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "yyyy" => Self::Years,
            "m" => Self::Months,
            "ww" => Self::Weeks,
            "d" => Self::Days,
            "h" => Self::Hours,
            "n" => Self::Minutes,
            "s" => Self::Seconds,
            _ => return None,
        })
    }

    /// Whether a count of it stays the same from one run to the next, but for the turn of a day.
    pub(super) fn is_day_or_longer(self) -> bool {
        match self {
            Self::Years | Self::Months | Self::Weeks | Self::Days => true,
            Self::Hours | Self::Minutes | Self::Seconds => false,
        }
    }
}

/// Reads a date with or without a time and an offset; without an offset it is UTC.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let (date, rest) = iso_date(text).or_else(|| american_date(text))?;
    let (time, rest) = match rest.strip_prefix(['T', 't', ' ']) {
        Some(rest) => time_of_day(rest)?,
        None => (Time::midnight(), rest),
    };
    let offset = offset(rest.trim())?;
    offset.to_timestamp(date.to_datetime(time)).ok()
}

/// `2026-03-31`.
fn iso_date(text: &str) -> Option<(Date, &str)> {
    let (date, rest) = text.split_at_checked(10)?;
    let is_iso = date.bytes().enumerate().all(|(place, byte)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if is_iso { Some((date.parse().ok()?, rest)) } else { None }
}

/// `3/31/2026`, month first, as Entra writes dates.
fn american_date(text: &str) -> Option<(Date, &str)> {
    let (month, rest) = digits(text, 2)?;
    let (day, rest) = digits(rest.strip_prefix('/')?, 2)?;
    let (year, rest) = digits(rest.strip_prefix('/')?, 4)?;
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some((date, rest))
}

/// `8:05`, `08:05:30`, `08:05:30.123`, each with or without `AM` or `PM`.
fn time_of_day(text: &str) -> Option<(Time, &str)> {
    let (mut hour, rest) = digits(text, 2)?;
    let (minute, mut rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (mut second, mut nanosecond) = (0, 0);
    if let Some(after) = rest.strip_prefix(':') {
        (second, rest) = digits(after, 2)?;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.bytes().take_while(u8::is_ascii_digit).count();
            let (fraction, behind) = after.split_at_checked(end)?;
            let nine: String = fraction.chars().chain("000000000".chars()).take(9).collect();
            nanosecond = nine.parse().ok()?;
            rest = behind;
        }
    }
    let half = rest.trim_start().get(..2).map(str::to_ascii_uppercase);
    if let Some(half @ ("AM" | "PM")) = half.as_deref() {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + if half == "PM" { 12 } else { 0 };
        rest = rest.trim_start().get(2..)?;
    }
    let part = |value: i16| i8::try_from(value).ok();
    let time = Time::new(part(hour)?, part(minute)?, part(second)?, nanosecond).ok()?;
    Some((time, rest))
}

/// Nothing, `Z`, `+02:00`, `-0700`, `+2`.
pub(super) fn offset(text: &str) -> Option<Offset> {
    if text.is_empty() || text.eq_ignore_ascii_case("z") {
        return Some(Offset::UTC);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = digits(rest, 2)?;
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let (minutes, rest) = if rest.is_empty() { (0, rest) } else { digits(rest, 2)? };
    if !rest.is_empty() || hours > 14 || minutes > 59 {
        return None;
    }
    let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
    Offset::from_seconds(sign * seconds).ok()
}

/// One to `most` digits.
pub(super) fn digits(text: &str, most: usize) -> Option<(i16, &str)> {
    let end = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

/// The date as an expression writes it.
pub(super) fn literal(instant: Timestamp) -> String {
    let at = in_utc(instant);
    if at.time() == Time::midnight() { at.date().to_string() } else { instant.to_string() }
}

/// `M/d/yyyy h:mm:ss tt`, the form in which Entra's date functions write an instant.
pub(super) fn as_entra(instant: Timestamp) -> String {
    let at = in_utc(instant);
    let hour = match at.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let half = if at.hour() < 12 { "AM" } else { "PM" };
    let (month, day, year) = (at.month(), at.day(), at.year());
    format!("{month}/{day}/{year} {hour}:{:02}:{:02} {half}", at.minute(), at.second())
}

pub(super) fn in_utc(instant: Timestamp) -> DateTime {
    Offset::UTC.to_datetime(instant)
}

/// The instant so many units later. A month's last day stays its last day where it must.
pub(super) fn add(
    instant: Timestamp,
    interval: Interval,
    count: i64,
) -> Result<Timestamp, EvaluationProblem> {
    let no_such = EvaluationProblem::NoSuchDate;
    let span = span(interval, count).ok_or(no_such)?;
    let later = in_utc(instant).checked_add(span).ok().ok_or(no_such)?;
    if later.year() < 1 {
        return Err(no_such);
    }
    let zoned = later.to_zoned(TimeZone::UTC).ok().ok_or(no_such)?;
    Ok(zoned.timestamp())
}

fn span(interval: Interval, count: i64) -> Option<Span> {
    let span = match interval {
        Interval::Years => Span::new().try_years(count),
        Interval::Months => Span::new().try_months(count),
        Interval::Weeks => Span::new().try_weeks(count),
        Interval::Days => Span::new().try_days(count),
        Interval::Hours => Span::new().try_hours(count),
        Interval::Minutes => Span::new().try_minutes(count),
        Interval::Seconds => Span::new().try_seconds(count),
    };
    span.ok()
}

/// How many units from one instant to the other, as Visual Basic counts: years, months and weeks
/// by the calendar (weeks begin on Sundays), the others by the whole units that passed.
pub(super) fn difference(interval: Interval, from: Timestamp, to: Timestamp) -> i64 {
    let (first, second) = (in_utc(from), in_utc(to));
    let years = || i64::from(second.year()) - i64::from(first.year());
    let seconds = to.duration_since(from).as_secs();
    match interval {
        Interval::Years => years(),
        Interval::Months => years() * 12 + i64::from(second.month()) - i64::from(first.month()),
        Interval::Weeks => {
            let to_sunday = |date: DateTime| i64::from(date.weekday().to_sunday_zero_offset());
            let days = |days: i64| days * 24 * 60 * 60;
            (seconds - days(to_sunday(second)) + days(to_sunday(first))) / days(7)
        }
        Interval::Days => seconds / (24 * 60 * 60),
        Interval::Hours => seconds / (60 * 60),
        Interval::Minutes => seconds / 60,
        Interval::Seconds => seconds,
    }
}

/// Ticks of 100 ns since 1601, as Active Directory counts.
pub(super) fn to_ticks(instant: Timestamp) -> i64 {
    let since = instant.duration_since(first_tick());
    let ticks = since.as_nanos() / 100;
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

pub(super) fn from_ticks(ticks: i64) -> Result<Timestamp, EvaluationProblem> {
    let (seconds, rest) = (ticks.div_euclid(10_000_000), ticks.rem_euclid(10_000_000));
    let found = seconds
        .checked_add(first_tick().as_second())
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .and_then(|instant| instant.checked_add((rest * 100).nanoseconds()).ok());
    found.ok_or(EvaluationProblem::NoSuchDate)
}

fn first_tick() -> Timestamp {
    // 1601-01-01T00:00:00Z.
    Timestamp::from_second(-11_644_473_600).unwrap_or(Timestamp::UNIX_EPOCH)
}
