//! Another full sync over a directory that did not change.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::contacts::check;
use super::error::ensure;
use super::first_sync::{contact_write_units, counts_add_up, follow};
use super::rest::{number, text};
use super::{Job, Problem, Step};

pub(super) async fn run(job: &mut Job<'_>) -> Result<Vec<String>, Problem> {
    job.stack.until_quiet(Duration::from_secs(20)).await;
    if job.breaks(Step::SecondSync) {
        change_somebody_unnoticed(job).await?;
    }
    let units_before = contact_write_units(job, "full-sync");
    let requests_before = job.sim.request_counts().graph_requests;
    let body = json!({"kind": "full"});
    let started = job.rest.call(Method::POST, &job.path("/runs"), Some(&body)).await?;
    let run = follow(job, text(&started, "/run")).await?;
    counts_add_up(&run)?;
    let of = |name: &str| number(&run, &format!("/counts/{name}"));
    ensure(of("created") == 0 && of("updated") == 0 && of("removed") == 0, || {
        format!(
            "it created {}, updated {} and removed {}",
            of("created"),
            of("updated"),
            of("removed")
        )
    })?;
    job.stack.until_quiet(Duration::from_secs(20)).await;
    let units = contact_write_units(job, "full-sync") - units_before;
    ensure(units == 0.0, || format!("it spent {units} write units on contacts"))?;
    check(job).await?;
    nothing_was_given_up(job)?;
    let graph = job.sim.request_counts().graph_requests - requests_before;
    Ok(vec![format!("{} unchanged, 0 writes, {graph} Graph requests", of("unchanged"))])
}

/// No event lies in a dead-letter queue, and no role was too narrow for what its function did.
fn nothing_was_given_up(job: &Job<'_>) -> Result<(), Problem> {
    let letters = job.stack.dead_letters();
    ensure(letters.is_empty(), || {
        let queues: BTreeSet<String> = letters.into_iter().map(|letter| letter.queue).collect();
        format!("events were given up: {queues:?}")
    })?;
    let denied = job.stack.denied_calls();
    ensure(denied.is_empty(), || format!("roles are too narrow: {denied:?}"))
}

/// A change that Graph tells nobody about, so that only the full sync can find it.
async fn change_somebody_unnoticed(job: &Job<'_>) -> Result<(), Problem> {
    for subscription in job.sim.subscriptions() {
        job.sim.remove_subscription(subscription.id);
    }
    let contacts = job.rest.list(&format!("/v1/accounts/{}/contacts", job.account)).await?;
    let somebody = contacts.first().map(|contact| text(contact, "/link/objectId").to_owned());
    let somebody = somebody.ok_or_else(|| Problem::wrong("there is nobody to change"))?;
    let change = json!({"department": "Unannounced changes"});
    job.sim.update_user(job.tenant.id, somebody, change)?;
    Ok(())
}
