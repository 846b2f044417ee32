//! Settings, enabling, and the first full sync with its progress.

use std::time::{Duration, Instant};

use entra_sim::{BodyKind, Effect, Fault};
use reqwest::Method;
use serde_json::{Value, json};

use super::error::ensure;
use super::rest::{number, succeeded, text};
use super::{Installation, Job, Problem, Step};
use crate::console;

/// The hour of the account's nightly sync; no change of daylight saving touches it.
pub(super) const TIME_OF_DAY: &str = "05:15";
/// The directory property that the demo's own field takes.
pub(super) const CUSTOM_FIELD: (&str, &str) = ("employeeNumber", "employeeId");

pub(super) async fn run(job: &mut Job<'_, impl Installation>) -> Result<Vec<String>, Problem> {
    let started = Instant::now();
    let requests_before = job.sim.request_counts().graph_requests;
    let units_before = job.installation.contact_write_units("full-sync");
    let run = if job.is_enabled_already {
        let body = json!({"kind": "full"});
        job.rest.call(Method::POST, &job.path("/runs"), Some(&body)).await?
    } else {
        if job.breaks(Step::FirstSync) {
            let refusal = Effect::Respond {
                status: 400,
                body: BodyKind::default(),
                code: None,
                message: None,
                retry_after: None,
            };
            job.sim.add_fault(Fault::once("/v1.0/users*", refusal).times(0));
        }
        let body = json!({"tenantId": job.tenant.id});
        job.rest.call(Method::POST, &job.path("/enable"), Some(&body)).await?
    };
    text(&run, "/run").clone_into(&mut job.first_run);
    let run = follow(job, &job.first_run).await?;
    let took = started.elapsed();
    let status = text(&run, "/status");
    ensure(matches!(status, "succeeded" | "partial"), || {
        format!("the run ended {status}: {}", text(&run, "/reason"))
    })?;
    counts_add_up(&run)?;
    let seen = number(&run, "/counts/seen");
    ensure(usize::try_from(seen) == Ok(job.tenant.users), || {
        format!("the run saw {seen} of {} users", job.tenant.users)
    })?;
    as_planned(job, &run)?;
    job.until_quiet(30).await?;
    let created = number(&run, "/counts/created");
    let graph = job.sim.request_counts().graph_requests - requests_before;
    let memory = job.installation.peak_memory_kilobytes("full-sync");
    let memory = memory.map_or("unseen".to_owned(), |peak| format!("{} MB", peak / 1024));
    let units = spent(job.installation.contact_write_units("full-sync"), units_before);
    let per_contact = units_told(units, created);
    let pace = count(seen) / took.as_secs_f64();
    Ok(vec![
        format!(
            "{status}: {seen} seen, {created} created, {} updated, {} unchanged, {} skipped, {} failed, {} for review",
            number(&run, "/counts/updated"),
            number(&run, "/counts/unchanged"),
            number(&run, "/counts/skipped"),
            number(&run, "/counts/failed"),
            number(&run, "/counts/awaitingReview"),
        ),
        format!("{graph} Graph requests, {per_contact} write units per new contact"),
        format!("{pace:.0} users a second, full-sync's peak memory {memory}"),
    ])
}

pub(super) async fn save_settings(job: &Job<'_, impl Installation>) -> Result<(), Problem> {
    let (key, property) = CUSTOM_FIELD;
    let fields =
        json!([{"key": key, "label": "Employee number", "type": "text", "required": false}]);
    let path = format!("/v1/accounts/{}/custom-fields", job.account);
    job.rest.call(Method::PUT, &path, Some(&fields)).await?;
    let path = job.path("/settings");
    let answer = job.rest.send(Method::GET, &path, None, &[]).await?;
    succeeded(format!("GET {path}"), &answer)?;
    let etag = answer.headers.get("etag").and_then(|etag| etag.to_str().ok()).unwrap_or_default();
    let mut settings = answer.json();
    if let Some(schedule) = settings.pointer_mut("/schedule").and_then(Value::as_object_mut) {
        schedule.insert("frequency".to_owned(), "daily".into());
        schedule.insert("timeOfDay".to_owned(), TIME_OF_DAY.into());
    }
    if let Some(mapping) = settings.pointer_mut("/mapping").and_then(Value::as_array_mut) {
        mapping.push(json!({
            "target": format!("custom.{key}"),
            "source": format!("[{property}]"),
            "policy": "overwrite",
            "whenEmpty": "keep",
        }));
    }
    let answer = job.rest.send(Method::PUT, &path, Some(&settings), &[("if-match", etag)]).await?;
    succeeded(format!("PUT {path}"), &answer)
}

/// What was previewed is what came.
fn as_planned(job: &Job<'_, impl Installation>, run: &Value) -> Result<(), Problem> {
    let counts = run.pointer("/counts");
    let Some(planned) = job.planned.as_ref() else { return Ok(()) };
    ensure(counts == Some(planned), || {
        format!("the preview counted {planned}, the run {}", counts.unwrap_or(&Value::Null))
    })
}

/// Shows a run's progress until it ends.
pub(super) async fn follow(job: &Job<'_, impl Installation>, run: &str) -> Result<Value, Problem> {
    // Generous: a run of a million users on a slow machine.
    let limit = Duration::from_hours(1);
    // A run that stands still is not waited for.
    let standstill = job.within(180).min(Duration::from_mins(10));
    let started = Instant::now();
    let mut last = (Value::Null, Instant::now());
    let path = job.path(&format!("/runs/{run}"));
    loop {
        let shown = job.rest.get(&path).await?;
        let status = text(&shown, "/status");
        if !matches!(status, "queued" | "running") {
            return Ok(shown);
        }
        let progress = shown.pointer("/progress").cloned().unwrap_or_default();
        if progress != last.0 {
            let (done, total) = (number(&progress, "/done"), number(&progress, "/total"));
            console::live(&format!("  {status}: {done} of {total} users"));
            last = (progress, Instant::now());
        }
        if started.elapsed() > limit || last.1.elapsed() > standstill {
            return Err(Problem::Late(format!("the end of run {run} ({status})")));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The proof of completeness that every run carries.
pub(super) fn counts_add_up(run: &Value) -> Result<(), Problem> {
    let of = |name: &str| number(run, &format!("/counts/{name}"));
    let judged =
        of("created") + of("updated") + of("unchanged") + of("failed") + of("awaitingReview");
    ensure(of("seen") == of("inScope") + of("skipped"), || {
        format!("seen {} is not in scope {} + skipped {}", of("seen"), of("inScope"), of("skipped"))
    })?;
    ensure(of("inScope") == judged, || {
        format!("in scope {} is not the sum of its outcomes {judged}", of("inScope"))
    })
}

/// What was spent since `before`; `None` where nobody counts.
pub(super) fn spent(now: Option<f64>, before: Option<f64>) -> Option<f64> {
    Some(now? - before?)
}

#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
pub(super) fn count(number: u64) -> f64 {
    number as f64
}

/// Write units per contact, where somebody counts.
pub(super) fn units_told(units: Option<f64>, contacts: u64) -> String {
    match units {
        None => "uncounted".to_owned(),
        Some(_) if contacts == 0 => "no".to_owned(),
        Some(units) => format!("{:.2}", units / count(contacts)),
    }
}
