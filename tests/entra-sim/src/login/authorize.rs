//! The authorization endpoint: code with PKCE and nonce.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Audience;
use super::consent::app_and_redirect;
use super::errors::LoginError;
use super::pages;
use super::redirects::{Answer, mode};
use super::sign_in::{Decision, Present, SignIn, Step, who_is_there};
use crate::clock::shifted;
use crate::command::Command;
use crate::exchange::{Incoming, Reply};
use crate::world::World;

/// How long a code can be redeemed.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// A code handed to an app, waiting to be redeemed.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationCode {
    pub(crate) app: Uuid,
    pub(crate) tenant: Uuid,
    pub(crate) user: Uuid,
    /// The `{tenant}` of the authorize path; `None` for an alias.
    pub(crate) bound_tenant: Option<Uuid>,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    pub(crate) nonce: Option<String>,
    /// PKCE S256 challenge.
    pub(crate) challenge: Option<String>,
    pub(crate) expires_at: Timestamp,
    pub(crate) redeemed: bool,
    /// Where the script's claims and key come from.
    pub(crate) sign_in: SignIn,
}

pub(super) fn answer(
    world: &mut World,
    audience: Audience,
    incoming: &Incoming,
    now: Timestamp,
) -> Reply {
    let (app, redirect_uri) = match app_and_redirect(world, incoming) {
        Ok(found) => found,
        Err(error) => return pages::failure(&error, incoming, now),
    };
    let back_with = |error: &LoginError, sign_in: Option<&SignIn>| {
        Answer::default()
            .with("error", error.error)
            .with("error_description", error.description(incoming.request_id, now))
            .with_state(incoming, sign_in)
            .send(&redirect_uri, mode(incoming, sign_in))
    };
    if let Some(error) = malformed(incoming) {
        return back_with(&error, None);
    }
    let present = match who_is_there(world, audience, incoming, Step::Authorize) {
        Ok(Some(present)) => present,
        Ok(None) => return pages::choose(world, audience, &app, incoming, false),
        Err(error) => return pages::failure(&error, incoming, now),
    };
    let sign_in = Some(&present.sign_in);
    if let Some(code) = present.sign_in.error {
        return back_with(&LoginError::numbered(code), sign_in);
    }
    let answer = match present.sign_in.decision {
        Decision::Cancel => Answer::default()
            .with("error", "access_denied")
            .with("error_subcode", "cancel")
            .with("error_description", "The user canceled the authentication."),
        Decision::Deny => return back_with(&LoginError::numbered(65_004), sign_in),
        Decision::Accept => {
            register(world, &present, app.app_id, now);
            let code = issue(world, audience, incoming, &present, &redirect_uri, now);
            Answer::default().with("code", code).with("session_state", Uuid::new_v4().to_string())
        }
    };
    answer.with_state(incoming, sign_in).send(&redirect_uri, mode(incoming, sign_in))
}

fn malformed(incoming: &Incoming) -> Option<LoginError> {
    if incoming.parameter("response_type").as_deref() != Some("code") {
        return Some(LoginError::numbered(90_014).about("'response_type' must be 'code'."));
    }
    let scope = incoming.parameter("scope").unwrap_or_default();
    if !scope.split(' ').any(|part| part == "openid") {
        return Some(LoginError::numbered(70_011).about("'openid' is missing."));
    }
    let method = incoming.parameter("code_challenge_method");
    if incoming.parameter("code_challenge").is_some() && method.as_deref() != Some("S256") {
        return Some(
            LoginError::numbered(9_002_313).about("'code_challenge_method' must be S256."),
        );
    }
    None
}

/// A signed-in user makes the app known in the tenant, without application roles.
fn register(world: &mut World, present: &Present, app: Uuid, now: Timestamp) {
    let known = world.tenant(present.tenant).is_some_and(|tenant| tenant.grants.contains_key(&app));
    if !known {
        let roles = std::collections::BTreeSet::new();
        let _ = world.execute(now, Command::GrantConsent { tenant: present.tenant, app, roles });
    }
}

fn issue(
    world: &mut World,
    audience: Audience,
    incoming: &Incoming,
    present: &Present,
    redirect_uri: &str,
    now: Timestamp,
) -> String {
    let code = format!("0.{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let bound_tenant = match audience {
        Audience::Tenant(id) => Some(id),
        Audience::Organizations | Audience::Common | Audience::Consumers => None,
    };
    world.codes.retain(|_, known| shifted(known.expires_at, CODE_LIFE) > now);
    let issued = AuthorizationCode {
        app: incoming
            .parameter("client_id")
            .and_then(|id| Uuid::try_parse(&id).ok())
            .unwrap_or_default(),
        tenant: present.tenant,
        user: present.user,
        bound_tenant,
        redirect_uri: redirect_uri.to_owned(),
        scope: incoming.parameter("scope").unwrap_or_default(),
        nonce: incoming.parameter("nonce"),
        challenge: incoming.parameter("code_challenge"),
        expires_at: shifted(now, CODE_LIFE),
        redeemed: false,
        sign_in: present.sign_in.clone(),
    };
    world.codes.insert(code.clone(), issued);
    code
}
