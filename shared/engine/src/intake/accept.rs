//! Checking a delivery against our record, and passing on what it hints at.

use std::sync::Arc;

use contact_sync_domain::event::{
    DirectoryChanged, Event, RequestTrigger, SCHEMA_VERSION, SyncRequested,
};
use contact_sync_domain::id::SubscriptionKey;
use contact_sync_domain::run::RunKind;
use contact_sync_domain::subscription::{Subscriber, Subscription, SubscriptionState};
use contact_sync_domain::sync_state::Lane;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Delivery, LifecycleEvent, Notification, RecentSubscriptions};
use crate::port::{Clock, EventPublisher, StoreError, SubscriptionStore, SyncStateStore};
use crate::publish::{AnnouncementError, announce};

/// What became of a delivery.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Acceptance {
    /// Notifications that were believed.
    pub accepted: usize,
    /// Connections that got a hint.
    pub hinted: usize,
    /// Events put on the bus; fewer than hints while a burst goes on.
    pub announced: usize,
    /// Notifications without effect, by reason.
    pub rejected: Rejections,
    /// How long the oldest believed change was on its way, where that was told.
    pub lag: Option<SignedDuration>,
}

/// Notifications without effect, by reason.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Rejections {
    /// A required member was missing or of the wrong form.
    pub incomplete: usize,
    /// We have no such subscription.
    pub unknown: usize,
    /// Our secret was wrong.
    pub client_state: usize,
    /// Another tenant was named.
    pub tenant: usize,
    /// Another of Graph's ids was named.
    pub subscription_id: usize,
}

impl Rejections {
    /// All of them.
    pub fn total(&self) -> usize {
        self.incomplete + self.unknown + self.client_state + self.tenant + self.subscription_id
    }
}

