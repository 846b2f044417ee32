//! The chains of what people asked for.
//!
//! An append is one conditional put under the next number: whoever is refused learns from what
//! stands there how the chain goes on. The head is written afterwards and may be behind; it is
//! where the next append begins to look, and what a chain that was cut short is told by.

use contact_sync_domain::audit::{Asked, AuditChain, AuditHead, SealedEntry};
use contact_sync_engine::port::{AccountStore, AuditPage, AuditStore, StoreError};

use crate::failure::{Answer, Defect, corrupt, unavailable};
use crate::item::{Item, name, number, number_of, text, text_of};
use crate::keys;
use crate::table::{Condition, Query};
use crate::{DynamoStore, cursor};

const KIND: &str = "audit";
const HEAD_KIND: &str = "auditHead";

/// An entry's text, as it is sealed.
const TEXT: &str = "text";

/// The hash of an entry.
const HASH: &str = "hash";

/// In the head: the number of the entry with that hash.
const SEQ: &str = "seq";

/// How many others an append lets go before it gives up. Each refusal is somebody's success.
const ATTEMPTS: u32 = 500;

fn entry_item(chain: &AuditChain, sealed: &SealedEntry) -> Item {
    let mut item = keys::audit_entry(chain, sealed.seq).attributes();
    item.insert(name::KIND.to_owned(), text(KIND));
    item.insert(TEXT.to_owned(), text(&sealed.text));
    item.insert(HASH.to_owned(), text(&sealed.hash));
    item
}

/// The entry of an item. Its number is where it lies, whatever its text says.
fn read_entry(item: &Item) -> Result<SealedEntry, StoreError> {
    let missing = |attribute| corrupt(KIND)(Defect::Attribute(attribute));
    let seq = text_of(item, name::SK).and_then(|sk| sk.parse().ok());
    Ok(SealedEntry {
        seq: seq.ok_or_else(|| missing(name::SK))?,
        text: text_of(item, TEXT).ok_or_else(|| missing(TEXT))?.to_owned(),
        hash: text_of(item, HASH).ok_or_else(|| missing(HASH))?.to_owned(),
    })
}

fn read_head(item: &Item) -> Result<AuditHead, StoreError> {
    let missing = |attribute| corrupt(HEAD_KIND)(Defect::Attribute(attribute));
    Ok(AuditHead {
        seq: number_of(item, SEQ).ok_or_else(|| missing(SEQ))?,
        hash: text_of(item, HASH).ok_or_else(|| missing(HASH))?.to_owned(),
    })
}

impl DynamoStore {
    /// Where an append begins to look for the chain's end; `None` where there is no such account.
    async fn known_end(&self, chain: &AuditChain) -> Result<Option<AuditHead>, StoreError> {
        let head = self.state.get("GetItem audit head", &keys::audit_head(chain)).await?;
        if let Some(head) = head {
            return read_head(&head).map(Some);
        }
        if let AuditChain::Account(account) = chain
            && self.account(account).await?.is_none()
        {
            return Ok(None);
        }
        // The first, or one whose predecessor died before it kept the head.
        let last = self.audit_entries(chain, None, 1).await?;
        let last = last.and_then(|page| page.entries.into_iter().next());
        Ok(Some(last.map_or_else(AuditHead::beginning, |last| last.head())))
    }

    /// Deletes a chain.
    pub(crate) async fn erase_audit(&self, chain: &AuditChain) -> Result<(), StoreError> {
        self.state.purge("BatchWriteItem audit", keys::audit_partition(chain)).await
    }
}

impl AuditStore for DynamoStore {
    async fn append_audit(
        &self,
        chain: &AuditChain,
        asked: &Asked,
    ) -> Result<Option<AuditHead>, StoreError> {
        let operation = "PutItem audit";
        let Some(mut end) = self.known_end(chain).await? else { return Ok(None) };
        for _ in 0..ATTEMPTS {
            let sealed = asked.sealed(&end).map_err(corrupt(KIND))?;
            let item = entry_item(chain, &sealed);
            match self.state.put_if(operation, item, Condition::absent()).await? {
                Answer::Done(()) => return Ok(Some(sealed.head())),
                Answer::Refused(Some(standing)) => {
                    let standing = read_entry(&standing)?;
                    // Our own: an earlier call of this very put, whose answer got lost.
                    if standing == sealed {
                        return Ok(Some(sealed.head()));
                    }
                    end = standing.head();
                }
                Answer::Refused(None) => {}
            }
        }
        Err(unavailable(operation)(Defect::Contended))
    }

    async fn keep_audit_head(
        &self,
        chain: &AuditChain,
        head: &AuditHead,
    ) -> Result<(), StoreError> {
        let mut item = keys::audit_head(chain).attributes();
        item.insert(name::KIND.to_owned(), text(HEAD_KIND));
        item.insert(SEQ.to_owned(), number(head.seq));
        item.insert(HASH.to_owned(), text(&head.hash));
        let is_behind = Condition::new(
            "attribute_not_exists(#pk) OR #seq < :reached",
            vec![(":reached", number(head.seq))],
        );
        // Refused where it is further already: others came behind us and were faster.
        self.state.put_if("PutItem audit head", item, is_behind).await.map(|_| ())
    }

    async fn audit_heads(
        &self,
        chains: &[AuditChain],
    ) -> Result<Vec<(AuditChain, AuditHead)>, StoreError> {
        let found =
            self.state.get_all("BatchGetItem audit", chains.iter().map(keys::audit_head)).await?;
        let mut heads = Vec::with_capacity(found.len());
        for chain in chains {
            if let Some(item) = found.get(&keys::audit_head(chain)) {
                heads.push((chain.clone(), read_head(item)?));
            }
        }
        Ok(heads)
    }

    async fn audit_entries(
        &self,
        chain: &AuditChain,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<AuditPage>, StoreError> {
        let name = chain.to_string();
        let this = ["audit", name.as_str()];
        let after = match cursor {
            None => None,
            Some(cursor) => match cursor::open(&this, cursor) {
                None => return Ok(None),
                after => after,
            },
        };
        let query = Query {
            partition: keys::audit_partition(chain),
            prefix: keys::AUDIT_ENTRIES,
            after,
            backwards: true,
            limit: Some(limit.max(1)),
            strongly: true,
            ..Query::default()
        };
        let page = self.state.query("Query audit", query).await?;
        Ok(Some(AuditPage {
            entries: page.items.iter().map(read_entry).collect::<Result<_, _>>()?,
            cursor: page.next.map(|sk| cursor::seal(&this, &sk)),
        }))
    }

    async fn audit_behind(
        &self,
        chain: &AuditChain,
        seq: u64,
    ) -> Result<Vec<SealedEntry>, StoreError> {
        let query = Query {
            partition: keys::audit_partition(chain),
            prefix: keys::AUDIT_ENTRIES,
            after: (seq > 0).then(|| keys::audit_entry(chain, seq).sk),
            strongly: true,
            ..Query::default()
        };
        let page = self.state.query("Query audit", query).await?;
        page.items.iter().map(read_entry).collect()
    }
}
