//! Logs: one JSON line an event, on stdout, and beside it one for what it measures.

use std::io;

use tracing::{Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::env::Env;
use crate::metrics::Metrics;

/// What other crates may say at most. Below these levels the SDK and the HTTP stack print whole
/// messages, people's data in them. The runtime's spans are of level info and carry the request's
/// id, so they stay on whatever is chosen.
const OTHERS: &str = "aws=warn,h2=warn,hyper=warn,lambda=info,reqwest=warn,rustls=warn,tower=warn";

/// Starts logging at the level of `AWS_LAMBDA_LOG_LEVEL` (info without it). Call it first.
pub fn init() {
    let env = Env::of_process();
    // Metrics do not depend on how much is logged.
    let measuring = EnvFilter::new(format!("{},{OTHERS}", Level::INFO));
    let metrics = Metrics::of_function(&env, io::stdout).map(|all| all.with_filter(measuring));
    let subscriber = tracing_subscriber::registry().with(lines(level(&env), io::stdout));
    // A second call, in a test, finds the first one's subscriber and leaves it.
    if tracing::subscriber::set_global_default(subscriber.with(metrics)).is_err() {
        tracing::debug!("logging was started already");
    }
}

/// Lambda's own words: `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR`, `FATAL`. What is released has no line below debug.
fn level(env: &Env) -> Level {
    match env.optional("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default().to_ascii_uppercase().as_str() {
        "TRACE" => Level::TRACE,
        "DEBUG" => Level::DEBUG,
        "WARN" => Level::WARN,
        "ERROR" | "FATAL" => Level::ERROR,
        _ => Level::INFO,
    }
}

/// Each line has `timestamp`, `level`, `message` and the event's fields at the top, as Lambda's
/// JSON log format expects, and its spans, each once, under `spans`.
fn lines<S, W>(level: Level, writer: W) -> impl tracing_subscriber::Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(true)
        .with_span_events(FmtSpan::NONE)
        .with_writer(writer)
        .with_filter(EnvFilter::new(format!("{level},{OTHERS}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captured::Lines;

    fn logged(level: Level, work: impl FnOnce()) -> Vec<serde_json::Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::registry().with(super::lines(level, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, work);
        let bytes = lines.0.lock().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_carries_the_requests_id_once_and_its_fields_at_the_top() {
        let lines = logged(Level::WARN, || {
            let span = tracing::info_span!(target: "lambda_runtime", "invoke", requestId = "r-1");
            span.in_scope(|| tracing::warn!(tenant.id = "t-1", "slowed down"));
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["message"], "slowed down");
        assert_eq!(lines[0]["tenant.id"], "t-1");
        assert_eq!(lines[0].to_string().matches("r-1").count(), 1);
    }

    #[test]
    fn the_sdk_prints_no_messages_even_when_everything_is_asked_for() {
        let lines = logged(Level::TRACE, || {
            tracing::trace!(target: "aws_smithy_runtime::client", "a whole request");
            tracing::trace!(target: "lambda_runtime::requests", "a whole event");
            tracing::trace!(target: "hyper_util::client", "a connection");
            tracing::trace!("our own");
        });
        let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
        assert_eq!(messages, ["our own"]);
    }

    #[test]
    fn the_level_is_lambdas() {
        assert_eq!(level(&Env::from_pairs([("AWS_LAMBDA_LOG_LEVEL", "debug")])), Level::DEBUG);
        assert_eq!(level(&Env::from_pairs([])), Level::INFO);
    }
}
