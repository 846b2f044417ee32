//! What one phase asked of everybody.
#![expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]

use std::collections::BTreeMap;

use contact_sync_flows::Scene;
use jiff::Timestamp;

use crate::bill::Bill;
use crate::prices::EVENT_CHUNK;
use crate::table::Row;

/// Whoever calls a function through the HTTP API calls one of these; they have no other trigger.
const BEHIND_THE_API: [&str; 3] = ["admin-api", "graph-webhook", "oauth-consent"];
/// How it cuts the stream into batches depends on the machine, so that only its events are exact.
const BATCHED: &str = "event-publisher";

/// A moment from which on is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    at: Timestamp,
    events: usize,
    dead_letters: usize,
}

impl Mark {
    /// Begins to count anew.
    pub(crate) fn now(scene: &Scene) -> Self {
        scene.stack.counters().reset();
        scene.sim.reset_requests();
        Self {
            at: scene.stack.clock().now(),
            events: scene.stack.buses().count(),
            dead_letters: scene.stack.dead_letters().len(),
        }
    }
}

/// What one function did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Work {
    pub(crate) invocations: u64,
    /// Memory size times duration as this machine took it, each begun millisecond whole.
    pub(crate) gigabyte_seconds: f64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    /// Writes and lists of S3.
    pub(crate) object_writes: u64,
    /// Reads of S3.
    pub(crate) object_reads: u64,
    pub(crate) secret_calls: u64,
    /// Requests of the HTTP API that it answered.
    pub(crate) api_requests: u64,
}

/// What was asked between two moments, by everybody.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    pub(crate) what: String,
    /// By how many the dollars are divided.
    people: f64,
    graph_requests: u64,
    resource_units: f64,
    graph_bytes: usize,
    /// Requests to AWS by operation.
    calls: BTreeMap<String, u64>,
    /// Bytes of the bodies of DynamoDB's and of S3's requests and answers.
    table_bytes: u64,
    object_bytes: u64,
    pub(crate) work: BTreeMap<String, Work>,
    events: usize,
    event_chunks: usize,
    /// Times that EventBridge Scheduler would have fired for it.
    firings: u64,
    dead_letters: usize,
}

impl Phase {
    /// What was asked since `mark`.
    pub(crate) fn since(scene: &Scene, what: impl Into<String>, mark: Mark) -> Self {
        let graph = scene.sim.request_counts();
        let mut phase = Self {
            what: what.into(),
            people: 1.0,
            graph_requests: graph.graph_requests,
            resource_units: graph.resource_units,
            graph_bytes: scene
                .sim
                .requests(usize::MAX)
                .iter()
                .filter(|request| !request.endpoint.contains("oauth2"))
                .map(|request| request.bytes)
                .sum(),
            calls: BTreeMap::new(),
            table_bytes: 0,
            object_bytes: 0,
            work: BTreeMap::new(),
            events: scene.stack.buses().count() - mark.events,
            event_chunks: 0,
            firings: 0,
            dead_letters: scene.stack.dead_letters().len() - mark.dead_letters,
        };
        phase.count_calls(scene);
        phase.count_invocations(scene, mark);
        phase.event_chunks = phase.events;
        // Each event is one chunk; the largest are more.
        for event in scene.stack.buses().published_since(mark.events) {
            let bytes = event.envelope.get("detail").map_or(0, |detail| detail.to_string().len());
            phase.event_chunks += bytes.div_ceil(EVENT_CHUNK).saturating_sub(1);
        }
        phase
    }

    fn count_calls(&mut self, scene: &Scene) {
        for (key, count) in scene.stack.counters().snapshot() {
            // What the bench itself asks is no cost of the product.
            if key.caller == "operator" {
                continue;
            }
            *self.calls.entry(key.operation.clone()).or_default() += count.requests;
            let work = self.work.entry(key.caller).or_default();
            match key.operation.split_once(':') {
                Some(("dynamodb", _)) => {
                    self.table_bytes += count.bytes;
                    work.read_units += count.read_units;
                    work.write_units += count.write_units;
                }
                Some(("s3", operation)) => {
                    self.object_bytes += count.bytes;
                    match operation {
                        "DeleteObject" => {}
                        "GetObject" | "HeadObject" => work.object_reads += count.requests,
                        _ => work.object_writes += count.requests,
                    }
                }
                Some(("secretsmanager", _)) => work.secret_calls += count.requests,
                _ => {}
            }
        }
    }

    fn count_invocations(&mut self, scene: &Scene, mark: Mark) {
        for pool in scene.stack.functions() {
            let name = &pool.function().name;
            let gigabytes = pool.function().memory_megabytes as f64 / 1024.0;
            for record in pool.records().iter().filter(|record| record.started_at >= mark.at) {
                let work = self.work.entry(name.clone()).or_default();
                work.invocations += 1;
                work.api_requests += u64::from(BEHIND_THE_API.contains(&name.as_str()));
                let milliseconds = record.duration.as_micros().div_ceil(1_000);
                work.gigabyte_seconds += milliseconds as f64 / 1e3 * gigabytes;
            }
        }
    }

