//! The command line.

use std::path::PathBuf;

use clap::Parser;
use entra_contact_sync_local::job::Step;

/// Deploys the template into AWS stand-ins that already run and does the main job there, in calm
/// and in a storm of faults. `.ci/deployed` starts what this needs.
#[derive(Debug, Clone, Parser)]
#[command(name = "deployed")]
pub(crate) struct Cli {
    /// The stand-in of the calm round, which holds its callers to their roles.
    #[arg(long, value_name = "URL")]
    pub(crate) aws: String,

    /// The stand-in of the stormy round.
    #[arg(long, value_name = "URL")]
    pub(crate) stormy_aws: String,

    /// The fault injector in front of the latter, through which functions call it.
    #[arg(long, value_name = "URL")]
    pub(crate) faults: String,

    /// The folder of `sam` and of the Python that it runs in.
    #[arg(long, value_name = "DIR")]
    pub(crate) sam: PathBuf,

    /// The template that `sam build` wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) built: PathBuf,

    /// The template as it is in the repository.
    #[arg(long, value_name = "FILE")]
    pub(crate) template: PathBuf,

    /// How many people the simulated directory holds.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub(crate) users: u32,

    /// Where reports are left.
    #[arg(long, value_name = "DIR")]
    pub(crate) reports: PathBuf,

    /// Leave out the storm.
    #[arg(long)]
    pub(crate) calm_only: bool,

    /// Spoil the world before this step of the main job, to see that it is noticed.
    #[arg(long = "break", value_name = "STEP")]
    pub(crate) broken_step: Option<Step>,
}
