//! The order in which a stack comes up.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::folders::Folders;
use super::options::make_buckets;
use super::{LocalStack, STACK_NAME, StackError, StackOptions};
use crate::aws::{
    self, Access, AwsServices, Counters, ObjectStore, Outbox, SecretStore, TokenSigner,
};
use crate::bus::EventBuses;
use crate::clock::LocalClock;
use crate::dead_letters::DeadLetters;
use crate::dynamo::{DynamoClient, DynamoProxy, Engine};
use crate::http_api::{self, ApiToken, Gateway, Routes};
use crate::invoke::AsyncInvoker;
use crate::plan::Plan;
use crate::runtime::{EndpointUrls, FunctionLog, FunctionPool};
use crate::schedules::ScheduleBook;
use crate::streams::{Checkpoints, StreamPoller};
use crate::template::Template;

/// How often expired items are deleted.
const EXPIRY_INTERVAL: Duration = Duration::from_mins(1);

/// The tables, ready.
struct Tables {
    engine: Option<Engine>,
    client: DynamoClient,
    /// The template's stream ARNs to the endpoint's.
    stream_arns: BTreeMap<String, String>,
}

impl LocalStack {
    /// Reads the template, makes its resources and serves it.
    pub async fn start(options: StackOptions) -> Result<Self, StackError> {
        install_crypto();
        let folders = Folders::open(options.data_dir.as_deref())?;
        let listener = listen(options.port, &folders.file("port")).await?;
        let address = listener.local_addr()?;
        let aws_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let aws_url = format!("http://{}", aws_listener.local_addr()?);
        let template = Template::read(&options.template_path)?;
        let parameters = options.template_parameters(&format!("http://{address}"));
        let plan = Plan::new(&template, STACK_NAME, &parameters)?;
        let clock = options.clock.clone();
        let Tables { engine, client, stream_arns } =
            open_tables(&options, &plan, &folders, &clock).await?;
        let pools = open_pools(&options, &plan, &folders, &aws_url)?;
        let dead_letters = Arc::new(open_dead_letters(&plan, &folders, &clock)?);
        let invoker = AsyncInvoker::open(
            pools.clone(),
            Arc::clone(&dead_letters),
            clock.clone(),
            folders.file("queue"),
        )?;
        let targets = (Arc::clone(&invoker), Arc::clone(&dead_letters));
        let buses = Arc::new(EventBuses::new(&plan, targets, clock.clone())?);
        let schedules = Arc::new(ScheduleBook::open(
            &plan,
            Arc::clone(&invoker),
            Arc::clone(&buses),
            Arc::clone(&dead_letters),
            clock.clone(),
            folders.file("schedules.json"),
        )?);
        let secrets = Arc::new(open_secrets(&options, &plan, &folders)?);
        let objects = ObjectStore::open(&plan.buckets, &folders.file("objects"), clock.clone())?;
        let access = Arc::new(Access::new(&plan));
        let counters = Arc::new(Counters::default());
        let signer = Arc::new(TokenSigner::default());
        let mail = Arc::new(Outbox::open(folders.file("mails.jsonl"), clock.clone()));
        let written = Arc::new(Notify::new());
        let services = Arc::new(AwsServices {
            access: Arc::clone(&access),
            counters: Arc::clone(&counters),
            clock: clock.clone(),
            tables: DynamoProxy::new(client.clone(), Arc::clone(&written)),
            objects: Arc::new(objects),
            secrets: Arc::clone(&secrets),
            signer: Arc::clone(&signer),
            buses: Arc::clone(&buses),
            schedules: Arc::clone(&schedules),
            mail: Arc::clone(&mail),
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
            signer,
            mail,
            access,
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
            stack.start_schedules();
        }
        Ok(stack)
    }

    fn start_schedules(&mut self) {
        let schedules = Arc::clone(&self.schedules);
        self.tasks.spawn(async move { schedules.run().await });
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
                        tracing::error!(%error, "Expired items could not be deleted.");
                    }
                    Err(_) => return,
                }
            }
        });
    }
}

/// Listens on `port`. Where any port will do, the one of the stack's last start is tried first,
/// which `file` remembers: links and subscriptions made then lead there.
async fn listen(port: u16, file: &Path) -> Result<TcpListener, StackError> {
    let former = std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
    let former = former.filter(|_| port == 0);
    if let Some(former) = former
        && let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, former)).await
    {
        return Ok(listener);
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|source| StackError::Port { port, source })?;
    std::fs::write(file, listener.local_addr()?.port().to_string())?;
    Ok(listener)
}

async fn open_tables(
    options: &StackOptions,
    plan: &Plan,
    folders: &Folders,
    clock: &LocalClock,
) -> Result<Tables, StackError> {
    let http = reqwest::Client::builder().no_proxy().build().map_err(StackError::HttpClient)?;
    let (engine, url) = if let Some(url) = &options.aws_endpoint_url {
        make_buckets(&http, url, plan).await?;
        (None, url.clone())
    } else {
        let file = options.data_dir.is_some().then(|| folders.file("dynamodb.sqlite"));
        let engine = Engine::start(file.as_deref(), clock)?;
        let url = engine.url();
        (Some(engine), url)
    };
    let client = DynamoClient::new(http, url);
    let mut stream_arns = BTreeMap::new();
    for table in &plan.tables {
        let endpoint_arn = client.ensure_table(table).await?;
        if let (Some(arn), Some(endpoint_arn)) = (&table.stream_arn, endpoint_arn) {
            stream_arns.insert(arn.clone(), endpoint_arn);
        }
    }
    Ok(Tables { engine, client, stream_arns })
}

fn open_dead_letters(
    plan: &Plan,
    folders: &Folders,
    clock: &LocalClock,
) -> std::io::Result<DeadLetters> {
    DeadLetters::open(&plan.queues, folders.file("dead-letters.json"), clock.clone())
}

fn open_secrets(
    options: &StackOptions,
    plan: &Plan,
    folders: &Folders,
) -> std::io::Result<SecretStore> {
    let file = folders.file("secrets.json");
    let secrets = SecretStore::open(&plan.secrets, file, options.clock.clone())?;
    for secret in &plan.secrets {
        secrets.put(&secret.arn, json!({"clientSecret": options.app_secret}).to_string())?;
    }
    Ok(secrets)
}

fn open_pools(
    options: &StackOptions,
    plan: &Plan,
    folders: &Folders,
    aws_url: &str,
) -> Result<BTreeMap<String, Arc<FunctionPool>>, StackError> {
    let endpoints =
        EndpointUrls { local: aws_url.to_owned(), stores: options.aws_endpoint_url.clone() };
    let mut pools = BTreeMap::new();
    for function in &plan.functions {
        let log = FunctionLog::open(&folders.file("logs"), &function.name)?;
        let pool = FunctionPool::new(
            options.adjusted(function),
            options.function_binaries_dir.clone(),
            endpoints.clone(),
            options.clock.clone(),
            Arc::new(log),
            options.max_processes_per_function,
        );
        pools.insert(function.name.clone(), Arc::new(pool));
    }
    Ok(pools)
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
