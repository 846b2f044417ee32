//! The connection's own schedule, in the account's time zone.

use crate::schedules::Schedule;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::consent::{TIME_ZONE, connection};
use super::error::ensure;
use super::first_sync::TIME_OF_DAY;
use super::rest::text;
use super::waiting::until;
use super::{Installation, Job, Problem, Step};

pub(super) async fn run(job: &mut Job<'_, impl Installation>) -> Result<Vec<String>, Problem> {
    if job.breaks(Step::Schedule) {
        let schedule = find(job).await?;
        job.installation.remove_schedule(&schedule).await?;
    }
    let schedule = find(job).await?;
    ensure(schedule.schedule_expression_timezone.as_deref() == Some(TIME_ZONE), || {
        format!("its time zone is {:?}", schedule.schedule_expression_timezone)
    })?;
    let due = job.installation.next_due_at(&schedule);
    let expected = next_time_of_day(job.installation.now());
    ensure(due == expected, || format!("it is due at {due:?}, not at {expected:?}"))?;
    let shown = connection(job).await?;
    let told: Option<Timestamp> = text(&shown, "/nextRunAt").parse().ok();
    ensure(told == due, || format!("the connection tells {told:?}"))?;
    let due = due.map(|due| due.to_string()).unwrap_or_default();
    Ok(vec![format!("{} {TIME_ZONE}, next at {due}", schedule.schedule_expression)])
}

async fn find(job: &Job<'_, impl Installation>) -> Result<Schedule, Problem> {
    until("the connection's schedule", job.within(15), || async {
        Ok(job.installation.connection_schedules().await?.into_iter().next())
    })
    .await
}

/// The next time that the account's clocks show the hour of its sync.
fn next_time_of_day(now: Timestamp) -> Option<Timestamp> {
    let zone = TimeZone::get(TIME_ZONE).ok()?;
    let time: jiff::civil::Time = TIME_OF_DAY.parse().ok()?;
    let today = zone.to_datetime(now).date();
    [today, today.checked_add(1.day()).ok()?]
        .into_iter()
        .filter_map(|day| day.to_datetime(time).to_zoned(zone.clone()).ok())
        .map(|due| due.timestamp())
        .find(|due| *due > now)
}
