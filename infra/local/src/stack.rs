//! The whole stack, started from the template.

mod error;
mod folders;
mod options;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub use error::StackError;
pub use options::StackOptions;

use crate::aws::{self, Access, AwsServices, Counters, ObjectStore, SecretStore};
use crate::bus::{EventBuses, PublishedEvent};
use crate::clock::LocalClock;
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::dynamo::{DynamoClient, DynamoProxy, Engine};
use crate::http_api::{self, ApiToken, Gateway, Routes};
use crate::invoke::AsyncInvoker;
use crate::plan::Plan;
use crate::runtime::{EndpointUrls, FunctionLog, FunctionPool, InvocationRecord, Outcome};
use crate::schedules::ScheduleBook;
use crate::streams::{Checkpoints, StreamPoller};
use crate::template::Template;
use folders::Folders;

/// How often expired items are deleted.
const EXPIRY_INTERVAL: Duration = Duration::from_mins(1);
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
    counters: Arc<Counters>,
    client: DynamoClient,
    streams_idle: Vec<Arc<AtomicBool>>,
    engine: Option<Engine>,
    folders: Folders,
    tasks: JoinSet<()>,
}

impl LocalStack {
    /// Reads the template, makes its resources and serves it.
    pub async fn start(options: StackOptions) -> Result<Self, StackError> {
        install_crypto();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
            .await
            .map_err(|source| StackError::Port { port: options.port, source })?;
        let address = listener.local_addr()?;
        let aws_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let aws_url = format!("http://{}", aws_listener.local_addr()?);
        let public_url = format!("http://{address}");
        let template = Template::read(&options.template_path)?;
        let plan = Plan::new(&template, STACK_NAME, &options.template_parameters(&public_url))?;
        let folders = Folders::open(options.data_dir.as_deref())?;
        let clock = options.clock.clone();

        let http = reqwest::Client::builder().no_proxy().build().map_err(StackError::HttpClient)?;
        let (engine, store_url) = match &options.aws_endpoint_url {
            Some(url) => (None, url.clone()),
            None => {
                let file = options.data_dir.is_some().then(|| folders.file("dynamodb.sqlite"));
                let engine = Engine::start(file.as_deref(), &clock)?;
                let url = engine.url();
                (Some(engine), url)
            }
        };
        let client = DynamoClient::new(http.clone(), store_url);
        let mut stream_arns = BTreeMap::new();
        for table in &plan.tables {
            let endpoint_arn = client.ensure_table(table).await?;
            if let (Some(arn), Some(endpoint_arn)) = (&table.stream_arn, endpoint_arn) {
                stream_arns.insert(arn.clone(), endpoint_arn);
            }
        }
        if let Some(url) = &options.aws_endpoint_url {
            options::prepare_external_stores(&http, url, &plan, &options.app_secret).await?;
        }

        let endpoints =
            EndpointUrls { local: aws_url.clone(), stores: options.aws_endpoint_url.clone() };
        let mut pools = BTreeMap::new();
        for function in &plan.functions {
            let log = FunctionLog::open(&folders.folder("logs"), &function.name)?;
            let pool = FunctionPool::new(
                options.adjusted(function),
                options.function_binaries_dir.clone(),
                endpoints.clone(),
                clock.clone(),
                Arc::new(log),
                options.max_processes_per_function,
            );
            pools.insert(function.name.clone(), Arc::new(pool));
        }
        let dead_letters = Arc::new(DeadLetters::open(
            &plan.queues,
            folders.file("dead-letters.json"),
            clock.clone(),
        )?);
        let invoker = AsyncInvoker::open(
            pools.clone(),
            Arc::clone(&dead_letters),
            clock.clone(),
            folders.folder("queue"),
        )?;
        let buses = Arc::new(EventBuses::new(&plan, Arc::clone(&invoker), clock.clone())?);
        let schedules = Arc::new(ScheduleBook::open(
            &plan,
            Arc::clone(&invoker),
            Arc::clone(&buses),
            Arc::clone(&dead_letters),
            clock.clone(),
            folders.file("schedules.json"),
        )?);
        let secrets = Arc::new(SecretStore::open(
            &plan.secrets,
            folders.file("secrets.json"),
            clock.clone(),
        )?);
        for secret in &plan.secrets {
            secrets.put(&secret.arn, json!({"clientSecret": options.app_secret}).to_string())?;
        }
        let counters = Arc::new(Counters::default());
        let written = Arc::new(Notify::new());
        let services = Arc::new(AwsServices {
            access: Access::new(&plan),
            counters: Arc::clone(&counters),
            clock: clock.clone(),
            tables: DynamoProxy::new(client.clone(), Arc::clone(&written)),
            objects: Arc::new(ObjectStore::open(
                &plan.buckets,
                &folders.folder("objects"),
                clock.clone(),
            )?),
            secrets: Arc::clone(&secrets),
            buses: Arc::clone(&buses),
            schedules: Arc::clone(&schedules),
        });
        let token = ApiToken::new(options.api_token.clone());
        let gateway = Arc::new(Gateway {
            routes: Routes::new(&plan)?,
            token: token.clone(),
            pools: pools.clone(),
            clock: clock.clone(),
        });

        let mut stack = Self {
            plan,
            clock,
            address,
            aws_url,
            token,
            token_text: options.api_token,
            pools,
            invoker,
            buses,
            schedules,
            dead_letters,
            secrets,
            counters,
            client,
            streams_idle: Vec::new(),
            engine,
            folders,
            tasks: JoinSet::new(),
        };
        stack.tasks.spawn(async move { serve(aws_listener, aws::router(services)).await });
        stack.tasks.spawn(async move { serve(listener, http_api::router(gateway)).await });
        stack.start_streams(&stream_arns, &written)?;
        stack.start_expiry();
        stack.invoker.resume()?;
        if options.runs_schedules {
            let schedules = Arc::clone(&stack.schedules);
            stack.tasks.spawn(async move { schedules.run().await });
        }
        Ok(stack)
    }

