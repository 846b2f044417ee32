//! When full runs happen: the schedule document as EventBridge Scheduler takes it, and the next
//! time it fires.
//!
//! Local time moves twice a year. Like EventBridge Scheduler, a time that the clocks skip in spring
//! does not fire that day, and one that they repeat in autumn fires once, the first time.

mod cron;
mod zone;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use cron::{Cron, CronError};
pub use zone::{UnknownTimeZone, time_zone};

use crate::settings::{Frequency, Problem, Schedule};
use crate::suggestion;

/// A schedule that fires by itself.
#[derive(Debug, Clone)]
pub struct Timing {
    cron: Cron,
    zone: TimeZone,
    zone_name: String,
    /// Monthly on this day, or on the last of a month that lacks it.
    day_of_month: Option<i8>,
}

/// A schedule in EventBridge Scheduler's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulerExpression {
    /// `cron(0 0 * * ? *)`.
    pub expression: String,
    /// The IANA zone in which it is read.
    pub time_zone: String,
}

const WEEKDAYS: &[(&str, &str)] = &[
    ("monday", "MON"),
    ("tuesday", "TUE"),
    ("wednesday", "WED"),
    ("thursday", "THU"),
    ("friday", "FRI"),
    ("saturday", "SAT"),
    ("sunday", "SUN"),
];

impl Timing {
    /// Compiles a schedule, in the account's zone unless it names one; `None` for `manual`.
    /// Otherwise everything that is wrong with it, each with its JSON pointer.
    ///
    /// Members of other frequencies are checked too: a document is right or wrong as a whole.
    pub fn compile(schedule: &Schedule, account_zone: &str) -> Result<Option<Self>, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut note = |member: &str, message: String| {
            problems.push(Problem { pointer: format!("/schedule/{member}"), message });
        };
        let zone = match &schedule.time_zone {
            Some(name) => time_zone(name).map_err(|error| note("timeZone", error.to_string())),
            None => time_zone(account_zone).map_err(|error| {
                note("timeZone", format!("the account's time zone is wrong: {error}"));
            }),
        };
        let time = time_of_day(&schedule.time_of_day).map_err(|message| note("timeOfDay", message));
        let weekday = schedule
            .day_of_week
            .as_deref()
            .map(weekday)
            .transpose()
            .map_err(|message| note("dayOfWeek", message));
        let day = schedule
            .day_of_month
            .map(day_of_month)
            .transpose()
            .map_err(|message| note("dayOfMonth", message));
        let cron = schedule
            .cron
            .as_deref()
            .map(Cron::parse)
            .transpose()
            .map_err(|error| note("cron", error.to_string()));
        let needed = match schedule.frequency {
            Frequency::Weekly if schedule.day_of_week.is_none() => {
                Some(("dayOfWeek", "a weekly schedule needs a day, `monday` to `sunday`"))
            }
            Frequency::Monthly if schedule.day_of_month.is_none() => {
                Some(("dayOfMonth", "a monthly schedule needs a day, 1 to 31"))
            }
            Frequency::Cron if schedule.cron.is_none() => {
                Some(("cron", "a cron schedule needs its six fields, like `0 2 ? * MON-FRI *`"))
            }
            _ => None,
        };
        if let Some((member, message)) = needed {
            note(member, message.to_owned());
        }
        let (Ok((zone, zone_name)), Ok((hour, minute)), Ok(weekday), Ok(day), Ok(cron)) =
            (zone, time, weekday, day, cron)
        else {
            return Err(problems);
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let fields = match schedule.frequency {
            Frequency::Manual => return Ok(None),
            Frequency::Hourly => format!("{minute} * * * ? *"),
            Frequency::Daily => format!("{minute} {hour} * * ? *"),
            Frequency::Weekly => {
                format!("{minute} {hour} ? * {} *", weekday.unwrap_or_default())
            }
            Frequency::Monthly => {
                format!("{minute} {hour} {} * ? *", month_days(day.unwrap_or_default()))
            }
            Frequency::Cron => cron.map(|cron| cron.to_string()).unwrap_or_default(),
        };
        let cron = Cron::parse(&fields).map_err(|error| {
            vec![Problem { pointer: "/schedule".to_owned(), message: error.to_string() }]
        })?;
        let day_of_month = day.filter(|_| schedule.frequency == Frequency::Monthly);
        Ok(Some(Self { cron, zone, zone_name, day_of_month }))
    }

    /// The schedule in EventBridge Scheduler's words.
    ///
    /// It may fire more often than runs are meant in one case: monthly on the 29th or 30th fires
    /// from the 28th to that day, since no expression says "or the last"; [`Timing::is_due`] tells
    /// which firing is the month's.
    pub fn scheduler_expression(&self) -> SchedulerExpression {
        SchedulerExpression {
            expression: format!("cron({})", self.cron),
            time_zone: self.zone_name.clone(),
        }
    }

    /// Whether the firing planned for `slot` is one at which a run is meant.
    pub fn is_due(&self, slot: Timestamp) -> bool {
        let date = self.zone.to_datetime(slot).date();
        self.day_of_month.is_none_or(|day| date.day() == day.min(date.days_in_month()))
    }

    /// The first run after `after`; `None` when the expression names only years gone by.
    pub fn next_run(&self, after: Timestamp) -> Option<Timestamp> {
        let mut after = after;
        loop {
            let next = self.cron.next(after, &self.zone)?;
            if self.is_due(next) {
                return Some(next);
            }
            after = next;
        }
    }
}

fn time_of_day(text: &str) -> Result<(u8, u8), String> {
    let number = |digits: &str, limit: u8| {
        let is_plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| digits.parse::<u8>().ok()).flatten().filter(|number| *number < limit)
    };
    let parsed = text
        .split_once(':')
        .and_then(|(hour, minute)| Some((number(hour, 24)?, number(minute, 60)?)));
    parsed.ok_or_else(|| format!("`{text}` is no time of day; expected 00:00 to 23:59"))
}

/// The day's name in cron.
fn weekday(text: &str) -> Result<&'static str, String> {
    let found = WEEKDAYS.iter().find(|(name, _)| *name == text).map(|(_, short)| *short);
    found.ok_or_else(|| {
        let hint = suggestion::hint(text, WEEKDAYS.iter().map(|(name, _)| *name));
        format!("`{text}` is no day of the week; expected monday to sunday{hint}")
    })
}

fn day_of_month(day: u8) -> Result<i8, String> {
    let day = i8::try_from(day).ok().filter(|day| (1..=31).contains(day));
    day.ok_or_else(|| "expected a day from 1 to 31".to_owned())
}

/// The days of a month on which it may be that day, or the last of a month that lacks it.
fn month_days(day: i8) -> String {
    match day {
        31 => "L".to_owned(),
        29 | 30 => format!("28-{day}"),
        _ => day.to_string(),
    }
}

#[cfg(test)]
mod tests;
