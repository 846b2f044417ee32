//! Subscriptions' records that were read a moment ago: Graph sends its notifications in bursts, and
//! asks for an answer within three seconds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use contact_sync_domain::id::SubscriptionKey;
use contact_sync_domain::subscription::{Subscription, SubscriptionState};
use jiff::{SignedDuration, Timestamp};

/// How long a record is believed without reading it again. So long may a withdrawn subscription
/// still raise a hint, which costs one look at Graph, and a connection that has just joined miss
/// one. Bursts gain from seconds already.
const BELIEVED_FOR: SignedDuration = SignedDuration::from_secs(10);

/// The most records that one process keeps.
const MOST: usize = 256;

/// What one process keeps between deliveries.
#[derive(Default)]
pub struct RecentSubscriptions {
    records: Mutex<BTreeMap<SubscriptionKey, Recent>>,
}

struct Recent {
    record: Arc<Subscription>,
    read_at: Timestamp,
}

impl Recent {
    fn is_believed(&self, now: Timestamp) -> bool {
        // A clock that was set back tells nothing.
        let age = now.duration_since(self.read_at);
        (SignedDuration::ZERO..BELIEVED_FOR).contains(&age)
    }
}

impl std::fmt::Debug for RecentSubscriptions {
    /// Without the secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RecentSubscriptions").finish_non_exhaustive()
    }
}

impl RecentSubscriptions {
    /// The record, if it was read a moment before `now`.
    pub(super) fn get(&self, key: &SubscriptionKey, now: Timestamp) -> Option<Arc<Subscription>> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.get(key).filter(|recent| recent.is_believed(now)).map(|it| Arc::clone(&it.record))
    }

    /// Keeps what was read at `now`: a record that Graph has confirmed. Of any other nothing is
    /// kept, since it changes soon or was never ours.
    pub(super) fn keep(
        &self,
        key: &SubscriptionKey,
        read: Option<&Arc<Subscription>>,
        now: Timestamp,
    ) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.remove(key);
        let confirmed = read.filter(|record| {
            record.state == SubscriptionState::Active && record.graph_id.is_some()
        });
        let Some(record) = confirmed else { return };
        if records.len() >= MOST {
            records.retain(|_, recent| recent.is_believed(now));
        }
        if records.len() < MOST {
            records.insert(key.clone(), Recent { record: Arc::clone(record), read_at: now });
        }
    }
}

#[cfg(test)]
mod tests;
