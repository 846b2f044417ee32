//! AWS as a test's own hand plays it: adapters are tried on what they send and on every answer,
//! without a network.

use std::fmt;
use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;

/// What an adapter sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The HTTP method.
    pub method: String,
    /// The whole address.
    pub uri: String,
    /// The headers, by lower-case name.
    pub headers: Vec<(String, String)>,
    /// The body; empty when it is not held in memory.
    pub body: Vec<u8>,
}

impl Sent {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What the test answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A status and a body.
    Status(u16, String),
    /// The connection breaks before an answer comes.
    Lost,
}

/// The stand-in: answers every request by one closure and remembers it.
#[derive(Clone)]
pub struct Canned {
    answer: Arc<dyn Fn(&Sent) -> Answer + Send + Sync>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl fmt::Debug for Canned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Canned")
    }
}

impl Canned {
    /// A stand-in that answers by `answer`.
    pub fn new(answer: impl Fn(&Sent) -> Answer + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), sent: Arc::default() }
    }

    /// What was sent so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().map(|sent| sent.clone()).unwrap_or_default()
    }

    /// A configuration whose clients talk to this stand-in, without repeating anything.
    pub fn sdk_config(&self) -> SdkConfig {
        let connector = SharedHttpConnector::new(self.clone());
        let credentials = Credentials::new("AKIDEXAMPLE", "example", None, None, "canned");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build()
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sent = Sent {
            method: request.method().to_owned(),
            uri: request.uri().to_owned(),
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: request.body().bytes().unwrap_or_default().to_vec(),
        };
        let answer = (self.answer)(&sent);
        if let Ok(mut all) = self.sent.lock() {
            all.push(sent);
        }
        HttpConnectorFuture::ready(match answer {
            Answer::Lost => Err(ConnectorError::io("the connection broke".into())),
            Answer::Status(status, body) => status
                .try_into()
                .map(|status| HttpResponse::new(status, SdkBody::from(body)))
                .map_err(|error| ConnectorError::other(Box::new(error), None)),
        })
    }
}
