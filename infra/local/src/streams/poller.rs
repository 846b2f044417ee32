//! Reads one table's stream and delivers it, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::batch::{self, Batch, Pending, Policy, Step};
use super::checkpoint::Checkpoints;
use crate::clock::LocalClock;
use crate::dead_letters::DeadLetters;
use crate::dynamo::{DynamoClient, DynamoError};
use crate::plan::StreamMapping;
use crate::runtime::{FunctionPool, Outcome};
use crate::template::REGION;

/// How often a quiet stream is looked at; a write is noticed at once.
const IDLE_WAIT: Duration = Duration::from_millis(250);
/// After a write, so that the writes that come with it are read in one batch.
const GATHERING_WAIT: Duration = Duration::from_millis(20);
/// After an error of the endpoint.
const ERROR_WAIT: Duration = Duration::from_secs(1);
/// Lambda's limit on a synchronous event.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// One event source mapping at work.
#[derive(Debug)]
pub(crate) struct StreamPoller {
    pub(crate) mapping: StreamMapping,
    /// What the endpoint calls the stream.
    pub(crate) endpoint_stream_arn: String,
    pub(crate) pool: Arc<FunctionPool>,
    pub(crate) client: DynamoClient,
    pub(crate) checkpoints: Arc<Checkpoints>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) clock: LocalClock,
    pub(crate) written: Arc<Notify>,
    /// Whether everything read so far is delivered; false while a batch is under way.
    pub(crate) idle: Arc<AtomicBool>,
}

/// Where a shard stands.
struct Shard {
    id: String,
    iterator: Option<String>,
}

