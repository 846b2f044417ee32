//! Starting and stopping a simulator.

use std::net::SocketAddr;
use std::ops::Deref;

use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock::{SimClock, shifted};
use crate::command::Command;
use crate::controls::Controls;
use crate::delivery::{deliver_forever, notification_client};
use crate::journal::{Journal, JournalError, Origin};
use crate::options::SimOptions;
use crate::server::{self, Side};
use crate::signing::{SigningError, draw_keys};
use crate::simulation::Sim;
use crate::world::{Origins, World};

/// Why a simulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// No signing keys.
    #[error("the signing keys cannot be made")]
    Keys(#[from] SigningError),
    /// The data directory cannot be used.
    #[error("the data directory cannot be used")]
    Journal(#[from] JournalError),
    /// No HTTP client for notifications.
    #[error("notifications cannot be sent")]
    Client(#[from] reqwest::Error),
}

/// A running simulator; it stops when dropped. All levers are on [`Controls`].
#[derive(Debug)]
pub struct EntraSim {
    controls: Controls,
    address: SocketAddr,
    graph_address: SocketAddr,
    servers: Vec<Server>,
    deliveries: JoinHandle<()>,
}

/// One listener at work.
#[derive(Debug)]
struct Server {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl EntraSim {
    /// Starts listening; must be called within a tokio runtime.
    pub async fn start(options: SimOptions) -> Result<Self, StartError> {
        Self::start_with_clock(options, SimClock::default()).await
    }

    /// Starts with a clock that somebody else holds too.
    pub async fn start_with_clock(
        options: SimOptions,
        clock: SimClock,
    ) -> Result<Self, StartError> {
        let (listener, address) = listen(options.listen).await?;
        let graph = match options.graph_listen {
            Some(wanted) => Some(listen(wanted).await?),
            None => None,
        };
        let origin = |given: &Option<String>, address: SocketAddr| {
            let origin = given.clone().unwrap_or_else(|| format!("http://{address}"));
            origin.trim_end_matches('/').to_owned()
        };
        let login_origin = origin(&options.public_url, address);
        let graph_address = graph.as_ref().map_or(address, |(_, address)| *address);
        let graph_origin = match &graph {
            Some(_) => origin(&options.graph_public_url, graph_address),
            None => login_origin.clone(),
        };
        let origins = Origins { login: login_origin, graph: graph_origin };
        let world = build(&options, origins, &clock)?;
        let sim = Sim::new(world, clock, notification_client()?);
        let servers = match graph {
            None => vec![serve(listener, &sim, Side::Both)],
            Some((graph, _)) => {
                vec![serve(listener, &sim, Side::Login), serve(graph, &sim, Side::Graph)]
            }
        };
        let deliveries = tokio::spawn(deliver_forever(std::sync::Arc::clone(&sim)));
        Ok(Self { controls: Controls { sim }, address, graph_address, servers, deliveries })
    }

    /// Where the login service listens, and Graph too unless it has a host of its own.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where Graph listens.
    pub fn graph_address(&self) -> SocketAddr {
        self.graph_address
    }

    /// A handle on the levers that can be kept elsewhere.
    pub fn controls(&self) -> Controls {
        self.controls.clone()
    }

    /// Stops taking requests and waits for those under way, a second at most.
    pub async fn shutdown(mut self) {
        for server in &mut self.servers {
            if let Some(stop) = server.stop.take() {
                let _ = stop.send(());
            }
        }
        let limit = std::time::Duration::from_secs(1);
        for server in &mut self.servers {
            let _ = tokio::time::timeout(limit, &mut server.task).await;
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn serve(listener: TcpListener, sim: &std::sync::Arc<Sim>, side: Side) -> Server {
    let (stop, stopped) = oneshot::channel();
    let router = server::router(sim, side);
    let task = tokio::spawn(async move {
        let shutdown = async {
            let _ = stopped.await;
        };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(shutdown).await {
            tracing::error!(error = %error, "the simulator stopped serving");
        }
    });
    Server { stop: Some(stop), task }
}

impl Deref for EntraSim {
    type Target = Controls;

    fn deref(&self) -> &Controls {
        &self.controls
    }
}

impl Drop for EntraSim {
    fn drop(&mut self) {
        for server in &self.servers {
            server.task.abort();
        }
        self.deliveries.abort();
    }
}

/// Generates the state and brings it to where the journal left it.
fn build(options: &SimOptions, origins: Origins, clock: &SimClock) -> Result<World, StartError> {
    let Some(directory) = &options.data_dir else {
        return Ok(World::generate(options, origins, &draw_keys()?)?);
    };
    let mut fresh =
        Origin { seed: options.seed, tenants: options.tenants.clone(), signing_keys: Vec::new() };
    if !Journal::exists(directory) {
        fresh.signing_keys = draw_keys()?;
    }
    let (journal, origin, entries) = Journal::open(directory, &fresh)?;
    let mut world = World::generate(options, origins, &origin.signing_keys)?;
    for entry in entries {
        if let Command::MoveClock { offset_ms } = entry.command {
            let machine = clock.now().saturating_sub(clock.offset()).unwrap_or(clock.now());
            clock.set(shifted(machine, SignedDuration::from_millis(offset_ms)));
        }
        if let Err(error) = world.apply(entry.at, &entry.command) {
            tracing::warn!(error = %error, "a journaled change no longer applies");
        }
    }
    world.journal = Some(journal);
    Ok(world)
}
