use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn compile(schedule: Value, account_zone: &str) -> Timing {
    let schedule: Schedule = serde_json::from_value(schedule).unwrap();
    Timing::compile(&schedule, account_zone).unwrap().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The next runs after an instant, in UTC.
fn next(timing: &Timing, after: &str, count: usize) -> Vec<String> {
    let mut after = at(after);
    let mut found = Vec::new();
    for _ in 0..count {
        let Some(next) = timing.next_run(after) else { break };
        found.push(next.to_string());
        after = next;
    }
    found
}

#[test]
fn each_frequency_becomes_an_expression_in_the_accounts_zone() {
    for (schedule, expected) in [
        (json!({}), "cron(0 0 * * ? *) Europe/Berlin"),
        (json!({"frequency": "hourly", "timeOfDay": "00:20"}), "cron(20 * * * ? *) Europe/Berlin"),
        (
            json!({"timeOfDay": "02:05", "timeZone": "america/new_york"}),
            "cron(5 2 * * ? *) America/New_York",
        ),
        (
            json!({"frequency": "weekly", "dayOfWeek": "sunday"}),
            "cron(0 0 ? * SUN *) Europe/Berlin",
        ),
        (json!({"frequency": "monthly", "dayOfMonth": 1}), "cron(0 0 1 * ? *) Europe/Berlin"),
        (json!({"frequency": "monthly", "dayOfMonth": 30}), "cron(0 0 28-30 * ? *) Europe/Berlin"),
        (json!({"frequency": "monthly", "dayOfMonth": 31}), "cron(0 0 L * ? *) Europe/Berlin"),
        (
            json!({"frequency": "cron", "cron": " cron(0/15 2  ? * mon-fri *) "}),
            "cron(0/15 2 ? * MON-FRI *) Europe/Berlin",
        ),
    ] {
        let SchedulerExpression { expression, time_zone } =
            compile(schedule.clone(), "Europe/Berlin").scheduler_expression();
        assert_eq!(format!("{expression} {time_zone}"), expected, "{schedule}");
    }
    let manual: Schedule = serde_json::from_value(json!({"frequency": "manual"})).unwrap();
    assert!(Timing::compile(&manual, "UTC").unwrap().is_none());
}

#[test]
fn a_month_without_the_day_runs_on_its_last() {
    for (day, expected) in [
        (31, ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]),
        (30, ["2027-12-30", "2028-01-30", "2028-02-29", "2028-03-30", "2028-04-30"]),
        (29, ["2027-12-29", "2028-01-29", "2028-02-29", "2028-03-29", "2028-04-29"]),
        (28, ["2027-12-28", "2028-01-28", "2028-02-28", "2028-03-28", "2028-04-28"]),
    ] {
        let timing = compile(json!({"frequency": "monthly", "dayOfMonth": day}), "UTC");
        let expected = expected.map(|date| format!("{date}T00:00:00Z"));
        assert_eq!(next(&timing, "2027-12-01T12:00:00Z", 5), expected, "day {day}");
    }
    let timing = compile(json!({"frequency": "monthly", "dayOfMonth": 30}), "Asia/Tokyo");
    assert!(timing.is_due(at("2026-02-27T15:00:00Z")), "28 February in Tokyo, its last");
    assert!(!timing.is_due(at("2026-03-27T15:00:00Z")), "28 March in Tokyo");
}

