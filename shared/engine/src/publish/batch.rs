//! Publishing a batch of changes in order.

use contact_sync_domain::event::{ContactEvent, Event};
use contact_sync_domain::id::AccountId;
use thiserror::Error;

use super::{StreamChange, events_of};
use crate::port::{EventLog, EventPublisher, PublishError, StoreError};

/// How far a batch got.
#[derive(Debug)]
pub enum Publication {
    /// Every change's events were taken.
    Complete {
        /// How many events that were.
        events: usize,
    },
    /// This change's events were not; those of all changes before it were.
    StoppedAt {
        /// The index of the change in the batch. It and all after it must be delivered again.
        index: usize,
        /// Why.
        cause: PublicationError,
    },
}

/// Why an event was not taken.
#[derive(Debug, Error)]
pub enum PublicationError {
    /// The event log did not take it.
    #[error("the event log failed")]
    Log(#[from] StoreError),
    /// The bus did not take any of them.
    #[error("the bus failed")]
    Bus(#[from] PublishError),
    /// The bus took others, but not this one.
    #[error("the bus refused an event: {0}")]
    Refused(String),
}

/// Records the contact events of these changes in the event log, each account's in the order of the
/// changes, and puts all their events on the bus in that order. A batch delivered again makes the
/// same events again, with the same ids.
pub async fn publish_changes(
    log: &impl EventLog,
    bus: &impl EventPublisher,
    changes: &[StreamChange],
) -> Publication {
    let events: Vec<(usize, Event)> = changes
        .iter()
        .enumerate()
        .flat_map(|(index, change)| events_of(change).into_iter().map(move |event| (index, event)))
        .collect();
    let logged = record(log, &events).await;
    let taken_until = match &logged {
        Ok(()) => changes.len(),
        Err((index, _)) => *index,
    };
    let published: Vec<(usize, Event)> =
        events.into_iter().filter(|(index, _)| *index < taken_until).collect();
    match (put(bus, &published).await, logged) {
        (Err((index, cause)), _) | (Ok(()), Err((index, cause))) => {
            Publication::StoppedAt { index, cause }
        }
        (Ok(()), Ok(())) => Publication::Complete { events: published.len() },
    }
}

/// Appends the contact events, one call for each account: appends of one log wait for each other,
/// so there should be few of them.
async fn record(
    log: &impl EventLog,
    events: &[(usize, Event)],
) -> Result<(), (usize, PublicationError)> {
    let contacts: Vec<(usize, &ContactEvent)> = events
        .iter()
        .filter_map(|(index, event)| match event {
            Event::Contact(event) => Some((*index, event.as_ref())),
            Event::SyncRequested(_)
            | Event::DirectoryChanged(_)
            | Event::SyncRunPlanned(_)
            | Event::SyncRunFinished(_)
            | Event::ReportReady(_)
            | Event::ConnectionAuthorized(_)
            | Event::ConnectionAttention(_)
            | Event::ReviewWaiting(_)
            | Event::ConnectionSilent(_)
            | Event::ErasureRequested(_)
            | Event::NoticeRaised(_)
            | Event::TeamMembershipChanged(_)
            | Event::ContactPhotoChanged(_)
            | Event::PhotosRequested(_) => None,
        })
        .collect();
    // In the order in which the accounts first occur, so that all before a failure is recorded.
    let mut accounts: Vec<(&AccountId, usize, Vec<ContactEvent>)> = Vec::new();
    for (index, event) in contacts {
        match accounts.iter_mut().find(|(account, _, _)| **account == event.account_id) {
            Some((_, _, events)) => events.push(event.clone()),
            None => accounts.push((&event.account_id, index, vec![event.clone()])),
        }
    }
    for (account, first, events) in accounts {
        log.append(account, &events).await.map_err(|error| (first, error.into()))?;
    }
    Ok(())
}

async fn put(
    bus: &impl EventPublisher,
    events: &[(usize, Event)],
) -> Result<(), (usize, PublicationError)> {
    let Some((first, _)) = events.first() else { return Ok(()) };
    let bodies: Vec<Event> = events.iter().map(|(_, event)| event.clone()).collect();
    let answers = bus.publish(&bodies).await.map_err(|error| (*first, error.into()))?;
    for ((index, _), answer) in events.iter().zip(answers) {
        answer.map_err(|why| (*index, PublicationError::Refused(why)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use contact_sync_domain::contact::{Contact, ContactSource, ContactStatus};
    use contact_sync_domain::id::ContactId;
    use jiff::Timestamp;

    use super::*;
    use crate::port::{EventPage, StoredContact};
    use crate::publish::ChangedItem;

    /// A log and a bus that keep what they took, and fail for one contact each.
    #[derive(Default)]
    struct Outside {
        logged: Mutex<Vec<u64>>,
        published: Mutex<Vec<u64>>,
        log_fails_at: Option<u64>,
        bus_refuses: Option<u64>,
        bus_down: bool,
    }

    impl EventLog for Outside {
        async fn append(&self, _: &AccountId, events: &[ContactEvent]) -> Result<(), StoreError> {
            if events.iter().any(|event| Some(event.sequence) == self.log_fails_at) {
                let source = "throttled".into();
                return Err(StoreError::Unavailable { operation: "PutItem event", source });
            }
            self.logged.lock().unwrap().extend(events.iter().map(|event| event.sequence));
            Ok(())
        }

        async fn read(
            &self,
            _: Option<&AccountId>,
            _: Option<&str>,
            _: u16,
        ) -> Result<Option<EventPage>, StoreError> {
            Ok(None)
        }
    }

    impl EventPublisher for Outside {
        async fn publish(&self, events: &[Event]) -> Result<Vec<Result<(), String>>, PublishError> {
            if self.bus_down {
                return Err(PublishError("no answer".into()));
            }
            let mut answers = Vec::new();
            for event in events {
                let Event::Contact(event) = event else { panic!("only contacts change here") };
                if Some(event.sequence) == self.bus_refuses {
                    answers.push(Err("ThrottlingException".to_owned()));
                } else {
                    self.published.lock().unwrap().push(event.sequence);
                    answers.push(Ok(()));
                }
            }
            Ok(answers)
        }
    }

    /// A new contact of an account; its version tells it from the others.
    fn made(account: u128, version: u64) -> StreamChange {
        let at = Timestamp::UNIX_EPOCH;
        let contact = Contact {
            id: ContactId::from_bits(u128::from(version)),
            account_id: AccountId::from_bits(account),
            version,
            status: ContactStatus::Active,
            source: ContactSource::Local,
            fields: std::collections::BTreeMap::new(),
            custom: std::collections::BTreeMap::new(),
            written: Vec::new(),
            managed_fields: Vec::new(),
            protected: false,
            link: None,
            sync: None,
            created_at: at,
            updated_at: at,
        };
        let new = Some(StoredContact::Present(Box::new(contact)));
        StreamChange { at, item: ChangedItem::Contact { old: None, new } }
    }

    fn silent() -> StreamChange {
        StreamChange { at: Timestamp::UNIX_EPOCH, item: ChangedItem::Other }
    }

    async fn publish(outside: &Outside, changes: &[StreamChange]) -> Result<usize, usize> {
        match publish_changes(outside, outside, changes).await {
            Publication::Complete { events } => Ok(events),
            Publication::StoppedAt { index, .. } => Err(index),
        }
    }

    #[tokio::test]
    async fn everything_is_logged_by_account_and_published_in_order() {
        let outside = Outside::default();
        let changes = [made(1, 1), silent(), made(2, 2), made(1, 3)];
        assert_eq!(publish(&outside, &changes).await, Ok(3));
        assert_eq!(*outside.logged.lock().unwrap(), [1, 3, 2]);
        assert_eq!(*outside.published.lock().unwrap(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_batch_that_concerns_nobody_asks_nobody() {
        let outside = Outside { bus_down: true, ..Outside::default() };
        assert_eq!(publish(&outside, &[silent(), silent()]).await, Ok(0));
    }

    #[tokio::test]
    async fn what_the_log_did_not_take_is_not_published_either() {
        let outside = Outside { log_fails_at: Some(2), ..Outside::default() };
        let changes = [made(1, 1), silent(), made(2, 2), made(3, 3)];
        assert_eq!(publish(&outside, &changes).await, Err(2));
        assert_eq!(*outside.published.lock().unwrap(), [1]);
    }

    #[tokio::test]
    async fn the_first_refused_event_marks_where_delivery_goes_on() {
        let outside = Outside { bus_refuses: Some(2), ..Outside::default() };
        let changes = [silent(), made(1, 1), made(1, 2), made(1, 3)];
        assert_eq!(publish(&outside, &changes).await, Err(2));
    }

    #[tokio::test]
    async fn a_bus_that_is_down_takes_the_batch_back_to_its_first_event() {
        let outside = Outside { bus_down: true, ..Outside::default() };
        assert_eq!(publish(&outside, &[silent(), made(1, 1)]).await, Err(1));
    }
}
