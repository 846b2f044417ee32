//! The simulator over HTTP, held against what the real service is documented to do.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a broken test may panic")]

mod budgets;
mod client;
mod control;
mod delta;
mod faults;
mod groups;
mod hosts;
mod login;
mod login_attacks;
mod notifications;
mod permissions;
mod surroundings;
mod users;
