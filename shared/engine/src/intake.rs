//! What Graph posts to us: hints that a directory changed, and news of the subscription itself.
//!
//! Anybody can post here. A delivery is believed only where it knows our secret, and even then it
//! does no more than raise a counter and announce it: what changed is always read from Graph.

mod accept;
mod delivery;
mod recent;

pub(crate) use accept::hint;
pub use accept::{Acceptance, IntakeError, Rejections, accept_delivery};
pub use delivery::{
    Delivery, DeliveryError, LifecycleEvent, MAX_BODY_BYTES, MAX_ITEMS, Notification,
};
pub use recent::RecentSubscriptions;
