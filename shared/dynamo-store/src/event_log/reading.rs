//! Reading the log from number to number.

use std::collections::VecDeque;

use aws_sdk_dynamodb::types::{Get, TransactGetItem};
use contact_sync_domain::event::ContactEvent;
use contact_sync_domain::id::AccountId;
use contact_sync_engine::port::StoreError;

use super::{ACCOUNT, BODY, KIND, NEXT, NUMBER};
use crate::DynamoStore;
use crate::failure::unavailable;
use crate::item::{Item, bytes_of, missing, name, number_of, text_of};
use crate::keys::{self, Key, Log};
use crate::segments::unpack;
use crate::table::Query;

/// How many entries one query reads at most; DynamoDB stops at 1 MB by itself.
const ENTRIES: u16 = 50;

/// How many queries one call makes at most before it answers what it has.
const QUERIES: usize = 20;

/// Where a reader stands: before this event of this entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    number: u64,
    event: usize,
}

impl Position {
    pub(super) const START: Self = Self { number: 0, event: 0 };

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (number, event) = text.split_once(' ')?;
        Some(Self { number: number.parse().ok()?, event: event.parse().ok()? })
    }

    pub(super) fn text(self) -> String {
        format!("{} {}", self.number, self.event)
    }
}

/// What stands from a number on.
enum Found {
    /// Entries without a hole between them, the first at or after the number asked for.
    Entries(VecDeque<(u64, Item)>),
    /// Nothing there any more; go on at this number.
    Later(u64),
    /// Nothing there yet.
    End,
}

impl DynamoStore {
    /// Up to `limit` events from a position on, and where that ends.
    pub(super) async fn read_on(
        &self,
        log: &Log,
        mut at: Position,
        limit: usize,
    ) -> Result<(Vec<ContactEvent>, Position), StoreError> {
        let mut events = Vec::new();
        for _ in 0..QUERIES {
            match self.entries_from(log, at.number).await? {
                Found::End => break,
                Found::Later(number) => at = Position { number, event: 0 },
                Found::Entries(entries) => {
                    for (number, entry) in entries {
                        if number != at.number {
                            at = Position { number, event: 0 };
                        }
                        let told = self.events_of(log, &entry).await?;
                        let wanted = limit - events.len();
                        let left = told.len().saturating_sub(at.event);
                        events.extend(told.into_iter().skip(at.event).take(wanted));
                        if left > wanted {
                            at.event += wanted;
                            return Ok((events, at));
                        }
                        at = Position { number: number + 1, event: 0 };
                        if events.len() == limit {
                            return Ok((events, at));
                        }
                    }
                }
            }
        }
        Ok((events, at))
    }

    async fn entries_from(&self, log: &Log, from: u64) -> Result<Found, StoreError> {
        let bucket = keys::bucket(from);
        // A page begins after a sort key; the one before the number need not exist.
        let before = from.checked_sub(1).filter(|before| keys::bucket(*before) == bucket);
        let page = self
            .state
            .query(
                "Query events",
                Query {
                    partition: log.bucket_partition(bucket),
                    after: before.map(|before| log.entry(before).sk),
                    limit: Some(ENTRIES),
                    strongly: true,
                    ..Query::default()
                },
            )
            .await?;
        let mut entries: VecDeque<(u64, Item)> = VecDeque::new();
        for item in page.items {
            let number = text_of(&item, name::SK)
                .and_then(|sk| sk.parse::<u64>().ok())
                .ok_or_else(|| missing(KIND, name::SK))?;
            if entries.back().is_some_and(|(last, _)| *last + 1 != number) {
                break;
            }
            entries.push_back((number, item));
        }
        let Some(first) = entries.front().map(|(number, _)| *number) else {
            return self.beyond(log, from).await;
        };
        self.fill(log, from, first, &mut entries).await?;
        Ok(Found::Entries(entries))
    }

    /// Below the first entry found, others are either gone, their time being up, or so new that the
    /// query went past them while their transaction was being finished. A transactional read waits
    /// for the latter.
    async fn fill(
        &self,
        log: &Log,
        from: u64,
        first: u64,
        entries: &mut VecDeque<(u64, Item)>,
    ) -> Result<(), StoreError> {
        for number in (from..first).rev() {
            match self.settled(&log.entry(number)).await? {
                Some(item) => entries.push_front((number, item)),
                None => break,
            }
        }
        Ok(())
    }

    /// What follows when a number's bucket holds nothing from it on.
    async fn beyond(&self, log: &Log, from: u64) -> Result<Found, StoreError> {
        let head = self.state.get("GetItem events", &log.head()).await?;
        let next: u64 = head.as_ref().and_then(|head| number_of(head, NEXT)).unwrap_or_default();
        if from >= next {
            return Ok(Found::End);
        }
        let (bucket, last) = (keys::bucket(from), keys::bucket(next));
        if bucket == last {
            return Ok(Found::End);
        }
        let oldest = self.oldest_bucket(log, bucket + 1, last).await?;
        Ok(Found::Later(oldest * keys::BUCKET))
    }

    /// The first bucket from `low` to `high` that holds anything; `high` when none does. Time takes
    /// the oldest away first, so that halving finds it.
    pub(super) async fn oldest_bucket(
        &self,
        log: &Log,
        mut low: u64,
        mut high: u64,
    ) -> Result<u64, StoreError> {
        while low < high {
            let middle = low + (high - low) / 2;
            let query = Query {
                partition: log.bucket_partition(middle),
                limit: Some(1),
                strongly: true,
                projection: Some("#pk, #sk"),
                ..Query::default()
            };
            if self.state.query("Query events", query).await?.items.is_empty() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The events of an entry. In the common log none, when their account was erased.
    async fn events_of(&self, log: &Log, entry: &Item) -> Result<Vec<ContactEvent>, StoreError> {
        if !log.is_common() {
            return body(entry);
        }
        let account = text_of(entry, ACCOUNT).ok_or_else(|| missing(KIND, ACCOUNT))?;
        let account = AccountId::parse(account).map_err(crate::failure::corrupt(KIND))?;
        let number = number_of(entry, NUMBER).ok_or_else(|| missing(KIND, NUMBER))?;
        let key = Log::of(Some(&account)).entry(number);
        let found = match self.state.get("GetItem events", &key).await? {
            None => self.settled(&key).await?,
            found => found,
        };
        found.as_ref().map_or_else(|| Ok(Vec::new()), body)
    }

    /// An item as it is once no transaction is changing it.
    async fn settled(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let operation = "TransactGetItems events";
        let get = Get::builder()
            .table_name(&self.state.name)
            .set_key(Some(key.attributes()))
            .build()
            .map_err(unavailable(operation))?;
        let output = self
            .state
            .client
            .transact_get_items()
            .transact_items(TransactGetItem::builder().get(get).build())
            .send()
            .await
            .map_err(unavailable(operation))?;
        Ok(output.responses.unwrap_or_default().into_iter().next().and_then(|found| found.item))
    }
}

fn body(entry: &Item) -> Result<Vec<ContactEvent>, StoreError> {
    unpack(KIND, bytes_of(entry, BODY).ok_or_else(|| missing(KIND, BODY))?)
}