impl StreamPoller {
    /// Delivers for ever.
    pub(crate) async fn run(self) {
        let mut shards: Vec<Shard> = Vec::new();
        loop {
            let written = self.written.notified();
            match self.round(&mut shards).await {
                Ok(true) => tokio::time::sleep(GATHERING_WAIT).await,
                Ok(false) => {
                    self.idle.store(true, Ordering::SeqCst);
                    tokio::select! {
                        () = written => tokio::time::sleep(GATHERING_WAIT).await,
                        () = tokio::time::sleep(IDLE_WAIT) => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(mapping = %self.mapping.name, %error, "A stream could not be read.");
                    shards.clear();
                    tokio::time::sleep(ERROR_WAIT).await;
                }
            }
        }
    }

    /// Delivers what is there; whether there was anything.
    async fn round(&self, shards: &mut Vec<Shard>) -> Result<bool, DynamoError> {
        if shards.is_empty() {
            *shards = self.shards().await?;
        }
        let mut any = false;
        for shard in shards.iter_mut() {
            let iterator = match shard.iterator.take() {
                Some(iterator) => iterator,
                None => self.iterator(&shard.id).await?,
            };
            let request = json!({"ShardIterator": iterator, "Limit": self.mapping.batch_size});
            let mut answer = self.client.streams("GetRecords", &request).await?;
            let records = match answer.get_mut("Records").map(Value::take) {
                Some(Value::Array(records)) => records,
                Some(_) | None => Vec::new(),
            };
            if !records.is_empty() {
                any = true;
                self.idle.store(false, Ordering::SeqCst);
                self.deliver(&shard.id, records).await;
            }
            shard.iterator =
                answer.get("NextShardIterator").and_then(Value::as_str).map(str::to_owned);
        }
        // A closed shard has no next iterator; its successors are in the description.
        if shards.iter().any(|shard| shard.iterator.is_none()) {
            shards.clear();
        }
        Ok(any)
    }

    async fn shards(&self) -> Result<Vec<Shard>, DynamoError> {
        let request = json!({"StreamArn": self.endpoint_stream_arn});
        let answer = self.client.streams("DescribeStream", &request).await?;
        let shards = answer.pointer("/StreamDescription/Shards").and_then(Value::as_array);
        Ok(shards
            .into_iter()
            .flatten()
            .filter_map(|shard| shard.get("ShardId")?.as_str())
            .map(|id| Shard { id: id.to_owned(), iterator: None })
            .collect())
    }

    async fn iterator(&self, shard: &str) -> Result<String, DynamoError> {
        let mut request = json!({"StreamArn": self.endpoint_stream_arn, "ShardId": shard});
        if let Some(members) = request.as_object_mut() {
            match self.checkpoints.get(&self.mapping.name, shard) {
                Some(delivered) => {
                    members.insert("ShardIteratorType".to_owned(), "AFTER_SEQUENCE_NUMBER".into());
                    members.insert("SequenceNumber".to_owned(), delivered.into());
                }
                None => {
                    members.insert("ShardIteratorType".to_owned(), "TRIM_HORIZON".into());
                }
            }
        }
        let answer = self.client.streams("GetShardIterator", &request).await?;
        let iterator = answer.get("ShardIterator").and_then(Value::as_str);
        iterator.map(str::to_owned).ok_or_else(|| DynamoError::Refused {
            operation: "GetShardIterator".to_owned(),
            code: "no iterator".to_owned(),
            message: String::new(),
        })
    }

    /// Delivers `records` to the end: delivered or given up.
    async fn deliver(&self, shard: &str, records: Vec<Value>) {
        let policy = Policy {
            bisects_on_error: self.mapping.bisects_on_error,
            reports_item_failures: self.mapping.reports_item_failures,
            max_retries: self.mapping.max_retries,
        };
        let records = records.into_iter().map(|record| self.as_lambda_sends_it(record)).collect();
        let mut pending = Pending::from([Batch { records, failures: 0 }]);
        while let Some(batch) = pending.pop_front() {
            let event = json!({"Records": batch.records}).to_string();
            if event.len() > MAX_EVENT_BYTES && batch.records.len() > 1 {
                let mut first = batch;
                let second = first.records.split_off(first.records.len() / 2);
                pending.push_front(Batch { records: second, failures: first.failures });
                pending.push_front(first);
                continue;
            }
            let outcome = self.pool.invoke(Bytes::from(event)).await;
            let last = batch.records.last().map(batch::sequence_number).map(str::to_owned);
            let before = batch.clone();
            match batch::next_step(batch, &outcome, policy) {
                Step::Done => self.checkpoint(shard, last),
                Step::Again { batches, wait } => {
                    self.checkpoint_partial(shard, &before, batches.first());
                    batches.into_iter().rev().for_each(|batch| pending.push_front(batch));
                    if let Some(wait) = wait {
                        self.clock.sleep(wait).await;
                    }
                }
                Step::GiveUp(batch) => {
                    self.give_up(&batch, &outcome, shard);
                    self.checkpoint(shard, last);
                }
            }
        }
    }

    fn checkpoint(&self, shard: &str, sequence_number: Option<String>) {
        if let Some(sequence_number) = sequence_number {
            self.checkpoints.set(&self.mapping.name, shard, &sequence_number);
        }
    }

    /// Notes the records that a partial failure left behind as delivered.
    fn checkpoint_partial(&self, shard: &str, before: &Batch, first: Option<&Batch>) {
        let Some(next) = first.and_then(|batch| batch.records.first()) else { return };
        let next = batch::sequence_number(next);
        let delivered = before
            .records
            .iter()
            .map(batch::sequence_number)
            .take_while(|number| *number != next)
            .last();
        self.checkpoint(shard, delivered.map(str::to_owned));
    }

    fn give_up(&self, batch: &Batch, outcome: &Outcome, shard: &str) {
        let Some(queue) = &self.mapping.dead_letters else {
            tracing::error!(mapping = %self.mapping.name, "Stream records were given up and no queue takes them.");
            return;
        };
        let (body, attributes) = batch::dead_letter(
            batch,
            outcome.as_ref().err(),
            &self.pool.function().arn,
            &self.mapping.stream_arn,
            shard,
            &self.clock.now().to_string(),
        );
        self.dead_letters.put(queue, body, attributes);
    }

    fn as_lambda_sends_it(&self, mut record: Value) -> Value {
        if let Some(members) = record.as_object_mut() {
            members.insert("eventSourceARN".to_owned(), self.mapping.stream_arn.clone().into());
            members.insert("awsRegion".to_owned(), REGION.into());
        }
        record
    }
}
