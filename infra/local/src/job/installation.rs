//! What the job is done on.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Problem;
use crate::LocalStack;
use crate::schedules::Schedule;

/// A running installation of the product, seen from outside: its API as customers and the host
/// product call it, its bus as integrators hear it, and what an operator can look into.
pub trait Installation: Sync {
    /// Where the HTTP API serves.
    fn url(&self) -> String;

    /// A bearer token of an operator.
    fn token(&self) -> String;

    /// What its clock shows.
    fn now(&self) -> Timestamp;

    /// How many times longer than on one machine things may take here.
    fn patience(&self) -> u32;

    /// Waits until nothing is under way, at most for `limit`.
    fn until_quiet(&self, limit: Duration) -> impl Future<Output = Result<(), Problem>> + Send;

    /// How many events its bus has carried.
    fn event_count(&self) -> impl Future<Output = Result<usize, Problem>> + Send;

    /// The envelopes of all events but the first `count`.
    fn events_since(
        &self,
        count: usize,
    ) -> impl Future<Output = Result<Vec<Value>, Problem>> + Send;

    /// Calls an operation of DynamoDB on the table called `logical_id` in the template.
    fn table(
        &self,
        logical_id: &str,
        operation: &str,
        request: Value,
    ) -> impl Future<Output = Result<Value, Problem>> + Send;

    /// Write units that `function` has spent on contacts so far; `None` where nobody counts.
    fn contact_write_units(&self, function: &str) -> Option<f64>;

    /// The most memory that a process of `function` was resident with; `None` where nobody looks.
    fn peak_memory_kilobytes(&self, function: &str) -> Option<u64>;

    /// The schedules of connections.
    fn connection_schedules(&self) -> impl Future<Output = Result<Vec<Schedule>, Problem>> + Send;

    /// When `schedule` is next due.
    fn next_due_at(&self, schedule: &Schedule) -> Option<Timestamp>;

    /// Deletes `schedule`.
    fn remove_schedule(
        &self,
        schedule: &Schedule,
    ) -> impl Future<Output = Result<(), Problem>> + Send;

    /// The queues that hold events which were given up.
    fn given_up(&self) -> impl Future<Output = Result<BTreeSet<String>, Problem>> + Send;

    /// What functions tried and their roles do not allow.
    fn denied_calls(&self) -> Vec<String>;

    /// Where the job may leave a report.
    fn reports_dir(&self) -> PathBuf;
}

impl Installation for LocalStack {
    fn url(&self) -> String {
        self.url()
    }

    fn token(&self) -> String {
        self.api_token().to_owned()
    }

    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    fn patience(&self) -> u32 {
        1
    }

    async fn until_quiet(&self, limit: Duration) -> Result<(), Problem> {
        // What is still under way then is found by the step that looks.
        self.until_quiet(limit).await;
        Ok(())
    }

    async fn event_count(&self) -> Result<usize, Problem> {
        Ok(self.buses().count())
    }

    async fn events_since(&self, count: usize) -> Result<Vec<Value>, Problem> {
        let events = self.buses().published_since(count);
        Ok(events.into_iter().map(|event| event.envelope).collect())
    }

    async fn table(
        &self,
        logical_id: &str,
        operation: &str,
        mut request: Value,
    ) -> Result<Value, Problem> {
        if let Some(request) = request.as_object_mut() {
            let name = self.plan().references.get(logical_id).cloned().unwrap_or_default();
            request.insert("TableName".to_owned(), json!(name));
        }
        Ok(self.dynamodb(operation, &request).await?)
    }

    fn contact_write_units(&self, function: &str) -> Option<f64> {
        let table = self.plan().references.get("ContactsTable");
        let spent =
            self.counters().sum(|key| key.caller == function && Some(&key.resource) == table);
        self.counts_tables().then_some(spent.write_units)
    }

    fn peak_memory_kilobytes(&self, function: &str) -> Option<u64> {
        self.function(function).map(|pool| pool.peak_memory_kilobytes())
    }

    async fn connection_schedules(&self) -> Result<Vec<Schedule>, Problem> {
        let group = self.plan().references.get("ScheduleGroup");
        let all = self.schedules().all().into_iter();
        Ok(all.filter(|schedule| Some(&schedule.group_name) == group).collect())
    }

    fn next_due_at(&self, schedule: &Schedule) -> Option<Timestamp> {
        self.schedules().next_due_at(&schedule.group_name, &schedule.name)
    }

    async fn remove_schedule(&self, schedule: &Schedule) -> Result<(), Problem> {
        self.schedules().remove(&schedule.group_name, &schedule.name);
        Ok(())
    }

    async fn given_up(&self) -> Result<BTreeSet<String>, Problem> {
        Ok(self.dead_letters().into_iter().map(|letter| letter.queue).collect())
    }

    fn denied_calls(&self) -> Vec<String> {
        self.denied_calls()
    }

    fn reports_dir(&self) -> PathBuf {
        if self.is_temporary() { std::env::temp_dir() } else { self.data_dir().to_owned() }
    }
}
