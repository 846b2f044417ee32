//! Scripted sign-ins: who will sign in next and what that person decides.

#![expect(clippy::needless_pass_by_value, reason = "tenants are named as they are at hand")]

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Audience;
use super::errors::LoginError;
use crate::exchange::Incoming;
use crate::tenants::Tenant;
use crate::world::World;

/// The next sign-in at a consent or authorize page, decided in advance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignIn {
    /// Tenant id or domain of the person.
    pub tenant: String,
    /// `admin`, `member`, an object id or a user principal name.
    #[serde(default = "admin")]
    pub user: String,
    /// What the person does.
    #[serde(default)]
    pub decision: Decision,
    /// At which page; whichever comes first unless given.
    #[serde(default)]
    pub step: Option<Step>,
    /// For how many pages it counts.
    #[serde(default = "once")]
    pub times: u32,
    /// Sends back a success that names another tenant, without any consent: an attack.
    #[serde(default)]
    pub forged_tenant: Option<Uuid>,
    /// What becomes of `state`.
    #[serde(default)]
    pub state: StateEcho,
    /// Sends the answer as a form POST, whatever was asked.
    #[serde(default)]
    pub by_post: bool,
    /// Claims put into the id token, over the true ones; `null` removes one.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// Signs the id token with a key that is not published.
    #[serde(default)]
    pub foreign_key: bool,
    /// Answers with this AADSTS number instead.
    #[serde(default)]
    pub error: Option<u32>,
}

fn admin() -> String {
    "admin".to_owned()
}

const fn once() -> u32 {
    1
}

/// What the person at the page does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// Signs in and accepts.
    #[default]
    Accept,
    /// Presses Cancel: `access_denied`, subcode `cancel`.
    Cancel,
    /// Declines the permissions: `consent_required`, AADSTS65004.
    Deny,
}

/// The two interactive pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Admin consent.
    Consent,
    /// Sign-in.
    Authorize,
}

/// What becomes of the `state` parameter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StateEcho {
    /// Comes back unchanged.
    #[default]
    Echo,
    /// Is left out.
    Missing,
    /// Is replaced by another.
    Foreign,
}

impl SignIn {
    /// The tenant's administrator signs in and accepts, once.
    pub fn admin(tenant: impl ToString) -> Self {
        Self {
            tenant: tenant.to_string(),
            user: admin(),
            decision: Decision::Accept,
            step: None,
            times: 1,
            forged_tenant: None,
            state: StateEcho::Echo,
            by_post: false,
            claims: Map::new(),
            foreign_key: false,
            error: None,
        }
    }

    /// A plain member signs in and accepts, once.
    pub fn member(tenant: impl ToString) -> Self {
        Self { user: "member".to_owned(), ..Self::admin(tenant) }
    }

    /// The same person, with another decision.
    #[must_use]
    pub fn deciding(self, decision: Decision) -> Self {
        Self { decision, ..self }
    }

    /// The same person, for that many pages.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// The same person, only at this page.
    #[must_use]
    pub fn at(self, step: Step) -> Self {
        Self { step: Some(step), ..self }
    }
}

/// A sign-in whose tenant and person are known.
#[derive(Debug, Clone)]
pub(crate) struct Present {
    pub(crate) sign_in: SignIn,
    pub(crate) tenant: Uuid,
    pub(crate) user: Uuid,
}

/// Finds who is at the page: from the posted form, else from the script; `None` shows the page.
pub(super) fn who_is_there(
    world: &mut World,
    audience: Audience,
    incoming: &Incoming,
    step: Step,
) -> Result<Option<Present>, LoginError> {
    let sign_in = match posted(incoming) {
        Some(sign_in) => sign_in,
        None => match take(world, audience, step) {
            Some(sign_in) => sign_in,
            None => return Ok(None),
        },
    };
    let tenant = world.tenant_named(&sign_in.tenant).ok_or_else(|| LoginError::numbered(90002))?;
    let user = resolve(tenant, &sign_in.user).ok_or_else(|| LoginError::numbered(50034))?;
    if let Audience::Tenant(expected) = audience
        && expected != tenant.id
    {
        return Err(LoginError::numbered(50020));
    }
    if audience == Audience::Consumers {
        return Err(LoginError::numbered(50020));
    }
    Ok(Some(Present { tenant: tenant.id, user, sign_in }))
}

fn posted(incoming: &Incoming) -> Option<SignIn> {
    let form = incoming.form();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let (tenant, user) = field("sim_user")?.split_once('/')?;
    let decision = match field("sim_decision").map(String::as_str) {
        Some("cancel") => Decision::Cancel,
        Some("deny") => Decision::Deny,
        _ => Decision::Accept,
    };
    Some(SignIn { user: user.to_owned(), ..SignIn::admin(tenant).deciding(decision) })
}

fn take(world: &mut World, audience: Audience, step: Step) -> Option<SignIn> {
    let fits = |sign_in: &SignIn| {
        sign_in.step.is_none_or(|wanted| wanted == step)
            && match audience {
                Audience::Tenant(id) => {
                    world.tenant(id).is_some_and(|t| t.is_named(&sign_in.tenant))
                }
                Audience::Organizations | Audience::Common | Audience::Consumers => true,
            }
    };
    let index = world.sign_ins.iter().position(fits)?;
    let found = world.sign_ins.get_mut(index)?;
    found.times = found.times.saturating_sub(1);
    let sign_in = found.clone();
    if sign_in.times == 0 {
        world.sign_ins.remove(index);
    }
    Some(sign_in)
}

/// The object id behind `admin`, `member`, an id or a name.
pub(crate) fn resolve(tenant: &Tenant, user: &str) -> Option<Uuid> {
    match user {
        "admin" => tenant.administrator(),
        "member" => tenant.plain_member(),
        reference => tenant.directory.live_user(reference).map(|user| user.object.id),
    }
}
