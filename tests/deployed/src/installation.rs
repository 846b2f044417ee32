//! A deployed installation, as the main job sees it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use entra_contact_sync_local::job::{Installation, Problem};
use entra_contact_sync_local::schedules::{Expression, Schedule};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::aws::{Aws, list, text};
use crate::heard::Heard;
use crate::stack::Stack;

/// What Scheduler answers beyond what a schedule is made of.
const SHOWN_ONLY: [&str; 3] = ["Arn", "CreationDate", "LastModificationDate"];

/// What was deployed.
#[derive(Debug)]
pub(crate) struct Deployed {
    pub(crate) aws: Aws,
    pub(crate) stack: Stack,
    /// The public address.
    pub(crate) url: String,
    /// An operator's token.
    pub(crate) token: String,
    pub(crate) heard: Heard,
    pub(crate) reports_dir: PathBuf,
    /// How many times longer than on the local stack things may take.
    pub(crate) patience: u32,
}

/// A failure outside the product, as the job tells it.
fn outside(error: impl std::error::Error + Send + Sync + 'static) -> Problem {
    Problem::Outside(Box::new(error))
}

impl Deployed {
    /// The schedule of this name as Scheduler keeps it.
    pub(crate) async fn schedule(&self, group: &str, name: &str) -> Result<Schedule, Problem> {
        let path = format!("/schedules/{name}?groupName={group}");
        let mut shown =
            self.aws.rest("scheduler", Method::GET, &path, None).await.map_err(outside)?;
        if let Some(members) = shown.as_object_mut() {
            members.retain(|name, _| !SHOWN_ONLY.contains(&name.as_str()));
        }
        serde_json::from_value(shown).map_err(outside)
    }
}

impl Installation for Deployed {
    fn url(&self) -> String {
        self.url.clone()
    }

    fn token(&self) -> String {
        self.token.clone()
    }

    #[expect(clippy::disallowed_methods, reason = "the stand-in's clock is the machine's")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn patience(&self) -> u32 {
        self.patience
    }

    async fn until_quiet(&self, limit: Duration) -> Result<(), Problem> {
        self.heard.until_silent(limit).await.map_err(outside)
    }

    async fn event_count(&self) -> Result<usize, Problem> {
        Ok(self.heard.all().await.map_err(outside)?.len())
    }

    async fn events_since(&self, count: usize) -> Result<Vec<Value>, Problem> {
        Ok(self.heard.all().await.map_err(outside)?.into_iter().skip(count).collect())
    }

    async fn table(
        &self,
        logical_id: &str,
        operation: &str,
        mut request: Value,
    ) -> Result<Value, Problem> {
        let name = self.stack.physical_id(logical_id).map_err(outside)?;
        if let Some(request) = request.as_object_mut() {
            request.insert("TableName".to_owned(), json!(name));
        }
        let target = format!("DynamoDB_20120810.{operation}");
        self.aws.json("dynamodb", &target, &request).await.map_err(outside)
    }

    fn contact_write_units(&self, _function: &str) -> Option<f64> {
        None
    }

    fn peak_memory_kilobytes(&self, _function: &str) -> Option<u64> {
        None
    }

    async fn connection_schedules(&self) -> Result<Vec<Schedule>, Problem> {
        let group = self.stack.physical_id("ScheduleGroup").map_err(outside)?;
        let path = format!("/schedules?ScheduleGroup={group}");
        let listed = self.aws.rest("scheduler", Method::GET, &path, None).await.map_err(outside)?;
        let mut schedules = Vec::new();
        for listed in list(&listed, "/Schedules") {
            schedules.push(self.schedule(group, text(listed, "/Name")).await?);
        }
        Ok(schedules)
    }

    fn next_due_at(&self, schedule: &Schedule) -> Option<Timestamp> {
        let zone = schedule.schedule_expression_timezone.as_deref();
        Expression::parse(&schedule.schedule_expression, zone).ok()?.next_after(self.now())
    }

    async fn remove_schedule(&self, schedule: &Schedule) -> Result<(), Problem> {
        let path = format!("/schedules/{}?groupName={}", schedule.name, schedule.group_name);
        self.aws.rest("scheduler", Method::DELETE, &path, None).await.map_err(outside)?;
        Ok(())
    }

    async fn given_up(&self) -> Result<BTreeSet<String>, Problem> {
        let mut queues = BTreeSet::new();
        for (logical_id, url) in self.stack.of_kind("AWS::SQS::Queue") {
            let request =
                json!({"QueueUrl": url, "AttributeNames": ["ApproximateNumberOfMessages"]});
            let answer = self.aws.json("sqs", "AmazonSQS.GetQueueAttributes", &request).await;
            let answer = answer.map_err(outside)?;
            if text(&answer, "/Attributes/ApproximateNumberOfMessages") != "0" {
                queues.insert(logical_id.to_owned());
            }
        }
        Ok(queues)
    }

    fn denied_calls(&self) -> Vec<String> {
        // Whom the stand-in denies something shows in what does not come to be.
        Vec::new()
    }

    fn reports_dir(&self) -> PathBuf {
        self.reports_dir.clone()
    }
}
