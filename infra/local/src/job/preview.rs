//! Before enabling: what would happen? Everybody and every field is shown, and still nothing is written.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::error::ensure;
use super::expected::{self, ExpectedContact};
use super::first_sync::{CUSTOM_FIELD, counts_add_up, follow, save_settings};
use super::rest::{number, text};
use super::tenant::nothing_is_written;
use super::{Installation, Job, Problem, Step};

/// What the directory's people are called after somebody spoiled the step.
const ANOTHER_TITLE: &str = "Not As Previewed";

pub(super) async fn run(job: &mut Job<'_, impl Installation>) -> Result<Vec<String>, Problem> {
    if job.is_enabled_already {
        return Ok(vec!["an earlier start has enabled the connection".to_owned()]);
    }
    save_settings(job).await?;
    let asked = job.rest.call(Method::POST, &job.path("/previews"), Some(&json!({}))).await?;
    let plan = follow(job, text(&asked, "/id")).await?;
    let status = text(&plan, "/status");
    ensure(status == "planned", || {
        format!("the preview ended {status}: {}", text(&plan, "/reason"))
    })?;
    if job.breaks(Step::Preview) {
        for user in job.sim.users(job.tenant.id)? {
            let title = json!({"jobTitle": ANOTHER_TITLE});
            job.sim.update_user(job.tenant.id, text(&user, "/id"), title)?;
        }
    }
    counts_add_up(&plan)?;
    let created = every_contact_is_as_the_directory(job, &plan).await?;
    nothing_is_written(job).await?;
    job.planned = plan.pointer("/counts").cloned();
    Ok(vec![format!(
        "{} seen, {created} would be created, {} skipped, {} would fail",
        number(&plan, "/counts/seen"),
        number(&plan, "/counts/skipped"),
        number(&plan, "/counts/failed"),
    )])
}

/// Compares each contact that would be made with the directory; answers how many there are.
async fn every_contact_is_as_the_directory(
    job: &Job<'_, impl Installation>,
    plan: &Value,
) -> Result<u64, Problem> {
    let users = job.sim.users(job.tenant.id)?;
    let expected: BTreeMap<String, ExpectedContact> = users
        .iter()
        .filter(|user| expected::is_in_scope(user))
        .map(expected::contact)
        .map(|contact| (contact.object_id.clone(), contact))
        .collect();
    let path = job.path(&format!("/runs/{}/changes?kind=create&result=success", text(plan, "/id")));
    let mut shown = 0;
    for change in job.rest.list(&path).await? {
        let object_id = text(&change, "/objectId");
        let contact = expected.get(object_id).ok_or_else(|| {
            Problem::wrong(format!("a contact is planned for {object_id}, who is not in scope"))
        })?;
        let fields = change.pointer("/fields").and_then(Value::as_array);
        let planned: BTreeMap<String, String> = fields
            .into_iter()
            .flatten()
            .map(|field| (text(field, "/field").to_owned(), text(field, "/new").to_owned()))
            .collect();
        let mut right = contact.fields.clone();
        let custom = contact.custom.clone();
        right.extend(custom.map(|value| (format!("custom.{}", CUSTOM_FIELD.0), value)));
        ensure(planned == right, || {
            let differs = right.iter().find(|(field, value)| planned.get(*field) != Some(value));
            let field = differs.map_or("a field too many", |(field, _)| field);
            format!("what is planned for {object_id} is not what the directory says: {field}")
        })?;
        shown += 1;
    }
    let created = number(plan, "/counts/created");
    ensure(shown == created, || format!("{created} creations are counted, {shown} are shown"))?;
    Ok(created)
}
