//! One request, checked as far as all of them are alike.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, RunId, TeamId};
use contact_sync_engine::admin::{Caller, Precondition};
use serde_json::Value;

use crate::problem::Problem;

/// Items on a page of a list when nobody says.
const USUAL_LIMIT: u16 = 50;

/// Items on a page of a list at most; who asks for more gets these.
const MOST_ITEMS: u16 = 200;

/// One request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Where people reach this installation.
    pub(crate) base_url: String,
    /// 128 bits drawn from the idempotency key, where the request has one.
    pub(crate) key_bits: Option<u128>,
}

impl Call {
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    pub(crate) fn account(&self) -> Result<AccountId, Problem> {
        AccountId::parse(self.param("account")).or(Err(Problem::not_found("account")))
    }

    pub(crate) fn connection(&self) -> Result<ConnectionId, Problem> {
        ConnectionId::parse(self.param("connection")).or(Err(Problem::not_found("connection")))
    }

    /// The tenant that the path names, as it stands there.
    pub(crate) fn tenant(&self) -> &str {
        self.param("tenant")
    }

    pub(crate) fn contact(&self) -> Result<ContactId, Problem> {
        ContactId::parse(self.param("contact")).or(Err(Problem::not_found("contact")))
    }

    pub(crate) fn team(&self) -> Result<TeamId, Problem> {
        TeamId::parse(self.param("team")).or(Err(Problem::not_found("team")))
    }

    pub(crate) fn run(&self) -> Result<RunId, Problem> {
        RunId::parse(self.param("run")).or(Err(Problem::not_found("run")))
    }

    pub(crate) fn user(&self) -> Result<ObjectId, Problem> {
        ObjectId::parse(self.param("user")).or(Err(Problem::not_found("user")))
    }

    pub(crate) fn settings_version(&self) -> Result<u64, Problem> {
        self.param("version").parse().or(Err(Problem::not_found("version of the settings")))
    }

    /// A query parameter that says yes or no; no where it is left out.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.query(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::bad_query(format!("`{name}` is true or false."))),
        }
    }

    /// A query parameter with a value.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn cursor(&self) -> Option<&str> {
        self.query("cursor")
    }

    pub(crate) fn limit(&self) -> Result<u16, Problem> {
        match self.query("limit").map(str::parse::<u32>) {
            None => Ok(USUAL_LIMIT),
            Some(Ok(limit @ 1..)) => Ok(u16::try_from(limit).unwrap_or(MOST_ITEMS).min(MOST_ITEMS)),
            Some(Ok(0) | Err(_)) => {
                Err(Problem::bad_query(format!("`limit` is a number from 1 to {MOST_ITEMS}.")))
            }
        }
    }

    /// The JSON document that the body must be.
    pub(crate) fn document(&self) -> Result<Value, Problem> {
        if self.body.is_empty() {
            return Err(Problem::bad_json("The body is empty; a JSON document is needed."));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            // The position, and serde_json's own words: what it expected, never the value.
            Problem::bad_json(format!("Not JSON: {error}."))
        })
    }

    /// The JSON document, if there is a body.
    pub(crate) fn optional_document(&self) -> Result<Option<Value>, Problem> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        self.document().map(Some)
    }

    /// `If-Match`: `*`, or ETags of ours.
    pub(crate) fn precondition(&self) -> Result<Precondition, Problem> {
        let mut versions = Vec::new();
        let mut named = false;
        for value in self.headers.get_all(header::IF_MATCH) {
            named = true;
            let text = value.to_str().or(Err(Problem::bad_header("`If-Match` is not ASCII.")))?;
            if text.trim() == "*" {
                return Ok(Precondition::Any);
            }
            // An ETag that is not ours is no version of anything here: it never matches.
            versions.extend(text.split(',').filter_map(version));
        }
        Ok(if named { Precondition::Versions(versions) } else { Precondition::None })
    }
}

/// `"7"`; also `W/"7"`, as a proxy that compresses writes it.
fn version(etag: &str) -> Option<u64> {
    let etag = etag.trim();
    let strong = etag.strip_prefix("W/").unwrap_or(etag);
    strong.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}
