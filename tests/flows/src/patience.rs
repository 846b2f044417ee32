//! Waiting, always with a limit.

use std::time::{Duration, Instant};

/// How long anything may take on a machine with two busy cores.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(25);

/// Waits until `look` answers something; fails with `what` after [`PATIENCE`].
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = within(PATIENCE, look).await;
    found.unwrap_or_else(|| panic!("it did not happen within {PATIENCE:?}: {what}"))
}

/// Waits until `look` answers something; `None` after `limit`.
pub async fn within<T>(limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return Some(found);
        }
        if started.elapsed() > limit {
            return None;
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
