//! Requests and responses in API Gateway's payload format 2.0.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderName, HeaderValue, SET_COOKIE, USER_AGENT,
};
use http::request::Parts;
use http::{HeaderMap, StatusCode, Version};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::routes::Found;
use crate::template::ACCOUNT_ID;

/// The gateway's own name. A Host that ends in a number, as a loopback address does, makes
/// lambda_http panic; in AWS none does.
const DOMAIN_NAME: &str = "local.execute-api.localhost";

/// The event for a request on its route.
pub(super) fn event(
    request: &Parts,
    body: &Bytes,
    route: &Found,
    claims: Option<Map<String, Value>>,
    peer: SocketAddr,
    now: Timestamp,
) -> Value {
    let raw_query = request.uri.query().unwrap_or_default();
    let mut query: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(raw_query.as_bytes()) {
        query
            .entry(name.into_owned())
            .and_modify(|existing| {
                existing.push(',');
                existing.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    let user_agent = request.headers.get(USER_AGENT).map(text).unwrap_or_default();
    let mut context = json!({
        "accountId": ACCOUNT_ID,
        "apiId": "local",
        "domainName": DOMAIN_NAME,
        "domainPrefix": "local",
        "http": {
            "method": request.method.as_str(),
            "path": request.uri.path(),
            "protocol": protocol(request.version),
            "sourceIp": peer.ip().to_string(),
            "userAgent": user_agent,
        },
        "requestId": Uuid::new_v4().to_string(),
        "routeKey": route.key,
        "stage": "$default",
        "time": now.to_zoned(TimeZone::UTC).strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        "timeEpoch": now.as_millisecond(),
    });
    if let (Some(claims), Some(context)) = (claims, context.as_object_mut()) {
        // API Gateway hands every claim over as text.
        let claims: Map<String, Value> = claims
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| match value {
                Value::String(_) => (name, value),
                other => (name, other.to_string().into()),
            })
            .collect();
        context.insert("authorizer".to_owned(), json!({"jwt": {"claims": claims, "scopes": null}}));
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": request.uri.path(),
        "rawQueryString": raw_query,
        "headers": headers(&request.headers),
        "requestContext": context,
        "isBase64Encoded": false,
    });
    let Some(members) = event.as_object_mut() else { return event };
    let cookies = cookies(&request.headers);
    if !cookies.is_empty() {
        members.insert("cookies".to_owned(), cookies.into());
    }
    if !query.is_empty() {
        members.insert("queryStringParameters".to_owned(), json!(query));
    }
    if !route.path_parameters.is_empty() {
        members.insert("pathParameters".to_owned(), json!(route.path_parameters));
    }
    if !body.is_empty() {
        let content_type = request.headers.get(CONTENT_TYPE).map(text).unwrap_or_default();
        match std::str::from_utf8(body) {
            Ok(text) if is_text(&content_type) => {
                members.insert("body".to_owned(), text.into());
            }
            Ok(_) | Err(_) => {
                members.insert("body".to_owned(), STANDARD.encode(body).into());
                members.insert("isBase64Encoded".to_owned(), true.into());
            }
        }
    }
    event
}

/// API Gateway hands these over as they are and everything else, forms included, in base64.
fn is_text(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.is_empty()
        || kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || matches!(
            kind.as_str(),
            "application/json" | "application/xml" | "application/javascript"
        )
}

fn protocol(version: Version) -> &'static str {
    if version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" }
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        if name == COOKIE || name == HOST {
            continue;
        }
        let value = text(value);
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|existing| {
                existing.push(',');
                existing.push_str(&value);
            })
            .or_insert(value);
    }
    // The token that opens the local gateway is nothing a function should see or log.
    joined
        .entry(AUTHORIZATION.as_str().to_owned())
        .and_modify(|value| "Bearer local".clone_into(value));
    joined.insert("host".to_owned(), DOMAIN_NAME.to_owned());
    joined.insert("x-forwarded-proto".to_owned(), "http".to_owned());
    joined
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .map(text)
        .flat_map(|header| header.split(';').map(|part| part.trim().to_owned()).collect::<Vec<_>>())
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    multi_value_headers: BTreeMap<String, Vec<Value>>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The response for a function's answer; `None` if the answer makes none.
pub(super) fn response(answer: &[u8]) -> Option<Response> {
    let value: Value = serde_json::from_slice(answer).ok()?;
    if value.get("statusCode").is_none() {
        // Format 2.0 takes an answer without a status for the body of a 200.
        let body = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        return Response::builder()
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .ok();
    }
    let answer: Answer = serde_json::from_value(value).ok()?;
    let body = match answer.body {
        Some(body) if answer.is_base64_encoded => Bytes::from(STANDARD.decode(body).ok()?),
        Some(body) => Bytes::from(body),
        None => Bytes::new(),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status_code).ok()?;
    let headers = response.headers_mut();
    for (name, value) in &answer.headers {
        headers.insert(header_name(name)?, header_value(value)?);
    }
    for (name, values) in &answer.multi_value_headers {
        // A header may stand in both maps; the values of this one are complete.
        let name = header_name(name)?;
        headers.remove(&name);
        for value in values {
            headers.append(name.clone(), header_value(value)?);
        }
    }
    for cookie in &answer.cookies {
        headers.append(SET_COOKIE, HeaderValue::from_str(cookie).ok()?);
    }
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=utf-8"));
    }
    Some(response)
}

fn header_name(name: &str) -> Option<HeaderName> {
    name.parse().ok()
}

fn header_value(value: &Value) -> Option<HeaderValue> {
    match value {
        Value::String(text) => HeaderValue::from_str(text).ok(),
        other => HeaderValue::from_str(&other.to_string()).ok(),
    }
}
