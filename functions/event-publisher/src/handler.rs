//! One batch of a table's stream in, what it did not publish out.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use contact_sync_dynamo_store::stream::changed_item;
use contact_sync_engine::port::{EventLog, EventPublisher, StoreError};
use contact_sync_engine::publish::{Publication, PublicationError, StreamChange, publish_changes};
use contact_sync_lambda_shell::Chain;
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent};
use thiserror::Error;

/// Why a change was not published.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// Its image cannot be read, now or later.
    #[error("a stream record cannot be read")]
    Unreadable(#[source] StoreError),
    /// Its events were not taken.
    #[error("a stream record's events were not taken")]
    NotTaken(#[source] PublicationError),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match &failure {
            Failure::Unreadable(_) => "Unreadable",
            Failure::NotTaken(_) => "NotTaken",
        };
        Self { error_type: error_type.to_owned(), error_message: failure.to_string() }
    }
}

/// Publishes the events of a batch in order and answers with the record at which it stopped, which
/// is delivered again with all after it.
///
/// A batch that fails at its very first record is an error instead: Lambda then halves it, until a
/// record that can never be published stands alone and goes to the dead letters by itself.
#[tracing::instrument(name = "event_publisher", skip_all)]
pub(crate) async fn handle(
    log: &impl EventLog,
    bus: &impl EventPublisher,
    event: LambdaEvent<Event>,
) -> Result<DynamoDbEventResponse, Failure> {
    let mut numbers = Vec::new();
    let mut changes = Vec::new();
    let mut unreadable = None;
    for record in event.payload.records {
        numbers.push(record.change.sequence_number.clone());
        match read(record) {
            Ok(change) => changes.push(change),
            Err(error) => {
                unreadable = Some((changes.len(), Failure::Unreadable(error)));
                break;
            }
        }
    }
    let stopped = match publish_changes(log, bus, &changes).await {
        Publication::Complete { events } => {
            if events > 0 {
                tracing::info!(events.published = events, "published {events} events");
            }
            unreadable
        }
        Publication::StoppedAt { index, cause } => Some((index, Failure::NotTaken(cause))),
    };
    match stopped {
        None => Ok(DynamoDbEventResponse::default()),
        Some((index, failure)) => {
            tracing::error!(error = %Chain(&failure), record.index = index, "stopped in a batch");
            if index == 0 {
                return Err(failure);
            }
            Ok(stopped_at(numbers.get(index).cloned().flatten()))
        }
    }
}

fn read(record: EventRecord) -> Result<StreamChange, StoreError> {
    let created = record.change.approximate_creation_date_time;
    let at = Timestamp::from_millisecond(created.timestamp_millis()).unwrap_or_default();
    let item = changed_item(record.change.old_image, record.change.new_image)?;
    Ok(StreamChange { at, item })
}

fn stopped_at(sequence_number: Option<String>) -> DynamoDbEventResponse {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = sequence_number;
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = vec![failure];
    response
}

#[cfg(test)]
mod tests;
