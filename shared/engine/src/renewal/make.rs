//! One subscription at Graph: made, taken over, renewed, and what is recorded of it.

use contact_sync_domain::id::SubscriptionKey;
use contact_sync_domain::subscription::{LIFETIME, Subscription, SubscriptionState};
use jiff::{SignedDuration, Timestamp};

use super::{ATTEMPTS, Renewal, RenewalError, RenewalStores, Tended, graph_error, sweep};
use crate::intake::hint;
use crate::port::{
    Clock, Directory, DirectoryError, EventPublisher, NewSubscription, Randomness,
    RemoteSubscription, SubscriptionError, Subscriptions,
};
use crate::publish::announce;

/// The most that is kept of Graph's words about a refusal, in characters.
const PROBLEM_LENGTH: usize = 500;

/// What the making of a subscription rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// We never asked Graph for it.
    New,
    /// Graph had it, or may have: an answer got lost, or it was lost itself.
    Asked,
}

impl<S, G, E, C, R> Renewal<S, G, E, C, R>
where
    S: RenewalStores,
    G: Directory + Subscriptions,
    E: EventPublisher,
    C: Clock,
    R: Randomness,
{
    /// Has Graph make the subscription that `record` describes. The record is stored as pending
    /// before, so that Graph's handshake and an early notification find it.
    pub(super) async fn make(
        &self,
        record: &Subscription,
        standing: Standing,
    ) -> Result<Tended, RenewalError> {
        let now = self.clock.now();
        let pending = self
            .rewrite(&record.key, |record| {
                record.state = SubscriptionState::Pending;
                record.graph_id = None;
                record.renewed_at = now;
            })
            .await?;
        let Some(pending) = pending else { return Ok(Tended::Released) };
        match self.make_or_take_over(&pending, standing).await {
            Ok(remote) => {
                let made = self.record_success(&pending, remote, Tended::Made).await?;
                if standing == Standing::Asked {
                    // Nobody notified us while there was none.
                    self.hint_all(&pending).await?;
                }
                Ok(made)
            }
            Err(error) => self.record_refusal(&pending, error, SubscriptionState::Failed).await,
        }
    }

    async fn make_or_take_over(
        &self,
        record: &Subscription,
        standing: Standing,
    ) -> Result<RemoteSubscription, SubscriptionError> {
        let mut asked = standing == Standing::Asked;
        loop {
            if asked && let Some(remote) = self.take_over(record).await? {
                return Ok(remote);
            }
            let new = NewSubscription {
                resource: record.resource,
                notification_url: self.notification_url(&record.key),
                lifecycle_url: self.lifecycle_url(&record.key),
                client_state: record.client_state.clone(),
                expires_at: self.expiry(),
            };
            match self.graph.create(&record.tenant_id, &new).await {
                // One is there, or may be: an answer that got lost was perhaps a yes.
                Err(
                    SubscriptionError::AlreadyExists
                    | SubscriptionError::Directory(DirectoryError::Unavailable { .. }),
                ) if !asked => asked = true,
                answer => return answer,
            }
        }
    }

    /// Takes over the subscription that leads to this record's address, and deletes all others on
    /// the same resource: two would notify of everything twice.
    async fn take_over(
        &self,
        record: &Subscription,
    ) -> Result<Option<RemoteSubscription>, SubscriptionError> {
        let tenant = &record.tenant_id;
        let ours = self.notification_url(&record.key);
        let mut taken = None;
        for remote in self.graph.list(tenant).await? {
            if !watches(&remote, record) {
                continue;
            }
            if taken.is_none() && remote.notification_url == ours {
                taken = self.graph.renew(tenant, &remote.id, self.expiry()).await?;
            } else {
                self.graph.delete(tenant, &remote.id).await?;
            }
        }
        Ok(taken)
    }

    /// Extends the life of a subscription; one that Graph forgot is made again.
    pub(super) async fn renew(&self, record: &Subscription) -> Result<Tended, RenewalError> {
        let Some(id) = &record.graph_id else { return self.make(record, Standing::Asked).await };
        match self.graph.renew(&record.tenant_id, id, self.expiry()).await {
            Ok(Some(remote)) => self.record_success(record, remote, Tended::Renewed).await,
            Ok(None) => self.make(record, Standing::Asked).await,
            // It lives on until its end; there is time to try again.
            Err(error) => self.record_refusal(record, error, record.state).await,
        }
    }

    async fn record_success(
        &self,
        record: &Subscription,
        remote: RemoteSubscription,
        tended: Tended,
    ) -> Result<Tended, RenewalError> {
        let now = self.clock.now();
        let RemoteSubscription { id, expires_at, .. } = remote;
        let recorded = self
            .rewrite(&record.key, |record| {
                record.state = SubscriptionState::Active;
                record.graph_id = Some(id.clone());
                record.expires_at = Some(expires_at);
                record.renewed_at = now;
                record.problem = None;
            })
            .await?;
        if recorded.is_none() {
            // It was given up while Graph worked.
            self.graph.delete(&record.tenant_id, &id).await.map_err(graph_error)?;
            return Ok(Tended::Released);
        }
        Ok(tended)
    }

    async fn record_refusal(
        &self,
        record: &Subscription,
        error: SubscriptionError,
        state: SubscriptionState,
    ) -> Result<Tended, RenewalError> {
        let problem = problem(&error);
        // A permission that an admin left out on purpose is refused at every sweep.
        let is_known = record.problem.as_deref() == Some(problem.as_str());
        if is_known && !is_days_first_sweep(self.clock.now()) {
            tracing::debug!(tenant.id = %record.tenant_id, problem, "Graph refused as before");
        } else {
            tracing::warn!(
                tenant.id = %record.tenant_id,
                subscription.key = %record.key,
                problem,
                "Graph did not give or renew a subscription; polling covers"
            );
        }
        self.rewrite(&record.key, |record| {
            record.state = state;
            record.problem = Some(problem.clone());
        })
        .await?;
        self.call_for_people(record, &error).await?;
        match graph_error(error) {
            everybody @ RenewalError::Credential(_) => Err(everybody),
            RenewalError::Store(_)
            | RenewalError::Contended(_)
            | RenewalError::Announcement(_)
            | RenewalError::Readiness(_)
            | RenewalError::Graph(_) => Ok(Tended::Refused),
        }
    }

    /// Changes a record as it stands; the record after it, or `None` when it is gone.
    pub(super) async fn rewrite(
        &self,
        key: &SubscriptionKey,
        change: impl Fn(&mut Subscription),
    ) -> Result<Option<Subscription>, RenewalError> {
        for _ in 0..ATTEMPTS {
            let Some(before) = self.stores.subscription(key).await? else { return Ok(None) };
            let mut next = before.clone();
            change(&mut next);
            if next == before {
                return Ok(Some(before));
            }
            next.version += 1;
            if self.stores.put_subscription(&next).await? {
                return Ok(Some(next));
            }
        }
        Err(RenewalError::Contended("the subscription's record"))
    }

    /// Has every connection of a subscription look at what it may have missed.
    pub(super) async fn hint_all(&self, record: &Subscription) -> Result<(), RenewalError> {
        let now = self.clock.now();
        let mut events = Vec::new();
        for subscriber in &record.connections {
            events.extend(hint(&self.stores, subscriber, now).await?);
        }
        Ok(announce(&self.bus, &events).await?)
    }

    /// Where Graph posts the changes of this subscription.
    pub(super) fn notification_url(&self, key: &SubscriptionKey) -> String {
        format!("{}/webhooks/graph?s={key}", self.webhook_base_url)
    }

    fn lifecycle_url(&self, key: &SubscriptionKey) -> String {
        format!("{}/webhooks/graph/lifecycle?s={key}", self.webhook_base_url)
    }

    fn expiry(&self) -> Timestamp {
        self.clock.now().checked_add(LIFETIME).unwrap_or(Timestamp::MAX)
    }
}

/// Whether this is the day's first sweep, which tells again what the others know.
fn is_days_first_sweep(now: Timestamp) -> bool {
    let day = SignedDuration::from_hours(24).as_secs();
    now.as_second().rem_euclid(day) < sweep::PERIOD.as_secs()
}

/// Whether Graph's subscription is on the record's resource.
pub(super) fn watches(remote: &RemoteSubscription, record: &Subscription) -> bool {
    remote.resource.trim_matches('/').eq_ignore_ascii_case(record.resource.path())
}

/// A sentence for the connection's health.
fn problem(error: &SubscriptionError) -> String {
    let text = match error {
        SubscriptionError::Directory(error) => error.to_string(),
        SubscriptionError::AlreadyExists
        | SubscriptionError::ValidationFailed { .. }
        | SubscriptionError::QuotaReached { .. } => error.to_string(),
    };
    text.chars().take(PROBLEM_LENGTH).collect()
}
