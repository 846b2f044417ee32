//! The simulator over HTTP, held against what the real service is documented to do.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a broken test may panic")]

mod client;
mod control;
mod delta;
mod groups;
mod login;
mod login_attacks;
mod notifications;
mod users;
