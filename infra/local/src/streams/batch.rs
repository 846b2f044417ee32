//! One batch of records: delivery, partial failure, bisection, retries, dead letters.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use crate::runtime::{FunctionError, Outcome};

/// Records on their way, with the attempts they have failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Batch {
    pub(super) records: Vec<Value>,
    pub(super) failures: u32,
}

/// What becomes of a batch after an invocation.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// All delivered.
    Done,
    /// Deliver these next, in order, before anything that follows them.
    Again { batches: Vec<Batch>, wait: Option<Duration> },
    /// Too many failures.
    GiveUp(Batch),
}

/// How a mapping treats failures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub(super) bisects_on_error: bool,
    pub(super) reports_item_failures: bool,
    pub(super) max_retries: u32,
}

pub(super) fn sequence_number(record: &Value) -> &str {
    record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).unwrap_or_default()
}

/// Decides by the function's answer.
pub(super) fn next_step(batch: Batch, outcome: &Outcome, policy: Policy) -> Step {
    match outcome {
        Ok(answer) if policy.reports_item_failures => match first_failure(answer, &batch) {
            FirstFailure::None => Step::Done,
            FirstFailure::At(index) => after_partial_failure(batch, index, policy),
        },
        Ok(_) => Step::Done,
        Err(_) => after_error(batch, policy),
    }
}

enum FirstFailure {
    None,
    At(usize),
}

/// The first record that the function names as failed. An answer that names none of the batch's
/// records means that all failed.
fn first_failure(answer: &[u8], batch: &Batch) -> FirstFailure {
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return FirstFailure::At(0) };
    let failures = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return FirstFailure::None,
        Some(Value::Array(failures)) => failures,
        Some(_) => return FirstFailure::At(0),
    };
    let index = failures
        .iter()
        .map(|failure| {
            let id = failure.get("itemIdentifier").and_then(Value::as_str).unwrap_or_default();
            batch.records.iter().position(|record| sequence_number(record) == id).unwrap_or(0)
        })
        .min();
    index.map_or(FirstFailure::None, FirstFailure::At)
}

fn after_partial_failure(mut batch: Batch, index: usize, policy: Policy) -> Step {
    let rest = batch.records.split_off(index);
    // Records before the first failure are delivered, so the rest begins its count anew.
    let failures = if index == 0 { batch.failures + 1 } else { 1 };
    retry(Batch { records: rest, failures }, policy)
}

fn after_error(mut batch: Batch, policy: Policy) -> Step {
    if policy.bisects_on_error && batch.records.len() > 1 {
        // Splitting does not count against the retries.
        let second = batch.records.split_off(batch.records.len() / 2);
        let failures = batch.failures;
        return Step::Again {
            batches: vec![batch, Batch { records: second, failures }],
            wait: Some(backoff(failures)),
        };
    }
    batch.failures += 1;
    retry(batch, policy)
}

fn retry(batch: Batch, policy: Policy) -> Step {
    if batch.failures > policy.max_retries {
        return Step::GiveUp(batch);
    }
    let wait = Some(backoff(batch.failures));
    Step::Again { batches: vec![batch], wait }
}

/// Half a second, doubled with each failure, up to a minute.
fn backoff(failures: u32) -> Duration {
    Duration::from_millis(500)
        .saturating_mul(2_u32.saturating_pow(failures.min(10)))
        .min(Duration::from_mins(1))
}

/// What Lambda tells of a batch it gave up.
pub(super) fn dead_letter(
    batch: &Batch,
    error: Option<&FunctionError>,
    function_arn: &str,
    stream_arn: &str,
    shard: &str,
    timestamp: &str,
) -> (Value, BTreeMap<String, String>) {
    let sequence =
        |record: Option<&Value>| record.map(sequence_number).unwrap_or_default().to_owned();
    let body = json!({
        "version": "1.0",
        "timestamp": timestamp,
        "requestContext": {
            "functionArn": format!("{function_arn}:$LATEST"),
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": batch.failures,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": error.map(|_| "Unhandled"),
        },
        "responsePayload": error.map(|error| error.payload.clone()),
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": sequence(batch.records.first()),
            "endSequenceNumber": sequence(batch.records.last()),
            "batchSize": batch.records.len(),
            "streamArn": stream_arn,
        },
    });
    (body, BTreeMap::new())
}

/// Batches in the order in which they must be delivered.
pub(super) type Pending = VecDeque<Batch>;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::runtime::FunctionErrorKind;

    const POLICY: Policy =
        Policy { bisects_on_error: true, reports_item_failures: true, max_retries: 2 };

    fn batch(numbers: std::ops::Range<u32>) -> Batch {
        let records = numbers
            .map(|number| json!({"dynamodb": {"SequenceNumber": number.to_string()}}))
            .collect();
        Batch { records, failures: 0 }
    }

    fn failed() -> Outcome {
        Err(FunctionError::new(FunctionErrorKind::Reported, "no"))
    }

    fn numbers(step: Step) -> Vec<Vec<String>> {
        let Step::Again { batches, .. } = step else { panic!("{step:?}") };
        batches
            .iter()
            .map(|batch| batch.records.iter().map(|r| sequence_number(r).to_owned()).collect())
            .collect()
    }

    #[test]
    fn records_before_the_first_failure_are_not_delivered_again() {
        let answer =
            Bytes::from(r#"{"batchItemFailures":[{"itemIdentifier":"3"},{"itemIdentifier":"2"}]}"#);
        let step = next_step(batch(0..5), &Ok(answer), POLICY);
        assert_eq!(numbers(step), [["2", "3", "4"]]);
    }

    #[test]
    fn an_empty_list_means_that_all_were_delivered() {
        for answer in [r#"{"batchItemFailures":[]}"#, "{}", "null", r#"{"batchItemFailures":null}"#]
        {
            let step = next_step(batch(0..3), &Ok(Bytes::from(answer)), POLICY);
            assert_eq!(step, Step::Done, "{answer}");
        }
    }

    #[test]
    fn an_identifier_that_is_none_of_the_batch_fails_it_all() {
        let answer = Bytes::from(r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#);
        assert_eq!(numbers(next_step(batch(0..2), &Ok(answer), POLICY)), [["0", "1"]]);
    }

    #[test]
    fn an_error_halves_the_batch_until_one_record_is_left_and_then_gives_it_up() {
        assert_eq!(numbers(next_step(batch(0..4), &failed(), POLICY)), [["0", "1"], ["2", "3"]]);
        let mut single = batch(0..1);
        for _ in 0..2 {
            let Step::Again { mut batches, .. } = next_step(single, &failed(), POLICY) else {
                panic!("given up too early");
            };
            single = batches.remove(0);
        }
        assert!(matches!(next_step(single, &failed(), POLICY), Step::GiveUp(_)));
    }
}
