//! Admin consent, v2 and v1.

use jiff::Timestamp;
use uuid::Uuid;

use super::Audience;
use super::discovery::asks_for_default;
use super::errors::LoginError;
use super::pages;
use super::redirects::{Answer, mode};
use super::sign_in::{Decision, Present, Step, who_is_there};
use crate::command::Command;
use crate::exchange::{Incoming, Reply};
use crate::options::AppRegistration;
use crate::tenants::may_consent;
use crate::world::World;

/// The two consent endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// `/{tenant}/adminconsent`, without scope.
    V1,
    /// `/{tenant}/v2.0/adminconsent`.
    V2,
}

pub(super) fn answer(
    world: &mut World,
    audience: Audience,
    incoming: &Incoming,
    version: Version,
    now: Timestamp,
) -> Reply {
    let (app, redirect_uri) = match app_and_redirect(world, incoming) {
        Ok(found) => found,
        Err(error) => return pages::failure(&error, incoming, now),
    };
    if version == Version::V2 && !asks_for_default(world, incoming) {
        let error = LoginError::numbered(70011).about("Ask for the resource's '/.default'.");
        return pages::failure(&error, incoming, now);
    }
    let present = match who_is_there(world, audience, incoming, Step::Consent) {
        Ok(Some(present)) => present,
        Ok(None) => return pages::choose(world, audience, &app, incoming, true),
        Err(error) => return pages::failure(&error, incoming, now),
    };
    let sign_in = &present.sign_in;
    let refusal = refusal(world, &present, version, incoming, now);
    let answer = if let Some(refusal) = refusal {
        refusal
    } else {
        let tenant = sign_in.forged_tenant.unwrap_or(present.tenant);
        if sign_in.forged_tenant.is_none() {
            grant(world, present.tenant, &app, now);
        }
        let success =
            Answer::default().with("admin_consent", "True").with("tenant", tenant.to_string());
        match version {
            Version::V1 => success,
            Version::V2 => success.with("scope", granted_scope(world, &app)),
        }
    };
    answer.with_state(incoming, Some(sign_in)).send(&redirect_uri, mode(incoming, Some(sign_in)))
}

/// The parameters of a refusal; `None` if consent is given.
fn refusal(
    world: &World,
    present: &Present,
    version: Version,
    incoming: &Incoming,
    now: Timestamp,
) -> Option<Answer> {
    let explained = |error: &LoginError| {
        // `admin_consent=True` is there on failures too: naive apps take it for success.
        Answer::default()
            .with("admin_consent", "True")
            .with("error", error.error)
            .with("error_description", multiline(&error.description(incoming.request_id, now)))
    };
    if let Some(code) = present.sign_in.error {
        return Some(explained(&LoginError::numbered(code)));
    }
    match (present.sign_in.decision, version) {
        (Decision::Cancel, Version::V2) => {
            return Some(
                Answer::default()
                    .with("error", "access_denied")
                    .with("error_subcode", "cancel")
                    .with("error_description", "The user canceled the authentication."),
            );
        }
        (Decision::Cancel | Decision::Deny, Version::V1) => {
            return Some(
                Answer::default()
                    .with("error", "permission_denied")
                    .with("error_description", "The admin canceled the request"),
            );
        }
        (Decision::Deny, Version::V2) => return Some(explained(&LoginError::numbered(65004))),
        (Decision::Accept, _) => {}
    }
    let user = world.tenant(present.tenant)?.directory.users.get(&present.user)?;
    (!may_consent(&user.roles)).then(|| explained(&LoginError::numbered(90094)))
}

/// Records a consent to all roles of the registration.
pub(crate) fn grant(world: &mut World, tenant: Uuid, app: &AppRegistration, now: Timestamp) {
    let roles = app.roles.iter().cloned().collect();
    let command = Command::GrantConsent { tenant, app: app.app_id, roles };
    if let Err(error) = world.execute(now, command) {
        tracing::error!(error = %error, "a consent could not be recorded");
    }
}

fn granted_scope(world: &World, app: &AppRegistration) -> String {
    let base = &world.graph_url;
    let mut scopes: Vec<String> = app.roles.iter().map(|role| format!("{base}/{role}")).collect();
    scopes.push(format!("{base}/.default"));
    scopes.join(" ")
}

/// Puts the trace on lines of its own, as captures show.
fn multiline(description: &str) -> String {
    ["Trace ID:", "Correlation ID:", "Timestamp:"]
        .iter()
        .fold(description.to_owned(), |text, label| {
            text.replacen(&format!(" {label}"), &format!("\r\n{label}"), 1)
        })
}

/// The app and the checked redirect URI of an interactive request.
pub(super) fn app_and_redirect(
    world: &World,
    incoming: &Incoming,
) -> Result<(AppRegistration, String), LoginError> {
    let client = incoming
        .parameter("client_id")
        .ok_or_else(|| LoginError::numbered(900_144).about("'client_id'"))?;
    let id = Uuid::try_parse(&client).map_err(|_malformed| LoginError::numbered(700_038))?;
    let app = world.app(id).ok_or_else(|| LoginError::numbered(700_016))?;
    let uri = incoming.parameter("redirect_uri").ok_or_else(|| LoginError::numbered(900_971))?;
    if !app.allows_redirect(&uri) {
        return Err(LoginError::numbered(50_011));
    }
    Ok((app.clone(), uri))
}
