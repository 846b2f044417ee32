//! Notifications that wait to be delivered.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::DeliveryCounts;
use super::health::{HostHealth, Pace, Verdict};
use crate::clock::shifted;
use crate::identifiers::{seeded_chance, seeded_number};
use crate::settings::NotificationSettings;

/// One notification for one subscription.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) subscription: Uuid,
    /// Where it goes.
    pub(crate) url: String,
    /// The item without what is read from the subscription at delivery.
    pub(crate) content: Value,
    /// Lifecycle items pass a held or unauthorised subscription.
    pub(crate) lifecycle: bool,
}

/// Items that travel in one POST, with its attempts.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) url: String,
    pub(crate) items: Vec<Item>,
    pub(crate) attempts: u32,
    first_due: Timestamp,
}

impl Batch {
    /// Takes out the items for which `apart` holds, as a batch with the same history.
    pub(crate) fn split_off(&mut self, apart: impl Fn(&Item) -> bool) -> Self {
        let (items, kept) = self.items.drain(..).partition(|item| apart(item));
        self.items = kept;
        Self { items, url: self.url.clone(), ..*self }
    }
}

/// All that is not yet delivered.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeliveryQueue {
    waiting: BTreeMap<(Timestamp, u64), Item>,
    retries: BTreeMap<(Timestamp, u64), Batch>,
    hosts: HashMap<String, HostHealth>,
    under_way: u64,
    number: u64,
    counts: DeliveryCounts,
}

/// How a POST went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) accepted: bool,
    pub(crate) pace: Pace,
}

impl DeliveryQueue {
    /// Takes a notification raised at `now`; drops or doubles it as the settings say.
    pub(crate) fn push(
        &mut self,
        item: Item,
        now: Timestamp,
        settings: &NotificationSettings,
        seed: u64,
    ) {
        self.number += 1;
        if seeded_chance(seed, "notification/drop", self.number, settings.drop_percent) {
            self.counts.lost += 1;
            return;
        }
        let mut due = shifted(now, milliseconds(settings.delay_ms));
        match self.hosts.get(&judged(&item.url, settings)).and_then(|host| host.verdict(now)) {
            Some(Verdict::Drop) => {
                self.counts.lost += 1;
                return;
            }
            Some(Verdict::Delay) => due = shifted(due, SignedDuration::from_mins(10)),
            None => {}
        }
        if seeded_chance(seed, "notification/twice", self.number, settings.duplicate_percent) {
            self.waiting.insert((due, self.number), item.clone());
            self.number += 1;
        }
        self.waiting.insert((due, self.number), item);
    }

