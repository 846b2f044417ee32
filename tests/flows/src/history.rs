//! What the functions did: their logs, their calls of AWS, and what went wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use entra_contact_sync_local::LocalStack;

/// Warnings of a function that a failed test shows.
const SHOWN_LINES: usize = 12;

/// Everything each function wrote, by function.
pub fn function_logs(stack: &LocalStack) -> BTreeMap<String, String> {
    stack
        .functions()
        .map(|pool| {
            let name = pool.function().name.clone();
            let file = stack.data_dir().join("logs").join(format!("{name}.log"));
            (name, std::fs::read_to_string(file).unwrap_or_default())
        })
        .collect()
}

/// The calls of one function on one table.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CallsOf {
    /// Puts, updates, deletes and items of transactions that took effect or not.
    pub writes: u64,
    /// What they cost.
    pub write_units: f64,
}

impl CallsOf {
    /// The writes so far of one function on one table of the template.
    pub fn writes(stack: &LocalStack, function: &str, table: &str) -> Self {
        let name = stack.plan().references[table].clone();
        let sum = stack
            .counters()
            .sum(|key| key.caller == function && key.resource == name && is_write(&key.operation));
        Self { writes: sum.requests, write_units: sum.write_units }
    }
}

fn is_write(operation: &str) -> bool {
    ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"]
        .iter()
        .any(|write| operation.ends_with(write))
}

/// The failed invocations, the dead letters and the last warnings of every function.
pub(crate) fn story(stack: &LocalStack) -> String {
    let mut story = String::new();
    for pool in stack.functions() {
        let name = &pool.function().name;
        let records = pool.records();
        let failed = records.iter().filter(|record| record.error.is_some()).count();
        let _ = writeln!(
            story,
            "{name}: {} invocations, {failed} failed, {} running",
            records.len(),
            pool.running()
        );
        for record in records.iter().filter(|record| record.error.is_some()).take(3) {
            let _ = writeln!(story, "  {:?} after {:?}", record.error, record.duration);
        }
        let lines = pool.log().lines();
        let warnings: Vec<&String> = lines
            .iter()
            // Lines of metrics have no level.
            .filter(|line| {
                !["\"INFO\"", "\"DEBUG\"", "\"_aws\""].iter().any(|quiet| line.contains(quiet))
            })
            .collect();
        for line in warnings.iter().rev().take(SHOWN_LINES).rev() {
            let _ = writeln!(story, "  {line}");
        }
    }
    for letter in stack.dead_letters() {
        let _ = writeln!(story, "dead letter in {}: {}", letter.queue, letter.body);
    }
    story
}
