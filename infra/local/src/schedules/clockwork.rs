//! What makes schedules fire.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use uuid::Uuid;

use super::book::next_due;
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
            let mut next = after(&entered.schedule, scheduled);
            while let Some(later) = next.filter(|next| *next <= now) {
                scheduled = later;
                next = after(&entered.schedule, scheduled);
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
        let delivered = self.deliver(schedule, &input);
        if let (Err((code, message)), Some(letters)) =
            (delivered, &schedule.target.dead_letter_config)
        {
            if !self.may(schedule, "sqs:SendMessage", &letters.arn) {
                tracing::error!(schedule = %schedule.name, "Its role may not leave a dead letter.");
                return;
            }
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

    /// Hands `input` to the target; the error is a code and a message.
    fn deliver(&self, schedule: &Schedule, input: &str) -> Result<(), (String, String)> {
        let (action, resource) = match &schedule.target.event_bridge_parameters {
            Some(_) => ("events:PutEvents", schedule.target.arn.clone()),
            // SAM aims a schedule at the alias under which a function is published.
            None => ("lambda:InvokeFunction", format!("{}:live", schedule.target.arn)),
        };
        if !self.may(schedule, action, &resource) {
            let role = &schedule.target.role_arn;
            let message = format!("{role} is not authorized to perform: {action} on {resource}");
            tracing::error!(schedule = %schedule.name, "{message}");
            return Err(("AccessDeniedException".to_owned(), message));
        }
        if let Some(parameters) = &schedule.target.event_bridge_parameters {
            let entry = Entry {
                bus: schedule.target.arn.clone(),
                source: parameters.source.clone(),
                detail_type: parameters.detail_type.clone(),
                detail: input.to_owned(),
                resources: vec![schedule.arn()],
                time: None,
            };
            let published = self.buses.publish(&entry);
            return published.map(drop).map_err(|error| (error.code.to_owned(), error.message));
        }
        let payload = serde_json::from_str(input).unwrap_or(Value::Null);
        let function = self.functions.get(&schedule.target.arn);
        if function.is_some_and(|function| self.invoker.submit(function, payload)) {
            return Ok(());
        }
        Err(("ResourceNotFoundException".to_owned(), "no such function".to_owned()))
    }
}

fn after(schedule: &Schedule, scheduled: Timestamp) -> Option<Timestamp> {
    next_due(schedule, |expression| expression.next_after(scheduled))
}
