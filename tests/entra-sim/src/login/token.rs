//! The token endpoint: client credentials and authorization code.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::discovery::{is_graph_default, issuer};
use super::errors::LoginError;
use super::{Audience, assertion, federated};
use crate::clock::shifted;
use crate::directory::WELL_KNOWN;
use crate::exchange::{Incoming, Reply};
use crate::generate::PLAIN_USER;
use crate::graph::token::AccessClaims;
use crate::identifiers::seeded_number;
use crate::login::authorize::AuthorizationCode;
use crate::options::AppRegistration;
use crate::settings::ConsentDelayShows;
use crate::signing::SigningKeys;
use crate::tenants::Grant;
use crate::world::World;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The request's form, one field at a time.
struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &str) -> Result<&str, LoginError> {
        self.get(name).ok_or_else(|| LoginError::numbered(900_144).about(&format!("'{name}'")))
    }
}

/// A token request against one `{tenant}` path segment.
struct Request<'a> {
    incoming: &'a Incoming,
    form: Form,
    /// `{tenant}` as written.
    segment: &'a str,
    now: Timestamp,
}

pub(super) fn answer(
    world: &mut World,
    audience: Audience,
    segment: &str,
    incoming: &Incoming,
    now: Timestamp,
) -> Reply {
    let tenant = match audience {
        Audience::Tenant(id) => Some(id),
        Audience::Organizations | Audience::Common | Audience::Consumers => None,
    };
    match issue(world, tenant, segment, incoming, now) {
        Ok(Issued { body, credential }) => Reply {
            tenant,
            credential,
            ..Reply::json(StatusCode::OK, &body).with_header("cache-control", "no-store".to_owned())
        },
        Err(error) => Reply { tenant, ..error.reply(incoming, now) },
    }
}

/// A token answer and what it was bought with.
struct Issued {
    body: Value,
    credential: Option<String>,
}

fn issue(
    world: &mut World,
    tenant: Option<Uuid>,
    segment: &str,
    incoming: &Incoming,
    now: Timestamp,
) -> Result<Issued, LoginError> {
    let content_type = incoming.header("content-type").unwrap_or_default();
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        return Err(LoginError::numbered(900_144).about("'grant_type'"));
    }
    let request = Request { incoming, form: Form(incoming.form()), segment, now };
    match request.form.required("grant_type")? {
        "client_credentials" => {
            let tenant = tenant.ok_or_else(|| LoginError::numbered(9_001_023))?;
            client_credentials(world, tenant, &request)
        }
        "authorization_code" => authorization_code(world, tenant, &request),
        other => Err(LoginError::numbered(70_003).about(&format!("'{other}'"))),
    }
}

fn client_credentials(
    world: &mut World,
    tenant: Uuid,
    request: &Request<'_>,
) -> Result<Issued, LoginError> {
    let Request { form, now, .. } = request;
    let now = *now;
    let (client, secret) = client(request.incoming, form)?;
    check_graph_scope(world, form.required("scope")?)?;
    let app = known_app(world, &client)?;
    let grant = granted(world, tenant, &app, now)?;
    let credential = authenticate(world, &app, secret.as_deref(), tenant, request)?;
    let lifetime = lifetime(world, now);
    let claims = AccessClaims::for_app(world, tenant, &app, &grant, now, lifetime);
    let access_token = world.keys.sign(&claims).map_err(unsignable)?;
    let body = json!({
        "token_type": "Bearer",
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": access_token,
    });
    Ok(Issued { body, credential })
}

fn authorization_code(
    world: &mut World,
    tenant: Option<Uuid>,
    request: &Request<'_>,
) -> Result<Issued, LoginError> {
    let Request { form, now, .. } = request;
    let now = *now;
    let (client, secret) = client(request.incoming, form)?;
    let app = known_app(world, &client)?;
    let key = form.required("code")?.to_owned();
    let redirect_uri = form.required("redirect_uri")?;
    let code = world.codes.get(&key).cloned().ok_or_else(|| LoginError::numbered(70_000))?;
    let credential = authenticate(world, &app, secret.as_deref(), code.tenant, request)?;
    if code.app != app.app_id || code.redirect_uri != redirect_uri {
        return Err(LoginError::numbered(70_000).about("The code was issued for another request."));
    }
    let same_tenant = match code.bound_tenant {
        Some(bound) => tenant == Some(bound),
        None => tenant.is_none_or(|tenant| tenant == code.tenant),
    };
    if !same_tenant {
        return Err(LoginError::numbered(700_005));
    }
    if code.redeemed {
        return Err(LoginError::numbered(54_005));
    }
    if code.expires_at < now {
        return Err(LoginError::numbered(70_008));
    }
    check_verifier(&code, form)?;
    if let Some(code) = world.codes.get_mut(&key) {
        code.redeemed = true;
    }
    let lifetime = lifetime(world, now);
    let id_token = id_token(world, &app, &code, now)?;
    let claims = AccessClaims::for_user(world, code.tenant, &app, code.user, now, lifetime);
    let access_token = world.keys.sign(&claims).map_err(unsignable)?;
    let body = json!({
        "token_type": "Bearer",
        "scope": code.scope,
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": access_token,
        "id_token": id_token,
    });
    Ok(Issued { body, credential })
}

