//! Calendars: generated meetings, and events made by hand.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::derived::draw;
use super::object::ChangeNumber;
use crate::clock::shifted;
use crate::identifiers::seeded_guid;

/// One event with its UTC times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CalendarEvent {
    /// Subject.
    pub subject: String,
    /// First instant.
    pub start: Timestamp,
    /// Last instant.
    pub end: Timestamp,
}

/// An event made by hand, with its latest change.
#[derive(Debug, Clone)]
pub(crate) struct HandMadeEvent {
    /// `None` once removed.
    pub(crate) event: Option<CalendarEvent>,
    pub(crate) changed: ChangeNumber,
}

/// Longest window whose generated meetings are expanded.
const LONGEST_DAYS: usize = 366;

/// The generated meetings of a person in a window: a series on two weekdays, each occurrence of
/// its own.
pub(crate) fn generated(
    user: Uuid,
    from: Timestamp,
    to: Timestamp,
) -> Vec<(String, CalendarEvent)> {
    let first = from.to_zoned(jiff::tz::TimeZone::UTC).date();
    let days = first.series(jiff::ToSpan::day(1)).take(LONGEST_DAYS);
    let starts = days.map_while(|day| midnight(day).filter(|at| *at < to).map(|_| day));
    starts
        .filter_map(|day| {
            let start = meeting(user, day).filter(|start| (from..to).contains(start))?;
            let id = seeded_guid(0, &format!("event/{day}"), user.as_u64_pair().0);
            let end = shifted(start, SignedDuration::from_mins(30));
            let subject = "Planning".to_owned();
            Some((event_id(id), CalendarEvent { subject, start, end }))
        })
        .collect()
}

fn midnight(day: Date) -> Option<Timestamp> {
    day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// When the meeting of that day begins, if the person has one.
fn meeting(user: Uuid, day: Date) -> Option<Timestamp> {
    let weekday = u64::try_from(day.weekday().to_monday_zero_offset()).ok()?;
    let first = draw(user, "meeting/day", 4);
    if weekday != first && weekday != first + 1 {
        return None;
    }
    let hour = 7 + i64::try_from(draw(user, "meeting/hour", 9)).ok()?;
    Some(shifted(midnight(day)?, SignedDuration::from_hours(hour)))
}

/// Ids of events are opaque and long.
pub(crate) fn event_id(id: Uuid) -> String {
    format!("AAMkAGI{}{}=", id.simple(), id.simple().to_string().to_uppercase())
}

/// An event as Graph shows it.
pub(crate) fn shown(id: &str, event: &CalendarEvent) -> Value {
    let time = |at: Timestamp| json!({ "dateTime": at.strftime("%Y-%m-%dT%H:%M:%S.0000000").to_string(), "timeZone": "UTC" });
    json!({
        "@odata.etag": format!("W/\"{}\"", id.get(7..15).unwrap_or_default()),
        "id": id,
        "subject": event.subject,
        "bodyPreview": "",
        "isAllDay": false,
        "isCancelled": false,
        "isOrganizer": true,
        "isOnlineMeeting": false,
        "showAs": "busy",
        "sensitivity": "normal",
        "importance": "normal",
        "type": "occurrence",
        "iCalUId": id,
        "createdDateTime": "2026-01-05T09:00:00Z",
        "lastModifiedDateTime": "2026-01-05T09:00:00Z",
        "originalStartTimeZone": "UTC",
        "originalEndTimeZone": "UTC",
        "categories": [],
        "attendees": [],
        "start": time(event.start),
        "end": time(event.end),
    })
}
