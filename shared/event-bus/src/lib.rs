//! The EventBridge bus: the engine's events out, in the contracts of
//! [`contact_sync_domain::event`].
#![warn(missing_docs)]

use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use contact_sync_domain::event::{Event, SOURCE};
use contact_sync_engine::port::{EventPublisher, PublishError};
use thiserror::Error;

/// EventBridge takes this many entries in one call.
const ENTRIES_PER_CALL: usize = 10;

/// EventBridge takes 1 MB in one call; a little is left for what it counts beside our texts.
const BYTES_PER_CALL: usize = 1_000_000;

/// How often entries that the bus gave back are sent again within one call.
const RESENDS: usize = 1;

/// One bus.
#[derive(Debug, Clone)]
pub struct EventBus {
    client: Client,
    name: String,
}

/// What became of one event: taken, or why not.
type Taken = Result<(), String>;

/// The bus answered for fewer entries than it was sent.
#[derive(Debug, Error)]
#[error("the bus answered for {answered} of {sent} entries")]
struct Incomplete {
    answered: usize,
    sent: usize,
}

/// An event in the form in which it goes out, with its place in the caller's list.
struct Outgoing {
    place: usize,
    detail_type: &'static str,
    detail: String,
}

impl Outgoing {
    fn size(&self) -> usize {
        SOURCE.len() + self.detail_type.len() + self.detail.len()
    }
}

impl EventBus {
    /// The bus of that name or ARN.
    pub fn connect(config: &SdkConfig, name: impl Into<String>) -> Self {
        Self { client: Client::new(config), name: name.into() }
    }

    async fn send(&self, batch: &[Outgoing]) -> Result<Vec<Taken>, PublishError> {
        let entries = batch.iter().map(|event| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(SOURCE)
                .detail_type(event.detail_type)
                .detail(&event.detail)
                .build()
        });
        let output = self
            .client
            .put_events()
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(|error| PublishError(error.into()))?;
        let answered = output.entries().len();
        if answered != batch.len() {
            return Err(PublishError(Incomplete { answered, sent: batch.len() }.into()));
        }
        let taken = output.entries().iter().map(|entry| match entry.error_code() {
            None => Ok(()),
            Some(code) => Err(code.to_owned()),
        });
        Ok(taken.collect())
    }

    /// Sends a batch, and what the bus gave back of it once more.
    async fn deliver(
        &self,
        mut batch: Vec<Outgoing>,
        taken: &mut [Taken],
    ) -> Result<(), PublishError> {
        for _ in 0..=RESENDS {
            let answers = self.send(&batch).await?;
            let mut returned = Vec::new();
            for (event, answer) in batch.into_iter().zip(answers) {
                let failed = answer.is_err();
                if let Some(slot) = taken.get_mut(event.place) {
                    *slot = answer;
                }
                if failed {
                    returned.push(event);
                }
            }
            if returned.is_empty() {
                break;
            }
            batch = returned;
        }
        Ok(())
    }
}

impl EventPublisher for EventBus {
    /// An error means that the bus took none of the events. Where it stopped answering in between,
    /// the answer says which were taken.
    async fn publish(&self, events: &[Event]) -> Result<Vec<Taken>, PublishError> {
        let mut taken: Vec<Taken> = vec![Err("the bus did not answer".to_owned()); events.len()];
        for batch in batches(events, &mut taken)? {
            if let Err(error) = self.deliver(batch, &mut taken).await {
                if taken.iter().any(Result::is_ok) {
                    break;
                }
                return Err(error);
            }
        }
        Ok(taken)
    }
}

