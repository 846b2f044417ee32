//! Faults between the functions and AWS, by `microburst`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The proxy that every call of a function passes.
#[derive(Debug, Clone)]
pub(crate) struct Storm {
    http: reqwest::Client,
    url: String,
}

/// What a call that is spared looks like in the injector's log: delayed by nothing to speak of.
const SPARED: &str = "latency:1ms";

/// Rules that strike one call of `service` in `calls`. The first rule that matches decides: most
/// calls meet the one that does nothing, the others go down the list of faults in turn.
fn struck_once_in(calls: u32, service: &str, throttle: &str) -> Vec<Value> {
    let faults = [
        json!({"error": {"code": throttle}}),
        json!({"reset": true}),
        json!({"latency": {"min": 100, "max": 800}}),
        // Done, but the answer is lost on its way back.
        json!({"response": {"abort_bytes": 1}}),
        json!({"error": {"code": "InternalFailure", "status": 500}}),
    ];
    let kinds = faults.len();
    let spared = json!({"sequence": {"fail": calls - 1, "pass": 1}, "latency": 1});
    let mut rules = vec![spared];
    rules.extend(faults);
    for (index, rule) in rules.iter_mut().enumerate() {
        let Some(rule) = rule.as_object_mut() else { continue };
        rule.insert("service".to_owned(), json!(service));
        if index > 0 {
            // Those that come before it take their own turns out of the same calls.
            rule.insert("sequence".to_owned(), json!({"fail": 1, "pass": kinds - index}));
        }
    }
    rules
}

impl Storm {
    pub(crate) fn new(http: reqwest::Client, url: String) -> Self {
        Self { http, url }
    }

    /// Breaks out: one call in sixteen of DynamoDB is struck, one in four of EventBridge, and the
    /// kinds of faults take turns, so that each comes up however few calls there are.
    pub(crate) async fn rise(&self) -> Result<(), reqwest::Error> {
        let mut rules = struck_once_in(16, "dynamodb", "ProvisionedThroughputExceededException");
        rules.extend(struck_once_in(4, "events", "ThrottlingException"));
        self.set(&Value::Array(rules)).await
    }

    /// Abates.
    pub(crate) async fn abate(&self) -> Result<(), reqwest::Error> {
        self.set(&json!([])).await
    }

    async fn set(&self, rules: &Value) -> Result<(), reqwest::Error> {
        let rules = self.http.post(format!("{}/_microburst/rules", self.url)).json(rules);
        rules.send().await?.error_for_status()?;
        Ok(())
    }

    /// What struck, by service and fault. Of the log the newest lines are kept, the metrics count.
    pub(crate) async fn struck(&self) -> Result<BTreeMap<String, u64>, reqwest::Error> {
        let url = format!("{}/_microburst/metrics", self.url);
        let metrics = self.http.get(url).send().await?.error_for_status()?.text().await?;
        Ok(struck_in(&metrics))
    }
}

/// Sums lines as `microburst_faults_total{service="events",operation="PutEvents",action="reset"} 3`.
fn struck_in(metrics: &str) -> BTreeMap<String, u64> {
    let mut struck = BTreeMap::new();
    for line in metrics.lines() {
        let Some((labels, count)) =
            line.strip_prefix("microburst_faults_total{").and_then(|line| line.split_once("} "))
        else {
            continue;
        };
        let label = |name: &str| {
            let (_, value) = labels.split_once(&format!("{name}=\""))?;
            value.split('"').next()
        };
        let (Some(service), Some(action)) = (label("service"), label("action")) else { continue };
        let action = match action {
            SPARED => continue,
            // A delay is told with its length.
            delay if delay.starts_with("latency") => "delay",
            action => action.rsplit(':').next().unwrap_or(action),
        };
        let count: u64 = count.trim().parse().unwrap_or_default();
        *struck.entry(format!("{service} {action}")).or_default() += count;
    }
    struck
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_counted_and_calls_that_were_spared_are_not() {
        let metrics = r#"# TYPE microburst_faults_total counter
microburst_faults_total{service="events",operation="PutEvents",action="latency:1ms"} 40
microburst_faults_total{service="events",operation="PutEvents",action="latency:217ms"} 1
microburst_faults_total{service="events",operation="PutEvents",action="latency:230ms"} 1
microburst_faults_total{service="dynamodb",operation="PutItem",action="error:InternalFailure"} 2
microburst_faults_total{service="dynamodb",operation="GetItem",action="error:InternalFailure"} 3
"#;
        let struck: Vec<_> = struck_in(metrics).into_iter().collect();
        let expected = [("dynamodb InternalFailure", 5), ("events delay", 2)];
        assert_eq!(struck, expected.map(|(fault, count)| (fault.to_owned(), count)));
    }
}
