//! A person's job title changes in Entra.

use std::time::Instant;

use serde_json::{Value, json};

use super::contacts::check;
use super::error::ensure;
use super::first_sync::{spent, units_told};
use super::rest::text;
use super::waiting::until;
use super::{Installation, Job, Problem, Step};

/// What the person becomes.
const NEW_TITLE: &str = "Chief Example Officer";

pub(super) async fn run(job: &mut Job<'_, impl Installation>) -> Result<Vec<String>, Problem> {
    if job.breaks(Step::Edit) {
        for subscription in job.sim.subscriptions() {
            job.sim.remove_subscription(subscription.id);
        }
    }
    let contacts = job.rest.list(&format!("/v1/accounts/{}/contacts", job.account)).await?;
    let contact = contacts
        .iter()
        .find(|contact| text(contact, "/fields/jobTitle") != NEW_TITLE)
        .ok_or_else(|| Problem::wrong("there is no contact to change"))?;
    let (id, object_id) = (text(contact, "/id"), text(contact, "/link/objectId"));
    job.until_quiet(10).await?;
    let events_before = job.installation.event_count().await?;
    let units_before = job.installation.contact_write_units("delta-sync");
    let started = Instant::now();
    job.sim.update_user(job.tenant.id, object_id, json!({"jobTitle": NEW_TITLE}))?;

    let path = format!("/v1/accounts/{}/contacts/{id}", job.account);
    until("the change in the contact", job.within(20), || async {
        let contact = job.rest.get(&path).await?;
        Ok((text(&contact, "/fields/jobTitle") == NEW_TITLE).then_some(()))
    })
    .await?;
    let visible = started.elapsed();
    let event = until("the contact's event", job.within(20), || async {
        let events = job.installation.events_since(events_before).await?;
        let event = events.into_iter().find(|event| {
            text(event, "/detail-type") == "ContactUpdated"
                && text(event, "/detail/contactId") == id
        });
        Ok(event)
    })
    .await?;
    check_event(job, &event)?;
    job.until_quiet(20).await?;
    let units = spent(job.installation.contact_write_units("delta-sync"), units_before);
    check(job).await?;
    Ok(vec![
        format!("visible {} ms after the change, event on the bus", visible.as_millis()),
        format!("{} write units for the changed contact", units_told(units, 1)),
    ])
}

fn check_event(job: &Job<'_, impl Installation>, event: &Value) -> Result<(), Problem> {
    ensure(text(event, "/source") == "entra-contact-sync", || {
        format!("the event's source is {}", text(event, "/source"))
    })?;
    ensure(text(event, "/detail/accountId") == job.account, || {
        "the event names another account".to_owned()
    })?;
    ensure(text(event, "/detail/contact/fields/jobTitle") == NEW_TITLE, || {
        "the event does not carry the contact as it is now".to_owned()
    })
}
