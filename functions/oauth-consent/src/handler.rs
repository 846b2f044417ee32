//! One request in, one page or redirect out.

use std::convert::Infallible;

use contact_sync_engine::consent::{Begun, ConsentError, Outcome, Refusal, RefusalText};
use contact_sync_lambda_shell::{Chain, context};
use http::header::ALLOW;
use http::{Method, Response, StatusCode};
use lambda_http::{Body, Request, RequestExt};

use crate::consent::Consent;
use crate::query::Parameters;
use crate::site::Site;
use crate::{cookie, page, response};

/// The one form has no fields.
const BODY_LIMIT: usize = 4 * 1_024;

/// Answers a browser. Looking at a link changes nothing, so that mail scanners and previews may;
/// only the button starts.
#[tracing::instrument(name = "oauth_consent", skip_all)]
pub(crate) async fn handle(
    consent: &impl Consent,
    base_url: Option<&str>,
    request: Request,
) -> Result<Response<Body>, Infallible> {
    let site = Site::of(base_url, &request);
    let answer = match token(&request) {
        Some(token) => link(consent, &site, &token, &request).await,
        None => callback(consent, &site, &request).await,
    };
    Ok(answer.unwrap_or_else(|error| refused(&site, &reference(&request), &error)))
}

/// The token of a link's address; `None` at the callback.
fn token(request: &Request) -> Option<String> {
    request.path_parameters_ref()?.first("token").map(str::to_owned)
}

async fn link(
    consent: &impl Consent,
    site: &Site,
    token: &str,
    request: &Request,
) -> Result<Response<Body>, ConsentError> {
    match *request.method() {
        Method::GET | Method::HEAD => {
            let view = consent.describe(token).await?;
            Ok(response::html(site, StatusCode::OK, page::invitation(&view)))
        }
        Method::POST if request.body().len() > BODY_LIMIT => {
            Ok(explained(site, request, StatusCode::PAYLOAD_TOO_LARGE, "That is too much"))
        }
        Method::POST if !site.sent_form(request.headers()) => {
            tracing::warn!(security.event = "foreign-form", "refused a form of another site");
            Err(Refusal::OtherBrowser.into())
        }
        Method::POST => {
            let Begun { redirect_url, cookie } = consent.begin(token, &site.redirect_uri()).await?;
            tracing::info!("sent a browser to Microsoft's consent page");
            let response = response::see_other(site, &redirect_url);
            Ok(response::with_cookie(response, &cookie::set(site, &cookie)))
        }
        _ => Ok(not_allowed(site, request, "GET, POST")),
    }
}

async fn callback(
    consent: &impl Consent,
    site: &Site,
    request: &Request,
) -> Result<Response<Body>, ConsentError> {
    if *request.method() != Method::GET {
        return Ok(not_allowed(site, request, "GET"));
    }
    let parameters = Parameters::parse(request.uri().query().unwrap_or_default());
    let parameters = parameters.ok_or(Refusal::MalformedReturn)?;
    let callback = parameters.with_cookie(cookie::read(site, request.headers()));
    match consent.complete(&callback, &site.redirect_uri()).await? {
        Outcome::SignIn { url } => {
            tracing::info!("consent was given; sent the browser to sign in");
            Ok(response::see_other(site, &url))
        }
        Outcome::Connected { account_id, connection_id, tenant_id } => {
            tracing::info!(
                account.id = %account_id,
                connection.id = %connection_id,
                tenant.id = %tenant_id,
                "connected tenant {tenant_id}"
            );
            let page = page::connected(tenant_id.as_str());
            let response = response::html(site, StatusCode::OK, page);
            Ok(response::with_cookie(response, &cookie::clear(site)))
        }
    }
}

fn refused(site: &Site, reference: &str, error: &ConsentError) -> Response<Body> {
    let text = match error {
        ConsentError::Refused(refusal) => {
            log_refusal(refusal);
            refusal.text()
        }
        ConsentError::Store(_) => {
            tracing::error!(error = %Chain(error), "consent could not be served");
            RefusalText {
                status: 503,
                title: "Something is wrong on our side",
                message: "Your request could not be served just now.".to_owned(),
                fix: "Wait a minute, then open the link again.",
            }
        }
    };
    let status = StatusCode::from_u16(text.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response::html(site, status, page::refusal(&text, reference))
}

fn log_refusal(refusal: &Refusal) {
    let (reason, detail) = (refusal.reason(), refusal.detail());
    if refusal.is_ours() {
        tracing::error!(
            consent.refusal = reason,
            consent.detail = detail,
            "refused consent: {reason}"
        );
    } else {
        tracing::warn!(
            consent.refusal = reason,
            consent.detail = detail,
            "refused consent: {reason}"
        );
    }
}

fn not_allowed(site: &Site, request: &Request, allowed: &str) -> Response<Body> {
    let response =
        explained(site, request, StatusCode::METHOD_NOT_ALLOWED, "This address is for browsers");
    response::with(response, ALLOW, allowed)
}

fn explained(
    site: &Site,
    request: &Request,
    status: StatusCode,
    title: &'static str,
) -> Response<Body> {
    let text = RefusalText {
        status: status.as_u16(),
        title,
        message: "What was sent is not what this page sends.".to_owned(),
        fix: "Open the link in a browser and use its button.",
    };
    response::html(site, status, page::refusal(&text, &reference(request)))
}

/// What support can find the request by.
fn reference(request: &Request) -> String {
    request.lambda_context_ref().map(context::correlation_id).unwrap_or_default()
}

#[cfg(test)]
mod tests;
