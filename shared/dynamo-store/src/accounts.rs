//! Accounts, the uniqueness of their external ids, and the list of all of them.

use contact_sync_domain::account::Account;
use contact_sync_domain::audit::AuditChain;
use contact_sync_domain::id::AccountId;
use contact_sync_engine::port::{AccountStore, ConnectionStore, SHARDS, StoreError};

use crate::item::{self, document, number, read_document, text, text_of};
use crate::table::{Condition, Query};
use crate::transaction::{Transacted, Transaction};
use crate::{DynamoStore, cursor, keys, welcomes};

const KIND: &str = "account";

/// Guards concurrent edits, and keeps the external id as it was.
const UNMOVED: &str = "#doc.#version = :before AND #doc.#externalId = :externalId";

impl DynamoStore {
    fn account_item(account: &Account) -> Result<item::Item, StoreError> {
        document(&keys::account(&account.id), KIND, account)
    }

    /// Up to `limit` accounts of one registry shard.
    async fn registered(
        &self,
        shard: u8,
        after: Option<String>,
        limit: u16,
    ) -> Result<(Vec<Account>, Option<String>), StoreError> {
        let page = self
            .state
            .query(
                "Query accounts",
                Query {
                    partition: keys::registry_partition(shard),
                    after,
                    limit: Some(limit),
                    ..Query::default()
                },
            )
            .await?;
        let ids: Vec<AccountId> = page
            .items
            .iter()
            .filter_map(|item| AccountId::parse(text_of(item, item::name::SK)?).ok())
            .collect();
        let found =
            self.state.get_all("BatchGetItem accounts", ids.iter().map(keys::account)).await?;
        let accounts = ids
            .iter()
            .filter_map(|id| found.get(&keys::account(id)).cloned())
            .map(|item| read_document(KIND, item))
            .collect::<Result<_, _>>()?;
        Ok((accounts, page.next))
    }
}

impl AccountStore for DynamoStore {
    async fn create_account(&self, account: &Account) -> Result<bool, StoreError> {
        let operation = "TransactWriteItems account";
        let mut unique = keys::external_id(&account.external_id).attributes();
        unique.insert(item::name::KIND.into(), text("externalId"));
        unique.insert("accountId".into(), text(account.id.as_str()));
        let mut registered = keys::registered(&account.id).attributes();
        registered.insert(item::name::KIND.into(), text("registered"));
        let transacted = Transaction::new()
            .put(operation, &self.state, unique, Some(Condition::absent()))?
            .put(operation, &self.state, Self::account_item(account)?, Some(Condition::absent()))?
            .put(operation, &self.state, registered, None)?
            .commit(operation, &self.state)
            .await?;
        match (&transacted, transacted.standing(1)) {
            (Transacted::Done, _) => Ok(true),
            // The very same account: an earlier call did it and its answer got lost.
            (Transacted::Refused(_), Some(standing)) => {
                Ok(read_document::<Account>(KIND, standing.clone())? == *account)
            }
            (Transacted::Refused(_), None) => Ok(false),
        }
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let found = self.state.get("GetItem account", &keys::account(id)).await?;
        found.map(|item| read_document(KIND, item)).transpose()
    }

    async fn update_account(&self, account: &Account) -> Result<bool, StoreError> {
        let condition = Condition::new(
            UNMOVED,
            vec![
                (":before", number(account.version.saturating_sub(1))),
                (":externalId", text(&account.external_id)),
            ],
        );
        let item = Self::account_item(account)?;
        let answer = self.state.put_if("PutItem account", item, condition).await?;
        crate::stands(KIND, answer, account)
    }

    async fn accounts(
        &self,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<(Vec<Account>, Option<String>)>, StoreError> {
        let Some((mut shard, mut after)) = cursor.map_or(Some((0, None)), position) else {
            return Ok(None);
        };
        let mut accounts = Vec::new();
        while shard < SHARDS {
            let wanted = usize::from(limit).saturating_sub(accounts.len());
            let Some(wanted) = u16::try_from(wanted).ok().filter(|wanted| *wanted > 0) else {
                break;
            };
            let (found, next) = self.registered(shard, after, wanted).await?;
            accounts.extend(found);
            if next.is_none() {
                shard += 1;
            }
            after = next;
        }
        let next = (shard < SHARDS).then(|| {
            cursor::seal(&[LIST], &format!("{shard} {}", after.as_deref().unwrap_or_default()))
        });
        Ok(Some((accounts, next)))
    }

    async fn erase_account_state(&self, account: &Account) -> Result<(), StoreError> {
        for connection in self.connections(&account.id).await? {
            self.forget_tenant(&connection).await?;
            self.delete_connection(&account.id, &connection.id).await?;
        }
        self.forget_grants(&account.id).await?;
        self.erase_events(&account.id).await?;
        let receipts = keys::receipts_partition(&account.id);
        self.state.purge("BatchWriteItem receipts", receipts).await?;
        self.erase_audit(&AuditChain::Account(account.id.clone())).await?;
        let operation = "BatchWriteItem account";
        for partition in [
            keys::notices_partition(&account.id),
            keys::mailed_partition(&account.id),
            welcomes::partition(&account.id),
        ] {
            self.state.purge(operation, partition).await?;
        }
        // The account's own item goes last: until then the call can be repeated.
        let others = [keys::external_id(&account.external_id), keys::registered(&account.id)];
        self.state.delete_all(operation, others).await?;
        self.state.purge(operation, keys::account_partition(&account.id)).await
    }
}

/// The list's name in its cursors.
const LIST: &str = "accounts";

/// The shard and the account after which a list goes on.
fn position(cursor: &str) -> Option<(u8, Option<String>)> {
    let position = cursor::open(&[LIST], cursor)?;
    let (shard, after) = position.split_once(' ')?;
    let after =
        if after.is_empty() { None } else { Some(AccountId::parse(after).ok()?.to_string()) };
    Some((shard.parse().ok().filter(|shard| *shard < SHARDS)?, after))
}
