//! Mail through Amazon SES.
//!
//! A mail is sent at most once for each call: the SDK's own repetitions are off, since one after an
//! answer that got lost would send it twice. Who calls knows whether twice is worse than never.
#![warn(missing_docs)]

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use contact_sync_engine::port::{Mail, MailError, Mailer};

const CHARSET: &str = "UTF-8";

/// From whom mail comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The verified address.
    pub from: String,
    /// The configuration set that counts deliveries, where there is one.
    pub configuration_set: Option<String>,
}

/// One sender's mail.
#[derive(Debug, Clone)]
pub struct SesMailer {
    client: Client,
    sender: Sender,
}

impl SesMailer {
    /// Mail from this sender.
    pub fn connect(config: &SdkConfig, sender: Sender) -> Self {
        let config = aws_sdk_sesv2::config::Builder::from(config)
            .retry_config(RetryConfig::disabled())
            .build();
        Self { client: Client::from_conf(config), sender }
    }
}

/// The mail as SES takes it.
fn content(mail: &Mail) -> Result<EmailContent, BuildError> {
    let text = |data: &str| Content::builder().data(data).charset(CHARSET).build();
    let html = mail.html.as_deref().map(text).transpose()?;
    let body = Body::builder().text(text(&mail.text)?).set_html(html).build();
    let message = Message::builder().subject(text(&mail.subject)?).body(body).build();
    Ok(EmailContent::builder().simple(message).build())
}

impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<String, MailError> {
        let content = content(mail).map_err(|error| MailError::Refused {
            code: "Incomplete".to_owned(),
            source: error.into(),
        })?;
        let sent = self
            .client
            .send_email()
            .from_email_address(&self.sender.from)
            .set_configuration_set_name(self.sender.configuration_set.clone())
            .destination(Destination::builder().to_addresses(&mail.to).build())
            .content(content)
            .send()
            .await
            .map_err(told)?;
        Ok(sent.message_id().unwrap_or_default().to_owned())
    }
}

/// What SES's answer means for the mail.
fn told(error: SdkError<SendEmailError>) -> MailError {
    // Never left this process, so it may be tried again.
    if matches!(error, SdkError::ConstructionFailure(_)) {
        return MailError::Throttled(error.into());
    }
    let Some(answer) = error.as_service_error() else {
        return MailError::Unavailable(error.into());
    };
    let code = answer.code().unwrap_or("Unknown").to_owned();
    // SES's own words name the address that it refuses, and what is returned here is logged.
    let request = answer.meta().extra("aws_request_id").unwrap_or("unknown");
    let source = format!("SES answered {code}, request {request}").into();
    let waits = answer.is_too_many_requests_exception()
        || answer.is_limit_exceeded_exception()
        || answer.is_sending_paused_exception()
        || code.contains("Throttling");
    let is_its_own = error.raw_response().is_some_and(|raw| raw.status().is_server_error());
    if waits {
        MailError::Throttled(source)
    } else if is_its_own {
        MailError::Unavailable(source)
    } else {
        MailError::Refused { code, source }
    }
}

#[cfg(test)]
mod tests {
    use contact_sync_lambda_shell::canned::{Answer, Canned};
    use serde_json::{Value, json};

    use super::*;

    fn mailer(ses: &Canned) -> SesMailer {
        let sender = Sender {
            from: "sync@host.example".to_owned(),
            configuration_set: Some("deliveries".to_owned()),
        };
        // The configuration of production, which repeats.
        let repeating = ses.sdk_config().into_builder().retry_config(RetryConfig::standard());
        SesMailer::connect(&repeating.build(), sender)
    }

    fn mail(html: Option<&str>) -> Mail {
        Mail {
            to: "ada@contoso.example".to_owned(),
            subject: "Sync stopped: café".to_owned(),
            text: "What to do.".to_owned(),
            html: html.map(str::to_owned),
        }
    }

    fn refusal(status: u16, code: &'static str) -> Canned {
        Canned::new(move |_| {
            Answer::Status(status, json!({"__type": code, "message": "no"}).to_string())
        })
    }

    #[tokio::test]
    async fn a_mail_goes_to_one_address_with_subject_and_both_bodies() {
        let ses = Canned::new(|_| Answer::Status(200, json!({"MessageId": "m-1"}).to_string()));
        let id = mailer(&ses).send(&mail(Some("<p>What to do.</p>"))).await.unwrap();
        assert_eq!(id, "m-1");
        let sent = ses.sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].method, "POST");
        assert!(sent[0].uri.ends_with("/v2/email/outbound-emails"), "{}", sent[0].uri);
        let body: Value = serde_json::from_slice(&sent[0].body).unwrap();
        assert_eq!(body["FromEmailAddress"], "sync@host.example");
        assert_eq!(body["ConfigurationSetName"], "deliveries");
        assert_eq!(body["Destination"]["ToAddresses"], json!(["ada@contoso.example"]));
        let simple = &body["Content"]["Simple"];
        assert_eq!(simple["Subject"], json!({"Data": "Sync stopped: café", "Charset": "UTF-8"}));
        assert_eq!(simple["Body"]["Text"]["Data"], "What to do.");
        assert_eq!(simple["Body"]["Html"]["Data"], "<p>What to do.</p>");
    }

    #[tokio::test]
    async fn a_pace_that_is_too_fast_is_told_apart_from_a_sender_that_is_refused() {
        for code in ["TooManyRequestsException", "LimitExceededException", "SendingPausedException"]
        {
            let error = mailer(&refusal(400, code)).send(&mail(None)).await.unwrap_err();
            assert!(matches!(error, MailError::Throttled(_)), "{code}: {error:?}");
        }
        for code in ["MessageRejected", "MailFromDomainNotVerifiedException", "BadRequestException"]
        {
            let error = mailer(&refusal(400, code)).send(&mail(None)).await.unwrap_err();
            assert!(!error.is_transient() && error.to_string().contains(code), "{error}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_gets_lost_is_never_followed_by_a_second_mail() {
        for ses in [Canned::new(|_| Answer::Lost), refusal(500, "InternalFailure")] {
            let error = mailer(&ses).send(&mail(None)).await.unwrap_err();
            assert!(matches!(error, MailError::Unavailable(_)), "{error:?}");
            assert_eq!(ses.sent().len(), 1);
        }
    }

    #[tokio::test]
    async fn an_address_that_ses_names_in_its_refusal_is_not_told_on() {
        let ses = Canned::new(|_| {
            let words = "The following identities failed the check: ada@contoso.example";
            Answer::Status(400, json!({"__type": "MessageRejected", "message": words}).to_string())
        });
        let error = mailer(&ses).send(&mail(None)).await.unwrap_err();
        let mut told = format!("{error} {error:?}");
        let mut cause = std::error::Error::source(&error);
        while let Some(next) = cause {
            told = format!("{told} {next} {next:?}");
            cause = next.source();
        }
        assert!(told.contains("MessageRejected") && !told.contains("ada@"), "{told}");
    }

    #[test]
    fn nothing_of_a_mail_is_shown_in_a_log() {
        let shown = format!("{:?}", mail(None));
        assert!(!shown.contains("ada") && !shown.contains("stopped"), "{shown}");
    }
}
