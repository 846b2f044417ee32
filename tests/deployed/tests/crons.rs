//! The AWS stand-in minds no time zone and accepts any cron, so both are held here against another
//! reading: when the product tells people a run is next (`domain`), and when the local Scheduler,
//! on a third party's parser, would start it.

use contact_sync_domain::schedule::Cron;
use entra_contact_sync_local::schedules::Expression;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];

/// Midnights a day before clocks change somewhere above, a leap day, a turn of the year.
const STARTS: [&str; 8] = [
    "2026-03-07T00:00:00Z",
    "2026-03-28T00:00:00Z",
    "2026-04-03T12:00:00Z",
    "2026-10-02T12:00:00Z",
    "2026-10-24T00:00:00Z",
    "2026-10-31T00:00:00Z",
    "2026-12-31T23:59:59Z",
    "2028-02-28T00:00:00Z",
];

const CRONS: [&str; 24] = [
    "0 0 * * ? *",
    "15 5 * * ? *",
    "30 1 * * ? *",
    "30 2 * * ? *",
    "0 2 * * ? *",
    "45 1 * * ? *",
    "15 2 ? * SUN *",
    "5 3 ? * MON-FRI *",
    "0 2,14 * * ? *",
    "20 * * * ? *",
    "0/15 * * * ? *",
    "7/20 1-3 * * ? *",
    "*/30 0 1,15 * ? *",
    "0 0 L * ? *",
    "0 0 LW * ? *",
    "0 0 15W * ? *",
    "0 0 28-30 * ? *",
    "0 9 ? * 6#3 *",
    "0 9 ? * 6L *",
    "0 9 ? * 1,7 *",
    "0 12 1 JAN,JUL ? *",
    "0 0 29 2 ? *",
    "59 23 31 12 ? 2026-2030",
    "0 6 ? 3-10/2 2 *",
];

const MALFORMED: [&str; 16] = [
    "99 2 * * ? *",
    "0 24 * * ? *",
    "0 2 * * * *",
    "0 2 ? * ? *",
    "0 2 1 * 1 *",
    "0 2 * * ?",
    "0 2 * * ? * *",
    "",
    "0 2 0 * ? *",
    "0 2 32 * ? *",
    "0 2 * 13 ? *",
    "0 2 1 FOO ? *",
    "0 2 ? * 8 *",
    "0 2 ? * 6#6 *",
    "0/0 2 * * ? *",
    "x 2 * * ? *",
];

#[test]
fn both_readings_of_a_cron_name_the_same_instants() {
    for cron in CRONS {
        for zone in ZONES {
            let ours = Cron::parse(cron).unwrap();
            let theirs = Expression::parse(&format!("cron({cron})"), Some(zone)).unwrap();
            let zone_rules = TimeZone::get(zone).unwrap();
            for start in STARTS {
                let mut after: Timestamp = start.parse().unwrap();
                for _ in 0..6 {
                    let (our, their) = (ours.next(after, &zone_rules), theirs.next_after(after));
                    assert_eq!(our, their, "{cron} in {zone} after {after}");
                    let Some(next) = our else { break };
                    after = next;
                }
            }
        }
    }
}

#[test]
fn both_agree_from_any_minute_of_a_night_in_which_clocks_change() {
    for (zone, start) in [
        ("Europe/Berlin", "2026-03-28T23:00:00Z"),
        ("Europe/Berlin", "2026-10-24T23:00:00Z"),
        ("America/New_York", "2026-03-08T05:00:00Z"),
        ("America/New_York", "2026-11-01T04:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T14:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T14:00:00Z"),
    ] {
        let rules = TimeZone::get(zone).unwrap();
        for cron in ["30 1 * * ? *", "45 1 * * ? *", "0 2 * * ? *", "30 2 * * ? *", "0 3 * * ? *"] {
            let ours = Cron::parse(cron).unwrap();
            let theirs = Expression::parse(&format!("cron({cron})"), Some(zone)).unwrap();
            let start: Timestamp = start.parse().unwrap();
            for minutes in (0..300).step_by(5) {
                let after = start + SignedDuration::from_mins(minutes);
                let (our, their) = (ours.next(after, &rules), theirs.next_after(after));
                assert_eq!(our, their, "{cron} in {zone} after {after}");
            }
        }
    }
}

#[test]
fn both_refuse_what_aws_refuses() {
    for cron in MALFORMED {
        assert!(Cron::parse(cron).is_err(), "the product takes `{cron}`");
        let expression = format!("cron({cron})");
        assert!(Expression::parse(&expression, Some("UTC")).is_err(), "Scheduler takes `{cron}`");
    }
}
