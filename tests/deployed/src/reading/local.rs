//! The template as `infra/local` runs it.

use entra_contact_sync_local::plan::Plan;

use super::{Names, Reading, ScheduleLine, StreamLine};

/// Reads the local stack's plan. The plan knows whether a route is protected, not by what: there
/// is one authorizer, called `authorizer`.
pub(crate) fn of_plan(plan: &Plan, authorizer: &str) -> Reading {
    let names = Names::new(plan.references.iter().map(|(id, name)| (id.as_str(), name.as_str())));
    let letters = |arn: &Option<String>| {
        arn.as_deref().map_or("none".to_owned(), |arn| names.logical(arn).to_owned())
    };
    let mut reading = Reading::default();
    for function in &plan.functions {
        let id = names.logical(&function.arn);
        for route in &function.routes {
            let key = format!("{} {}", route.method, route.path);
            reading.route(&key, id, route.is_protected.then_some(authorizer));
        }
        for rule in &function.rules {
            let bus = names.logical(&rule.bus);
            reading.rule(bus, &rule.pattern, id, &letters(&rule.dead_letters));
        }
        for schedule in &function.schedules {
            reading.schedule(&ScheduleLine {
                name: &schedule.name,
                expression: &schedule.expression,
                zone: schedule.time_zone.as_deref(),
                input: schedule.input.as_deref().unwrap_or_default(),
                function: id,
                letters: &letters(&schedule.dead_letters),
            });
        }
        for stream in &function.streams {
            reading.stream(&StreamLine {
                table: names.logical(&stream.stream_arn),
                function: id,
                batch: stream.batch_size.try_into().unwrap_or(u64::MAX),
                retries: stream.max_retries.into(),
                bisects: stream.bisects_on_error,
                reports_items: stream.reports_item_failures,
                letters: &letters(&stream.dead_letters),
            });
        }
        let asynchronous = &function.asynchronous;
        if asynchronous.dead_letters.is_some() {
            reading.retry(
                id,
                asynchronous.retries.into(),
                asynchronous.max_age.as_secs(),
                &letters(&asynchronous.dead_letters),
            );
        }
    }
    reading
}
