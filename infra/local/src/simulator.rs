//! The embedded Microsoft Entra and Graph.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use entra_sim::{AppRegistration, ClientSecret, EntraSim, SimOptions, StartError, TenantSpec};
use uuid::Uuid;

use crate::cli::Cli;

/// Why there is no simulator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SimulatorError {
    #[error("the app id is no GUID")]
    AppId(#[from] uuid::Error),
    #[error("the simulator does not start")]
    Start(#[from] StartError),
    #[error("the simulator's port cannot be kept")]
    Port(#[source] std::io::Error),
}

/// Starts the simulator with the demo tenants. With a data folder it keeps its port over restarts,
/// since delta links and subscriptions hold its address.
pub(crate) async fn start(
    cli: &Cli,
    data_dir: Option<&Path>,
    app: &(String, String),
) -> Result<EntraSim, SimulatorError> {
    let folder = data_dir.map(|folder| folder.join("entra-sim"));
    let port_file = folder.as_ref().map(|folder| folder.join("port"));
    let port = port_file
        .as_ref()
        .and_then(|file| std::fs::read_to_string(file).ok())
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    let (app_id, secret) = app;
    let registration = AppRegistration {
        app_id: Uuid::parse_str(app_id)?,
        secrets: vec![ClientSecret { value: secret.clone(), expires_at: None }],
        ..AppRegistration::development()
    };
    if let Some(folder) = &folder {
        std::fs::create_dir_all(folder).map_err(SimulatorError::Port)?;
    }
    let sim = EntraSim::start(SimOptions {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        seed: cli.seed,
        data_dir: folder,
        tenants: TenantSpec::demo(cli.users),
        apps: vec![registration],
        ..SimOptions::default()
    })
    .await?;
    if let Some(file) = port_file {
        std::fs::write(file, sim.address().port().to_string()).map_err(SimulatorError::Port)?;
    }
    Ok(sim)
}
