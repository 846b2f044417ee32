//! An integrator's ear on the bus: a rule that leads every event of the product into a queue.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::aws::{Aws, AwsError, REGION, list, text};

/// So long nothing was heard, nothing is under way.
const SILENCE: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(250);
/// The most that SQS hands out at once.
const BATCH: usize = 10;

/// The events of one bus, in the order in which they came out of the queue.
#[derive(Debug)]
pub(crate) struct Heard {
    aws: Aws,
    queue_url: String,
    events: Mutex<Vec<Value>>,
}

impl Heard {
    /// Listens to the bus called `bus`.
    pub(crate) async fn listen(aws: Aws, bus: &str) -> Result<Self, AwsError> {
        let name = format!("{bus}-heard");
        let made = aws.json("sqs", "AmazonSQS.CreateQueue", &json!({"QueueName": name})).await?;
        let queue_url = text(&made, "/QueueUrl").to_owned();
        let rule = json!({
            "Name": name,
            "EventBusName": bus,
            "EventPattern": json!({"source": ["entra-contact-sync"]}).to_string(),
        });
        aws.json("events", "AWSEvents.PutRule", &rule).await?;
        let targets = json!({
            "Rule": name,
            "EventBusName": bus,
            "Targets": [{"Id": "queue", "Arn": format!("arn:aws:sqs:{REGION}:000000000000:{name}")}],
        });
        aws.json("events", "AWSEvents.PutTargets", &targets).await?;
        Ok(Self { aws, queue_url, events: Mutex::default() })
    }

    /// All events so far.
    pub(crate) async fn all(&self) -> Result<Vec<Value>, AwsError> {
        let mut events = self.events.lock().await;
        loop {
            let request = json!({"QueueUrl": self.queue_url, "MaxNumberOfMessages": BATCH});
            let answer = self.aws.json("sqs", "AmazonSQS.ReceiveMessage", &request).await?;
            let messages: Vec<&Value> = list(&answer, "/Messages").collect();
            if messages.is_empty() {
                return Ok(events.clone());
            }
            let mut entries = Vec::new();
            for (index, message) in messages.into_iter().enumerate() {
                events.extend(serde_json::from_str::<Value>(text(message, "/Body")).ok());
                let handle = text(message, "/ReceiptHandle");
                entries.push(json!({"Id": index.to_string(), "ReceiptHandle": handle}));
            }
            let request = json!({"QueueUrl": self.queue_url, "Entries": entries});
            self.aws.json("sqs", "AmazonSQS.DeleteMessageBatch", &request).await?;
        }
    }

    /// Waits until the bus has been silent for a while, at most for `limit`.
    pub(crate) async fn until_silent(&self, limit: Duration) -> Result<(), AwsError> {
        let started = Instant::now();
        let mut heard = (self.all().await?.len(), Instant::now());
        while heard.1.elapsed() < SILENCE && started.elapsed() < limit {
            tokio::time::sleep(INTERVAL).await;
            let now = self.all().await?.len();
            if now != heard.0 {
                heard = (now, Instant::now());
            }
        }
        Ok(())
    }
}
