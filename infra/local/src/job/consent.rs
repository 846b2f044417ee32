//! An account, a connection, and an admin who consents in a browser.

use entra_sim::{Decision, SignIn};
use reqwest::Method;
use serde_json::{Value, json};

use super::browser::Browser;
use super::error::ensure;
use super::rest::text;
use super::waiting::until;
use super::{Installation, Job, Problem, Step};

/// What the host product calls its customer.
const EXTERNAL_ID: &str = "demo-customer";
/// The customer's time zone, with daylight saving.
pub(super) const TIME_ZONE: &str = "Europe/Berlin";
/// Pages between the consent link and the end: the link, consent, sign-in, perhaps posting forms.
const MAX_PAGES: usize = 8;

pub(super) async fn run(job: &mut Job<'_, impl Installation>) -> Result<Vec<String>, Problem> {
    let accounts = job.rest.list("/v1/accounts").await?;
    if let Some(account) = accounts.iter().find(|a| text(a, "/externalId") == EXTERNAL_ID) {
        return take_up(job, text(account, "/id").to_owned()).await;
    }
    let account =
        json!({"externalId": EXTERNAL_ID, "name": "Demo customer", "timeZone": TIME_ZONE});
    let account = job.rest.call(Method::POST, "/v1/accounts", Some(&account)).await?;
    text(&account, "/id").clone_into(&mut job.account);
    let path = format!("/v1/accounts/{}/connections", job.account);
    let made = job.rest.call(Method::POST, &path, Some(&json!({}))).await?;
    text(&made, "/id").clone_into(&mut job.connection);
    consent(job, text(&made, "/consentUrl")).await?;
    let status = until("the proof of the tenant", job.within(30), || async {
        let connection = job.rest.get(&job.path("")).await?;
        let is_ready = text(&connection, "/status") == "ready";
        Ok(is_ready.then_some(connection))
    })
    .await?;
    let proven = text(&status, "/tenant/id").to_owned();
    ensure(proven == job.tenant.id.to_string(), || {
        format!("the connection is tied to tenant {proven}, not {}", job.tenant.id)
    })?;
    Ok(vec![format!("tenant {} proven by its own admin's sign-in", text(&status, "/tenant/name"))])
}

/// Goes on with the connection that an earlier start made.
async fn take_up(
    job: &mut Job<'_, impl Installation>,
    account: String,
) -> Result<Vec<String>, Problem> {
    job.account = account;
    let connections = job.rest.list(&format!("/v1/accounts/{}/connections", job.account)).await?;
    let connection =
        connections.first().ok_or_else(|| Problem::wrong("the kept account has no connection"))?;
    text(connection, "/id").clone_into(&mut job.connection);
    match text(connection, "/status") {
        "enabled" => job.is_enabled_already = true,
        "ready" => {}
        "invited" => {
            let link = job.rest.call(Method::POST, &job.path("/consent-links"), None).await?;
            consent(job, text(&link, "/url")).await?;
        }
        other => return Err(Problem::wrong(format!("the kept connection is {other}"))),
    }
    Ok(vec!["kept from an earlier start".to_owned()])
}

/// Follows the consent link as the admin's browser would.
async fn consent(job: &Job<'_, impl Installation>, link: &str) -> Result<(), Problem> {
    if job.breaks(Step::Consent) {
        let cancelled = SignIn::admin(job.tenant.id).deciding(Decision::Cancel);
        job.sim.next_sign_in(cancelled);
    }
    let admin = job.tenant.admin.as_ref().map(|admin| admin.id);
    let admin = admin.ok_or_else(|| Problem::wrong("the tenant has no admin"))?;
    follow_consent_link(link, &format!("{}/{admin}", job.tenant.id)).await
}

/// Opens a consent link and accepts wherever a page asks, as a browser would. On the simulator's
/// pages `person` signs in: a tenant's id and a user's with a slash between.
pub async fn follow_consent_link(link: &str, person: &str) -> Result<(), Problem> {
    let mut browser = Browser::new()?;
    let mut page = browser.open(link).await?;
    ensure(page.status.is_success(), || format!("the consent link answered {}", page.status))?;
    for _ in 0..MAX_PAGES {
        let Some(mut form) = page.form() else { break };
        choose(person, &mut form.fields);
        page = browser.submit(&page, &form).await?;
        if page.url.path() == "/oauth/callback" {
            break;
        }
    }
    ensure(page.url.path() == "/oauth/callback" && page.status.is_success(), || {
        format!("consent ended at {} with {}", page.url.path(), page.status)
    })
}

/// Picks `person` where the form asks who signs in.
fn choose(person: &str, fields: &mut [(String, String)]) {
    for (_, value) in fields.iter_mut().filter(|(name, _)| name == "sim_user") {
        person.clone_into(value);
    }
}

/// The connection as the API shows it.
pub(super) async fn connection(job: &Job<'_, impl Installation>) -> Result<Value, Problem> {
    job.rest.get(&job.path("")).await
}
