//! Pages of lists: tokens, links and the JSON around the entries.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Call;
use super::errors::GraphError;
use crate::tenants::Tenant;
use crate::world::World;

/// Where a list goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Position {
    /// After this object id.
    After(Uuid),
    /// After so many objects, in ordered lists.
    Skipped(usize),
}

#[derive(Debug, Serialize, Deserialize)]
struct ListToken {
    tenant: Uuid,
    /// Hash of path and options: a token continues only its own request.
    request: [u8; 8],
    generation: u64,
    issued: i64,
    position: Position,
}

/// Reads the position from a `$skiptoken`, if there is one.
pub(super) fn position(world: &World, call: &Call<'_>) -> Result<Option<Position>, GraphError> {
    let Some(text) = call.incoming.parameter("$skiptoken") else { return Ok(None) };
    let refused = || GraphError::bad_request("The specified page token is not valid.");
    let token: ListToken = world.seal.open(&text).ok_or_else(refused)?;
    let tenant = world.tenant(call.claims.tid).ok_or_else(refused)?;
    if token.tenant != tenant.id || token.request != fingerprint(call) {
        return Err(refused());
    }
    if is_expired(world, tenant, token.generation, token.issued, call.now) {
        return Err(GraphError::expired_page_token());
    }
    Ok(Some(token.position))
}

/// Whether a page token is of an older generation or past its life.
pub(super) fn is_expired(
    world: &World,
    tenant: &Tenant,
    generation: u64,
    issued: i64,
    now: Timestamp,
) -> bool {
    let life = i64::from(world.settings.graph.page_token_lifetime_seconds);
    generation != tenant.page_generation || now.as_second() - issued > life
}

/// The `@odata.nextLink`: the same request with another `$skiptoken`.
pub(super) fn next_link(world: &World, call: &Call<'_>, position: Position) -> String {
    let generation = world.tenant(call.claims.tid).map_or(0, |tenant| tenant.page_generation);
    let token = world.seal.seal(&ListToken {
        tenant: call.claims.tid,
        request: fingerprint(call),
        generation,
        issued: call.now.as_second(),
        position,
    });
    let mut link = format!("{}{}?", world.graph_url, call.incoming.path);
    for option in call.incoming.query.split('&').filter(|option| !is_skip_token(option)) {
        let _ = write!(link, "{option}&");
    }
    link.push_str("$skiptoken=");
    link.push_str(&token);
    link
}

fn is_skip_token(option: &str) -> bool {
    let name = option.split('=').next().unwrap_or_default().to_lowercase();
    option.is_empty() || name == "$skiptoken" || name == "%24skiptoken"
}

fn fingerprint(call: &Call<'_>) -> [u8; 8] {
    let mut options: Vec<(String, String)> = call
        .incoming
        .parameters()
        .into_iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken"))
        .collect();
    options.sort();
    let mut hash = Sha256::new();
    hash.update(call.incoming.path.as_bytes());
    for (name, value) in options {
        hash.update(name.as_bytes());
        hash.update(b"=");
        hash.update(value.as_bytes());
        hash.update(b"&");
    }
    let mut short = [0; 8];
    for (byte, source) in short.iter_mut().zip(hash.finalize()) {
        *byte = source;
    }
    short
}

/// What the service remarks on lists without `$select`; clients must ignore it.
const TIP: &str = "Use $select to choose only the properties your app needs, as this can lead to \
                   performance improvements. For example: GET users?$select=signInActivity,\
                   accountEnabled";

/// Entries of a page, written one after the other.
#[derive(Debug, Default)]
pub(super) struct Entries {
    text: String,
    pub(super) count: usize,
}

impl Entries {
    /// Writes one entry; `write` gets the text after the opening brace.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut String)) {
        if self.count > 0 {
            self.text.push(',');
        }
        self.count += 1;
        self.text.push('{');
        write(&mut self.text);
        self.text.push('}');
    }

    /// Closes the page.
    pub(super) fn page(
        self,
        context: &str,
        count: Option<usize>,
        link: Option<(&str, &str)>,
    ) -> String {
        self.page_with_tip(context, count, link, None)
    }

    /// A page of a list: without `$select` the service adds a remark.
    pub(super) fn list_page(
        self,
        context: &str,
        selected: bool,
        count: Option<usize>,
        link: Option<(&str, &str)>,
    ) -> String {
        self.page_with_tip(context, count, link, (!selected).then_some(TIP))
    }

    fn page_with_tip(
        self,
        context: &str,
        count: Option<usize>,
        link: Option<(&str, &str)>,
        tip: Option<&str>,
    ) -> String {
        let mut page = String::with_capacity(self.text.len() + 512);
        let _ = write!(page, "{{\"@odata.context\":{}", serde_json::Value::from(context));
        if let Some(count) = count {
            let _ = write!(page, ",\"@odata.count\":{count}");
        }
        if let Some(tip) = tip {
            let _ = write!(page, ",\"@microsoft.graph.tips\":{}", serde_json::Value::from(tip));
        }
        if let Some((name, link)) = link {
            let _ = write!(page, ",\"{name}\":{}", serde_json::Value::from(link));
        }
        page.push_str(",\"value\":[");
        page.push_str(&self.text);
        page.push_str("]}");
        page
    }
}

/// The `@odata.context` of a collection with its selected names.
pub(super) fn context(world: &World, collection: &str, names: &[String]) -> String {
    let base = &world.graph_url;
    if names.is_empty() {
        format!("{base}/v1.0/$metadata#{collection}")
    } else {
        format!("{base}/v1.0/$metadata#{collection}({})", names.join(","))
    }
}
