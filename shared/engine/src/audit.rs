//! How far each audit chain reached, kept once a day where whoever can change the chains cannot.

use contact_sync_domain::audit::{AuditChain, AuditHead};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::port::{AccountStore, AuditStore, Blobs, StoreError};

/// How many accounts' heads are read at a time.
const PAGE: u16 = 100;

/// How far back a kept head is looked for: the task that keeps them comes once a day.
const LOOK_BACK_DAYS: i64 = 3;

/// A chain's head, as a line of the day's file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    chain: String,
    #[serde(flatten)]
    head: AuditHead,
}

/// The file of a day: one JSON document a line.
fn file(day: Timestamp) -> String {
    format!("audit/{}.jsonl", day.strftime("%Y-%m-%d"))
}

/// Writes the heads of all chains into the file of the day; answers how many.
pub async fn keep_heads<S, B>(stores: &S, blobs: &B, now: Timestamp) -> Result<usize, StoreError>
where
    S: AccountStore + AuditStore,
    B: Blobs,
{
    let mut lines = Vec::new();
    let mut kept = 0;
    let mut chains = vec![AuditChain::Installation];
    let mut cursor: Option<String> = None;
    loop {
        let page = stores.accounts(cursor.as_deref(), PAGE).await?;
        let (accounts, next) = page.unwrap_or_default();
        chains.extend(accounts.into_iter().map(|account| AuditChain::Account(account.id)));
        for (chain, head) in stores.audit_heads(&chains).await? {
            let line = Kept { chain: chain.to_string(), head };
            serde_json::to_writer(&mut lines, &line).map_err(|source| StoreError::Corrupt {
                item: "audit head".to_owned(),
                source: source.into(),
            })?;
            lines.push(b'\n');
            kept += 1;
        }
        chains.clear();
        match next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    blobs.put(&file(now), lines, "application/x-ndjson").await?;
    Ok(kept)
}

/// The head that a chain had when one was kept last.
pub(crate) async fn kept_head(
    blobs: &impl Blobs,
    chain: &AuditChain,
    now: Timestamp,
) -> Result<Option<AuditHead>, StoreError> {
    let chain = chain.to_string();
    for days in 0..=LOOK_BACK_DAYS {
        let day = now.checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(now);
        let Some(file) = blobs.get(&file(day)).await? else { continue };
        let lines = file.split(|byte| *byte == b'\n');
        let mut kept = lines.filter_map(|line| serde_json::from_slice::<Kept>(line).ok());
        return Ok(kept.find(|kept| kept.chain == chain).map(|kept| kept.head));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use contact_sync_domain::account::Account;
    use contact_sync_domain::audit::{Asked, AuditActor};
    use contact_sync_domain::id::AccountId;

    use super::*;
    use crate::memory::{MemoryBlobs, MemoryStore};

    fn day(number: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + number * 86_400).unwrap()
    }

    fn account(number: u128) -> Account {
        Account {
            id: AccountId::from_bits(number),
            external_id: number.to_string(),
            name: "Contoso".to_owned(),
            time_zone: "UTC".to_owned(),
            allowed_origins: Vec::new(),
            custom_fields: Vec::new(),
            retention: contact_sync_domain::retention::Retention::default(),
            version: 1,
            created_at: day(0),
        }
    }

    async fn append(store: &MemoryStore, chain: &AuditChain) -> AuditHead {
        let asked = Asked {
            at: day(0),
            actor: AuditActor { subject: None, role: "admin".to_owned(), account: None },
            what: "PATCH".to_owned(),
            subjects: [].into(),
            body: None,
            request: String::new(),
        };
        let head = store.append_audit(chain, &asked).await.unwrap().unwrap();
        store.keep_audit_head(chain, &head).await.unwrap();
        head
    }

    #[tokio::test]
    async fn every_chain_is_kept_also_of_many_accounts_and_found_again_for_days() {
        let (store, blobs) = (MemoryStore::default(), MemoryBlobs::default());
        for number in 0..250 {
            assert!(store.create_account(&account(number)).await.unwrap());
        }
        let one = AuditChain::Account(AccountId::from_bits(0));
        let last = AuditChain::Account(AccountId::from_bits(249));
        let (first, own) = (append(&store, &one).await, append(&store, &last).await);
        let common = append(&store, &AuditChain::Installation).await;
        assert_eq!(keep_heads(&store, &blobs, day(1)).await.unwrap(), 3);
        for (chain, head) in [(&one, first), (&last, own), (&AuditChain::Installation, common)] {
            assert_eq!(kept_head(&blobs, chain, day(1)).await.unwrap(), Some(head.clone()));
            assert_eq!(kept_head(&blobs, chain, day(3)).await.unwrap(), Some(head));
        }
        let quiet = AuditChain::Account(AccountId::from_bits(7));
        assert_eq!(kept_head(&blobs, &quiet, day(1)).await.unwrap(), None);
        assert_eq!(kept_head(&blobs, &one, day(9)).await.unwrap(), None);
        // The newest counts.
        let newer = append(&store, &one).await;
        keep_heads(&store, &blobs, day(2)).await.unwrap();
        assert_eq!(kept_head(&blobs, &one, day(2)).await.unwrap(), Some(newer));
        let files: Vec<String> = blobs.all().keys().cloned().collect();
        assert_eq!(files, ["audit/2026-01-02.jsonl", "audit/2026-01-03.jsonl"]);
    }
}
