//! The chains of what people asked for.

use std::future::Future;

use contact_sync_domain::audit::{Asked, AuditChain, AuditHead, SealedEntry};

use super::StoreError;

/// A page of a chain, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// Its entries.
    pub entries: Vec<SealedEntry>,
    /// The cursor of the next page.
    pub cursor: Option<String>,
}

/// Chains of entries, each of which holds the hash of the one before it. Nothing changes an entry,
/// and only erasing an account deletes any.
pub trait AuditStore: Send + Sync {
    /// Adds an entry at the chain's end, whoever else does so at the same time; answers the new
    /// end. `None`, and no entry, where there is no such account.
    fn append_audit(
        &self,
        chain: &AuditChain,
        asked: &Asked,
    ) -> impl Future<Output = Result<Option<AuditHead>, StoreError>> + Send;

    /// Keeps beside the chain that it reached this far; a head that is further stays.
    fn keep_audit_head(
        &self,
        chain: &AuditChain,
        head: &AuditHead,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// How far the chains are known to reach; those without entries are missing from the answer.
    /// Entries that were just added may lie behind.
    fn audit_heads(
        &self,
        chains: &[AuditChain],
    ) -> impl Future<Output = Result<Vec<(AuditChain, AuditHead)>, StoreError>> + Send;

    /// A page of a chain, newest first; `None` where the cursor is not one of it.
    fn audit_entries(
        &self,
        chain: &AuditChain,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Option<AuditPage>, StoreError>> + Send;

    /// The entries behind this number, oldest first; as many as there are at once, none at the end.
    fn audit_behind(
        &self,
        chain: &AuditChain,
        seq: u64,
    ) -> impl Future<Output = Result<Vec<SealedEntry>, StoreError>> + Send;
}
