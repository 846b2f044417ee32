//! What people ask about one contact: what happened to it, where its values come from, and how it
//! was.

mod as_of;
mod export;
mod last_user;
mod past;
mod provenance;
mod timeline;

use jiff::Timestamp;

pub use as_of::contact_as_of;
pub use export::{Exported, export_person};
pub(super) use last_user::last_user;
pub use past::BySync;
pub use provenance::{Provenance, Writer, provenance};
pub use timeline::{TimelineEntry, timeline};

/// When an ordered id was drawn: its first 48 bits are milliseconds.
fn instant_of(bits: u128) -> Timestamp {
    let milliseconds = i64::try_from(bits >> 80).unwrap_or_default();
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}
