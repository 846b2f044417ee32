//! Cron expressions as EventBridge Scheduler takes them: minutes, hours, day of month, month, day
//! of week, year, of which exactly one day field is `?`.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use thiserror::Error;

/// A parsed expression. Its text form is the six fields, upper case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    days: Days,
    months: BTreeSet<i16>,
    years: BTreeSet<i16>,
}

/// Which days of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    OfMonth(BTreeSet<i16>),
    Last,
    /// The last Monday to Friday.
    LastWorkday,
    /// The Monday to Friday nearest to this day, within the month.
    NearestWorkday(i16),
    /// 1 = Sunday.
    OfWeek(BTreeSet<i16>),
    LastOfWeek(i16),
    /// The third Friday: day of week, which one.
    Nth(i16, i16),
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CronError {
    /// Not six fields.
    #[error("expected six fields (minutes hours day-of-month month day-of-week year), found {0}")]
    FieldCount(usize),
    /// The two day fields do not go together.
    #[error("exactly one of day-of-month and day-of-week must be `?`")]
    DayFields,
    /// A field is wrong.
    #[error("{field}: {problem}")]
    Field {
        /// Which one.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

struct Field {
    name: &'static str,
    min: i16,
    max: i16,
    /// Names of the values from `min` on.
    names: &'static [&'static str],
}

const MINUTES: Field = Field { name: "minutes", min: 0, max: 59, names: &[] };
const HOURS: Field = Field { name: "hours", min: 0, max: 23, names: &[] };
const DAY_OF_MONTH: Field = Field { name: "day-of-month", min: 1, max: 31, names: &[] };
const MONTH: Field = Field {
    name: "month",
    min: 1,
    max: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
const DAY_OF_WEEK: Field = Field {
    name: "day-of-week",
    min: 1,
    max: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};
const YEAR: Field = Field { name: "year", min: 1970, max: 2199, names: &[] };

impl Cron {
    /// Reads six fields, with or without `cron(…)` around them.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let trimmed = text.trim();
        let inner = trimmed.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')'));
        let upper = inner.unwrap_or(trimmed).to_ascii_uppercase();
        let fields: Vec<&str> = upper.split_whitespace().collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else {
            return Err(CronError::FieldCount(fields.len()));
        };
        let days = match (*day_of_month, *day_of_week) {
            ("?", "?") => return Err(CronError::DayFields),
            ("?", days) => days_of_week(days)?,
            (days, "?") => days_of_month(days)?,
            _ => return Err(CronError::DayFields),
        };
        Ok(Self {
            minutes: MINUTES.set(minutes)?,
            hours: HOURS.set(hours)?,
            days,
            months: MONTH.set(month)?,
            years: YEAR.set(year)?,
            text: fields.join(" "),
        })
    }

    /// The first instant after `after` at which the zone's clocks show a time that the expression
    /// names; a time that they show twice counts the first time.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut date = zone.to_datetime(after).date();
        let last_year = *self.years.last()?;
        while date.year() <= last_year {
            if !self.years.contains(&date.year()) || !self.months.contains(&date.month().into()) {
                date = date.last_of_month().tomorrow().ok()?;
                continue;
            }
            if self.days.contain(date)
                && let Some(found) = self.times_on(date, zone).find(|time| *time > after)
            {
                return Some(found);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn times_on(&self, date: Date, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
        let times = self
            .hours
            .iter()
            .flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        times.filter_map(move |(hour, minute)| {
            let time = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
            let shown = zone.to_ambiguous_timestamp(time);
            match shown.offset() {
                AmbiguousOffset::Gap { .. } => None,
                AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                    shown.earlier().ok()
                }
            }
        })
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Days {
    fn contain(&self, date: Date) -> bool {
        let (day, last) = (i16::from(date.day()), i16::from(date.days_in_month()));
        let weekday = i16::from(date.weekday().to_sunday_one_offset());
        match self {
            Self::OfMonth(days) => days.contains(&day),
            Self::Last => day == last,
            Self::LastWorkday => nearest_workday(date, last) == Some(day),
            Self::NearestWorkday(wanted) => nearest_workday(date, *wanted) == Some(day),
            Self::OfWeek(days) => days.contains(&weekday),
            Self::LastOfWeek(wanted) => weekday == *wanted && day + 7 > last,
            Self::Nth(wanted, nth) => weekday == *wanted && (day - 1) / 7 + 1 == *nth,
        }
    }
}

/// The Monday to Friday nearest to a day of the date's month, which it does not leave.
fn nearest_workday(date: Date, day: i16) -> Option<i16> {
    let last = i16::from(date.days_in_month());
    let wanted = Date::new(date.year(), date.month(), i8::try_from(day).ok()?).ok()?;
    Some(match wanted.weekday() {
        Weekday::Saturday if day == 1 => 3,
        Weekday::Saturday => day - 1,
        Weekday::Sunday if day == last => day - 2,
        Weekday::Sunday => day + 1,
        Weekday::Monday
        | Weekday::Tuesday
        | Weekday::Wednesday
        | Weekday::Thursday
        | Weekday::Friday => day,
    })
}

fn days_of_month(text: &str) -> Result<Days, CronError> {
    match text {
        "L" => Ok(Days::Last),
        "LW" => Ok(Days::LastWorkday),
        _ => match text.strip_suffix('W') {
            Some(day) => Ok(Days::NearestWorkday(DAY_OF_MONTH.value(day)?)),
            None => Ok(Days::OfMonth(DAY_OF_MONTH.set(text)?)),
        },
    }
}

fn days_of_week(text: &str) -> Result<Days, CronError> {
    if let Some((day, nth)) = text.split_once('#') {
        let nth = nth
            .parse()
            .ok()
            .filter(|nth| (1..=5).contains(nth))
            .ok_or_else(|| DAY_OF_WEEK.error(format!("`#{nth}` is not between #1 and #5")))?;
        return Ok(Days::Nth(DAY_OF_WEEK.value(day)?, nth));
    }
    match text.strip_suffix('L') {
        Some("") => Err(DAY_OF_WEEK.error(
            "`L` needs the day of which the last is meant: `6L` is the last Friday".to_owned(),
        )),
        Some(day) => Ok(Days::LastOfWeek(DAY_OF_WEEK.value(day)?)),
        None => Ok(Days::OfWeek(DAY_OF_WEEK.set(text)?)),
    }
}

impl Field {
    /// The values that a list of numbers, names, ranges and steps means.
    fn set(&self, text: &str) -> Result<BTreeSet<i16>, CronError> {
        let mut values = BTreeSet::new();
        for item in text.split(',') {
            let (range, step) = match item.split_once('/') {
                None => (item, None),
                Some((range, step)) => (range, Some(self.step(step)?)),
            };
            let (first, last) = match range.split_once('-') {
                _ if range == "*" => (self.min, self.max),
                Some((first, last)) => (self.value(first)?, self.value(last)?),
                None if step.is_some() => (self.value(range)?, self.max),
                None => (self.value(range)?, self.value(range)?),
            };
            if first > last {
                return Err(self.error(format!(
                    "`{range}` runs backwards; write it as two ranges with a comma"
                )));
            }
            values.extend((first..=last).step_by(step.unwrap_or(1)));
        }
        Ok(values)
    }

    fn step(&self, text: &str) -> Result<usize, CronError> {
        let limit = usize::try_from(self.max).unwrap_or_default();
        plain_number(text)
            .and_then(|step| usize::try_from(step).ok())
            .filter(|step| (1..=limit).contains(step))
            .ok_or_else(|| self.error(format!("`/{text}` is no step between 1 and {limit}")))
    }

    fn value(&self, text: &str) -> Result<i16, CronError> {
        let named = || {
            let index = self.names.iter().position(|name| *name == text)?;
            i16::try_from(index).ok().map(|index| index + self.min)
        };
        plain_number(text)
            .or_else(named)
            .filter(|value| (self.min..=self.max).contains(value))
            .ok_or_else(|| {
                let Self { min, max, .. } = self;
                let names = match (self.names.first(), self.names.last()) {
                    (Some(first), Some(last)) => format!(" or {first} and {last}"),
                    _ => String::new(),
                };
                self.error(format!("`{text}` is not between {min} and {max}{names}"))
            })
    }

    fn error(&self, problem: String) -> CronError {
        CronError::Field { field: self.name, problem }
    }
}

fn plain_number(text: &str) -> Option<i16> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}
