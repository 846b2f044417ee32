//! `entra-contact-sync`: the whole product on one machine.

mod cli;
mod programs;
mod simulator;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;
use entra_contact_sync_local::template::{Template, TemplateError};
use entra_contact_sync_local::{LocalStack, StackError, StackOptions, console, job};
use entra_sim::{DEFAULT_APP_ID, DEFAULT_APP_SECRET, EntraSim};
use tokio::signal::unix::{SignalKind, signal};

use cli::Cli;

/// Why nothing runs.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Programs(#[from] programs::ProgramsError),
    #[error(transparent)]
    Simulator(#[from] simulator::SimulatorError),
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Job(#[from] job::Problem),
    #[error("signals cannot be waited for")]
    Signals(#[source] std::io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // The database engine warns of every condition that does not hold, which is everyday business.
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,dynoxide=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(&cli).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            console::progress(&format!("error: {}", console::told(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Runs until the job is done or somebody stops it; whether all was well.
async fn run(cli: &Cli) -> Result<bool, RunError> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let template_path = here.join("../template.yaml");
    let functions_dir = functions_dir(cli, &template_path, &here.join("../../Cargo.toml")).await?;
    let app = (
        cli.app_id.clone().unwrap_or_else(|| DEFAULT_APP_ID.to_string()),
        cli.app_secret.clone().unwrap_or_else(|| DEFAULT_APP_SECRET.to_owned()),
    );
    let (sim, graph, login) =
        if let (Some(graph), Some(login)) = (&cli.graph_endpoint, &cli.login_endpoint) {
            (None, graph.clone(), login.clone())
        } else {
            let sim = simulator::start(cli, cli.data_dir.as_deref(), &app).await?;
            let url = sim.base_url();
            console::progress(&format!("Simulated Entra and Graph at {url}/_sim/"));
            (Some(sim), url.clone(), url)
        };
    let mut options = StackOptions::new(template_path, functions_dir);
    options.port = cli.port;
    options.data_dir.clone_from(&cli.data_dir);
    options.graph_endpoint = graph;
    options.login_endpoint = login;
    (options.app_id, options.app_secret) = app;
    options.aws_endpoint_url.clone_from(&cli.aws_endpoint_url);
    options.webhook_base_url.clone_from(&cli.webhook_base_url);
    if let Some(token) = &cli.api_token {
        options.api_token.clone_from(token);
    }
    let stack = LocalStack::start(options).await?;
    console::result(&format!("ready {}", stack.url()));
    console::result(&format!("token {}", stack.api_token()));
    console::progress(&format!("Logs and objects in {}", stack.data_dir().display()));
    tokio::select! {
        outcome = serve(cli, &stack, sim.as_ref()) => outcome,
        stopped = until_stopped() => {
            stopped.map_err(RunError::Signals)?;
            console::progress("Stopping.");
            Ok(!cli.once)
        }
    }
}

/// Does the job, if the directory is the simulated one, and then serves unless told to end.
async fn serve(cli: &Cli, stack: &LocalStack, sim: Option<&EntraSim>) -> Result<bool, RunError> {
    if let Some(sim) = sim {
        let summary = job::run(stack, sim, cli.webhook_base_url.clone(), cli.broken_step).await?;
        for line in summary.lines() {
            console::result(&line);
        }
        if cli.once {
            return Ok(summary.is_verified());
        }
    }
    console::progress("Serving; Ctrl-C ends it.");
    std::future::pending().await
}

async fn functions_dir(cli: &Cli, template: &Path, workspace: &Path) -> Result<PathBuf, RunError> {
    if let Some(folder) = &cli.functions_dir {
        return Ok(folder.clone());
    }
    let template = Template::read(template)?;
    let programs: Vec<&str> = template.programs().collect();
    Ok(programs::build(workspace, &programs).await?)
}

async fn until_stopped() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => outcome,
        _ = terminate.recv() => Ok(()),
    }
}
