//! What people asked for: entered before it is done, listed, and verified.

use contact_sync_domain::audit::{
    Asked, AuditActor, AuditBreak, AuditChain, AuditHead, AuditVerifier, SealedEntry, is_subject,
    sha256,
};
use jiff::SignedDuration;

use super::{AdminError, Caller, Outside, Page, account};
use crate::audit::kept_head;
use crate::port::{AuditStore, Clock};

/// After so long a walk along a chain is answered: HTTP APIs give up after 30 seconds.
const TIME: SignedDuration = SignedDuration::from_secs(15);

/// A request that may change something.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Method and route.
    pub what: String,
    /// The route's parameters; only ids among them are entered.
    pub params: Vec<(&'a str, &'a str)>,
    /// What was sent along, where that is about no person.
    pub body: Option<&'a [u8]>,
    /// Under which id the logs tell how it ended.
    pub id: &'a str,
}

/// How far a chain holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditVerdict {
    /// The last entry up to which it does.
    pub head: AuditHead,
    /// Where it is broken.
    pub broken: Option<AuditBreak>,
    /// Where to go on, when the chain is longer than was walked at once.
    pub next: Option<String>,
}

/// Enters what is asked for. Whoever asks must not do it unless this was done; `None` where there
/// is no such account, and so nothing to do.
pub async fn enter(
    outside: &impl Outside,
    caller: &Caller,
    chain: &AuditChain,
    request: &Request<'_>,
) -> Result<Option<AuditHead>, AdminError> {
    let subject = |(name, value): &(&str, &str)| Some(((*name).to_owned(), subject(name, value)?));
    let asked = Asked {
        at: outside.clock().now(),
        actor: AuditActor {
            subject: caller.subject.clone(),
            role: caller.role.to_string(),
            account: caller.account.clone(),
        },
        what: request.what.clone(),
        subjects: request.params.iter().filter_map(subject).collect(),
        body: request.body.map(sha256),
        request: request.id.to_owned(),
    };
    Ok(outside.store().append_audit(chain, &asked).await?)
}

/// What an entry has of a route's parameter. What names a person of the directory is told by its
/// hash alone: whoever has it finds the entry, and nobody else the person.
fn subject(name: &str, value: &str) -> Option<String> {
    let names_person = matches!(name, "item" | "user");
    let told = || {
        if names_person { format!("sha256:{}", sha256(value.as_bytes())) } else { value.to_owned() }
    };
    is_subject(value).then(told)
}

/// Keeps how far a chain reached; may run beside what was asked for.
pub async fn keep_head(
    outside: &impl Outside,
    chain: &AuditChain,
    head: &AuditHead,
) -> Result<(), AdminError> {
    Ok(outside.store().keep_audit_head(chain, head).await?)
}

/// A page of a chain, newest first.
pub async fn audit(
    outside: &impl Outside,
    chain: &AuditChain,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<SealedEntry>, AdminError> {
    exists(outside, chain).await?;
    let page = outside.store().audit_entries(chain, cursor, limit).await?;
    let page = page.ok_or(AdminError::BadCursor)?;
    Ok(Page { items: page.entries, next: page.cursor })
}

/// Walks a chain from its beginning, or on from where a walk before it came.
pub async fn verify_audit(
    outside: &impl Outside,
    chain: &AuditChain,
    cursor: Option<&str>,
) -> Result<AuditVerdict, AdminError> {
    exists(outside, chain).await?;
    let from = match cursor {
        None => AuditHead::beginning(),
        Some(cursor) => reached(cursor).ok_or(AdminError::BadCursor)?,
    };
    let until = outside.clock().now() + TIME;
    // Before the entries: what is entered meanwhile is not missed.
    let heads = outside.store().audit_heads(std::slice::from_ref(chain)).await?;
    let now = outside.clock().now();
    let elsewhere = kept_head(outside.blobs(), chain, now).await?;
    let kept = heads.into_iter().map(|(_, head)| head).chain(elsewhere).collect();
    let mut verifier = AuditVerifier::against(kept).from(from);
    loop {
        let entries = outside.store().audit_behind(chain, verifier.reached().seq).await?;
        for entry in &entries {
            verifier.step(entry);
        }
        let broken = verifier.broken_so_far();
        if entries.is_empty() || broken.is_some() {
            let head = verifier.reached().clone();
            return Ok(AuditVerdict { head, broken: verifier.broken(), next: None });
        }
        if outside.clock().now() >= until {
            let head = verifier.reached().clone();
            let next = Some(format!("{}-{}", head.seq, head.hash));
            return Ok(AuditVerdict { head, broken: None, next });
        }
    }
}

fn reached(cursor: &str) -> Option<AuditHead> {
    let (seq, hash) = cursor.split_once('-')?;
    Some(AuditHead { seq: seq.parse().ok()?, hash: hash.to_owned() })
}

async fn exists(outside: &impl Outside, chain: &AuditChain) -> Result<(), AdminError> {
    match chain {
        AuditChain::Installation => Ok(()),
        AuditChain::Account(id) => account(outside.store(), id).await.map(|_| ()),
    }
}