/// Client id and secret, from the form or from basic authentication.
fn client(incoming: &Incoming, form: &Form) -> Result<(String, Option<String>), LoginError> {
    let basic = incoming.header("authorization").and_then(|value| value.strip_prefix("Basic "));
    if let Some(encoded) = basic {
        let malformed = || LoginError::numbered(9_002_313);
        let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
        let text = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let (id, secret) = text.as_deref().and_then(|t| t.split_once(':')).ok_or_else(malformed)?;
        let decode = |text: &str| {
            let parsed = form_urlencoded::parse(text.as_bytes()).next();
            parsed.map(|(key, _)| key.into_owned()).unwrap_or_default()
        };
        return Ok((decode(id), Some(decode(secret))));
    }
    Ok((form.required("client_id")?.to_owned(), form.get("client_secret").map(str::to_owned)))
}

fn known_app(world: &World, client: &str) -> Result<AppRegistration, LoginError> {
    let malformed = |_not_a_guid| LoginError::numbered(700_038).about(&format!("'{client}'"));
    let id = Uuid::try_parse(client).map_err(malformed)?;
    if id.is_nil() {
        return Err(LoginError::numbered(700_038).about(&format!("'{client}'")));
    }
    world.app(id).cloned().ok_or_else(|| LoginError::numbered(700_016).about(&format!("'{id}'")))
}

/// The app's standing in the tenant; unknown, disabled or too fresh is refused.
fn granted(
    world: &World,
    tenant: Uuid,
    app: &AppRegistration,
    now: Timestamp,
) -> Result<Grant, LoginError> {
    let unknown = || LoginError::numbered(700_016).about(&format!("'{}'", app.app_id));
    let tenant = world.tenant(tenant).ok_or_else(unknown)?;
    let grant = tenant.grants.get(&app.app_id).ok_or_else(unknown)?;
    let delayed = world.settings.login.consent_delay_shows == ConsentDelayShows::Token
        && world.consent_visible(grant.consented_at) > now;
    if delayed {
        return Err(unknown());
    }
    if !grant.enabled {
        return Err(LoginError::numbered(7_000_112));
    }
    Ok(grant.clone())
}

/// Checks what the app proves itself with; answers which of its credentials that was, `None` for a
/// federated one.
fn authenticate(
    world: &World,
    app: &AppRegistration,
    secret: Option<&str>,
    tenant: Uuid,
    request: &Request<'_>,
) -> Result<Option<String>, LoginError> {
    let Request { form, segment, now, .. } = request;
    let now = *now;
    if let Some(assertion) = form.get("client_assertion") {
        if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
            return Err(LoginError::numbered(900_144).about("'client_assertion_type'"));
        }
        if federated::is_foreign(assertion) {
            return federated::verify(assertion, app, now).map(|()| None);
        }
        let base = &world.base_url;
        let audiences = [tenant.to_string(), (*segment).to_owned()]
            .iter()
            .flat_map(|name| {
                [format!("{base}/{name}/oauth2/v2.0/token"), format!("{base}/{name}/v2.0")]
            })
            .collect::<Vec<_>>();
        return assertion::verify(assertion, app, &audiences, now).map(Some);
    }
    let secret = secret.ok_or_else(|| LoginError::numbered(7_000_218))?;
    let known = app.secrets.iter().find(|known| known.value == secret);
    let known = known
        .ok_or_else(|| LoginError::numbered(7_000_215).about(&format!("'{}'.", app.app_id)))?;
    if known.expires_at.is_some_and(|end| end <= now) {
        return Err(LoginError::numbered(7_000_222).about(&format!("'{}'.", app.app_id)));
    }
    Ok(Some(credential_key(secret.as_bytes())))
}

