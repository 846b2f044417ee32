//! What makes schedules fire.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use uuid::Uuid;

use super::{ActionAfterCompletion, Schedule, ScheduleBook};
use crate::bus::Entry;

impl ScheduleBook {
    /// Fires schedules as they become due, for ever.
    pub(crate) async fn run(&self) {
        loop {
            let earliest = self.lock().values().filter_map(|entered| entered.next).min();
            match earliest {
                Some(due) => {
                    tokio::select! {
                        () = self.clock.sleep_until(due) => self.fire_due(),
                        () = self.changed.notified() => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    /// Fires what is due. Where the clock leapt over several times of one schedule, it fires once,
    /// for the latest of them.
    fn fire_due(&self) {
        let now = self.clock.now();
        let mut due = Vec::new();
        let mut completed = Vec::new();
        let mut entries = self.lock();
        for (key, entered) in &mut *entries {
            let Some(mut scheduled) = entered.next.filter(|next| *next <= now) else { continue };
            let mut next = self.after(&entered.schedule, scheduled);
            while let Some(later) = next.filter(|next| *next <= now) {
                scheduled = later;
                next = self.after(&entered.schedule, scheduled);
            }
            entered.next = next;
            due.push((entered.schedule.clone(), scheduled));
            if next.is_none()
                && entered.schedule.action_after_completion == ActionAfterCompletion::Delete
            {
                completed.push(key.clone());
            }
        }
        for key in completed {
            entries.remove(&key);
            self.entered(&entries);
        }
        drop(entries);
        for (schedule, scheduled) in due {
            self.fire(&schedule, scheduled);
        }
    }

    fn after(&self, schedule: &Schedule, scheduled: Timestamp) -> Option<Timestamp> {
        self.next_due(schedule, |expression| expression.next_after(scheduled))
    }

    fn fire(&self, schedule: &Schedule, scheduled: Timestamp) {
        let execution_id = Uuid::new_v4().to_string();
        let input = schedule.target.input.clone().unwrap_or_else(|| "{}".to_owned());
        let scheduled =
            scheduled.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let input = input
            .replace("<aws.scheduler.scheduled-time>", &scheduled)
            .replace("<aws.scheduler.schedule-arn>", &schedule.arn())
            .replace("<aws.scheduler.execution-id>", &execution_id)
            .replace("<aws.scheduler.attempt-number>", "1");
        tracing::debug!(schedule = %schedule.name, %scheduled, "A schedule fired.");
        let delivered = match &schedule.target.event_bridge_parameters {
            Some(parameters) => self
                .buses
                .publish(Entry {
                    bus: schedule.target.arn.clone(),
                    source: parameters.source.clone(),
                    detail_type: parameters.detail_type.clone(),
                    detail: input.clone(),
                    resources: vec![schedule.arn()],
                    time: None,
                })
                .map(|_| ())
                .map_err(|error| (error.code.to_owned(), error.message)),
            None => {
                let payload = serde_json::from_str(&input).unwrap_or(Value::Null);
                let function = self.functions.get(&schedule.target.arn);
                if function.is_some_and(|function| self.invoker.submit(function, payload)) {
                    Ok(())
                } else {
                    Err(("ResourceNotFoundException".to_owned(), "no such function".to_owned()))
                }
            }
        };
        if let (Err((code, message)), Some(letters)) =
            (delivered, &schedule.target.dead_letter_config)
        {
            let attributes = BTreeMap::from([
                ("ERROR_CODE".to_owned(), code),
                ("ERROR_MESSAGE".to_owned(), message),
                ("SCHEDULE_ARN".to_owned(), schedule.arn()),
                ("EXECUTION_ID".to_owned(), execution_id),
                ("SCHEDULED_TIME".to_owned(), scheduled),
                ("TARGET_ARN".to_owned(), schedule.target.arn.clone()),
            ]);
            let body = serde_json::from_str(&input).unwrap_or(Value::String(input));
            self.dead_letters.put(&letters.arn, body, attributes);
        }
    }
}
