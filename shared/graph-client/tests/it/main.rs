//! The client against a scripted Graph and sign-in on loopback.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken test may panic"
)]

mod fairness;
mod reading;
mod refusals;
mod shares;
mod sign_in;
mod simulated_sign_in;
mod simulator;
mod stub;
mod subscriptions;
mod tokens;
mod world;
