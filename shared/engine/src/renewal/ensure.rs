//! Which subscriptions a connection needs, and seeing that it has them and no others.

use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::id::{AccountId, ConnectionId, SubscriptionKey, TenantId};
use contact_sync_domain::subscription::{
    SubscribedResource, Subscriber, Subscription, SubscriptionState,
};
use jiff::{SignedDuration, Timestamp};

use super::make::{Standing, watches};
use super::{Renewal, RenewalError, RenewalStores, Tended, graph_error};
use crate::port::{
    Clock, Directory, DirectoryError, EventPublisher, Randomness, SubscriptionError, Subscriptions,
};
use crate::readiness::{Readiness, try_connection};
use crate::split::rivals_of;
use crate::sync::watched_with_rivals;

/// Whoever wrote a pending record may still be at it for this long: the function's own limit.
const PENDING: SignedDuration = SignedDuration::from_secs(120);

/// How long at least is waited between two tries of a connection.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_secs(1);

/// What a connection's status means for its subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// They are kept alive.
    Keeps,
    /// They stay as they are until somebody acted.
    Waits,
    /// They are given up.
    LetsGo,
}

pub(super) fn claim(connection: &Connection) -> Claim {
    match connection.status {
        ConnectionStatus::Enabled | ConnectionStatus::Paused => Claim::Keeps,
        ConnectionStatus::Attention => Claim::Waits,
        ConnectionStatus::Invited
        | ConnectionStatus::Authorized
        | ConnectionStatus::Ready
        | ConnectionStatus::Disabled
        | ConnectionStatus::Disconnected => Claim::LetsGo,
    }
}

