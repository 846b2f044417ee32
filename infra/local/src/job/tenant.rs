//! Before enabling: who is this, and is it the right one? Nothing is written yet.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::error::ensure;
use super::rest::{number, text};
use super::{Installation, Job, Problem, Step};

pub(super) async fn run(job: &mut Job<'_, impl Installation>) -> Result<Vec<String>, Problem> {
    if job.breaks(Step::Tenant) {
        let contact = json!({"fields": {"email": "early@example.com", "displayName": "Early"}});
        let path = format!("/v1/accounts/{}/contacts", job.account);
        job.rest.call(Method::POST, &path, Some(&contact)).await?;
    }
    let tenant = job.rest.get(&job.path("/tenant")).await?;
    ensure(text(&tenant, "/name") == job.tenant.name, || {
        format!("the tenant is called {}", text(&tenant, "/name"))
    })?;
    let domains: Vec<&str> = tenant
        .pointer("/verifiedDomains")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    ensure(job.tenant.domains.iter().all(|domain| domains.contains(&domain.as_str())), || {
        format!("the verified domains are {domains:?}")
    })?;
    let users = number(&tenant, "/counts/users");
    ensure(usize::try_from(users) == Ok(job.tenant.users), || {
        format!("{users} users are counted, the directory has {}", job.tenant.users)
    })?;
    let sample = tenant.pointer("/sample").and_then(Value::as_array).map_or(0, Vec::len);
    ensure(sample == job.tenant.users.min(10), || format!("the sample holds {sample} people"))?;
    if !job.is_enabled_already {
        nothing_is_written(job).await?;
        wrong_tenant_is_refused(job).await?;
    }
    let groups = number(&tenant, "/counts/groups");
    Ok(vec![format!("{}: {users} users, {groups} groups, {sample} shown", text(&tenant, "/name"))])
}

pub(super) async fn nothing_is_written(job: &Job<'_, impl Installation>) -> Result<(), Problem> {
    let contacts = job.rest.list(&format!("/v1/accounts/{}/contacts", job.account)).await?;
    ensure(contacts.is_empty(), || {
        format!("{} contacts exist before the connection is enabled", contacts.len())
    })?;
    let scan = json!({"Select": "COUNT"});
    let items = number(&job.installation.table("ContactsTable", "Scan", scan).await?, "/Count");
    ensure(items == 0, || format!("the contacts table holds {items} items before enabling"))
}

async fn wrong_tenant_is_refused(job: &Job<'_, impl Installation>) -> Result<(), Problem> {
    let body = json!({"tenantId": "00000000-0000-4000-8000-000000000000"});
    let answer = job.rest.send(Method::POST, &job.path("/enable"), Some(&body), &[]).await?;
    ensure(answer.status == StatusCode::UNPROCESSABLE_ENTITY, || {
        format!("enabling with another tenant's id answered {}", answer.status)
    })
}