/// Cuts events, in order, into what one call takes. One that no call takes is answered at once.
fn batches(events: &[Event], taken: &mut [Taken]) -> Result<Vec<Vec<Outgoing>>, PublishError> {
    let mut batches: Vec<Vec<Outgoing>> = Vec::new();
    let mut filled = 0;
    for ((place, event), slot) in events.iter().enumerate().zip(taken) {
        let detail = serde_json::to_string(event).map_err(|error| PublishError(error.into()))?;
        let outgoing = Outgoing { place, detail_type: event.detail_type(), detail };
        let size = outgoing.size();
        if size > BYTES_PER_CALL {
            *slot = Err("the event is larger than the bus takes".to_owned());
            continue;
        }
        match batches.last_mut() {
            Some(last) if last.len() < ENTRIES_PER_CALL && filled + size <= BYTES_PER_CALL => {
                filled += size;
                last.push(outgoing);
            }
            Some(_) | None => {
                filled = size;
                batches.push(vec![outgoing]);
            }
        }
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use contact_sync_domain::event::{ConnectionAttention, DirectoryChanged, SCHEMA_VERSION};
    use contact_sync_domain::id::{AccountId, ConnectionId};
    use contact_sync_lambda_shell::canned::{Answer, Canned, Sent};
    use serde_json::{Value, json};

    use super::*;

    fn hint(wanted: u64) -> Event {
        Event::DirectoryChanged(DirectoryChanged {
            schema_version: SCHEMA_VERSION,
            account_id: AccountId::from_bits(1),
            connection_id: ConnectionId::from_bits(2),
            wanted,
        })
    }

    fn large(bytes: usize) -> Event {
        Event::ConnectionAttention(ConnectionAttention {
            schema_version: SCHEMA_VERSION,
            account_id: AccountId::from_bits(1),
            connection_id: ConnectionId::from_bits(2),
            reason: "r".into(),
            fix: "f".repeat(bytes),
        })
    }

    fn entries(sent: &Sent) -> Vec<Value> {
        let body: Value = serde_json::from_slice(&sent.body).unwrap();
        body["Entries"].as_array().unwrap().clone()
    }

    /// Gives back the entries whose detail contains `mark`, as often as it says.
    fn answer(sent: &Sent, mark: &str) -> Answer {
        let results: Vec<Value> = entries(sent)
            .iter()
            .map(|entry| {
                if entry["Detail"].as_str().unwrap().contains(mark) {
                    json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"})
                } else {
                    json!({"EventId": "e"})
                }
            })
            .collect();
        Answer::Status(200, json!({"FailedEntryCount": 0, "Entries": results}).to_string())
    }

    #[tokio::test]
    async fn events_go_out_in_order_ten_a_call_with_the_fixed_names() {
        let bus = Canned::new(|sent| answer(sent, "never"));
        let events: Vec<Event> = (0..23).map(hint).collect();
        let taken = EventBus::connect(&bus.sdk_config(), "syncs").publish(&events).await.unwrap();
        assert!(taken.iter().all(Result::is_ok) && taken.len() == 23);
        let sent = bus.sent();
        let all: Vec<Value> = sent.iter().flat_map(entries).collect();
        assert_eq!(sent.iter().map(|call| entries(call).len()).collect::<Vec<_>>(), [10, 10, 3]);
        for (wanted, entry) in all.iter().enumerate() {
            assert_eq!(entry["EventBusName"], "syncs");
            assert_eq!(entry["Source"], "entra-contact-sync");
            assert_eq!(entry["DetailType"], "DirectoryChanged");
            let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
            assert_eq!(detail["wanted"], wanted);
            assert_eq!(detail["schemaVersion"], 1);
        }
    }

    #[tokio::test]
    async fn what_the_bus_gives_back_is_sent_once_more_and_alone() {
        let calls = AtomicUsize::new(0);
        let bus = Canned::new(move |sent| {
            answer(
                sent,
                if calls.fetch_add(1, Ordering::SeqCst) == 0 { "\"wanted\":1}" } else { "never" },
            )
        });
        let publisher = EventBus::connect(&bus.sdk_config(), "syncs");
        let taken = publisher.publish(&[hint(0), hint(1), hint(2)]).await.unwrap();
        assert_eq!(taken, vec![Ok(()), Ok(()), Ok(())]);
        assert_eq!(entries(&bus.sent()[1]).len(), 1);
    }

    #[tokio::test]
    async fn an_event_that_stays_refused_is_named_and_the_others_stand() {
        let bus = Canned::new(|sent| answer(sent, "\"wanted\":1}"));
        let publisher = EventBus::connect(&bus.sdk_config(), "syncs");
        let taken = publisher.publish(&[hint(0), hint(1), hint(2)]).await.unwrap();
        assert_eq!(taken, vec![Ok(()), Err("ThrottlingException".to_owned()), Ok(())]);
    }

    #[tokio::test]
    async fn calls_stay_below_a_megabyte_and_an_event_above_it_is_refused_alone() {
        let bus = Canned::new(|sent| answer(sent, "never"));
        let publisher = EventBus::connect(&bus.sdk_config(), "syncs");
        let events = [large(400_000), large(400_000), large(1_100_000), large(400_000)];
        let taken = publisher.publish(&events).await.unwrap();
        assert_eq!(taken.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true]);
        assert_eq!(bus.sent().len(), 2);
        assert!(bus.sent().iter().all(|call| call.body.len() < 1_048_576));
    }

    #[tokio::test]
    async fn a_bus_that_goes_silent_halfway_leaves_what_it_took() {
        let bus = Canned::new(|sent| match entries(sent).len() {
            10 => answer(sent, "never"),
            _ => Answer::Lost,
        });
        let publisher = EventBus::connect(&bus.sdk_config(), "syncs");
        let events: Vec<Event> = (0..12).map(hint).collect();
        let taken = publisher.publish(&events).await.unwrap();
        assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 10);
        assert!(publisher.publish(&events[..1]).await.is_err(), "nothing was taken at all");
    }
}
