//! What the functions asked of AWS, counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Calls are counted by caller, operation and table or bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKey {
    /// A function's name, or `operator`.
    pub caller: String,
    /// `dynamodb:PutItem`.
    pub operation: String,
    /// The table or bucket; empty where a call names several or none.
    pub resource: String,
}

/// How often, and what it would have cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CallCount {
    pub requests: u64,
    /// Read units, as DynamoDB reports them.
    pub read_units: f64,
    /// Write units, as DynamoDB reports them; a failed condition counts one unit a kilobyte.
    pub write_units: f64,
    /// Writes whose condition did not hold; they cost all the same.
    pub failed_conditions: u64,
    /// Bytes of the bodies, both ways; counted for DynamoDB and S3.
    pub bytes: u64,
}

/// The counters of one stack.
#[derive(Debug, Default)]
pub struct Counters {
    calls: Mutex<BTreeMap<CallKey, CallCount>>,
}

impl Counters {
    pub(crate) fn add(&self, key: CallKey, count: CallCount) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = calls.entry(key).or_default();
        sum.requests += count.requests;
        sum.read_units += count.read_units;
        sum.write_units += count.write_units;
        sum.failed_conditions += count.failed_conditions;
        sum.bytes += count.bytes;
    }

    /// All counts so far.
    pub fn snapshot(&self) -> BTreeMap<CallKey, CallCount> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The sum over the calls that `select` takes.
    pub fn sum(&self, select: impl Fn(&CallKey) -> bool) -> CallCount {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().filter(|(key, _)| select(key)).fold(CallCount::default(), |sum, (_, count)| {
            CallCount {
                requests: sum.requests + count.requests,
                read_units: sum.read_units + count.read_units,
                write_units: sum.write_units + count.write_units,
                failed_conditions: sum.failed_conditions + count.failed_conditions,
                bytes: sum.bytes + count.bytes,
            }
        })
    }

    /// Begins anew.
    pub fn reset(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
