//! What one phase asked of everybody, and what that costs.
#![expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]

use std::collections::BTreeMap;

use contact_sync_flows::Scene;

use crate::prices::{EVENT_CHUNK, EVENTS, READ_UNITS, WRITE_UNITS};
use crate::table::Row;

/// What was asked between two moments, by everybody.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    what: String,
    /// By how many the dollars are divided.
    people: f64,
    graph_requests: u64,
    resource_units: f64,
    graph_bytes: usize,
    /// DynamoDB requests by operation.
    requests: BTreeMap<String, u64>,
    /// Bytes of DynamoDB's requests and answers.
    table_bytes: u64,
    /// Requests to other services, by operation.
    others: BTreeMap<String, u64>,
    /// Read and write units by function.
    units: BTreeMap<String, (f64, f64)>,
    events: usize,
    event_chunks: usize,
}

impl Phase {
    /// What was asked since `events_before` events were published and the counters began.
    pub(crate) fn since(
        scene: &Scene,
        what: impl Into<String>,
        people: u64,
        events_before: usize,
    ) -> Self {
        let graph = scene.sim.request_counts();
        let mut phase = Self {
            what: what.into(),
            people: people.max(1) as f64,
            graph_requests: graph.graph_requests,
            resource_units: graph.resource_units,
            graph_bytes: scene
                .sim
                .requests(usize::MAX)
                .iter()
                .filter(|request| !request.endpoint.contains("oauth2"))
                .map(|request| request.bytes)
                .sum(),
            requests: BTreeMap::new(),
            table_bytes: 0,
            others: BTreeMap::new(),
            units: BTreeMap::new(),
            events: 0,
            event_chunks: 0,
        };
        for (key, count) in scene.stack.counters().snapshot() {
            // What the bench itself asks is no cost of the product.
            if key.caller == "operator" || key.caller == "admin-api" {
                continue;
            }
            if let Some(operation) = key.operation.strip_prefix("dynamodb:") {
                *phase.requests.entry(operation.to_owned()).or_default() += count.requests;
                phase.table_bytes += count.bytes;
                let units = phase.units.entry(key.caller).or_default();
                units.0 += count.read_units;
                units.1 += count.write_units;
            } else {
                *phase.others.entry(key.operation).or_default() += count.requests;
            }
        }
        phase.events = scene.stack.buses().count() - events_before;
        phase.event_chunks = phase.events;
        // Each event is one chunk; the largest are more.
        for event in scene.stack.buses().published_since(events_before) {
            let bytes = event.envelope.get("detail").map_or(0, |detail| detail.to_string().len());
            phase.event_chunks += bytes.div_ceil(EVENT_CHUNK).saturating_sub(1);
        }
        phase
    }

    /// What must come out the same whenever nothing fails.
    pub(crate) fn exact(&self) -> Vec<Row> {
        let told = |what: &str, counted: f64, unit: &'static str| Row {
            what: format!("{}: {what}", self.what),
            counted,
            unit,
            must: None,
            aim: None,
        };
        vec![
            told("Graph requests in all", self.graph_requests as f64, "requests"),
            told("Graph resource units", self.resource_units, "units"),
            told("events", self.events as f64, "events"),
        ]
    }

    fn read_units(&self) -> f64 {
        self.units.values().map(|units| units.0).sum()
    }

    fn write_units(&self) -> f64 {
        self.units.values().map(|units| units.1).sum()
    }

    /// Dollars for a million people by DynamoDB alone, of the functions that sync.
    pub(crate) fn sync_dollars(&self) -> f64 {
        let (read, written) = self
            .units
            .iter()
            .filter(|(caller, _)| caller.ends_with("-sync"))
            .fold((0.0, 0.0), |sum, (_, units)| (sum.0 + units.0, sum.1 + units.1));
        read.mul_add(READ_UNITS, written * WRITE_UNITS) / self.people
    }

    fn table_dollars(&self) -> f64 {
        self.read_units().mul_add(READ_UNITS, self.write_units() * WRITE_UNITS) / self.people
    }

    fn bus_dollars(&self) -> f64 {
        self.event_chunks as f64 * EVENTS / self.people
    }
}

/// Prints the phases side by side.
pub(crate) fn print(phases: &[Phase]) {
    println!(
        "{:<24} {:>7} {:>8} {:>9} {:>9} {:>9} {:>9} {:>8} {:>12} {:>10}",
        "",
        "Graph",
        "resource",
        "Graph",
        "DynamoDB",
        "DynamoDB",
        "read",
        "write",
        "$ a million",
        "$ of the"
    );
    println!(
        "{:<24} {:>7} {:>8} {:>9} {:>9} {:>9} {:>9} {:>8} {:>12} {:>10} {:>8}",
        "", "asked", "units", "KB", "asked", "KB", "units", "units", "(tables)", "bus", "events"
    );
    for phase in phases {
        println!(
            "{:<24} {:>7} {:>8} {:>9} {:>9} {:>9} {:>9.1} {:>8.1} {:>12.4} {:>10.4} {:>8}",
            phase.what,
            phase.graph_requests,
            phase.resource_units,
            phase.graph_bytes / 1024,
            phase.requests.values().sum::<u64>(),
            phase.table_bytes / 1024,
            phase.read_units(),
            phase.write_units(),
            phase.table_dollars(),
            phase.bus_dollars(),
            phase.events,
        );
    }
    for phase in phases {
        println!("\n{}", phase.what);
        let requests: Vec<String> =
            phase.requests.iter().map(|(name, count)| format!("{name} {count}")).collect();
        println!("  DynamoDB requests: {}", requests.join(", "));
        let others: Vec<String> =
            phase.others.iter().map(|(name, count)| format!("{name} {count}")).collect();
        println!("  other requests: {}", others.join(", "));
        for (function, (read, written)) in &phase.units {
            println!("  {function}: {read:.1} read units, {written:.1} write units");
        }
    }
}