    /// The same, with the dollars divided by so many.
    pub(crate) fn per(mut self, people: u64) -> Self {
        self.people = people.max(1) as f64;
        self
    }

    /// The same, begun by a schedule.
    pub(crate) fn fired(mut self) -> Self {
        self.firings += 1;
        self
    }

    /// What must come out the same whenever nothing fails, whatever the machine.
    pub(crate) fn exact(&self) -> Vec<Row> {
        let told = |what: &str, counted: f64, unit: &'static str| Row {
            what: format!("{}: {what}", self.what),
            counted,
            unit,
            must: None,
            aim: None,
        };
        let mut rows = vec![
            told("Graph requests in all", self.graph_requests as f64, "requests"),
            told("Graph resource units", self.resource_units, "units"),
            told("events", self.events as f64, "events"),
        ];
        for (function, work) in self.work.iter().filter(|(function, _)| *function != BATCHED) {
            for (what, counted, unit) in [
                ("invocations", work.invocations as f64, "calls"),
                ("read units", work.read_units, "units"),
                ("write units", work.write_units, "units"),
                ("S3 writes", work.object_writes as f64, "calls"),
                ("S3 reads", work.object_reads as f64, "calls"),
            ] {
                if counted > 0.0 {
                    rows.push(told(&format!("{function}: {what}"), counted, unit));
                }
            }
        }
        let letters = told("dead letters", self.dead_letters as f64, "letters");
        rows.push(Row { must: Some(0.0), aim: Some(0.0), ..letters });
        rows
    }

    /// Dollars for a million people, of the work of those functions that `select` takes.
    pub(crate) fn bill(&self, select: impl Fn(&str) -> bool) -> Bill {
        let work = self.work.iter().filter(|(function, _)| select(function)).map(|(_, work)| work);
        Bill::of(work, self.people)
    }

    /// Dollars for a million people, of everybody's work, events and schedules.
    fn whole_bill(&self) -> Bill {
        self.bill(|_| true)
            .with_bus(self.event_chunks as f64 / self.people, self.firings as f64 / self.people)
    }

    fn sum(&self, of: impl Fn(&Work) -> f64) -> f64 {
        self.work.values().map(of).sum()
    }
}

/// Prints the phases side by side.
pub(crate) fn print(phases: &[Phase]) {
    println!(
        "{:<24} {:>7} {:>8} {:>7} {:>9} {:>9} {:>9} {:>8} {:>6} {:>7} {:>7} {:>7}",
        "",
        "Graph",
        "resource",
        "Graph",
        "DynamoDB",
        "DynamoDB",
        "read",
        "write",
        "S3",
        "S3",
        "calls",
        ""
    );
    println!(
        "{:<24} {:>7} {:>8} {:>7} {:>9} {:>9} {:>9} {:>8} {:>6} {:>7} {:>7} {:>7}",
        "",
        "asked",
        "units",
        "KB",
        "asked",
        "KB",
        "units",
        "units",
        "asked",
        "KB",
        "of API",
        "events"
    );
    for phase in phases {
        let tables = phase.calls.iter().filter(|(name, _)| name.starts_with("dynamodb:"));
        let objects = phase.calls.iter().filter(|(name, _)| name.starts_with("s3:"));
        println!(
            "{:<24} {:>7} {:>8} {:>7} {:>9} {:>9} {:>9.1} {:>8.1} {:>6} {:>7} {:>7} {:>7}",
            phase.what,
            phase.graph_requests,
            phase.resource_units,
            phase.graph_bytes / 1024,
            tables.map(|(_, count)| count).sum::<u64>(),
            phase.table_bytes / 1024,
            phase.sum(|work| work.read_units),
            phase.sum(|work| work.write_units),
            objects.map(|(_, count)| count).sum::<u64>(),
            phase.object_bytes / 1024,
            phase.sum(|work| work.api_requests as f64),
            phase.events,
        );
    }
    println!("\nDollars a million people (of the API and of the sweep: a million calls)");
    println!(
        "The time of functions is what this build took on this machine, in processes that ran already."
    );
    Bill::print_names();
    for phase in phases {
        phase.whole_bill().print(&phase.what);
    }
    for phase in phases {
        println!("\n{}", phase.what);
        let calls: Vec<String> =
            phase.calls.iter().map(|(name, count)| format!("{name} {count}")).collect();
        println!("  {}", calls.join(", "));
        for (function, work) in &phase.work {
            println!(
                "  {function}: {} invocations, {:.3} GB-seconds here, {:.1} read units, {:.1} write units",
                work.invocations, work.gigabyte_seconds, work.read_units, work.write_units
            );
        }
    }
}