#[test]
fn the_clocks_skip_and_repeat_without_a_run_lost_or_doubled() {
    let cases = [
        // Spring forward 02:00 to 03:00 on 29 March 2026, back 03:00 to 02:00 on 25 October.
        (
            "Europe/Berlin",
            json!({"timeOfDay": "00:00"}),
            "2026-03-28T12:00:00Z",
            vec!["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z"],
        ),
        (
            "Europe/Berlin",
            json!({"timeOfDay": "02:30"}),
            "2026-03-28T00:00:00Z",
            vec!["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"],
        ),
        (
            "Europe/Berlin",
            json!({"timeOfDay": "02:30"}),
            "2026-10-24T12:00:00Z",
            vec!["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        (
            "Europe/Berlin",
            json!({"frequency": "hourly", "timeOfDay": "00:30"}),
            "2026-03-29T00:00:00Z",
            vec!["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"],
        ),
        // The repeated hour fires once, as EventBridge Scheduler does.
        (
            "Europe/Berlin",
            json!({"frequency": "hourly", "timeOfDay": "00:30"}),
            "2026-10-25T00:00:00Z",
            vec!["2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z"],
        ),
        (
            "America/New_York",
            json!({"timeOfDay": "02:30"}),
            "2026-03-07T00:00:00Z",
            vec!["2026-03-07T07:30:00Z", "2026-03-09T06:30:00Z"],
        ),
        (
            "America/New_York",
            json!({"timeOfDay": "01:30"}),
            "2026-11-01T00:00:00Z",
            vec!["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
        ),
        // Lord Howe moves by half an hour: 02:00 to 02:30 on 4 October, 02:00 to 01:30 on 5 April.
        (
            "Australia/Lord_Howe",
            json!({"timeOfDay": "02:15"}),
            "2026-10-02T00:00:00Z",
            vec!["2026-10-02T15:45:00Z", "2026-10-04T15:15:00Z"],
        ),
        (
            "Australia/Lord_Howe",
            json!({"timeOfDay": "01:45"}),
            "2026-04-04T00:00:00Z",
            vec!["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
        ),
        // Apia crossed the date line: 30 December 2011 never was.
        (
            "Pacific/Apia",
            json!({"timeOfDay": "12:00"}),
            "2011-12-29T00:00:00Z",
            vec!["2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z"],
        ),
        (
            "Pacific/Apia",
            json!({"frequency": "monthly", "dayOfMonth": 30}),
            "2011-12-01T00:00:00Z",
            vec!["2012-01-29T10:00:00Z"],
        ),
    ];
    for (zone, schedule, after, expected) in cases {
        let timing = compile(schedule.clone(), zone);
        assert_eq!(next(&timing, after, expected.len()), expected, "{zone} {schedule} {after}");
    }
}

#[test]
fn asking_within_the_repeated_hour_does_not_run_it_again() {
    let timing = compile(json!({"timeOfDay": "02:30"}), "Europe/Berlin");
    for after in ["2026-10-25T00:30:00Z", "2026-10-25T01:15:00Z", "2026-10-25T01:30:00Z"] {
        assert_eq!(next(&timing, after, 1), ["2026-10-26T01:30:00Z"], "{after}");
    }
}

#[test]
fn cron_expressions_mean_what_eventbridge_says() {
    for (cron, expected) in [
        (
            "0/20 8-9 ? * MON-FRI *",
            vec![
                "2026-01-01T08:00:00Z",
                "2026-01-01T08:20:00Z",
                "2026-01-01T08:40:00Z",
                "2026-01-01T09:00:00Z",
            ],
        ),
        ("*/30 0 1,15 * ? *", vec!["2026-01-01T00:30:00Z", "2026-01-15T00:00:00Z"]),
        ("0 10 ? * 2-6 2027", vec!["2027-01-01T10:00:00Z", "2027-01-04T10:00:00Z"]),
        ("0 0 L * ? *", vec!["2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"]),
        ("0 0 LW * ? *", vec!["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z"]),
        ("0 0 15W * ? *", vec!["2026-01-15T00:00:00Z", "2026-02-16T00:00:00Z"]),
        ("0 0 1W AUG ? *", vec!["2026-08-03T00:00:00Z", "2027-08-02T00:00:00Z"]),
        ("0 0 31W MAY ? *", vec!["2026-05-29T00:00:00Z"]),
        ("0 0 ? * 6L *", vec!["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z"]),
        ("0 0 ? * FRI#3 *", vec!["2026-01-16T00:00:00Z", "2026-02-20T00:00:00Z"]),
        ("0 0 ? FEB 7#5 *", vec!["2048-02-29T00:00:00Z"]),
        ("0 0 29 2 ? *", vec!["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        ("0 0 30 2 ? *", vec![]),
        ("0 0 1 1 ? 2020", vec![]),
    ] {
        let timing = compile(json!({"frequency": "cron", "cron": cron}), "UTC");
        let count = expected.len().max(1);
        assert_eq!(next(&timing, "2026-01-01T00:00:00Z", count), expected, "{cron}");
    }
}

#[test]
fn a_wrong_expression_is_told_by_its_field() {
    for (cron, expected) in [
        (
            "0 0 * * ?",
            "expected six fields (minutes hours day-of-month month day-of-week year), found 5",
        ),
        ("", "expected six fields (minutes hours day-of-month month day-of-week year), found 0"),
        ("99 2 * * ? *", "minutes: `99` is not between 0 and 59"),
        ("0 24 * * ? *", "hours: `24` is not between 0 and 23"),
        ("0 0 * * * *", "exactly one of day-of-month and day-of-week must be `?`"),
        ("0 0 ? * ? *", "exactly one of day-of-month and day-of-week must be `?`"),
        ("0 0 0 * ? *", "day-of-month: `0` is not between 1 and 31"),
        ("0 0 1,L * ? *", "day-of-month: `L` is not between 1 and 31"),
        ("0 0 1 FOO ? *", "month: `FOO` is not between 1 and 12 or JAN and DEC"),
        (
            "0 0 ? * FRI-MON *",
            "day-of-week: `FRI-MON` runs backwards; write it as two ranges with a comma",
        ),
        (
            "0 0 ? * L *",
            "day-of-week: `L` needs the day of which the last is meant: `6L` is the last Friday",
        ),
        ("0 0 ? * 6#6 *", "day-of-week: `#6` is not between #1 and #5"),
        ("0/0 0 * * ? *", "minutes: `/0` is no step between 1 and 59"),
        ("0 0 * * ? 1969", "year: `1969` is not between 1970 and 2199"),
        ("0 0 -1 * ? *", "day-of-month: `` is not between 1 and 31"),
    ] {
        assert_eq!(Cron::parse(cron).unwrap_err().to_string(), expected, "{cron}");
    }
}

#[test]
fn every_mistake_of_a_schedule_is_told_at_once() {
    let told = |schedule: Value, zone: &str| -> Vec<String> {
        let schedule: Schedule = serde_json::from_value(schedule).unwrap();
        Timing::compile(&schedule, zone)
            .unwrap_err()
            .into_iter()
            .map(|problem| format!("{} {}", problem.pointer, problem.message))
            .collect()
    };
    let wrong = json!({"timeZone": "Berlin", "timeOfDay": "24:00", "dayOfWeek": "munday",
                       "dayOfMonth": 32, "cron": "x"});
    assert_eq!(
        told(wrong, "UTC"),
        [
            "/schedule/timeZone there is no time zone `Berlin`; expected an IANA name like Europe/Berlin; did you mean `Europe/Berlin`?",
            "/schedule/timeOfDay `24:00` is no time of day; expected 00:00 to 23:59",
            "/schedule/dayOfWeek `munday` is no day of the week; expected monday to sunday; did you mean `monday`?",
            "/schedule/dayOfMonth expected a day from 1 to 31",
            "/schedule/cron expected six fields (minutes hours day-of-month month day-of-week year), found 1",
        ]
    );
    for (schedule, zone, expected) in [
        (
            json!({"frequency": "weekly"}),
            "UTC",
            "/schedule/dayOfWeek a weekly schedule needs a day, `monday` to `sunday`",
        ),
        (
            json!({"frequency": "monthly"}),
            "UTC",
            "/schedule/dayOfMonth a monthly schedule needs a day, 1 to 31",
        ),
        (
            json!({"frequency": "cron"}),
            "UTC",
            "/schedule/cron a cron schedule needs its six fields, like `0 2 ? * MON-FRI *`",
        ),
        (
            json!({"timeOfDay": "7:00"}),
            "UTC",
            "/schedule/timeOfDay `7:00` is no time of day; expected 00:00 to 23:59",
        ),
        (
            json!({}),
            "Europe/Berln",
            "/schedule/timeZone the account's time zone is wrong: there is no time zone `Europe/Berln`; expected an IANA name like Europe/Berlin; did you mean `Europe/Berlin`?",
        ),
    ] {
        assert_eq!(told(schedule, zone), [expected]);
    }
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_an_error(text in "[0-9*?,/LW#A-Z -]{0,30}") {
        if let Ok(cron) = Cron::parse(&text) {
            prop_assert_eq!(Cron::parse(&cron.to_string()).unwrap(), cron);
        }
    }

    #[test]
    fn the_next_run_is_later_and_shows_the_time_of_day(
        second in 0_i64..4_000_000_000, hour in 0_i8..24, minute in 0_i8..60,
        zone in proptest::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
    ) {
        let timing = compile(json!({"timeOfDay": format!("{hour:02}:{minute:02}")}), zone);
        let after = Timestamp::from_second(second).unwrap();
        let next = timing.next_run(after).unwrap();
        let shown = time_zone(zone).unwrap().0.to_datetime(next);
        prop_assert!(next > after);
        prop_assert!(next.as_second() - second <= 3 * 86_400, "no day is left out but a skipped one");
        prop_assert_eq!((shown.hour(), shown.minute()), (hour, minute));
    }
}
