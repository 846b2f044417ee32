//! Waiting for what happens by itself.

use std::time::{Duration, Instant};

use super::Problem;

/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(100);

/// Asks `look` until it answers something, at most for `limit`; `what` names it in the error.
pub(super) async fn until<T, F, Fut>(what: &str, limit: Duration, mut look: F) -> Result<T, Problem>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>, Problem>>,
{
    let started = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if started.elapsed() > limit {
            return Err(Problem::Late(what.to_owned()));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
