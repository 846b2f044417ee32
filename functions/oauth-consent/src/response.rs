//! Answers with everything a browser must be told.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use lambda_http::Body;

use crate::page;
use crate::site::Site;

/// A page.
pub(crate) fn html(site: &Site, status: StatusCode, body: String) -> Response<Body> {
    let mut response = bare(site, status, Body::Text(body));
    put(&mut response, CONTENT_TYPE, "text/html; charset=utf-8");
    response
}

/// On to another address, by GET.
pub(crate) fn see_other(site: &Site, address: &str) -> Response<Body> {
    let mut response = bare(site, StatusCode::SEE_OTHER, Body::Empty);
    put(&mut response, LOCATION, address);
    response
}

/// The same answer with a cookie.
pub(crate) fn with_cookie(mut response: Response<Body>, cookie: &str) -> Response<Body> {
    put(&mut response, SET_COOKIE, cookie);
    response
}

/// The same answer with another header.
pub(crate) fn with(mut response: Response<Body>, name: HeaderName, value: &str) -> Response<Body> {
    put(&mut response, name, value);
    response
}

fn bare(site: &Site, status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    put(&mut response, CONTENT_SECURITY_POLICY, &page::content_security_policy());
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Links and states are secrets; our own pages may say where a form came from.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        put(&mut response, name, value);
    }
    if site.is_secure() {
        put(&mut response, STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

/// What we send is ASCII; anything else would be left out rather than break the answer.
fn put(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
