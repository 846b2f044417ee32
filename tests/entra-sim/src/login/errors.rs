//! The AADSTS error envelope with the status and `error` of each number.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::exchange::{Incoming, Reply};

/// A refusal of the login service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoginError {
    pub(crate) code: u32,
    pub(crate) status: StatusCode,
    /// The OAuth `error`.
    pub(crate) error: &'static str,
    pub(crate) message: String,
    pub(crate) has_error_uri: bool,
}

/// Number, status, `error` and text of what the service says. Statuses of 7000215, 7000222,
/// 500011, 700038 and 70003 are captured; the rest follows the class.
const TABLE: &str = include_str!("aadsts.tsv");

fn row(code: u32) -> Option<(u16, &'static str, &'static str)> {
    TABLE.lines().find_map(|line| {
        let mut cells = line.split('\t');
        if cells.next()?.parse() != Ok(code) {
            return None;
        }
        Some((cells.next()?.parse().ok()?, cells.next()?, cells.next()?))
    })
}

impl LoginError {
    /// The refusal with this number.
    pub(crate) fn numbered(code: u32) -> Self {
        let unknown = (400, "invalid_request", "The request was refused.");
        let (status, error, message) = row(code).unwrap_or(unknown);
        Self {
            code,
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
            error,
            message: message.to_owned(),
            // Captured without.
            has_error_uri: code != 700_038,
        }
    }

    /// The same refusal with what it is about.
    #[must_use]
    pub(crate) fn about(mut self, detail: &str) -> Self {
        self.message = format!("{} {detail}", self.message);
        self
    }

    /// The text with number, trace and time, as in `error_description`.
    pub(crate) fn description(&self, trace: Uuid, now: Timestamp) -> String {
        format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {} Timestamp: {}",
            self.code,
            self.message,
            Uuid::new_v4(),
            written(now)
        )
    }

    pub(crate) fn reply(&self, incoming: &Incoming, now: Timestamp) -> Reply {
        let trace = incoming.request_id;
        let correlation = Uuid::new_v4();
        let text = format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {}",
            self.code,
            self.message,
            written(now)
        );
        let mut body = json!({
            "error": self.error,
            "error_description": text,
            "error_codes": [self.code],
            "timestamp": written(now),
            "trace_id": trace,
            "correlation_id": correlation,
        });
        if let (true, Some(members)) = (self.has_error_uri, body.as_object_mut()) {
            let uri = format!("https://login.microsoftonline.com/error?code={}", self.code);
            members.insert("error_uri".to_owned(), Value::String(uri));
        }
        Reply::json(self.status, &body).with_header("cache-control", "no-store".to_owned())
    }
}

fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
