//! What a fault may do to a request or its answer, as it is written down.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::actions::Action;
use crate::directory::DirectoryCommand;

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
}
