//! The whole stack, started from the template.

mod error;
mod folders;
mod options;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

pub use error::StackError;
pub use options::StackOptions;

use crate::aws::{
    Access, Counters, MailTrouble, Outbox, PermissionUse, SecretStore, SentMail, TokenSigner,
};
use crate::bus::{EventBuses, PublishedEvent};
use crate::clock::LocalClock;
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::dynamo::{DynamoClient, Engine};
use crate::http_api::ApiToken;
use crate::invoke::AsyncInvoker;
use crate::plan::{Grant, Plan};
use crate::runtime::{FunctionPool, InvocationRecord, Outcome};
use crate::schedules::ScheduleBook;
use folders::Folders;

/// The stack's name, which prefixes its resources.
const STACK_NAME: &str = "local";

/// A running stack. Dropping it ends every process it started.
#[derive(Debug)]
pub struct LocalStack {
    plan: Plan,
    clock: LocalClock,
    address: SocketAddr,
    aws_url: String,
    token: ApiToken,
    token_text: String,
    pools: BTreeMap<String, Arc<FunctionPool>>,
    invoker: Arc<AsyncInvoker>,
    buses: Arc<EventBuses>,
    schedules: Arc<ScheduleBook>,
    dead_letters: Arc<DeadLetters>,
    secrets: Arc<SecretStore>,
    signer: Arc<TokenSigner>,
    mail: Arc<Outbox>,
    access: Arc<Access>,
    counters: Arc<Counters>,
    client: DynamoClient,
    streams_idle: Vec<Arc<AtomicBool>>,
    // Dropped in this order: what asks the engine ends before the engine does.
    tasks: JoinSet<()>,
    engine: Option<Engine>,
    folders: Folders,
}

impl LocalStack {
    /// Where the HTTP API serves: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the AWS stand-ins serve.
    pub fn aws_url(&self) -> &str {
        &self.aws_url
    }

    /// The bearer token that acts as the operator.
    pub fn api_token(&self) -> &str {
        &self.token_text
    }

    /// A bearer token that presents `claims` (`account`, `role`, `sub`).
    pub fn token_with_claims(&self, claims: &Value) -> String {
        self.token.with_claims(claims)
    }

    pub fn clock(&self) -> &LocalClock {
        &self.clock
    }

    /// The resolved template.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What the functions asked of AWS.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether calls of DynamoDB pass the counters: not those of another stand-in.
    pub fn counts_tables(&self) -> bool {
        self.engine.is_some()
    }

    pub fn schedules(&self) -> &ScheduleBook {
        &self.schedules
    }

    /// The folder of logs, objects and, with a data folder, tables.
    pub fn data_dir(&self) -> &Path {
        self.folders.root()
    }

    /// Whether that folder goes with the stack.
    pub fn is_temporary(&self) -> bool {
        self.folders.is_temporary()
    }

    /// The function `name`, if the template has it.
    pub fn function(&self, name: &str) -> Option<&Arc<FunctionPool>> {
        self.pools.get(name)
    }

    /// All functions.
    pub fn functions(&self) -> impl Iterator<Item = &Arc<FunctionPool>> {
        self.pools.values()
    }

    /// Runs the function `name` on `event` and waits; `None` if there is no such function.
    pub async fn invoke(&self, name: &str, event: &Value) -> Option<Outcome> {
        let pool = self.pools.get(name)?;
        Some(pool.invoke(event.to_string().into()).await)
    }

    /// Hands `event` to the function `name` asynchronously; whether there is such a function.
    pub fn submit(&self, name: &str, event: Value) -> bool {
        self.invoker.submit(name, event)
    }

    /// Kills the processes of the function `name` that work on an event now; answers how many.
    pub fn kill_running(&self, name: &str) -> usize {
        self.pools.get(name).map_or(0, |pool| pool.kill_running())
    }

    /// Ended invocations of the function `name`, oldest first.
    pub fn invocations(&self, name: &str) -> Vec<InvocationRecord> {
        self.pools.get(name).map(|pool| pool.records()).unwrap_or_default()
    }

    /// The newest 20,000 events that the buses accepted, oldest first.
    pub fn published_events(&self) -> Vec<PublishedEvent> {
        self.buses.published_since(0)
    }

    /// The event buses.
    pub fn buses(&self) -> &EventBuses {
        &self.buses
    }

    /// What lies in the dead-letter queues.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.dead_letters.all()
    }

    /// What functions tried and their roles do not allow.
    pub fn denied_calls(&self) -> Vec<String> {
        self.access.denied()
    }

    /// The permissions that functions made use of.
    pub fn permissions_used(&self) -> BTreeSet<PermissionUse> {
        self.access.used()
    }

    /// What the functions' roles give: the function and the grant.
    pub fn permissions_granted(&self) -> Vec<(String, Grant)> {
        self.access.granted()
    }

    /// What the functions' roles give and nobody made use of so far: the function and the grant.
    pub fn permissions_unused(&self) -> Vec<(String, Grant)> {
        self.access.unused()
    }

    /// The public key of the stack's STS, as a key set shows it: what an app registration that
    /// trusts this stack's roles verifies their tokens with. [`aws::TOKEN_ISSUER`] is the issuer.
    ///
    /// [`aws::TOKEN_ISSUER`]: crate::aws::TOKEN_ISSUER
    pub fn web_identity_key(&self) -> Option<Value> {
        self.signer.public_key()
    }

    /// The mails that functions sent, oldest first. They are in the data folder's `mails.jsonl` too.
    pub fn mails(&self) -> Vec<SentMail> {
        self.mail.all()
    }

    /// Lets the mail service fail, or work again.
    pub fn set_mail_trouble(&self, trouble: Option<MailTrouble>) {
        self.mail.set_trouble(trouble);
    }

    /// Gives the secret called `logical_id` in the template a new value.
    pub fn put_secret(&self, logical_id: &str, text: String) -> Result<(), StackError> {
        let arn = self
            .plan
            .references
            .get(logical_id)
            .ok_or_else(|| StackError::NoSuchResource(logical_id.to_owned()))?;
        self.secrets.put(arn, text)?;
        Ok(())
    }

    /// Calls an operation of DynamoDB as the operator, uncounted: `Scan`, `GetItem`, `PutItem`.
    pub async fn dynamodb(&self, operation: &str, request: &Value) -> Result<Value, StackError> {
        Ok(self.client.tables(operation, request).await?)
    }

    /// Deletes the items whose time has come; answers how many.
    pub fn sweep_expired(&self) -> Result<usize, StackError> {
        self.engine.as_ref().map_or(Ok(0), |engine| Ok(engine.sweep_expired()?))
    }

    /// Whether nothing is under way: no event waits, no function works, the streams are read.
    pub fn is_quiet(&self) -> bool {
        self.invoker.pending() == 0
            && self.pools.values().all(|pool| pool.running() == 0)
            && self.streams_idle.iter().all(|idle| idle.load(Ordering::SeqCst))
    }

    /// Waits until nothing has been under way for a moment; whether that came within `limit`.
    pub async fn until_quiet(&self, limit: Duration) -> bool {
        const MOMENT: u32 = 12;
        let started = Instant::now();
        let mut quiet = 0;
        while started.elapsed() < limit {
            quiet = if self.is_quiet() { quiet + 1 } else { 0 };
            if quiet == MOMENT {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }
}
