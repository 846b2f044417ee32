//! The log of contact events: one of all accounts and one of each.
//!
//! An append is one transaction: it raises the counters of both logs by one and puts the entry that
//! has the number. So numbers have no holes, an entry is there only when all before it are, and a
//! reader that goes from number to number misses nothing. The events stand in their account's log;
//! the common log leads there.

mod forgetting;
mod reading;

use aws_sdk_dynamodb::types::AttributeValue;
use contact_sync_domain::event::ContactEvent;
use contact_sync_domain::id::AccountId;
use contact_sync_engine::port::{EventLog, EventPage, StoreError};
use jiff::{SignedDuration, Timestamp};

use crate::batch::pause;
use crate::failure::{Defect, corrupt, unavailable};
use crate::item::{Item, bytes, expiry, name, number, number_of, text};
use crate::keys::{self, Log};
use crate::segments::pack;
use crate::table::Condition;
use crate::transaction::{Attempt, Transacted, Transaction};
use crate::{DynamoStore, cursor};

use self::reading::Position;

pub(crate) const KIND: &str = "events";

/// The number of the log's next entry.
const NEXT: &str = "next";

/// An entry's events: gzip JSON.
const BODY: &str = "body";

/// In the common log: whose entry is meant, and its number there.
const ACCOUNT: &str = "accountId";
const NUMBER: &str = "number";

/// How much JSON one entry holds before it is compressed; an item takes 400 KB.
const ENTRY_BYTES: usize = 300_000;

/// How long events can be replayed.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often an append that met others is tried, waiting longer each time: many stream shards of a
/// busy table are published at once, and each append raises the same counters.
const ATTEMPTS: u32 = 30;

/// How many of them an attempt counts for in which the SDK itself met others again and again; its
/// waits are longer than ours.
const LONG_ATTEMPT: u32 = 4;

impl EventLog for DynamoStore {
    async fn append(&self, account: &AccountId, events: &[ContactEvent]) -> Result<(), StoreError> {
        for entry in entries(events)? {
            self.append_entry(account, entry).await?;
        }
        Ok(())
    }

    async fn read(
        &self,
        account: Option<&AccountId>,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<EventPage>, StoreError> {
        let log = Log::of(account);
        let list = ["events", log.name()];
        let start = match cursor {
            None => Position::START,
            Some(cursor) => {
                match cursor::open(&list, cursor).as_deref().and_then(Position::parse) {
                    None => return Ok(None),
                    Some(position) => position,
                }
            }
        };
        let (events, end) = self.read_on(&log, start, usize::from(limit.max(1))).await?;
        Ok(Some(EventPage { events, cursor: cursor::seal(&list, &end.text()) }))
    }
}

/// Cuts events into what one entry holds.
fn entries(events: &[ContactEvent]) -> Result<Vec<&[ContactEvent]>, StoreError> {
    let mut entries = Vec::new();
    let (mut start, mut filled) = (0, 0);
    for (place, event) in events.iter().enumerate() {
        let size = serde_json::to_vec(event).map_err(corrupt(KIND))?.len();
        if place > start && filled + size > ENTRY_BYTES {
            entries.extend(events.get(start..place));
            (start, filled) = (place, 0);
        }
        filled += size;
    }
    entries.extend(events.get(start..).filter(|rest| !rest.is_empty()));
    Ok(entries)
}

/// Raises a log's counter, if it is still at `number`.
fn next_is(at: u64) -> Condition {
    let raised = (":raised", number(at + 1));
    if at == 0 {
        Condition::new("attribute_not_exists(#pk)", vec![raised])
    } else {
        Condition::new("#next = :next", vec![raised, (":next", number(at))])
    }
}

impl DynamoStore {
    async fn append_entry(
        &self,
        account: &AccountId,
        events: &[ContactEvent],
    ) -> Result<(), StoreError> {
        let operation = "TransactWriteItems events";
        let body = bytes(pack(KIND, &events)?);
        let latest = events.iter().map(|event| event.occurred_at).max();
        let until = latest.and_then(|at| at.checked_add(KEPT).ok()).unwrap_or(Timestamp::MAX);
        let (all, own) = (Log::all(), Log::of(Some(account)));
        let mut attempts = 0;
        loop {
            let heads = self.state.get_all("BatchGetItem events", [all.head(), own.head()]).await?;
            let next = |log: &Log| {
                heads.get(&log.head()).and_then(|head| number_of(head, NEXT)).unwrap_or_default()
            };
            let (in_all, in_own) = (next(&all), next(&own));
            let pointer = entry(
                &all,
                in_all,
                until,
                [(ACCOUNT, text(account.as_str())), (NUMBER, number(in_own))],
            );
            let raise = "SET #next = :raised";
            let attempt = Transaction::new()
                .update(operation, &self.state, &all.head(), raise, next_is(in_all))?
                .update(operation, &self.state, &own.head(), raise, next_is(in_own))?
                .put(operation, &self.state, pointer, Some(Condition::absent()))?
                .put(
                    operation,
                    &self.state,
                    entry(&own, in_own, until, [(BODY, body.clone())]),
                    Some(Condition::absent()),
                )?
                .attempt(operation, &self.state)
                .await?;
            let (taken, contended) = match attempt {
                Attempt::Decided(Transacted::Done) => return Ok(()),
                Attempt::Decided(Transacted::Refused(_)) => {
                    (1, unavailable(operation)(Defect::Contended))
                }
                Attempt::Met(error) => (LONG_ATTEMPT, error),
            };
            attempts += taken;
            if attempts >= ATTEMPTS {
                return Err(contended);
            }
            pause(attempts).await;
        }
    }

    /// Deletes an account's events. What leads to them from the common log then leads nowhere.
    pub(crate) async fn erase_events(&self, account: &AccountId) -> Result<(), StoreError> {
        let log = Log::of(Some(account));
        let Some(head) = self.state.get("GetItem events", &log.head()).await? else {
            return Ok(());
        };
        let next: u64 = number_of(&head, NEXT).unwrap_or_default();
        let oldest = self.oldest_bucket(&log, 0, keys::bucket(next)).await?;
        for bucket in oldest..=keys::bucket(next) {
            self.state.purge("BatchWriteItem events", log.bucket_partition(bucket)).await?;
        }
        self.state.delete("DeleteItem events", &log.head()).await?;
        Ok(())
    }
}

fn entry<const N: usize>(
    log: &Log,
    number: u64,
    until: Timestamp,
    attributes: [(&str, AttributeValue); N],
) -> Item {
    let mut item = log.entry(number).attributes();
    item.insert(name::KIND.to_owned(), text(KIND));
    item.insert(name::EXPIRES_AT.to_owned(), expiry(until));
    item.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
    item
}
