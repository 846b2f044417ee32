//! Runs the simulator on its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use entra_sim::{AppRegistration, ClientSecret, Cloud, EntraSim, Settings, SimOptions, TenantSpec};
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

/// A simulated Microsoft Entra ID and Microsoft Graph on one port.
#[derive(Debug, Parser)]
struct Arguments {
    /// Port on the loopback address; 0 takes a free one.
    #[arg(long, default_value_t = 9100)]
    port: u16,
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// The cloud this is: global, us-gov, us-gov-dod or china.
    #[arg(long, default_value = "global", value_parser = Cloud::parse)]
    cloud: Cloud,
    /// Port on which Graph has a host of its own; 0 takes a free one.
    #[arg(long)]
    graph_port: Option<u16>,
    /// Origin that Graph's links carry, if Graph has a host of its own.
    #[arg(long, requires = "graph_port")]
    graph_public_url: Option<String>,
    /// Tenants of other clouds as `tenant=cloud`, separated by commas: signing in to them here is
    /// AADSTS90038.
    #[arg(long, value_delimiter = ',', value_parser = elsewhere)]
    elsewhere: Vec<(String, Cloud)>,
    /// Origin that links carry, if clients reach it under another name.
    #[arg(long)]
    public_url: Option<String>,
    /// Same seed, same tenants and people.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// People in the demo tenant.
    #[arg(long, default_value_t = 2_000)]
    users: u32,
    /// Tenants as `Name:domain:users` (`:basic` at the end for one without premium licence),
    /// separated by commas; replaces the demo tenants.
    #[arg(long, value_delimiter = ',', value_parser = TenantSpec::parse)]
    tenants: Vec<TenantSpec>,
    /// Client id of the app registration.
    #[arg(long, default_value_t = entra_sim::DEFAULT_APP_ID)]
    app_id: Uuid,
    /// Client secret of the app registration.
    #[arg(long, default_value = entra_sim::DEFAULT_APP_SECRET)]
    app_secret: String,
    /// PEM file with a certificate whose key may sign client assertions; repeatable.
    #[arg(long)]
    app_certificate: Vec<PathBuf>,
    /// Redirect URI of the app registration besides any on loopback; repeatable.
    #[arg(long)]
    redirect_uri: Vec<String>,
    /// Graph application roles of the registration, separated by commas.
    #[arg(long, value_delimiter = ',')]
    roles: Vec<String>,
    /// Behaviour to start with, as JSON: `{"delta": {"pageSize": 3}}`.
    #[arg(long, value_parser = parse_settings)]
    settings: Option<Settings>,
    /// Where state is kept over restarts.
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

fn elsewhere(text: &str) -> Result<(String, Cloud), String> {
    let (tenant, cloud) =
        text.split_once('=').ok_or_else(|| format!("'{text}' is not tenant=cloud"))?;
    Ok((tenant.to_owned(), Cloud::parse(cloud)?))
}

fn parse_settings(text: &str) -> Result<Settings, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let options = match options(Arguments::parse()) {
        Ok(options) => options,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match EntraSim::start(options).await {
        Ok(sim) => {
            announce(&sim);
            let _ = tokio::signal::ctrl_c().await;
            sim.shutdown().await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(cause, "{error}");
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: Arguments) -> Result<SimOptions, String> {
    let development = AppRegistration::development();
    let mut certificates = Vec::new();
    for path in &arguments.app_certificate {
        let read = std::fs::read_to_string(path);
        certificates.push(read.map_err(|error| format!("{}: {error}", path.display()))?);
    }
    let roles =
        if arguments.roles.is_empty() { development.roles.clone() } else { arguments.roles };
    let app = AppRegistration {
        app_id: arguments.app_id,
        secrets: vec![ClientSecret { value: arguments.app_secret, expires_at: None }],
        certificates,
        redirect_uris: arguments.redirect_uri,
        roles,
        ..development
    };
    let tenants = if arguments.tenants.is_empty() {
        TenantSpec::demo(arguments.users)
    } else {
        arguments.tenants
    };
    Ok(SimOptions {
        listen: SocketAddr::new(arguments.host, arguments.port),
        public_url: arguments.public_url,
        seed: arguments.seed,
        data_dir: arguments.data_dir,
        tenants,
        apps: vec![app],
        settings: arguments.settings.unwrap_or_default(),
        cloud: arguments.cloud,
        graph_listen: arguments.graph_port.map(|port| SocketAddr::new(arguments.host, port)),
        graph_public_url: arguments.graph_public_url,
        elsewhere: arguments.elsewhere,
    })
}

#[expect(clippy::print_stdout, reason = "scripts wait for the ready line")]
fn announce(sim: &EntraSim) {
    for tenant in sim.tenants() {
        let admin = tenant.admin.map(|admin| admin.user_principal_name).unwrap_or_default();
        tracing::info!(
            tenant.id = %tenant.id,
            "{} ({}): {} people, sign in as {admin}",
            tenant.name,
            tenant.domains.first().map_or("", String::as_str),
            tenant.users
        );
    }
    tracing::info!("control page at {}/_sim/", sim.base_url());
    if sim.graph_address() == sim.address() {
        println!("ready http://{}", sim.address());
    } else {
        println!("ready http://{} http://{}", sim.address(), sim.graph_address());
    }
}
