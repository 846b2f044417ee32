//! What AWS asks for what was counted.
#![expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]

use crate::phase::Work;
use crate::prices::{
    API_REQUESTS, EVENTS, FIRINGS, GIGABYTE_SECONDS, INVOCATIONS, OBJECT_READS, OBJECT_WRITES,
    READ_UNITS, SECRET_CALLS, WRITE_UNITS,
};

/// Dollars for a million, by service.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bill {
    tables: f64,
    objects: f64,
    invocations: f64,
    api: f64,
    secrets: f64,
    bus: f64,
    schedules: f64,
    /// Measured, not counted.
    time: f64,
}

impl Bill {
    /// Of this work, for one of so many people.
    pub(crate) fn of<'a>(work: impl Iterator<Item = &'a Work>, people: f64) -> Self {
        let mut bill = Self::default();
        for work in work {
            let tables = work.read_units.mul_add(READ_UNITS, work.write_units * WRITE_UNITS);
            let writes = work.object_writes as f64 * OBJECT_WRITES;
            bill.tables += tables / people;
            bill.objects += (work.object_reads as f64).mul_add(OBJECT_READS, writes) / people;
            bill.invocations += work.invocations as f64 * INVOCATIONS / people;
            bill.api += work.api_requests as f64 * API_REQUESTS / people;
            bill.secrets += work.secret_calls as f64 * SECRET_CALLS / people;
            bill.time += work.gigabyte_seconds * GIGABYTE_SECONDS / people;
        }
        bill
    }

    /// The same with so many chunks of events, and firings of schedules, for one person.
    pub(crate) fn with_bus(self, chunks: f64, firings: f64) -> Self {
        Self { bus: chunks * EVENTS, schedules: firings * FIRINGS, ..self }
    }

    /// Everything but the time that functions took, which depends on the machine.
    pub(crate) fn counted(&self) -> f64 {
        self.tables
            + self.objects
            + self.invocations
            + self.api
            + self.secrets
            + self.bus
            + self.schedules
    }

    /// What the functions' time costs, as measured here.
    pub(crate) fn time(&self) -> f64 {
        self.time
    }

    /// Prints the names of what [`Self::print`] prints.
    pub(crate) fn print_names() {
        println!(
            "{:<24} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>10}",
            "",
            "DynamoDB",
            "S3",
            "calls",
            "API",
            "secrets",
            "events",
            "Schedul.",
            "counted",
            "time, here"
        );
    }

    /// Prints the dollars of a phase.
    pub(crate) fn print(&self, what: &str) {
        println!(
            "{what:<24} {:>9.4} {:>8.4} {:>8.4} {:>8.4} {:>8.4} {:>8.4} {:>8.4} {:>9.4} {:>10.4}",
            self.tables,
            self.objects,
            self.invocations,
            self.api,
            self.secrets,
            self.bus,
            self.schedules,
            self.counted(),
            self.time,
        );
    }
}