    /// When the next delivery is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let waiting = self.waiting.keys().next().map(|(due, _)| *due);
        let retry = self.retries.keys().next().map(|(due, _)| *due);
        waiting.into_iter().chain(retry).min()
    }

    /// Takes everything due, as batches to POST; each must come back through [`Self::finish`].
    pub(crate) fn take_due(
        &mut self,
        now: Timestamp,
        settings: &NotificationSettings,
        seed: u64,
    ) -> Vec<Batch> {
        let mut due: Vec<Item> = Vec::new();
        while let Some(entry) = self.waiting.first_entry().filter(|entry| entry.key().0 <= now) {
            due.push(entry.remove());
        }
        let mut groups: BTreeMap<(String, Option<Uuid>), Vec<Item>> = BTreeMap::new();
        for item in due {
            let apart = (!settings.mixed_batches).then_some(item.subscription);
            groups.entry((item.url.clone(), apart)).or_default().push(item);
        }
        let mut batches = Vec::new();
        for ((url, _), mut items) in groups {
            if settings.shuffle {
                let mut number = self.number;
                items.sort_by_cached_key(|_| {
                    number += 1;
                    seeded_number(seed, "notification/order", number)
                });
            }
            for items in items.chunks(settings.max_batch.max(1)) {
                let items = items.to_vec();
                batches.push(Batch { url: url.clone(), items, attempts: 0, first_due: now });
            }
        }
        while let Some(entry) = self.retries.first_entry().filter(|entry| entry.key().0 <= now) {
            batches.push(entry.remove());
        }
        self.under_way += batches.iter().map(|batch| count(&batch.items)).sum::<u64>();
        batches
    }

    /// Notes how a POST went: done, to be retried, or lost after four hours.
    pub(crate) fn finish(
        &mut self,
        mut batch: Batch,
        attempt: Option<Attempt>,
        now: Timestamp,
        settings: &NotificationSettings,
    ) {
        let items = count(&batch.items);
        self.under_way = self.under_way.saturating_sub(items);
        if let Some(attempt) = attempt {
            let health = self.hosts.entry(judged(&batch.url, settings)).or_default();
            health.note(now, attempt.pace, settings.health_min_samples);
            if attempt.accepted {
                self.counts.delivered += items;
                return;
            }
            self.counts.failed_attempts += 1;
        }
        let give_up = seconds(settings.give_up_after_seconds);
        let wait = settings
            .first_retry_seconds
            .saturating_mul(1_u64.checked_shl(batch.attempts).unwrap_or(u64::MAX));
        batch.attempts = batch.attempts.saturating_add(1).min(62);
        let due = shifted(now, seconds(wait));
        if due.duration_since(batch.first_due) > give_up {
            self.counts.lost += items;
            return;
        }
        self.number += 1;
        self.retries.insert((due, self.number), batch);
    }

    /// Notes that a batch was lost on its way.
    pub(crate) fn lose(&mut self, batch: &Batch) {
        let items = count(&batch.items);
        self.under_way = self.under_way.saturating_sub(items);
        self.counts.lost += items;
    }

    /// Forgets items whose subscription ended while they were under way.
    pub(crate) fn forget(&mut self, items: usize) {
        self.under_way = self.under_way.saturating_sub(u64::try_from(items).unwrap_or(0));
    }

    pub(crate) fn counts(&self) -> DeliveryCounts {
        let retrying: u64 = self.retries.values().map(|batch| count(&batch.items)).sum();
        let waiting = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        DeliveryCounts { pending: waiting + retrying + self.under_way, ..self.counts }
    }
}

fn count(items: &[Item]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

fn seconds(count: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(count).unwrap_or(i64::MAX))
}

fn milliseconds(count: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(count).unwrap_or(i64::MAX))
}

/// What is judged slow or dropping: the host, or the URL.
fn judged(url: &str, settings: &NotificationSettings) -> String {
    if settings.health_by_url {
        return url.to_owned();
    }
    url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(subscription: u128, url: &str) -> Item {
        Item {
            subscription: Uuid::from_u128(subscription),
            url: url.to_owned(),
            content: Value::Null,
            lifecycle: false,
        }
    }

    #[test]
    fn items_of_several_subscriptions_share_a_post_only_when_mixed() {
        for (mixed, posts) in [(true, 1), (false, 2)] {
            let settings = NotificationSettings { mixed_batches: mixed, ..Default::default() };
            let mut queue = DeliveryQueue::default();
            let now = Timestamp::UNIX_EPOCH;
            queue.push(item(1, "http://a/x"), now, &settings, 1);
            queue.push(item(2, "http://a/x"), now, &settings, 1);
            assert!(queue.take_due(now, &settings, 1).is_empty(), "not due before the delay");
            let later = shifted(now, SignedDuration::from_secs(1));
            assert_eq!(queue.take_due(later, &settings, 1).len(), posts, "mixed: {mixed}");
        }
    }

    #[test]
    fn a_refused_delivery_is_retried_with_growing_waits_and_lost_after_four_hours() {
        let settings = NotificationSettings::default();
        let mut queue = DeliveryQueue::default();
        let start = Timestamp::UNIX_EPOCH;
        queue.push(item(1, "http://a/x"), start, &settings, 1);
        let refused = Some(Attempt { accepted: false, pace: Pace::InTime });
        let mut now = shifted(start, SignedDuration::from_secs(1));
        let mut attempts = 0;
        while let Some(batch) = queue.take_due(now, &settings, 1).pop() {
            attempts += 1;
            queue.finish(batch, refused, now, &settings);
            now = queue.next_due().unwrap_or(now);
        }
        // 10 s doubling: the eleventh attempt falls 10,230 s after the first, the next too late.
        assert_eq!(attempts, 11);
        assert_eq!(queue.counts().lost, 1);
        assert_eq!(queue.counts().pending, 0);
    }
}
