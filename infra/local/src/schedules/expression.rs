//! Schedule expressions of EventBridge Scheduler: `rate(…)`, `cron(…)`, `at(…)`.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Why an expression is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    #[error("Invalid Schedule Expression {0}.")]
    Expression(String),
    #[error("Invalid Schedule Expression {expression}: {problem}.")]
    Cron { expression: String, problem: String },
    #[error("Provided ScheduleExpressionTimezone {0} is not valid.")]
    TimeZone(String),
}

/// When a schedule is due.
#[derive(Debug, Clone)]
pub struct Expression {
    kind: Kind,
    time_zone: TimeZone,
}

#[derive(Debug, Clone)]
enum Kind {
    Rate(SignedDuration),
    Cron(Box<Cron>),
    At(DateTime),
}

impl Expression {
    /// Parses `expression`; cron and at are read in `time_zone`, UTC if there is none.
    pub fn parse(expression: &str, time_zone: Option<&str>) -> Result<Self, ExpressionError> {
        let wrong = || ExpressionError::Expression(expression.to_owned());
        let name = time_zone.unwrap_or("UTC");
        let time_zone =
            TimeZone::get(name).ok().ok_or_else(|| ExpressionError::TimeZone(name.to_owned()))?;
        let (kind, rest) = expression.split_once('(').ok_or_else(wrong)?;
        let argument = rest.strip_suffix(')').ok_or_else(wrong)?;
        let kind = match kind {
            "rate" => Kind::Rate(parse_rate(argument).ok_or_else(wrong)?),
            "at" => Kind::At(argument.parse().ok().ok_or_else(wrong)?),
            "cron" => Kind::Cron(Box::new(parse_cron(argument).map_err(|problem| {
                ExpressionError::Cron { expression: expression.to_owned(), problem }
            })?)),
            _ => return Err(wrong()),
        };
        Ok(Self { kind, time_zone })
    }

    /// The first instant it is due, for a schedule made at `created`.
    pub fn first(&self, created: Timestamp) -> Option<Timestamp> {
        match &self.kind {
            // A rate without a start date begins at once.
            Kind::Rate(_) => Some(created),
            Kind::At(at) => self.instant(*at),
            Kind::Cron(_) => self.next_after(created),
        }
    }

    /// The next instant after `after`; `None` when it is never due again.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match &self.kind {
            Kind::Rate(period) => after.checked_add(*period).ok(),
            Kind::At(_) => None,
            Kind::Cron(cron) => {
                // Searched on the wall clock, so that a fall-back hour is met once and a time
                // that a spring gap swallows is skipped, as AWS documents.
                let mut wall = self.time_zone.to_datetime(after);
                for _ in 0..1_000 {
                    wall = cron.find_next_occurrence(&wall, false).ok()?;
                    match self.instant(wall) {
                        Some(instant) if instant > after => return Some(instant),
                        Some(_) | None => {}
                    }
                }
                None
            }
        }
    }

    /// The instant of a wall-clock time: the first of two, none in a gap.
    fn instant(&self, wall: DateTime) -> Option<Timestamp> {
        let ambiguous = self.time_zone.to_ambiguous_timestamp(wall);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => None,
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                ambiguous.earlier().ok()
            }
        }
    }
}

fn parse_rate(argument: &str) -> Option<SignedDuration> {
    let (count, unit) = argument.split_once(' ')?;
    let count: i64 = count.parse().ok().filter(|count| *count > 0)?;
    let seconds = match (unit, count) {
        ("minute", 1) | ("minutes", 2..) => 60,
        ("hour", 1) | ("hours", 2..) => 3_600,
        ("day", 1) | ("days", 2..) => 86_400,
        _ => return None,
    };
    count.checked_mul(seconds).map(SignedDuration::from_secs)
}

