//! What people asked for, in a chain: each entry holds the hash of the one before it, so that none
//! can be edited, taken out or put elsewhere without anybody seeing it.
//!
//! An entry names things by their ids and has nothing of any person's data in it, so that forgetting
//! a person never touches the chain.

mod verify;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::AccountId;

pub use verify::{AuditBreak, AuditFlaw, AuditVerifier};

/// Which chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditChain {
    /// What was asked about no certain account, and that accounts were erased.
    Installation,
    /// What was asked about an account; it goes with the account.
    Account(AccountId),
}

impl fmt::Display for AuditChain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installation => formatter.write_str("INSTALLATION"),
            Self::Account(account) => formatter.write_str(account.as_str()),
        }
    }
}

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AuditHead {
    /// The number of its last entry; 0 before the first.
    pub seq: u64,
    /// That entry's hash.
    pub hash: String,
}

impl AuditHead {
    /// Of a chain without entries.
    pub fn beginning() -> Self {
        Self { seq: 0, hash: "0".repeat(64) }
    }
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditActor {
    /// The token's `sub`, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// With which role.
    pub role: String,
    /// The account that the token is bound to; absent for the operator of the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
}

/// What somebody asked for, before it is part of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: AuditActor,
    /// What: method and route.
    pub what: String,
    /// About what: ids by the names that the route has for them, those of the directory's people
    /// as hashes.
    pub subjects: BTreeMap<String, String>,
    /// SHA-256 of what was sent along (hexadecimal), where that is about no person.
    pub body: Option<String>,
    /// Under which id the logs tell how it ended.
    pub request: String,
}

/// An entry as it is sealed. Later versions may add members; a text stays what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its number in the chain, from 1 without holes.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: AuditActor,
    /// What: method and route.
    pub what: String,
    /// About what: ids by the names that the route has for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subjects: BTreeMap<String, String>,
    /// SHA-256 of what was sent along (hexadecimal), where that is about no person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_hash: Option<String>,
    /// Under which id the logs tell how it ended.
    pub request_id: String,
    /// The hash of the entry before it.
    pub previous: String,
}

/// An entry of a chain: the very text that its hash is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedEntry {
    /// Where it lies in the chain.
    pub seq: u64,
    /// An [`AuditEntry`] as JSON.
    pub text: String,
    /// SHA-256 of the text (hexadecimal).
    pub hash: String,
}

impl SealedEntry {
    /// What its text says; `None` when somebody made something else of it.
    pub fn entry(&self) -> Option<AuditEntry> {
        serde_json::from_str(&self.text).ok()
    }

    /// A chain that ends with it.
    pub fn head(&self) -> AuditHead {
        AuditHead { seq: self.seq, hash: self.hash.clone() }
    }
}

impl Asked {
    /// The next entry of a chain.
    pub fn sealed(&self, after: &AuditHead) -> Result<SealedEntry, serde_json::Error> {
        let seq = after.seq.saturating_add(1);
        let text = serde_json::to_string(&AuditEntry {
            seq,
            at: self.at,
            actor: self.actor.clone(),
            what: self.what.clone(),
            subjects: self.subjects.clone(),
            body_hash: self.body.clone(),
            request_id: self.request.clone(),
            previous: after.hash.clone(),
        })?;
        let hash = sha256(text.as_bytes());
        Ok(SealedEntry { seq, text, hash })
    }
}

/// SHA-256, hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let halves = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| char::from_digit(u32::from(half), 16)).collect()
}

/// Whether a text may stand among an entry's subjects: a GUID, one of our ids, a number. Whatever
/// else a caller writes into a path may be somebody's address.
pub fn is_subject(text: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_ours = |(prefix, bits): (&str, &str)| {
        bits.len() == 32 && is_hex(bits) && (2..=5).contains(&prefix.len())
    };
    let is_guid = text.len() == 36 && is_hex(&text.replace('-', "")) && text.contains('-');
    let is_number = (1..=20).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    is_guid || is_number || text.split_once('_').is_some_and(is_ours)
}

#[cfg(test)]
mod tests;
