//! Events of those who publish for themselves: the webhook, since Graph repeats what we did not
//! take, and the sweep, since it comes again.

use contact_sync_domain::event::Event;
use thiserror::Error;

use crate::port::{EventPublisher, PublishError};

/// Why events may be missing on the bus.
#[derive(Debug, Error)]
pub enum AnnouncementError {
    /// The bus took none of them.
    #[error("the bus failed")]
    Bus(#[from] PublishError),
    /// The bus did not take one of them.
    #[error("the bus refused an event: {0}")]
    Refused(String),
}

/// Puts events on the bus: all of them, or an error.
pub async fn announce(
    bus: &impl EventPublisher,
    events: &[Event],
) -> Result<(), AnnouncementError> {
    if events.is_empty() {
        return Ok(());
    }
    let answers = bus.publish(events).await?;
    match answers.into_iter().find_map(Result::err) {
        Some(why) => Err(AnnouncementError::Refused(why)),
        None => Ok(()),
    }
}
