//! SESv2: `SendEmail`. Nothing leaves the machine: mail is kept, to be looked at.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use axum::response::Response;
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    AwsRequest, AwsServices, CallCount, CallKey, json_answer, json_error, unknown_operation,
};
use crate::clock::LocalClock;
use crate::plan::Context;
use crate::template::{ACCOUNT_ID, REGION};

/// A mail that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SentMail {
    /// The service's id of it.
    pub message_id: String,
    /// When.
    pub at: Timestamp,
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML, where there is one.
    pub html: Option<String>,
}

/// What was sent: the whole of it, and how the service answers from now on.
#[derive(Debug)]
pub(crate) struct Outbox {
    sent: Mutex<Vec<SentMail>>,
    trouble: Mutex<Option<MailTrouble>>,
    file: PathBuf,
    clock: LocalClock,
}

/// How the service fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTrouble {
    /// It sends nothing and asks to wait.
    Throttles,
    /// It sends nothing and refuses the mail.
    Refuses,
    /// It sends the mail, and its answer gets lost.
    LosesAnswers,
}

impl Outbox {
    /// Mail is written to `file` as well, one line of JSON each.
    pub(crate) fn open(file: PathBuf, clock: LocalClock) -> Self {
        Self { sent: Mutex::default(), trouble: Mutex::default(), file, clock }
    }

    pub(crate) fn all(&self) -> Vec<SentMail> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_trouble(&self, trouble: Option<MailTrouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn trouble(&self) -> Option<MailTrouble> {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, send: SendEmail) -> std::io::Result<String> {
        let simple = send.content.simple;
        let mail = SentMail {
            message_id: Uuid::new_v4().to_string(),
            at: self.clock.now(),
            from: send.from_email_address,
            to: send.destination.to_addresses,
            subject: simple.subject.data,
            text: simple.body.text.map(|text| text.data).unwrap_or_default(),
            html: simple.body.html.map(|html| html.data),
        };
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.file)?;
        writeln!(file, "{}", json!(mail))?;
        let id = mail.message_id.clone();
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
        Ok(id)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SendEmail {
    from_email_address: String,
    destination: Destination,
    content: Content,
    #[serde(default)]
    configuration_set_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    to_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Content {
    simple: Simple,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Simple {
    subject: Text,
    body: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Body {
    #[serde(default)]
    text: Option<Text>,
    #[serde(default)]
    html: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Text {
    data: String,
    #[serde(rename = "Charset", default)]
    _charset: Option<String>,
}

pub(super) fn serve(services: &AwsServices, request: &AwsRequest) -> Response {
    let path = request.parts.uri.path();
    if request.parts.method != Method::POST || path != "/v2/email/outbound-emails" {
        return unknown_operation("ses", path);
    }
    services.counters.add(
        CallKey {
            caller: request.caller.name().to_owned(),
            operation: "ses:SendEmail".to_owned(),
            resource: String::new(),
        },
        CallCount { requests: 1, ..CallCount::default() },
    );
    send(services, request).unwrap_or_else(|refusal| refusal)
}

fn send(services: &AwsServices, request: &AwsRequest) -> Result<Response, Response> {
    let bad = |message: &str| json_error(StatusCode::BAD_REQUEST, "BadRequestException", message);
    let send: SendEmail =
        serde_json::from_slice(&request.body).map_err(|error| bad(&error.to_string()))?;
    // SES takes no address with a line break, which could begin another header.
    let broken = |text: &str| text.is_empty() || text.contains(char::is_control);
    let addresses = &send.destination.to_addresses;
    if addresses.is_empty() || addresses.iter().any(|address| broken(address)) {
        return Err(bad("Illegal address"));
    }
    if broken(&send.content.simple.subject.data) {
        return Err(bad("Illegal subject"));
    }
    let arn = |kind: &str, name: &str| format!("arn:aws:ses:{REGION}:{ACCOUNT_ID}:{kind}/{name}");
    let sender = &send.from_email_address;
    let context = Context::from([("ses:FromAddress", vec![sender.clone()])]);
    let mut resources = vec![arn("identity", sender)];
    resources
        .extend(send.configuration_set_name.as_deref().map(|name| arn("configuration-set", name)));
    for resource in resources {
        services
            .access
            .check_request(&request.caller, "ses:SendEmail", &resource, &context)
            .map_err(|denied| denied.answer())?;
    }
    let trouble = services.mail.trouble();
    match trouble {
        Some(MailTrouble::Throttles) => {
            let slower = "Maximum sending rate exceeded.";
            let status = StatusCode::TOO_MANY_REQUESTS;
            return Err(json_error(status, "TooManyRequestsException", slower));
        }
        Some(MailTrouble::Refuses) => {
            // As SES says it: with the address.
            let unverified = format!(
                "Email address is not verified. The following identities failed the check in region \
                 {REGION}: {}",
                send.destination.to_addresses.join(", "),
            );
            return Err(json_error(StatusCode::BAD_REQUEST, "MessageRejected", &unverified));
        }
        Some(MailTrouble::LosesAnswers) | None => {}
    }
    let kept = services.mail.keep(send);
    let failed = |message: &str| {
        json_error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceErrorException", message)
    };
    let id = kept.map_err(|error| failed(&error.to_string()))?;
    if trouble == Some(MailTrouble::LosesAnswers) {
        return Err(failed("The mail was sent."));
    }
    Ok(json_answer(StatusCode::OK, &json!({"MessageId": id})))
}
