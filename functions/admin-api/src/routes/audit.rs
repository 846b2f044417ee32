//! What people asked for: of an account, or of the installation.

use std::sync::Arc;

use contact_sync_domain::audit::{AuditBreak, AuditChain, AuditEntry, AuditHead, SealedEntry};
use contact_sync_engine::admin::{AuditVerdict, Outside, audit, verify_audit};
use serde::Serialize;

use super::Reply;
use crate::answer::Answer;
use crate::api::Api;
use crate::call::Call;
use crate::problem::Problem;

/// An entry, read for people, and the very text that the hash is of.
#[derive(Debug, Serialize)]
struct EntryShape {
    seq: u64,
    hash: String,
    text: String,
    /// Null where the text is none of ours.
    entry: Option<AuditEntry>,
}

impl From<SealedEntry> for EntryShape {
    fn from(sealed: SealedEntry) -> Self {
        let entry = sealed.entry();
        Self { seq: sealed.seq, hash: sealed.hash, text: sealed.text, entry }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VerdictShape {
    entries: u64,
    head: AuditHead,
    holds: bool,
    broken: Option<AuditBreak>,
    next_cursor: Option<String>,
}

impl From<AuditVerdict> for VerdictShape {
    fn from(verdict: AuditVerdict) -> Self {
        let AuditVerdict { head, broken, next } = verdict;
        Self { entries: head.seq, head, holds: broken.is_none(), broken, next_cursor: next }
    }
}

/// The account's chain where the path names one, else the installation's.
fn chain(call: &Call) -> Result<AuditChain, Problem> {
    if call.params.contains_key("account") {
        call.account().map(AuditChain::Account)
    } else {
        Ok(AuditChain::Installation)
    }
}

pub(super) async fn list<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let page = audit(&api.outside, &chain(&call)?, call.cursor(), call.limit()?).await?;
    Ok(Answer::list(page, EntryShape::from))
}

pub(super) async fn verify<P: Outside>(api: Arc<Api<P>>, call: Call) -> Reply {
    let verdict = verify_audit(&api.outside, &chain(&call)?, call.cursor()).await?;
    Ok(Answer::ok(&VerdictShape::from(verdict)))
}
