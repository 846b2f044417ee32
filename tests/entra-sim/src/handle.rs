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
use crate::server;
use crate::signing::{SigningError, draw_keys};
use crate::simulation::Sim;
use crate::world::World;

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
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
    deliveries: JoinHandle<()>,
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
        let listen = |source| StartError::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let base_url = options.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let base_url = base_url.trim_end_matches('/').to_owned();
        let world = build(&options, base_url, &clock)?;
        let sim = Sim::new(world, clock, notification_client()?);
        let (stop, stopped) = oneshot::channel();
        let router = server::router(&sim);
        let server = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(shutdown).await
            {
                tracing::error!(error = %error, "the simulator stopped serving");
            }
        });
        let deliveries = tokio::spawn(deliver_forever(std::sync::Arc::clone(&sim)));
        let controls = Controls { sim };
        Ok(Self { controls, address, stop: Some(stop), server, deliveries })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle on the levers that can be kept elsewhere.
    pub fn controls(&self) -> Controls {
        self.controls.clone()
    }

    /// Stops taking requests and waits for those under way, a second at most.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let limit = std::time::Duration::from_secs(1);
        let _ = tokio::time::timeout(limit, &mut self.server).await;
    }
}

impl Deref for EntraSim {
    type Target = Controls;

    fn deref(&self) -> &Controls {
        &self.controls
    }
}

impl Drop for EntraSim {
    fn drop(&mut self) {
        self.server.abort();
        self.deliveries.abort();
    }
}

/// Generates the state and brings it to where the journal left it.
fn build(options: &SimOptions, base_url: String, clock: &SimClock) -> Result<World, StartError> {
    let Some(directory) = &options.data_dir else {
        return Ok(World::generate(options, base_url, &draw_keys()?)?);
    };
    let mut fresh =
        Origin { seed: options.seed, tenants: options.tenants.clone(), signing_keys: Vec::new() };
    if !Journal::exists(directory) {
        fresh.signing_keys = draw_keys()?;
    }
    let (journal, origin, entries) = Journal::open(directory, &fresh)?;
    let mut world = World::generate(options, base_url, &origin.signing_keys)?;
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
