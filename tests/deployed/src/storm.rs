//! Faults between the functions and AWS, by `microburst`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::aws::{list, text};

/// The proxy that every call of a function passes.
#[derive(Debug, Clone)]
pub(crate) struct Storm {
    http: reqwest::Client,
    url: String,
}

impl Storm {
    pub(crate) fn new(http: reqwest::Client, url: String) -> Self {
        Self { http, url }
    }

    /// Breaks out. By turns rather than by chance, so that each kind comes up however few calls
    /// there are.
    pub(crate) async fn rise(&self) -> Result<(), reqwest::Error> {
        let every = |pass: u32| json!({"fail": 1, "pass": pass});
        let slow = json!({"min": 100, "max": 800});
        let rules = json!([
            {"service": "dynamodb", "sequence": every(7),
             "error": {"code": "ProvisionedThroughputExceededException"}},
            {"service": "dynamodb", "sequence": every(19), "error": {"code": "InternalServerError"}},
            {"service": "dynamodb", "sequence": every(23), "reset": true},
            // Done, but the answer is lost on its way back.
            {"service": "dynamodb", "sequence": every(31), "response": {"abort_bytes": 1}},
            {"service": "dynamodb", "sequence": every(11), "latency": slow},
            {"service": "events", "sequence": every(3), "error": {"code": "ThrottlingException"}},
            {"service": "events", "sequence": every(5), "error": {"code": "InternalException"}},
            {"service": "events", "sequence": every(6), "reset": true},
            {"service": "events", "sequence": every(7), "response": {"abort_bytes": 1}},
            {"service": "events", "sequence": every(4), "latency": slow},
        ]);
        self.set(&rules).await
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

    /// What struck, by service and fault.
    pub(crate) async fn struck(&self) -> Result<BTreeMap<String, usize>, reqwest::Error> {
        let url = format!("{}/_microburst/fired?limit=100000", self.url);
        let fired = self.http.get(url).send().await?.error_for_status()?.text().await?;
        let fired: Value = serde_json::from_str(&fired).unwrap_or_default();
        let mut counts = BTreeMap::new();
        for fault in list(&fired, "") {
            // A delay is told with its length.
            let action = text(fault, "/action");
            let action = if action.starts_with("latency") { "latency" } else { action };
            *counts.entry(format!("{} {action}", text(fault, "/service"))).or_default() += 1;
        }
        Ok(counts)
    }
}