impl<S, G, E, C, R> Renewal<S, G, E, C, R>
where
    S: RenewalStores,
    G: Directory + Subscriptions,
    E: EventPublisher,
    C: Clock,
    R: Randomness,
{
    /// Sees that a connection that keeps cursors has its subscriptions, alive, and that any other
    /// has none. What became of each that was touched.
    pub async fn ensure_connection(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<Vec<Tended>, RenewalError> {
        let Some(connection) = self.stores.connection(account, id).await? else {
            return Ok(Vec::new());
        };
        self.ensure(&connection).await
    }

    /// Tries a connection whose tenant was just proven, again and again while the consent spreads,
    /// until it is decided or the next try would end after `deadline`; then the sweep tries on.
    pub async fn settle_authorized(
        &self,
        account: &AccountId,
        id: &ConnectionId,
        deadline: Timestamp,
    ) -> Result<Readiness, RenewalError> {
        loop {
            let readiness = self.try_authorized(account, id).await?;
            let Readiness::Retry { after, .. } = readiness else { return Ok(readiness) };
            let wait = after.max(SHORTEST_WAIT);
            if self.clock.now() + wait >= deadline {
                return Ok(readiness);
            }
            self.clock.sleep(wait).await;
        }
    }

    /// Tries whether a connection whose tenant was proven lets us do what we need, then sees to its
    /// subscriptions.
    pub(super) async fn try_authorized(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<Readiness, RenewalError> {
        let (stores, graph, clock) = (&self.stores, &self.graph, &self.clock);
        let readiness = try_connection(stores, graph, clock, account, id).await?;
        match readiness {
            Readiness::Works(status) if status.keeps_cursors() => {
                self.ensure_connection(account, id).await?;
            }
            Readiness::Works(_)
            | Readiness::Retry { .. }
            | Readiness::NeedsAttention { .. }
            | Readiness::NotConnected => {}
        }
        Ok(readiness)
    }

    pub(super) async fn ensure(
        &self,
        connection: &Connection,
    ) -> Result<Vec<Tended>, RenewalError> {
        let Some(tenant) = connection.tenant.as_ref().map(|tenant| &tenant.id) else {
            return Ok(Vec::new());
        };
        let subscriber = Subscriber {
            account_id: connection.account_id.clone(),
            connection_id: connection.id.clone(),
        };
        let (users, groups) = (SubscribedResource::Users, SubscribedResource::Groups);
        let mut tended = Vec::new();
        match claim(connection) {
            Claim::Waits => {}
            Claim::LetsGo => {
                tended.extend(self.leave(tenant, users, &subscriber).await?);
                tended.extend(self.leave(tenant, groups, &subscriber).await?);
            }
            Claim::Keeps => {
                tended.push(self.join(tenant, users, &subscriber).await?);
                let settings = self.stores.settings(&connection.account_id, &connection.id).await?;
                let settings = settings.settings;
                let (own, routing) = (&connection.id, &settings.routing);
                let rivals = rivals_of(&self.stores, tenant, own, routing).await?;
                // The groups that a scope ignores are followed as those that it means.
                if watched_with_rivals(&settings, &rivals).is_empty() {
                    tended.extend(self.leave(tenant, groups, &subscriber).await?);
                } else {
                    tended.push(self.join(tenant, groups, &subscriber).await?);
                }
            }
        }
        Ok(tended)
    }

    async fn join(
        &self,
        tenant: &TenantId,
        resource: SubscribedResource,
        subscriber: &Subscriber,
    ) -> Result<Tended, RenewalError> {
        if let Some(record) = self.stores.tenant_subscription(tenant, resource).await? {
            let joined = self
                .rewrite(&record.key, |record| {
                    if !record.connections.contains(subscriber) {
                        record.connections.push(subscriber.clone());
                    }
                })
                .await?;
            return match joined {
                Some(record) => self.tend(&record).await,
                None => Ok(Tended::Waiting),
            };
        }
        let record = Subscription {
            key: SubscriptionKey::from_bits(self.randomness.bits()),
            tenant_id: tenant.clone(),
            resource,
            client_state: self.randomness.secret(),
            graph_id: None,
            expires_at: None,
            renewed_at: self.clock.now(),
            state: SubscriptionState::Pending,
            connections: vec![subscriber.clone()],
            problem: None,
            version: 1,
        };
        if !self.stores.put_subscription(&record).await? {
            // Somebody was faster and makes it.
            return Ok(Tended::Waiting);
        }
        self.make(&record, Standing::New).await
    }

    /// Gives a subscription what it needs now.
    pub(super) async fn tend(&self, record: &Subscription) -> Result<Tended, RenewalError> {
        let now = self.clock.now();
        match record.state {
            SubscriptionState::Pending if is_in_the_making(record, now) => Ok(Tended::Waiting),
            SubscriptionState::Pending | SubscriptionState::Failed => {
                self.make(record, Standing::Asked).await
            }
            SubscriptionState::Active if record.is_due(now) => self.renew(record).await,
            SubscriptionState::Active => Ok(Tended::Kept),
        }
    }

    async fn leave(
        &self,
        tenant: &TenantId,
        resource: SubscribedResource,
        subscriber: &Subscriber,
    ) -> Result<Option<Tended>, RenewalError> {
        match self.stores.tenant_subscription(tenant, resource).await? {
            Some(record) if record.connections.contains(subscriber) => {
                self.drop_subscribers(&record, std::slice::from_ref(subscriber)).await.map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Takes connections off a subscription; one that serves nobody any more is deleted, first at
    /// Graph.
    pub(super) async fn drop_subscribers(
        &self,
        record: &Subscription,
        leaving: &[Subscriber],
    ) -> Result<Tended, RenewalError> {
        let left = self
            .rewrite(&record.key, |record| record.connections.retain(|one| !leaving.contains(one)))
            .await?;
        let Some(left) = left else { return Ok(Tended::Released) };
        if !left.connections.is_empty() {
            return Ok(Tended::Kept);
        }
        match self.delete_at_graph(&left).await {
            Ok(()) => {}
            // A tenant that lets us in no longer ends it by itself.
            Err(error) if is_final(&error) => {}
            Err(error) => return Err(graph_error(error)),
        }
        self.stores.delete_subscription(&left).await?;
        Ok(Tended::Released)
    }

    async fn delete_at_graph(&self, record: &Subscription) -> Result<(), SubscriptionError> {
        let tenant = &record.tenant_id;
        if let Some(id) = &record.graph_id {
            return self.graph.delete(tenant, id).await;
        }
        // Its making never came to an answer.
        let ours = self.notification_url(&record.key);
        for remote in self.graph.list(tenant).await? {
            if watches(&remote, record) && remote.notification_url == ours {
                self.graph.delete(tenant, &remote.id).await?;
            }
        }
        Ok(())
    }
}

/// Whether another invocation may still be making it: the record was written lately.
pub(super) fn is_in_the_making(record: &Subscription, now: Timestamp) -> bool {
    record.state == SubscriptionState::Pending && now.duration_since(record.renewed_at) < PENDING
}

/// Whether asking again, without anybody doing anything, is of no use.
fn is_final(error: &SubscriptionError) -> bool {
    match error {
        SubscriptionError::Directory(DirectoryError::CredentialRefused { .. }) => false,
        SubscriptionError::Directory(error) => !error.is_transient(),
        SubscriptionError::AlreadyExists
        | SubscriptionError::ValidationFailed { .. }
        | SubscriptionError::QuotaReached { .. } => true,
    }
}
