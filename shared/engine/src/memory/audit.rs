//! The chains of what people asked for.

use contact_sync_domain::audit::{Asked, AuditChain, AuditHead, SealedEntry};

use super::{MemoryStore, page};
use crate::port::{AuditPage, AuditStore, StoreError};

impl AuditStore for MemoryStore {
    async fn append_audit(
        &self,
        chain: &AuditChain,
        asked: &Asked,
    ) -> Result<Option<AuditHead>, StoreError> {
        let mut world = self.up()?;
        if let AuditChain::Account(account) = chain
            && !world.accounts.contains_key(account)
        {
            return Ok(None);
        }
        let entries = world.audit.entry(chain.clone()).or_default();
        let last = entries.last().map_or_else(AuditHead::beginning, SealedEntry::head);
        let sealed = asked.sealed(&last).map_err(|source| StoreError::Corrupt {
            item: "audit entry".to_owned(),
            source: source.into(),
        })?;
        let head = sealed.head();
        entries.push(sealed);
        Ok(Some(head))
    }

    async fn keep_audit_head(
        &self,
        chain: &AuditChain,
        head: &AuditHead,
    ) -> Result<(), StoreError> {
        let mut world = self.up()?;
        let kept = world.audit_heads.entry(chain.clone()).or_insert_with(AuditHead::beginning);
        if kept.seq < head.seq {
            *kept = head.clone();
        }
        Ok(())
    }

    async fn audit_heads(
        &self,
        chains: &[AuditChain],
    ) -> Result<Vec<(AuditChain, AuditHead)>, StoreError> {
        let world = self.up()?;
        let kept =
            |chain: &AuditChain| Some((chain.clone(), world.audit_heads.get(chain)?.clone()));
        Ok(chains.iter().filter_map(kept).collect())
    }

    async fn audit_entries(
        &self,
        chain: &AuditChain,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<AuditPage>, StoreError> {
        let world = self.up()?;
        let newest_first = world.audit.get(chain).into_iter().flatten().rev().cloned();
        let page = page(newest_first.collect(), cursor, limit);
        Ok(page.map(|(entries, cursor)| AuditPage { entries, cursor }))
    }

    async fn audit_behind(
        &self,
        chain: &AuditChain,
        seq: u64,
    ) -> Result<Vec<SealedEntry>, StoreError> {
        let world = self.up()?;
        let entries = world.audit.get(chain).into_iter().flatten();
        Ok(entries.filter(|entry| entry.seq > seq).cloned().collect())
    }
}
