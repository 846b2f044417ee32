//! What a fault does to a request or its answer.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::actions::Action;
use crate::directory::DirectoryCommand;
use crate::exchange::{Incoming, Reply};
use crate::graph::errors::GraphError;
use crate::login::errors::LoginError;

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Effect {
    /// Answers with a status instead of serving the request.
    Respond {
        /// HTTP status.
        status: u16,
        /// Form of the body.
        #[serde(default)]
        body: BodyKind,
        /// Graph error code; the usual one of the status unless given.
        #[serde(default)]
        code: Option<String>,
        /// Error message.
        #[serde(default)]
        message: Option<String>,
        /// `Retry-After`, written as given: `10`, `2.128`, an HTTP date.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// Answers a token, authorize or consent request with an AADSTS error.
    Aadsts {
        /// The number, as 700016.
        code: u32,
        /// HTTP status; the usual one of the number unless given.
        #[serde(default)]
        status: Option<u16>,
    },
    /// Serves the request and breaks the connection in the middle of the body.
    Reset {
        /// Bytes sent before; half of the body unless given.
        #[serde(default)]
        after_bytes: Option<usize>,
    },
    /// Serves half of the body as if it were whole.
    Truncate,
    /// Waits before serving.
    Delay {
        /// How long, in real time.
        ms: u64,
    },
    /// Leaves out `value` of a page.
    WithoutValue,
    /// Serves an empty page whose `@odata.nextLink` asks for the same page again.
    EmptyPage,
    /// Serves the page with a `@odata.nextLink` that leads back to it.
    RepeatNextLink,
    /// Puts another origin into `@odata.nextLink` and `@odata.deltaLink`.
    ForeignLink {
        /// As `https://graph.evil.example`.
        origin: String,
    },
    /// Serves a last page without any object.
    NoObjects,
    /// 400 `Directory_ExpiredPageToken`.
    ExpiredPageToken,
    /// The answer to a dead delta token.
    Gone {
        /// 410, or a 40x.
        #[serde(default = "gone")]
        status: u16,
        /// As `syncStateNotFound`.
        #[serde(default = "sync_state_not_found")]
        code: String,
        /// Whether a `Location` comes along.
        #[serde(default = "yes")]
        location: bool,
    },
    /// 404, as for an object not replicated yet.
    NotFound {
        /// Error code.
        #[serde(default = "object_not_found")]
        code: String,
    },
    /// Changes the directory before the request is served.
    Mutate {
        /// Tenant id or domain.
        tenant: String,
        /// The changes, in order.
        commands: Vec<DirectoryCommand>,
    },
    /// Pulls levers before the request is served.
    Act {
        /// The levers, in order.
        actions: Vec<Action>,
    },
    /// Merges members into the JSON that was served (RFC 7396: `null` removes one).
    Edit {
        /// What to merge.
        merge: Value,
    },
    /// Changes objects of the page that was served, as a service does that holds values back.
    EditObjects {
        /// Ids of the objects it concerns; all on the page unless given.
        #[serde(default)]
        only: Vec<String>,
        /// Members that are left out.
        #[serde(default)]
        without: Vec<String>,
        /// Members that become `null`.
        #[serde(default)]
        blank: Vec<String>,
        /// Leaves out the objects themselves.
        #[serde(default)]
        hide: bool,
    },
    /// Puts claims into the id token that this token request buys; `null` removes one.
    IdToken {
        /// Claims by name.
        #[serde(default)]
        claims: Map<String, Value>,
        /// Signs with a key that is not published.
        #[serde(default)]
        foreign_key: bool,
    },
    /// Posts the notifications so many times more.
    Duplicate {
        /// How often more.
        #[serde(default = "one_more")]
        times: u32,
    },
    /// Loses the notifications without a POST.
    Drop,
    /// Posts the notifications in reverse order.
    Reorder,
    /// Posts a forged body besides the true one.
    Forge {
        /// Members put over those of the true items.
        #[serde(default)]
        item: Map<String, Value>,
        /// The whole body instead, as it is.
        #[serde(default)]
        body: Option<String>,
        /// Puts the forged items into the true POST, after the true ones.
        #[serde(default)]
        within: bool,
    },
}

const fn one_more() -> u32 {
    1
}

const fn gone() -> u16 {
    410
}

const fn yes() -> bool {
    true
}

fn sync_state_not_found() -> String {
    "syncStateNotFound".to_owned()
}

fn object_not_found() -> String {
    "Request_ResourceNotFound".to_owned()
}

/// Form of an error body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BodyKind {
    /// The Graph error envelope.
    #[default]
    Json,
    /// A proxy's HTML page.
    Html,
    /// Nothing.
    Empty,
}

impl Effect {
    /// A plain status with the usual body.
    pub fn status(status: u16) -> Self {
        let body = BodyKind::Json;
        Self::Respond { status, body, code: None, message: None, retry_after: None }
    }

    /// 429 with this `Retry-After`.
    pub fn throttled(retry_after: &str) -> Self {
        Self::Respond {
            status: 429,
            body: BodyKind::Json,
            code: None,
            message: None,
            retry_after: Some(retry_after.to_owned()),
        }
    }

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
