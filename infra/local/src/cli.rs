//! The command line.

use std::path::PathBuf;

use clap::Parser;
use url::Url;

use entra_contact_sync_local::job::Step;

/// Runs the whole product on this machine, over a simulated Microsoft Entra, and shows its main
/// job: consent, first full sync, a change in the directory, delta, report.
#[derive(Debug, Clone, Parser)]
#[command(name = "entra-contact-sync", version)]
pub(crate) struct Cli {
    /// End after the job; the exit code is 0 only if every step was verified.
    #[arg(long, conflicts_with = "graph_endpoint")]
    pub(crate) once: bool,

    /// How many people the simulated directory holds.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub(crate) users: u32,

    /// The same seed makes the same directory.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Port of the HTTP API on 127.0.0.1; 0 takes any free one.
    #[arg(long, value_name = "N", default_value_t = 9_000)]
    pub(crate) port: u16,

    /// Where all state is kept, over restarts too; a temporary folder unless given.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Another Microsoft Graph than the simulated one; then the stack just serves.
    #[arg(long, value_name = "URL", value_parser = origin, requires = "login_endpoint")]
    pub(crate) graph_endpoint: Option<String>,

    /// Another Microsoft sign-in than the simulated one.
    #[arg(long, value_name = "URL", value_parser = origin, requires = "graph_endpoint")]
    pub(crate) login_endpoint: Option<String>,

    /// Client id of the app registration.
    #[arg(long, value_name = "GUID")]
    pub(crate) app_id: Option<String>,

    /// Client secret of the app registration.
    #[arg(long, value_name = "TEXT")]
    pub(crate) app_secret: Option<String>,

    /// Another AWS stand-in for tables and objects; routes, bus, schedules and secrets stay here.
    #[arg(long, value_name = "URL", value_parser = origin)]
    pub(crate) aws_endpoint_url: Option<String>,

    /// What Microsoft Graph is told to call, when it cannot reach 127.0.0.1.
    #[arg(long, value_name = "URL", value_parser = origin)]
    pub(crate) webhook_base_url: Option<String>,

    /// Bearer token of the REST API; drawn unless given.
    #[arg(long, value_name = "TOKEN")]
    pub(crate) api_token: Option<String>,

    /// Where the functions' programs lie; they are built with cargo unless given.
    #[arg(long, value_name = "DIR")]
    pub(crate) functions_dir: Option<PathBuf>,

    /// Spoil the world before this step, to see that the job notices (for its own tests).
    #[arg(long = "break", value_name = "STEP", requires = "once")]
    pub(crate) broken_step: Option<Step>,
}

/// An address without a path, less the slash at its end.
fn origin(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if url.path() != "/" || url.query().is_some() || !url.has_host() {
        return Err("an address without a path is expected".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}