/// AWS's six fields: minutes, hours, day of month, month, day of week, year.
fn parse_cron(argument: &str) -> Result<Cron, String> {
    let fields: Vec<&str> = argument.split_whitespace().collect();
    let [minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else {
        return Err(format!("a cron expression has 6 fields, not {}", fields.len()));
    };
    if (*day_of_month == "?") == (*day_of_week == "?") {
        return Err("exactly one of day-of-month and day-of-week must be ?".to_owned());
    }
    let rewritten = [
        "0".to_owned(),
        open_steps(minutes, "59"),
        open_steps(hours, "23"),
        open_steps(day_of_month, "31"),
        open_steps(month, "12"),
        open_steps(day_of_week, "7"),
        open_steps(year, "2199"),
    ]
    .join(" ");
    CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .dom_and_dow(true)
        .alternative_weekdays(true)
        .build()
        .parse(&rewritten)
        .map_err(|error| error.to_string())
}

/// `a/n` means every n-th from a on; the parser wants the range written out.
fn open_steps(field: &str, last: &str) -> String {
    let parts: Vec<String> = field
        .split(',')
        .map(|part| match part.split_once('/') {
            Some((start, step))
                if start.chars().all(|c| c.is_ascii_digit()) && !start.is_empty() =>
            {
                format!("{start}-{last}/{step}")
            }
            _ => part.to_owned(),
        })
        .collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let parsed = Expression::parse(expression, Some(zone)).unwrap();
        let mut at: Timestamp = after.parse().unwrap();
        let mut found = Vec::new();
        for _ in 0..count {
            at = parsed.next_after(at).unwrap();
            found.push(at.to_string());
        }
        found
    }

    #[test]
    fn crons_are_due_when_aws_says() {
        for (expression, zone, after, expected) in [
            (
                "cron(0 0 * * ? *)",
                "UTC",
                "2026-11-21T10:00:00Z",
                vec!["2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"],
            ),
            (
                "cron(0 0 * * ? *)",
                "Asia/Kolkata",
                "2026-11-21T10:00:00Z",
                vec!["2026-11-21T18:30:00Z"],
            ),
            // Sunday is 1.
            (
                "cron(30 2 ? * 2 *)",
                "UTC",
                "2026-11-21T10:00:00Z",
                vec!["2026-11-23T02:30:00Z", "2026-11-30T02:30:00Z"],
            ),
            (
                "cron(30 2 ? * MON-FRI *)",
                "UTC",
                "2026-11-21T10:00:00Z",
                vec!["2026-11-23T02:30:00Z", "2026-11-24T02:30:00Z"],
            ),
            (
                "cron(0 9 L * ? *)",
                "UTC",
                "2026-02-01T00:00:00Z",
                vec!["2026-02-28T09:00:00Z", "2026-03-31T09:00:00Z"],
            ),
            ("cron(0 9 ? * 6#3 *)", "UTC", "2026-11-01T00:00:00Z", vec!["2026-11-20T09:00:00Z"]),
            ("cron(0 9 ? * 6L *)", "UTC", "2026-11-01T00:00:00Z", vec!["2026-11-27T09:00:00Z"]),
            ("cron(0 9 15W * ? *)", "UTC", "2026-11-01T00:00:00Z", vec!["2026-11-16T09:00:00Z"]),
            (
                "cron(0/15 * * * ? *)",
                "UTC",
                "2026-11-21T10:01:00Z",
                vec!["2026-11-21T10:15:00Z", "2026-11-21T10:30:00Z"],
            ),
            (
                "cron(5/20 * * * ? *)",
                "UTC",
                "2026-11-21T10:01:00Z",
                vec![
                    "2026-11-21T10:05:00Z",
                    "2026-11-21T10:25:00Z",
                    "2026-11-21T10:45:00Z",
                    "2026-11-21T11:05:00Z",
                ],
            ),
            (
                "cron(0 12 1 1 ? 2027-2028)",
                "UTC",
                "2026-11-21T10:00:00Z",
                vec!["2027-01-01T12:00:00Z", "2028-01-01T12:00:00Z"],
            ),
            (
                "cron(0 8,18 * JAN,DEC ? *)",
                "UTC",
                "2026-11-21T10:00:00Z",
                vec!["2026-12-01T08:00:00Z", "2026-12-01T18:00:00Z"],
            ),
        ] {
            assert_eq!(
                next(expression, zone, after, expected.len()),
                expected,
                "{expression} {zone}"
            );
        }
    }

    #[test]
    fn a_time_that_spring_swallows_is_skipped_and_one_that_autumn_repeats_comes_once() {
        // New York: 8 March 2026, 02:00 to 03:00 does not exist; 1 November, 01:00 to 02:00 twice.
        assert_eq!(
            next("cron(30 2 * * ? *)", "America/New_York", "2026-03-07T00:00:00Z", 2),
            ["2026-03-07T07:30:00Z", "2026-03-09T06:30:00Z"]
        );
        assert_eq!(
            next("cron(30 1 * * ? *)", "America/New_York", "2026-10-31T12:00:00Z", 2),
            ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]
        );
        // Berlin: 29 March 2026, 02:00 to 03:00 does not exist; 25 October, 02:00 to 03:00 twice.
        assert_eq!(
            next("cron(0 2 * * ? *)", "Europe/Berlin", "2026-03-28T12:00:00Z", 1),
            ["2026-03-30T00:00:00Z"]
        );
        assert_eq!(
            next("cron(0 0 * * ? *)", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"]
        );
        // Lord Howe moves by half an hour.
        assert_eq!(
            next("cron(15 2 * * ? *)", "Australia/Lord_Howe", "2026-10-02T16:00:00Z", 2),
            ["2026-10-04T15:15:00Z", "2026-10-05T15:15:00Z"]
        );
    }

    #[test]
    fn rates_and_single_times_are_due() {
        let created: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let rate = Expression::parse("rate(5 minutes)", None).unwrap();
        assert_eq!(rate.first(created), Some(created));
        assert_eq!(rate.next_after(created).unwrap().to_string(), "2026-11-21T10:05:00Z");
        let once = Expression::parse("at(2026-12-24T18:00:00)", Some("Asia/Tokyo")).unwrap();
        assert_eq!(once.first(created).unwrap().to_string(), "2026-12-24T09:00:00Z");
        assert_eq!(once.next_after(created), None);
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        for (expression, zone) in [
            ("rate(1 minutes)", "UTC"),
            ("rate(5 minute)", "UTC"),
            ("rate(0 minutes)", "UTC"),
            ("rate(5 weeks)", "UTC"),
            ("cron(99 2 * * ? *)", "UTC"),
            ("cron(0 2 * * * *)", "UTC"),
            ("cron(0 2 ? * ? *)", "UTC"),
            ("cron(0 2 1 * 1 *)", "UTC"),
            ("cron(0 2 * * ?)", "UTC"),
            ("cron(0 2 * * ? *", "UTC"),
            ("every day", "UTC"),
            ("at(tomorrow)", "UTC"),
            ("cron(0 2 * * ? *)", "Europe/Atlantis"),
        ] {
            assert!(Expression::parse(expression, Some(zone)).is_err(), "{expression} {zone}");
        }
    }
}