    fn start_streams(
        &mut self,
        stream_arns: &BTreeMap<String, String>,
        written: &Arc<Notify>,
    ) -> Result<(), StackError> {
        let checkpoints = Arc::new(Checkpoints::open(self.folders.file("checkpoints.json"))?);
        for function in &self.plan.functions {
            for mapping in &function.streams {
                let (Some(endpoint_arn), Some(pool)) =
                    (stream_arns.get(&mapping.stream_arn), self.pools.get(&function.name))
                else {
                    continue;
                };
                let idle = Arc::new(AtomicBool::new(false));
                self.streams_idle.push(Arc::clone(&idle));
                let poller = StreamPoller {
                    mapping: mapping.clone(),
                    endpoint_stream_arn: endpoint_arn.clone(),
                    pool: Arc::clone(pool),
                    client: self.client.clone(),
                    checkpoints: Arc::clone(&checkpoints),
                    dead_letters: Arc::clone(&self.dead_letters),
                    clock: self.clock.clone(),
                    written: Arc::clone(written),
                    idle,
                };
                self.tasks.spawn(poller.run());
            }
        }
        Ok(())
    }

    fn start_expiry(&mut self) {
        let Some(engine) = &self.engine else { return };
        let sweeper = Arc::new(engine.sweeper());
        let clock = self.clock.clone();
        self.tasks.spawn(async move {
            loop {
                clock.sleep(EXPIRY_INTERVAL).await;
                let sweeper = Arc::clone(&sweeper);
                match tokio::task::spawn_blocking(move || sweeper()).await {
                    Ok(Ok(deleted)) => tracing::debug!(deleted, "Expired items were deleted."),
                    Ok(Err(error)) => {
                        tracing::error!(%error, "Expired items could not be deleted.")
                    }
                    Err(_) => return,
                }
            }
        });
    }

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

    pub fn schedules(&self) -> &ScheduleBook {
        &self.schedules
    }

    /// The folder of logs, objects and, with a data folder, tables.
    pub fn data_dir(&self) -> &Path {
        self.folders.root()
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

    /// The events accepted by the buses so far.
    pub fn published_events(&self) -> Vec<PublishedEvent> {
        self.buses.published()
    }

    /// What lies in the dead-letter queues.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.dead_letters.all()
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

async fn serve(listener: TcpListener, router: axum::Router) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).await {
        tracing::error!(%error, "A server stopped.");
    }
}

/// Makes aws-lc-rs the process's cryptography, unless another was chosen before.
fn install_crypto() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}
