//! Connections.

use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{AccountId, ConnectionId};
use contact_sync_domain::review::ReviewList;
use contact_sync_domain::subscription::SubscribedResource;
use contact_sync_domain::sync_state::{Lane, SyncState};
use contact_sync_engine::port::{
    ConnectionStore, StoreError, SubscriptionStore, SyncStateStore, TenantClaim, TenantStore,
};

use crate::failure::{Defect, corrupt};
use crate::item::{document, number, read_document};
use crate::table::{Condition, Query};
use crate::transaction::{Transacted, Transaction};
use crate::{DynamoStore, keys};

pub(crate) const KIND: &str = "connection";

impl DynamoStore {
    /// Gives up the connection's tenant, and the records of subscriptions that only its account
    /// listened to.
    pub(crate) async fn forget_tenant(&self, connection: &Connection) -> Result<(), StoreError> {
        let Some(tenant) = &connection.tenant else { return Ok(()) };
        self.release_tenant(&TenantClaim {
            tenant_id: tenant.id.clone(),
            account_id: connection.account_id.clone(),
            connection_id: connection.id.clone(),
        })
        .await?;
        for resource in [SubscribedResource::Users, SubscribedResource::Groups] {
            if let Some(subscription) = self.tenant_subscription(&tenant.id, resource).await?
                && subscription.connections.iter().all(|it| it.account_id == connection.account_id)
            {
                self.delete_subscription(&subscription).await?;
            }
        }
        Ok(())
    }
}

impl DynamoStore {
    /// Deletes what a connection's runs left and what people were asked and decided: all of it is
    /// about the account's contacts.
    async fn purge_work(&self, id: &ConnectionId) -> Result<(), StoreError> {
        let reviews = ReviewList::ALL.map(|list| keys::reviews_partition(id, list));
        for partition in reviews.into_iter().chain([
            keys::decisions_partition(id),
            keys::refused_partition(id),
            keys::noticed_partition(id),
            keys::pending_partition(id, Lane::Main),
            keys::pending_partition(id, Lane::Plan),
            keys::drafts_partition(id),
            keys::photo_lane_partition(id),
            keys::segments_partition(id),
            keys::runs_partition(id),
        ]) {
            self.state.purge("BatchWriteItem connection", partition).await?;
        }
        Ok(())
    }

    async fn delete_sync_states(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<(), StoreError> {
        for lane in [Lane::Main, Lane::Plan] {
            let key = keys::sync_state(account, id, lane);
            self.state.delete("DeleteItem sync state", &key).await?;
        }
        Ok(())
    }

    /// Makes a connection together with its sync state.
    async fn put_new(&self, connection: &Connection, state: &SyncState) -> Result<(), StoreError> {
        let operation = "TransactWriteItems connection";
        let (account, id) = (&connection.account_id, &connection.id);
        let transacted = Transaction::new()
            .put(
                operation,
                &self.state,
                document(&keys::connection(account, id), KIND, connection)?,
                Some(Condition::absent()),
            )?
            .put(
                operation,
                &self.state,
                crate::sync_states::item(state)?,
                Some(Condition::absent()),
            )?
            .commit(operation, &self.state)
            .await?;
        match (&transacted, transacted.standing(0)) {
            (Transacted::Done, _) => Ok(()),
            (Transacted::Refused(_), Some(standing))
                if read_document::<Connection>(KIND, standing.clone())? == *connection =>
            {
                Ok(())
            }
            (Transacted::Refused(_), _) => Err(corrupt(format!("connection {id}"))(Defect::Exists)),
        }
    }

    /// Ends whatever works for a connection; answers a fence above all that it ever worked at.
    async fn raised_fence(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<u64, StoreError> {
        self.reset_sync_state(account, id).await?;
        Ok(self.sync_state(account, id).await?.map_or(0, |state| state.fence + 1))
    }
}

impl ConnectionStore for DynamoStore {
    async fn create_connection(&self, connection: &Connection) -> Result<(), StoreError> {
        let (account, id) = (&connection.account_id, &connection.id);
        self.put_new(connection, &SyncState::new(account.clone(), id.clone())).await
    }

    async fn connection(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        let found = self.state.get("GetItem connection", &keys::connection(account, id)).await?;
        found.map(|item| read_document(KIND, item)).transpose()
    }

    async fn update_connection(&self, connection: &Connection) -> Result<bool, StoreError> {
        let key = keys::connection(&connection.account_id, &connection.id);
        let condition = Condition::new(
            "#doc.#version = :before",
            vec![(":before", number(connection.version.saturating_sub(1)))],
        );
        let item = document(&key, KIND, connection)?;
        let answer = self.state.put_if("PutItem connection", item, condition).await?;
        crate::stands(KIND, answer, connection)
    }

    async fn connections(&self, account: &AccountId) -> Result<Vec<Connection>, StoreError> {
        let items = self
            .state
            .query_all(
                "Query connections",
                Query {
                    partition: keys::account_partition(account),
                    prefix: keys::CONNECTION_PREFIX,
                    strongly: true,
                    ..Query::default()
                },
            )
            .await?;
        let mut connections = items
            .into_iter()
            .map(|item| read_document::<Connection>(KIND, item))
            .collect::<Result<Vec<_>, _>>()?;
        connections
            .sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok(connections)
    }

    /// The sync state goes first, so that whoever works is rejected at its next checkpoint; the
    /// connection's own item last, so that the call can be repeated.
    async fn delete_connection(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<(), StoreError> {
        self.delete_sync_states(account, id).await?;
        self.erase_consent(id).await?;
        self.purge_work(id).await?;
        self.state.purge("BatchWriteItem connection", keys::settings_partition(id)).await?;
        self.state.delete("DeleteItem connection", &keys::connection(account, id)).await?;
        Ok(())
    }

    /// The connection stands in the new account before it goes from the old one: whoever dies
    /// between has lost nothing, and repeating the call ends it. The fence goes along, since what
    /// the connection removed keeps numbers of it: a connection that is moved back finds them.
    async fn move_connection(
        &self,
        from: &Connection,
        to: &Connection,
    ) -> Result<bool, StoreError> {
        let id = &from.id;
        let standing = self.connection(&from.account_id, id).await?;
        if standing.as_ref() != Some(from) {
            return Ok(false);
        }
        // Once it stands there, people may have gone on with it: none of that is ours to purge.
        if self.connection(&to.account_id, id).await?.is_none() {
            let fence = self.raised_fence(&from.account_id, id).await?;
            self.erase_consent(id).await?;
            self.purge_work(id).await?;
            self.carry_settings(id, &to.account_id).await?;
            let state = SyncState::new(to.account_id.clone(), id.clone());
            self.put_new(to, &SyncState { fence, ..state }).await?;
        }
        self.delete_sync_states(&from.account_id, id).await?;
        let condition =
            Condition::new("#doc.#version = :read", vec![(":read", number(from.version))]);
        let key = keys::connection(&from.account_id, id);
        self.state.delete_if("DeleteItem connection", &key, condition).await?;
        // Whoever changed it meanwhile keeps it from going: repeating the call ends it.
        Ok(self.connection(&from.account_id, id).await?.is_none())
    }
}
