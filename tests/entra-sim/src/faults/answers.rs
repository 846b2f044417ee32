//! Effects at work: answers in place of serving, and served answers that are spoilt.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::effects::{BodyKind, Effect};
use crate::exchange::{Incoming, Reply};
use crate::graph::errors::GraphError;
use crate::login::errors::LoginError;

impl Effect {
    /// The answer that replaces serving, if this effect is of that kind.
    pub(crate) fn replacement(
        &self,
        incoming: &Incoming,
        base_url: &str,
        now: jiff::Timestamp,
    ) -> Option<Reply> {
        let known = |status| StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        match self {
            Self::Respond { status, body, code, message, retry_after } => {
                let status = known(*status);
                let code = code.as_deref().unwrap_or_else(|| usual_code(status));
                let message = message.as_deref().unwrap_or_else(|| usual_message(status));
                let reply = match body {
                    BodyKind::Json => GraphError::new(status, code, message).reply(incoming, now),
                    BodyKind::Html => {
                        Reply::html(status, HTML.replace("{status}", status.as_str()))
                    }
                    BodyKind::Empty => Reply::empty(status),
                };
                Some(match retry_after {
                    Some(wait) => reply.with_header("retry-after", wait.clone()),
                    None => reply,
                })
            }
            Self::Aadsts { code, status } => {
                let mut error = LoginError::numbered(*code);
                error.status = status.map_or(error.status, known);
                Some(error.reply(incoming, now))
            }
            Self::ExpiredPageToken => Some(GraphError::expired_page_token().reply(incoming, now)),
            Self::Gone { status, code, location } => {
                let error = GraphError::new(known(*status), code, "Resync required.");
                let reply = error.reply(incoming, now);
                let start = format!("{base_url}{}?$deltatoken=", incoming.path);
                Some(if *location { reply.with_header("location", start) } else { reply })
            }
            Self::NotFound { code } => {
                let message = "Resource does not exist or one of its queried reference-property \
                               objects are not present.";
                Some(GraphError::new(StatusCode::NOT_FOUND, code, message).reply(incoming, now))
            }
            Self::Reset { .. }
            | Self::Truncate
            | Self::Delay { .. }
            | Self::WithoutValue
            | Self::EmptyPage
            | Self::RepeatNextLink
            | Self::ForeignLink { .. }
            | Self::NoObjects
            | Self::Mutate { .. }
            | Self::Act { .. }
            | Self::Edit { .. }
            | Self::EditObjects { .. }
            | Self::IdToken { .. }
            | Self::Duplicate { .. }
            | Self::Drop
            | Self::Reorder
            | Self::Forge { .. } => None,
        }
    }

    /// Spoils an answer that was served.
    pub(crate) fn spoil(&self, mut reply: Reply, request_url: &str) -> Reply {
        match self {
            Self::Reset { after_bytes } => {
                reply.broken_after = Some(after_bytes.unwrap_or(reply.body.len() / 2));
                reply
            }
            Self::Truncate => {
                reply.body = reply.body.slice(..reply.body.len() / 2);
                reply
            }
            Self::WithoutValue => edit(reply, |page| {
                page.remove("value");
            }),
            Self::EmptyPage => edit(reply, |page| {
                page.remove("@odata.deltaLink");
                page.insert("value".to_owned(), json!([]));
                page.insert("@odata.nextLink".to_owned(), json!(request_url));
            }),
            Self::RepeatNextLink => edit(reply, |page| {
                page.remove("@odata.deltaLink");
                page.insert("@odata.nextLink".to_owned(), json!(request_url));
            }),
            Self::ForeignLink { origin } => edit(reply, |page| {
                for name in ["@odata.nextLink", "@odata.deltaLink"] {
                    let link = page.get(name).and_then(Value::as_str).unwrap_or_default();
                    if let Some((_, path)) = link.split_once("/v1.0/") {
                        let foreign = format!("{origin}/v1.0/{path}");
                        page.insert(name.to_owned(), json!(foreign));
                    }
                }
            }),
            Self::NoObjects => edit(reply, |page| {
                page.remove("@odata.nextLink");
                page.insert("value".to_owned(), json!([]));
            }),
            Self::Respond { .. }
            | Self::Aadsts { .. }
            | Self::Delay { .. }
            | Self::ExpiredPageToken
            | Self::Gone { .. }
            | Self::NotFound { .. }
            | Self::Mutate { .. }
            | Self::Act { .. }
            | Self::IdToken { .. }
            | Self::Duplicate { .. }
            | Self::Drop
            | Self::Reorder
            | Self::Forge { .. } => reply,
            Self::EditObjects { only, without, blank, hide } => edit(reply, |page| {
                let Some(objects) = page.get_mut("value").and_then(Value::as_array_mut) else {
                    return;
                };
                let is_meant = |object: &Value| {
                    let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
                    only.is_empty() || only.iter().any(|meant| meant == id)
                };
                if *hide {
                    objects.retain(|object| !is_meant(object));
                }
                let meant = objects.iter_mut().filter(|object| is_meant(object));
                for object in meant.filter_map(Value::as_object_mut) {
                    object.retain(|name, _| !without.contains(name));
                    for name in blank {
                        object.insert(name.clone(), Value::Null);
                    }
                }
            }),
            Self::Edit { merge } => edit(reply, |page| {
                let mut whole = Value::Object(std::mem::take(page));
                merge_patch(&mut whole, merge);
                if let Value::Object(merged) = whole {
                    *page = merged;
                }
            }),
        }
    }
}

const HTML: &str = "<!DOCTYPE html><html><head><title>{status}</title></head><body><h2>Our \
                    services aren't available right now</h2></body></html>";

fn edit(mut reply: Reply, change: impl FnOnce(&mut Map<String, Value>)) -> Reply {
    if let Ok(mut page) = serde_json::from_slice::<Map<String, Value>>(&reply.body) {
        change(&mut page);
        reply.body = serde_json::to_vec(&page).unwrap_or_default().into();
    }
    reply
}

/// RFC 7396.
pub(crate) fn merge_patch(document: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        document.clone_from(patch);
        return;
    };
    if !document.is_object() {
        *document = json!({});
    }
    let Value::Object(members) = document else { return };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge_patch(members.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

fn usual_code(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "BadRequest",
        401 => "InvalidAuthenticationToken",
        403 => "Authorization_RequestDenied",
        404 => "Request_ResourceNotFound",
        409 => "Conflict",
        429 => "TooManyRequests",
        500 => "InternalServerError",
        503 => "serviceNotAvailable",
        _ => "UnknownError",
    }
}

fn usual_message(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "Access token validation failure. Invalid audience.",
        403 => "Insufficient privileges to complete the operation.",
        429 => "Please retry again later.",
        503 => "The service is temporarily unavailable. Please retry later.",
        _ => "",
    }
}