/// Names a credential without telling it.
pub(crate) fn credential_key(credential: &[u8]) -> String {
    let digest = Sha256::digest(credential);
    let first = digest.iter().take(4).fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
    format!("{first:08x}")
}

fn check_graph_scope(world: &World, scope: &str) -> Result<(), LoginError> {
    let scopes: Vec<&str> = scope.split(' ').filter(|part| !part.is_empty()).collect();
    let [only] = scopes.as_slice() else {
        return Err(LoginError::numbered(28_000).about(scope));
    };
    if is_graph_default(world, only) {
        return Ok(());
    }
    match only.strip_suffix("/.default") {
        Some(resource) => Err(LoginError::numbered(500_011).about(&format!("'{resource}'"))),
        None => Err(LoginError::numbered(70_011).about(&format!("'{only}' is not valid."))),
    }
}

fn check_verifier(code: &AuthorizationCode, form: &Form) -> Result<(), LoginError> {
    let Some(challenge) = &code.challenge else { return Ok(()) };
    let verifier = form.get("code_verifier").unwrap_or_default();
    let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    if hashed == challenge.trim_end_matches('=') {
        Ok(())
    } else {
        Err(LoginError::numbered(501_481))
    }
}

fn id_token(
    world: &World,
    app: &AppRegistration,
    code: &AuthorizationCode,
    now: Timestamp,
) -> Result<String, LoginError> {
    let now = skewed(world, now);
    let scopes: Vec<&str> = code.scope.split(' ').collect();
    let mut claims = json!({
        "aud": app.app_id,
        "iss": issuer(world, Audience::Tenant(code.tenant)),
        "iat": now.as_second() - 300,
        "nbf": now.as_second() - 300,
        "exp": now.as_second() + 3_600,
        "sub": URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{}{}", app.app_id, code.user))),
        "tid": code.tenant,
        "uti": Uuid::new_v4().simple().to_string(),
        "ver": "2.0",
    });
    let user = world.tenant(code.tenant).and_then(|tenant| tenant.directory.users.get(&code.user));
    if let Some(members) = claims.as_object_mut() {
        if let Some(nonce) = &code.nonce {
            members.insert("nonce".to_owned(), json!(nonce));
        }
        if let (true, Some(user)) = (scopes.contains(&"profile"), user) {
            members.insert("oid".to_owned(), json!(code.user));
            let name = user.object.text(WELL_KNOWN.display_name);
            members.insert("name".to_owned(), json!(name));
            let upn = user.object.text(WELL_KNOWN.user_principal_name);
            members.insert("preferred_username".to_owned(), json!(upn));
        }
        if let (true, Some(mail)) =
            (scopes.contains(&"email"), user.and_then(|user| user.object.text(WELL_KNOWN.mail)))
        {
            members.insert("email".to_owned(), json!(mail));
        }
        if app.emits_wids {
            let mut roles = user.map(|user| user.roles.clone()).unwrap_or_default();
            roles.push(PLAIN_USER);
            members.insert("wids".to_owned(), json!(roles));
        }
        for (name, value) in &code.sign_in.claims {
            if value.is_null() {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
    }
    if code.sign_in.foreign_key {
        return SigningKeys::sign_with_foreign_key(&claims).map_err(unsignable);
    }
    world.keys.sign(&claims).map_err(unsignable)
}

/// Seconds an access token lives: as set, or drawn between 60 and 90 minutes.
fn lifetime(world: &World, now: Timestamp) -> u32 {
    world.settings.login.token_lifetime_seconds.unwrap_or_else(|| {
        let at = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let spread = seeded_number(world.seed, "token-lifetime", at) % 1_800;
        3_599 + u32::try_from(spread).unwrap_or_default()
    })
}

/// The login host's own idea of now.
pub(crate) fn skewed(world: &World, now: Timestamp) -> Timestamp {
    shifted(now, SignedDuration::from_secs(world.settings.login.token_skew_seconds))
}

#[expect(clippy::needless_pass_by_value, reason = "used as a map_err argument")]
fn unsignable(error: crate::signing::SigningError) -> LoginError {
    tracing::error!(error = %error, "a token could not be signed");
    LoginError::numbered(90_033)
}
