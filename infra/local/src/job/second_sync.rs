//! Another full sync over a directory that did not change.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::contacts::check;
use super::error::ensure;
use super::first_sync::{counts_add_up, follow, spent};
use super::rest::{number, text};
use super::{Installation, Job, Problem, Step};

pub(super) async fn run(job: &mut Job<'_, impl Installation>) -> Result<Vec<String>, Problem> {
    job.until_quiet(20).await?;
    if job.breaks(Step::SecondSync) {
        change_somebody_unnoticed(job).await?;
    }
    let units_before = job.installation.contact_write_units("full-sync");
    let contacts_before = contents(job, units_before).await?;
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
    job.until_quiet(20).await?;
    let units = spent(job.installation.contact_write_units("full-sync"), units_before);
    ensure(units.unwrap_or_default() == 0.0, || {
        format!("it spent {} write units on contacts", units.unwrap_or_default())
    })?;
    ensure(contents(job, units).await? == contacts_before, || {
        "it changed items of the contacts table".to_owned()
    })?;
    check(job).await?;
    nothing_was_given_up(job).await?;
    let graph = job.sim.request_counts().graph_requests - requests_before;
    Ok(vec![format!("{} unchanged, 0 writes, {graph} Graph requests", of("unchanged"))])
}

/// The contacts table, item by item, where nobody counts its writes.
async fn contents(
    job: &Job<'_, impl Installation>,
    units: Option<f64>,
) -> Result<BTreeSet<String>, Problem> {
    let mut items = BTreeSet::new();
    if units.is_some() {
        return Ok(items);
    }
    let mut request = json!({});
    loop {
        let page = job.installation.table("ContactsTable", "Scan", request).await?;
        let found = page.get("Items").and_then(Value::as_array);
        items.extend(found.into_iter().flatten().map(Value::to_string));
        let Some(last) = page.get("LastEvaluatedKey") else { return Ok(items) };
        request = json!({"ExclusiveStartKey": last});
    }
}

/// No event lies in a dead-letter queue, and no role was too narrow for what its function did.
async fn nothing_was_given_up(job: &Job<'_, impl Installation>) -> Result<(), Problem> {
    let queues = job.installation.given_up().await?;
    ensure(queues.is_empty(), || format!("events were given up: {queues:?}"))?;
    let denied = job.installation.denied_calls();
    ensure(denied.is_empty(), || format!("roles are too narrow: {denied:?}"))
}

/// A change that Graph tells nobody about, so that only the full sync can find it.
async fn change_somebody_unnoticed(job: &Job<'_, impl Installation>) -> Result<(), Problem> {
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