/// Why a delivery could not be passed on; Graph should deliver it again.
#[derive(Debug, Error)]
pub enum IntakeError {
    /// The store failed.
    #[error("the state store failed")]
    Store(#[from] StoreError),
    /// Somebody else kept changing the subscription's record.
    #[error("the subscription's record kept moving")]
    Contended,
    /// What follows could not be announced.
    #[error("the announcement failed")]
    Announcement(#[from] AnnouncementError),
}

/// Accepts a delivery to the address of the subscription `key`. Whatever does not match our record
/// is counted and has no effect. However many notifications there are, each connection gets one
/// hint; it is announced only while that helps.
///
/// A `recent` record spares reading it while everything matches. It never suffices to refuse
/// anything, nor for news of the subscription itself.
pub async fn accept_delivery(
    store: &(impl SubscriptionStore + SyncStateStore),
    recent: &RecentSubscriptions,
    bus: &impl EventPublisher,
    clock: &impl Clock,
    key: Option<&SubscriptionKey>,
    delivery: &Delivery,
) -> Result<Acceptance, IntakeError> {
    let incomplete = delivery.incomplete;
    let mut acceptance = Acceptance {
        rejected: Rejections { incomplete, ..Rejections::default() },
        ..Acceptance::default()
    };
    if delivery.notifications.is_empty() {
        return Ok(acceptance);
    }
    let now = clock.now();
    let sorted = match key {
        Some(key) => checked(store, recent, key, &delivery.notifications, now).await?,
        None => None,
    };
    let Some((record, sorted)) = sorted else {
        acceptance.rejected.unknown = delivery.notifications.len();
        return Ok(acceptance);
    };
    acceptance.accepted = sorted.accepted;
    acceptance.lag = sorted.lag;
    acceptance.rejected = Rejections { incomplete, ..sorted.rejected };
    if let Some(mark) = sorted.mark {
        apply_mark(store, &record.key, mark).await?;
    }
    let mut events = Vec::new();
    for subscriber in &record.connections {
        if sorted.hint {
            acceptance.hinted += 1;
            events.extend(hint(store, subscriber, now).await?);
        }
        if sorted.mark == Some(Mark::Due) {
            events.push(look_again(subscriber));
        }
    }
    announce(bus, &events).await?;
    acceptance.announced = events.len();
    Ok(acceptance)
}

/// The record of `key` and what it makes of the notifications; `None` when there is no such record.
async fn checked(
    store: &impl SubscriptionStore,
    recent: &RecentSubscriptions,
    key: &SubscriptionKey,
    notifications: &[Notification],
    now: Timestamp,
) -> Result<Option<(Arc<Subscription>, Sorted)>, StoreError> {
    let news_of_itself = notifications.iter().any(|it| it.lifecycle.is_some());
    if let Some(record) = recent.get(key, now).filter(|_| !news_of_itself) {
        let sorted = sort(&record, notifications, now);
        if sorted.rejected.total() == 0 {
            return Ok(Some((record, sorted)));
        }
    }
    let read = store.subscription(key).await?.map(Arc::new);
    recent.keep(key, read.as_ref(), now);
    Ok(read.map(|record| {
        let sorted = sort(&record, notifications, now);
        (record, sorted)
    }))
}

/// What a record makes of notifications.
#[derive(Default)]
struct Sorted {
    /// How many it believes.
    accepted: usize,
    /// Those that do not match it, by reason.
    rejected: Rejections,
    /// How long the oldest believed change was on its way, where that was told.
    lag: Option<SignedDuration>,
    /// The directory changed, or may have without our knowing.
    hint: bool,
    /// What the subscription itself needs.
    mark: Option<Mark>,
}

/// What the subscription's record must say for the next sweep.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    /// Renew now.
    Due,
    /// Look whether Graph still has it, and make it again if not.
    Lost,
}

fn sort(record: &Subscription, notifications: &[Notification], now: Timestamp) -> Sorted {
    let mut sorted = Sorted::default();
    // Compared by digest: how long that takes tells nothing that leads to the secret.
    let secret = Sha256::digest(record.client_state.as_bytes());
    for notification in notifications {
        let rejected = &mut sorted.rejected;
        if Sha256::digest(notification.client_state.as_bytes()) != secret {
            rejected.client_state += 1;
        } else if notification.tenant_id != record.tenant_id {
            rejected.tenant += 1;
        } else if record
            .graph_id
            .as_ref()
            .is_some_and(|id| !id.eq_ignore_ascii_case(&notification.subscription_id))
        {
            rejected.subscription_id += 1;
        } else {
            sorted.accepted += 1;
            let lag = notification.event_time.map(|at| now.duration_since(at));
            sorted.lag = sorted.lag.max(lag);
            match notification.lifecycle {
                None => sorted.hint = true,
                Some(LifecycleEvent::ReauthorizationRequired) => {
                    sorted.mark = sorted.mark.max(Some(Mark::Due));
                }
                // Directories are promised neither of the first two. Should they come, or
                // something unheard of, the worst is assumed.
                Some(
                    LifecycleEvent::SubscriptionRemoved
                    | LifecycleEvent::Missed
                    | LifecycleEvent::Unknown,
                ) => {
                    sorted.hint = true;
                    sorted.mark = Some(Mark::Lost);
                }
            }
        }
    }
    sorted
}

/// How often a record that somebody else changes meanwhile is read again.
const ATTEMPTS: u8 = 3;

async fn apply_mark(
    store: &impl SubscriptionStore,
    key: &SubscriptionKey,
    mark: Mark,
) -> Result<(), IntakeError> {
    for _ in 0..ATTEMPTS {
        let Some(record) = store.subscription(key).await? else { return Ok(()) };
        // Half of any life that began at the epoch is over.
        let mut next = Subscription { renewed_at: Timestamp::UNIX_EPOCH, ..record.clone() };
        if mark == Mark::Lost {
            next.state = SubscriptionState::Failed;
            next.problem = Some("Graph told that the subscription no longer works".to_owned());
        }
        if next == record {
            return Ok(());
        }
        next.version += 1;
        if store.put_subscription(&next).await? {
            return Ok(());
        }
    }
    Err(IntakeError::Contended)
}

/// Counts a hint for a connection; the event that announces it, where that helps.
pub(crate) async fn hint(
    store: &impl SyncStateStore,
    subscriber: &Subscriber,
    now: Timestamp,
) -> Result<Option<Event>, StoreError> {
    let before = store.hint(&subscriber.account_id, &subscriber.connection_id, now).await?;
    Ok(before.filter(|state| state.announces_hint(now)).map(|state| {
        Event::DirectoryChanged(DirectoryChanged {
            schema_version: SCHEMA_VERSION,
            account_id: subscriber.account_id.clone(),
            connection_id: subscriber.connection_id.clone(),
            wanted: state.wanted + 1,
        })
    }))
}

/// While a subscription waits to be re-authorised, Graph holds its notifications back.
fn look_again(subscriber: &Subscriber) -> Event {
    Event::SyncRequested(SyncRequested {
        schema_version: SCHEMA_VERSION,
        account_id: subscriber.account_id.clone(),
        connection_id: subscriber.connection_id.clone(),
        kind: RunKind::Delta,
        trigger: RequestTrigger::Sweep,
        run_id: None,
        checkpoint: None,
        slot: None,
        lane: Lane::Main,
    })
}

#[cfg(test)]
mod tests;
