//! The embedded engine, on threads of its own: it works synchronously, and must not hold up the
//! gateway meanwhile.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, mpsc};

use dynoxide::{Database, DynoxideError};
use tokio::sync::oneshot;

use super::stream_index;
use crate::clock::LocalClock;

/// Why the engine does not run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("the database cannot be opened")]
    Open(#[from] DynoxideError),
    #[error("the database's path is not text")]
    Path,
    #[error("the database cannot be given its index")]
    Index(#[from] rusqlite::Error),
    #[error("the database engine cannot serve")]
    Serve(#[from] std::io::Error),
    #[error("the database engine ended at once")]
    Ended(#[source] mpsc::RecvError),
}

/// A running engine; it stops when dropped.
pub(crate) struct Engine {
    database: Database,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts the engine on a free loopback port, over `file` or in memory. In memory, items
    /// expire by `clock`; in a file, by the machine's clock.
    pub(crate) fn start(file: Option<&Path>, clock: &LocalClock) -> Result<Self, EngineError> {
        let database = match file {
            Some(file) => indexed(file)?,
            None => in_memory(clock)?,
        };
        let (announce, announced) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = database.clone();
        let thread = std::thread::Builder::new().name("dynamodb".to_owned()).spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
                else {
                    return;
                };
                let Ok(address) = listener.local_addr() else { return };
                if announce.send(address).is_err() {
                    return;
                }
                // Open connections must not hold the shutdown up.
                tokio::select! {
                    outcome = dynoxide::server::serve_with_shutdown(
                        listener, served, std::future::pending(),
                    ) => {
                        if let Err(error) = outcome {
                            tracing::error!(%error, "The database engine stopped serving.");
                        }
                    }
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        let address = announced.recv().map_err(EngineError::Ended)?;
        Ok(Self { database, address, stop: Some(stop), thread: Some(thread) })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Deletes items whose time has come; answers how many.
    pub(crate) fn sweep_expired(&self) -> Result<usize, DynoxideError> {
        self.database.sweep_ttl()
    }

    /// Copies all that it holds into a new file.
    #[cfg(test)]
    pub(super) fn copy_to(&self, file: &Path) {
        self.database.vacuum_into(file.to_str().unwrap()).unwrap();
    }

    /// A handle for sweeping from another thread.
    pub(crate) fn sweeper(&self) -> impl Fn() -> Result<usize, DynoxideError> + Send + 'static {
        let database = self.database.clone();
        move || database.sweep_ttl()
    }
}

fn indexed(file: &Path) -> Result<Database, EngineError> {
    let database = Database::new(file.to_str().ok_or(EngineError::Path)?)?;
    stream_index::add(file)?;
    Ok(database)
}

/// Nobody but the engine reaches a database in memory, so it begins as a copy of an empty file.
fn in_memory(clock: &LocalClock) -> Result<Database, EngineError> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("empty.sqlite");
    drop(indexed(&file)?);
    let database = Database::memory_with_clock(Arc::new(clock.clone()))?;
    database.restore_from(file.to_str().ok_or(EngineError::Path)?)?;
    Ok(database)
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself.
            let _: Result<(), ()> = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
