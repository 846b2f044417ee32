//! Metrics for CloudWatch in embedded metric format: some lines of the log, said once more as
//! numbers.
//!
//! What is measured is listed here and nowhere else; functions only log. Dimensions are `Stage` and
//! `Function`. Accounts, connections and runs are properties of a line, to be searched for, and
//! never dimensions: each value of a dimension is a metric that is paid for.

mod measures;

use std::fmt;
use std::io::Write;

use contact_sync_engine::port::Clock;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;

use crate::SystemClock;
use crate::env::Env;
use measures::measured;

/// Where CloudWatch keeps the metrics.
const NAMESPACE: &str = "EntraContactSync";

/// What a line of a metric may carry beside its numbers.
const PROPERTIES: [&str; 7] = [
    "account.id",
    "connection.id",
    "sync.run_id",
    "tenant.id",
    "graph.call",
    "graph.code",
    "security.event",
];

/// Writes a line of metrics beside each line of the log that holds something measured.
pub(crate) struct Metrics<W> {
    stage: String,
    function: String,
    writer: W,
}

impl<W> Metrics<W> {
    /// For this stage (`STAGE`) and function (`AWS_LAMBDA_FUNCTION_NAME`); `None` where there is
    /// neither, as in tests of other things.
    pub(crate) fn of_function(env: &Env, writer: W) -> Option<Self> {
        let stage = env.optional("STAGE")?;
        let function = env.optional("AWS_LAMBDA_FUNCTION_NAME")?;
        Some(Self { stage, function, writer })
    }
}

impl<W> Metrics<W>
where
    W: for<'writer> MakeWriter<'writer>,
{
    fn line(&self, seen: &Seen) -> Option<Value> {
        let measured = measured(seen);
        if measured.is_empty() {
            return None;
        }
        let names: Vec<Value> = measured
            .iter()
            .map(|(name, unit, _)| json!({"Name": name, "Unit": unit.name()}))
            .collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": SystemClock.now().as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Stage", "Function"]],
                    "Metrics": names,
                }],
            }),
        );
        line.insert("Stage".to_owned(), json!(self.stage));
        line.insert("Function".to_owned(), json!(self.function));
        for (name, _, value) in measured {
            line.insert(name.to_owned(), json!(value));
        }
        // Why something was refused, beside how often.
        for (name, number) in seen.numbers.iter().filter(|(name, _)| name.starts_with("refused.")) {
            line.insert((*name).to_owned(), json!(number));
        }
        for name in PROPERTIES {
            if let Some(text) = seen.text(name) {
                line.insert(name.to_owned(), json!(text));
            }
        }
        Some(Value::Object(line))
    }
}

impl<S, W> Layer<S> for Metrics<W>
where
    S: Subscriber,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut seen = Seen::new(*event.metadata().level());
        event.record(&mut seen);
        if let Some(line) = self.line(&seen) {
            // Who cannot write its log cannot say so either.
            drop(writeln!(self.writer.make_writer(), "{line}"));
        }
    }
}

/// The fields of one line of the log.
#[derive(Debug)]
pub(crate) struct Seen {
    level: Level,
    numbers: Vec<(&'static str, f64)>,
    texts: Vec<(&'static str, String)>,
}

impl Seen {
    fn new(level: Level) -> Self {
        Self { level, numbers: Vec::new(), texts: Vec::new() }
    }

    fn is_error(&self) -> bool {
        self.level == Level::ERROR
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.numbers.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str())
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds stay far below 2^52")]
impl Visit for Seen {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.numbers.push((field.name(), value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.numbers.push((field.name(), value as f64));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.numbers.push((field.name(), value as f64));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.texts.push((field.name(), value.to_owned()));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.texts.push((field.name(), format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::captured::Lines;

    fn measured_from(work: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let env =
            Env::from_pairs([("STAGE", "prod"), ("AWS_LAMBDA_FUNCTION_NAME", "app-FullSync-1")]);
        let metrics = Metrics::of_function(&env, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(metrics), work);
        let bytes = lines.0.lock().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn an_ended_run_becomes_numbers_that_cloudwatch_can_read() {
        let lines = measured_from(|| {
            tracing::info!(
                account.id = "a-1",
                connection.id = %"c-1",
                sync.status = ?"Succeeded",
                sync.created = 12_u64,
                sync.updated = 3_u64,
                sync.removed = 0_u64,
                "run ended"
            );
        });
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        let declared = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(declared["Namespace"], "EntraContactSync");
        assert_eq!(declared["Dimensions"], json!([["Stage", "Function"]]));
        assert!(line["_aws"]["Timestamp"].is_i64());
        assert_eq!(line["Stage"], "prod");
        assert_eq!(line["Function"], "app-FullSync-1");
        assert_eq!(line["RunsSucceeded"], 1.0);
        assert_eq!(line["ContactsCreated"], 12.0);
        assert_eq!(line["ContactsRemoved"], 0.0);
        // Every declared metric has its number, and no id is declared.
        for metric in declared["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
        assert_eq!(line["connection.id"], "c-1");
        assert!(!declared.to_string().contains(".id"));
    }

    #[test]
    fn a_line_without_anything_measured_adds_none() {
        assert!(measured_from(|| tracing::info!(connection.id = "c-1", "looked")).is_empty());
    }

    #[test]
    fn a_throttled_call_counts_apart_from_a_refused_one() {
        let lines = measured_from(|| {
            tracing::info!(graph.status = 429_u16, "Graph did not serve a request");
            tracing::info!(graph.status = 503_u16, "Graph did not serve a request");
            let code = "Authorization_RequestDenied";
            tracing::info!(
                graph.status = 403_u16,
                graph.code = code,
                "Graph did not serve a request"
            );
        });
        assert_eq!(lines[0]["GraphThrottled"], 1.0);
        assert!(lines[0].get("GraphRefused").is_none());
        assert_eq!(lines[1]["GraphUnavailable"], 1.0);
        assert_eq!(lines[2]["GraphRefused"], 1.0);
        assert_eq!(lines[2]["graph.code"], "Authorization_RequestDenied");
    }

    #[test]
    fn an_error_is_counted_whatever_it_is_about() {
        let lines = measured_from(|| tracing::error!("something must be looked at"));
        assert_eq!(lines[0]["ErrorsLogged"], 1.0);
    }

    #[test]
    fn without_a_stage_there_are_no_metrics() {
        assert!(Metrics::of_function(&Env::from_pairs([]), std::io::sink).is_none());
    }
}
