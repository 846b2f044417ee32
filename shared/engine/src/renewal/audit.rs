//! Once a day: what Graph has, compared with what we believe it has.

use contact_sync_domain::subscription::{SubscribedResource, Subscription, SubscriptionState};
use jiff::{SignedDuration, Timestamp};

use super::make::{Standing, watches};
use super::sweep::Swept;
use super::{Renewal, RenewalError, RenewalStores, Tended, graph_error};
use crate::port::{
    Clock, Directory, EventPublisher, Randomness, RemoteSubscription, Subscriptions,
};

/// How often the audit comes.
const PERIOD: SignedDuration = SignedDuration::from_hours(24);

impl<S, G, E, C, R> Renewal<S, G, E, C, R>
where
    S: RenewalStores,
    G: Directory + Subscriptions,
    E: EventPublisher,
    C: Clock,
    R: Randomness,
{
    /// Compares every subscription with Graph's own list until everything was compared or
    /// `deadline` came: what Graph lost is made again, and what we do not know is deleted there.
    pub async fn audit(&self, deadline: Timestamp) -> Swept {
        let mut swept = Swept::default();
        let audit = async |record: &Subscription| self.audit_one(record).await;
        self.each_record(PERIOD, deadline, &mut swept, audit).await;
        swept
    }

    async fn audit_one(&self, record: &Subscription) -> Result<Vec<Tended>, RenewalError> {
        let mut tended = self.look_after(record).await?;
        // Whatever was just made or renewed came from Graph's own mouth.
        if tended != [Tended::Kept] {
            return Ok(tended);
        }
        let before = self.stores.subscription(&record.key).await?;
        let listed = match self.graph.list(&record.tenant_id).await {
            Ok(listed) => listed,
            Err(error) => {
                self.call_for_people(record, &error).await?;
                return Err(graph_error(error));
            }
        };
        // What was listed may be judged only by a record that did not move meanwhile.
        let after = self.stores.subscription(&record.key).await?;
        let Some(record) = after.filter(|after| Some(after) == before.as_ref()) else {
            return Ok(tended);
        };
        if record.state != SubscriptionState::Active {
            return Ok(tended);
        }
        let mut known = None;
        for remote in listed {
            if watches(&remote, &record) {
                if known.is_none() && self.is_ours(&record, &remote) {
                    known = Some(remote);
                } else {
                    tended.push(self.delete_unknown(&record, &remote).await?);
                }
            } else if self.is_unknown(&record, &remote).await? {
                tended.push(self.delete_unknown(&record, &remote).await?);
            }
        }
        match known {
            Some(remote) => {
                self.rewrite(&record.key, |record| record.expires_at = Some(remote.expires_at))
                    .await?;
            }
            None => tended.push(self.make(&record, Standing::Asked).await?),
        }
        Ok(tended)
    }

    /// Whether Graph's subscription is the record's, and leads to where we are reached now.
    fn is_ours(&self, record: &Subscription, remote: &RemoteSubscription) -> bool {
        record.graph_id.as_ref() == Some(&remote.id)
            && (remote.notification_url.is_empty()
                || remote.notification_url == self.notification_url(&record.key))
    }

    /// Whether a subscription on our other resource belongs to no record. Only the users' record,
    /// which every tenant has, asks; and what is on neither resource is not ours to judge.
    async fn is_unknown(
        &self,
        record: &Subscription,
        remote: &RemoteSubscription,
    ) -> Result<bool, RenewalError> {
        let groups = SubscribedResource::Groups;
        if record.resource == groups
            || !remote.resource.trim_matches('/').eq_ignore_ascii_case(groups.path())
        {
            return Ok(false);
        }
        Ok(self.stores.tenant_subscription(&record.tenant_id, groups).await?.is_none())
    }

    async fn delete_unknown(
        &self,
        record: &Subscription,
        remote: &RemoteSubscription,
    ) -> Result<Tended, RenewalError> {
        self.graph.delete(&record.tenant_id, &remote.id).await.map_err(graph_error)?;
        Ok(Tended::Released)
    }
}

#[cfg(test)]
mod tests;
