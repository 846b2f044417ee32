//! Streams, delivered as Lambda delivers them. The stand-in takes a batch for delivered whatever
//! items the function says it could not do; so in a storm its own mappings rest and these work:
//! records in order, again from the first failed one on, as often as the mapping allows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::aws::{Aws, AwsError, list, text};

/// How often a quiet stream is looked at.
const IDLE_WAIT: Duration = Duration::from_millis(300);
/// Before a failed batch is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// One mapping of a stream to a function.
#[derive(Debug, Clone)]
struct Mapping {
    id: String,
    stream: String,
    /// By ARN, with its alias.
    function: String,
    batch_size: u64,
    max_retries: u64,
}

/// Mappings at work. They rest when dropped.
#[derive(Debug)]
pub(crate) struct Redelivery {
    _workers: JoinSet<()>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Batches that a function did not do, or not wholly, and was given again.
    again: AtomicUsize,
    /// Batches that were tried too often.
    given_up: AtomicUsize,
}

impl Redelivery {
    /// Takes over the mappings of the functions called `functions`.
    pub(crate) async fn take_over<'a>(
        aws: &Aws,
        functions: impl Iterator<Item = &'a str>,
    ) -> Result<Self, AwsError> {
        let counts = Arc::new(Counts::default());
        let mut workers = JoinSet::new();
        for function in functions {
            for mapping in mappings(aws, function).await? {
                let path = format!("/2015-03-31/event-source-mappings/{}", mapping.id);
                let rest = json!({"Enabled": false});
                aws.rest("lambda", Method::PUT, &path, Some(&rest)).await?;
                workers.spawn(deliver(aws.clone(), mapping, Arc::clone(&counts)));
            }
        }
        Ok(Self { _workers: workers, counts })
    }

    /// How many batches were given again, and how many were given up.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let Counts { again, given_up } = self.counts.as_ref();
        (again.load(Ordering::Relaxed), given_up.load(Ordering::Relaxed))
    }
}

async fn mappings(aws: &Aws, function: &str) -> Result<Vec<Mapping>, AwsError> {
    let path = format!("/2015-03-31/event-source-mappings/?FunctionName={function}");
    let listed = aws.rest("lambda", Method::GET, &path, None).await?;
    let number = |mapping: &Value, name: &str| mapping.get(name).and_then(Value::as_u64);
    Ok(list(&listed, "/EventSourceMappings")
        .map(|mapping| Mapping {
            id: text(mapping, "/UUID").to_owned(),
            stream: text(mapping, "/EventSourceArn").to_owned(),
            function: text(mapping, "/FunctionArn").to_owned(),
            batch_size: number(mapping, "BatchSize").unwrap_or(100),
            max_retries: number(mapping, "MaximumRetryAttempts").unwrap_or_default(),
        })
        .collect())
}

/// Delivers for ever.
async fn deliver(aws: Aws, mapping: Mapping, counts: Arc<Counts>) {
    // By shard: the iterator after the last record that was delivered.
    let mut iterators = BTreeMap::new();
    loop {
        let delivered = round(&aws, &mapping, &counts, &mut iterators).await;
        if !matches!(delivered, Ok(true)) {
            tokio::time::sleep(IDLE_WAIT).await;
        }
    }
}

/// Delivers what is there; whether there was anything.
async fn round(
    aws: &Aws,
    mapping: &Mapping,
    counts: &Counts,
    iterators: &mut BTreeMap<String, String>,
) -> Result<bool, AwsError> {
    let streams = async |operation: &str, body: Value| {
        let target = format!("DynamoDBStreams_20120810.{operation}");
        aws.json("dynamodb", &target, &body).await
    };
    let stream = json!({"StreamArn": mapping.stream});
    let described = streams("DescribeStream", stream).await?;
    let mut any = false;
    for shard in list(&described, "/StreamDescription/Shards") {
        let shard = text(shard, "/ShardId").to_owned();
        if !iterators.contains_key(&shard) {
            let start = json!({
                "StreamArn": mapping.stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON",
            });
            let answer = streams("GetShardIterator", start).await?;
            iterators.insert(shard.clone(), text(&answer, "/ShardIterator").to_owned());
        }
        let iterator = iterators.get(&shard).cloned().unwrap_or_default();
        let request = json!({"ShardIterator": iterator, "Limit": mapping.batch_size});
        let answer = streams("GetRecords", request).await?;
        let records: Vec<Value> = list(&answer, "/Records").cloned().collect();
        if !records.is_empty() {
            any = true;
            hand_over(aws, mapping, counts, records).await;
        }
        if let Some(next) = answer.get("NextShardIterator").and_then(Value::as_str) {
            iterators.insert(shard, next.to_owned());
        }
    }
    Ok(any)
}

/// Hands over `records` until they are done or given up.
async fn hand_over(aws: &Aws, mapping: &Mapping, counts: &Counts, mut records: Vec<Value>) {
    let path = format!("/2015-03-31/functions/{}/invocations", mapping.function);
    for record in &mut records {
        if let Some(members) = record.as_object_mut() {
            members.insert("eventSourceARN".to_owned(), json!(mapping.stream));
        }
    }
    for _ in 0..=mapping.max_retries {
        let event = json!({"Records": records});
        let answer = aws.rest("lambda", Method::POST, &path, Some(&event)).await;
        // An invocation that could not be made fails the whole batch.
        let failed = answer.map_or(Some(0), |answer| first_failed(&records, &answer));
        let Some(failed) = failed else { return };
        records.drain(..failed);
        counts.again.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(RETRY_WAIT).await;
    }
    counts.given_up.fetch_add(1, Ordering::Relaxed);
}

/// Which record failed first; `None` if none did.
fn first_failed(records: &[Value], answer: &Value) -> Option<usize> {
    if answer.get("errorMessage").is_some() || answer.get("errorType").is_some() {
        return Some(0);
    }
    let failed: Vec<&str> =
        list(answer, "/batchItemFailures").map(|item| text(item, "/itemIdentifier")).collect();
    if failed.is_empty() {
        return None;
    }
    // An identifier that no record has fails the whole batch.
    let first = records
        .iter()
        .position(|record| failed.contains(&text(record, "/dynamodb/SequenceNumber")));
    Some(first.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_given_again_from_its_first_failed_record_on() {
        let records = ["7", "8", "9"].map(|number| json!({"dynamodb": {"SequenceNumber": number}}));
        let failed = |numbers: &[&str]| {
            let items: Vec<Value> =
                numbers.iter().map(|number| json!({"itemIdentifier": number})).collect();
            json!({"batchItemFailures": items})
        };
        assert_eq!(first_failed(&records, &failed(&[])), None);
        assert_eq!(first_failed(&records, &Value::Null), None);
        assert_eq!(first_failed(&records, &failed(&["9", "8"])), Some(1));
        assert_eq!(first_failed(&records, &failed(&["1"])), Some(0));
        assert_eq!(first_failed(&records, &json!({"errorMessage": "no"})), Some(0));
    }
}
