//! What a stack is started with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::StackError;
use crate::clock::LocalClock;
use crate::dynamo::authorization;
use crate::plan::{Function, Plan};

/// How to run the template.
#[derive(Debug, Clone)]
pub struct StackOptions {
    pub template_path: PathBuf,
    /// Where the functions' programs lie, each called as in the template.
    pub function_binaries_dir: PathBuf,
    /// The HTTP API's port on loopback; 0 takes a free one.
    pub port: u16,
    /// Where state survives a restart; `None` is a temporary folder.
    pub data_dir: Option<PathBuf>,
    /// Template parameters beyond those that the other options give.
    pub parameters: BTreeMap<String, String>,
    /// The bearer token of the REST API.
    pub api_token: String,
    /// Another stand-in for tables and objects.
    pub aws_endpoint_url: Option<String>,
    pub graph_endpoint: String,
    pub login_endpoint: String,
    /// The app registration.
    pub app_id: String,
    /// Goes into the template's secret.
    pub app_secret: String,
    /// What Graph is told to call; `None` is the HTTP API itself.
    pub webhook_base_url: Option<String>,
    /// More processes of one function never run at once.
    pub max_processes_per_function: usize,
    /// Whether schedules fire; tests that look at one thing at a time turn it off.
    pub runs_schedules: bool,
    /// Environment laid over a function's own, for tests that break something: by function name.
    pub extra_environment: BTreeMap<String, BTreeMap<String, String>>,
    pub clock: LocalClock,
}

impl StackOptions {
    /// Options with every setting but the places at its default.
    pub fn new(template_path: PathBuf, function_binaries_dir: PathBuf) -> Self {
        Self {
            template_path,
            function_binaries_dir,
            port: 0,
            data_dir: None,
            parameters: BTreeMap::new(),
            api_token: uuid::Uuid::new_v4().simple().to_string(),
            aws_endpoint_url: None,
            graph_endpoint: "https://graph.microsoft.com".to_owned(),
            login_endpoint: "https://login.microsoftonline.com".to_owned(),
            app_id: "00000000-0000-0000-0000-000000000000".to_owned(),
            app_secret: "local".to_owned(),
            webhook_base_url: None,
            max_processes_per_function: 4,
            runs_schedules: true,
            extra_environment: BTreeMap::new(),
            clock: LocalClock::default(),
        }
    }

    pub(super) fn template_parameters(&self, public_url: &str) -> BTreeMap<String, String> {
        let mut parameters = BTreeMap::from([
            ("AppId".to_owned(), self.app_id.clone()),
            ("GraphEndpoint".to_owned(), self.graph_endpoint.clone()),
            ("LoginEndpoint".to_owned(), self.login_endpoint.clone()),
            ("PublicBaseUrl".to_owned(), public_url.to_owned()),
            ("WebhookBaseUrl".to_owned(), self.webhook_base_url.clone().unwrap_or_default()),
            // The gateway takes the API token in place of this issuer's tokens.
            ("JwtIssuer".to_owned(), "https://issuer.invalid".to_owned()),
            ("JwtAudience".to_owned(), "local".to_owned()),
            // Mail goes into the outbox.
            ("MailFrom".to_owned(), "sync@host.example".to_owned()),
        ]);
        parameters.extend(self.parameters.clone());
        parameters
    }

    pub(super) fn adjusted(&self, function: &Function) -> Function {
        let mut function = function.clone();
        if let Some(extra) = self.extra_environment.get(&function.name) {
            function.environment.extend(extra.clone());
        }
        function
    }
}

/// Makes the buckets of `plan` in another AWS stand-in; what is there already stays.
pub(super) async fn make_buckets(
    http: &reqwest::Client,
    url: &str,
    plan: &Plan,
) -> Result<(), StackError> {
    let failed = |operation: &'static str, problem: String| StackError::ExternalStore {
        url: url.to_owned(),
        operation,
        problem,
    };
    for bucket in &plan.buckets {
        let response = http
            .put(format!("{}/{}", url.trim_end_matches('/'), bucket.name))
            .header("authorization", authorization("s3"))
            .header("x-amz-date", "20260101T000000Z")
            .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
            .send()
            .await
            .map_err(|error| failed("CreateBucket", error.to_string()))?;
        // 409: the bucket is there.
        if !response.status().is_success() && response.status().as_u16() != 409 {
            return Err(failed("CreateBucket", response.status().to_string()));
        }
    }
    Ok(())
}
