//! Consent links and the ways of browsers through them.

use contact_sync_domain::id::ConnectionId;
use contact_sync_engine::port::{ConsentAttempt, ConsentInvitation, ConsentStore, StoreError};
use jiff::Timestamp;

use crate::item::{Item, document, expiry, name, number, read_document, text, text_of};
use crate::keys::Key;
use crate::table::{Condition, Query};
use crate::transaction::{Transacted, Transaction};
use crate::{DynamoStore, keys};

const INVITATION: &str = "invitation";
const ATTEMPT: &str = "attempt";

/// How often somebody may start from one link.
const ATTEMPTS: u32 = 10;

/// Counts an attempt. The counter inside the document is the one that counts.
const COUNT: &str = "SET #doc.#attempts = #doc.#attempts + :one";
const MAY_START: &str = "attribute_exists(#pk) AND #doc.#attempts < :most AND #expiresAt > :now";

fn with_expiry(mut item: Item, at: Timestamp) -> Item {
    item.insert(name::EXPIRES_AT.to_owned(), expiry(at));
    item
}

fn attempt_item(attempt: &ConsentAttempt) -> Result<Item, StoreError> {
    let item = document(&keys::attempt(&attempt.state_hash), ATTEMPT, attempt)?;
    Ok(with_expiry(item, attempt.expires_at))
}

/// What leads from the connection to the item, for as long as the item lives.
fn pointer(connection: &ConnectionId, of: &Key, until: Timestamp) -> Item {
    let mut item = keys::consent_pointer(connection, of).attributes();
    item.insert(name::KIND.to_owned(), text("consentPointer"));
    item.insert("to".to_owned(), text(&of.sk));
    with_expiry(item, until)
}

impl DynamoStore {
    /// Deletes a connection's links and attempts.
    pub(crate) async fn erase_consent(&self, connection: &ConnectionId) -> Result<(), StoreError> {
        let partition = keys::consent_partition(connection);
        let query = Query { partition: partition.clone(), strongly: true, ..Query::default() };
        let pointers = self.state.query_all("Query consent", query).await?;
        let targets = pointers.iter().filter_map(|item| {
            let (pk, sk) = (text_of(item, name::SK)?, text_of(item, "to")?);
            Some(Key { pk: pk.to_owned(), sk: sk.to_owned() })
        });
        self.state.delete_all("BatchWriteItem consent", targets).await?;
        self.state.purge("BatchWriteItem consent", partition).await
    }
}

impl ConsentStore for DynamoStore {
    async fn put_invitation(&self, invitation: &ConsentInvitation) -> Result<(), StoreError> {
        let key = keys::invitation(&invitation.token_hash);
        let item = with_expiry(document(&key, INVITATION, invitation)?, invitation.expires_at);
        let pointer = pointer(&invitation.connection_id, &key, invitation.expires_at);
        self.state.put("PutItem invitation", pointer).await?;
        self.state.put("PutItem invitation", item).await
    }

    async fn invitation(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<ConsentInvitation>, StoreError> {
        let found = self.state.get("GetItem invitation", &keys::invitation(token_hash)).await?;
        let invitation =
            found.map(|item| read_document::<ConsentInvitation>(INVITATION, item)).transpose()?;
        Ok(invitation.filter(|invitation| invitation.expires_at > now))
    }

    async fn start_attempt(
        &self,
        attempt: &ConsentAttempt,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let operation = "TransactWriteItems attempt";
        let key = keys::attempt(&attempt.state_hash);
        let may_start = Condition::new(
            MAY_START,
            vec![
                (":one", number(1)),
                (":most", number(ATTEMPTS)),
                (":now", number(now.as_second())),
            ],
        );
        let transacted = Transaction::new()
            .update(
                operation,
                &self.state,
                &keys::invitation(&attempt.token_hash),
                COUNT,
                may_start,
            )?
            .put(operation, &self.state, attempt_item(attempt)?, None)?
            .put(
                operation,
                &self.state,
                pointer(&attempt.connection_id, &key, attempt.expires_at),
                None,
            )?
            .commit(operation, &self.state)
            .await?;
        Ok(matches!(transacted, Transacted::Done))
    }

    async fn consume_attempt(
        &self,
        state_hash: &str,
        now: Timestamp,
    ) -> Result<Option<ConsentAttempt>, StoreError> {
        let taken = self.state.delete("DeleteItem attempt", &keys::attempt(state_hash)).await?;
        let attempt =
            taken.map(|item| read_document::<ConsentAttempt>(ATTEMPT, item)).transpose()?;
        Ok(attempt.filter(|attempt| attempt.expires_at > now))
    }

    async fn put_attempt(&self, attempt: &ConsentAttempt) -> Result<(), StoreError> {
        let key = keys::attempt(&attempt.state_hash);
        let pointer = pointer(&attempt.connection_id, &key, attempt.expires_at);
        self.state.put("PutItem attempt", pointer).await?;
        self.state.put("PutItem attempt", attempt_item(attempt)?).await
    }

    async fn delete_invitation(&self, token_hash: &str) -> Result<(), StoreError> {
        self.state.delete("DeleteItem invitation", &keys::invitation(token_hash)).await?;
        Ok(())
    }
}
